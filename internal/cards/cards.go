// Package cards finds what may be the number of a payment card in text, so that
// none is ever stored: people paste them where they do not belong. It keeps
// nothing.
package cards

import (
	"unicode"
	"unicode/utf8"
)

// Card numbers, ISO/IEC 7812-1.
const (
	cardMin     = 13
	cardMax     = 19
	maxCardGap  = 3 // characters between two groups of digits of one number
	maskedDigit = '•'
)

// Mask replaces every digit of what may be a card number: 13 to 19 digits
// that pass the Luhn check, in one run or in neighbouring groups.
func Mask(s string) string {
	text := []rune(s)
	var groups []group
	masked := false
	for i := 0; i < len(text); {
		if digit(text[i]) < 0 {
			i++
			continue
		}
		g := group{from: i}
		for i < len(text) && digit(text[i]) >= 0 {
			i++
		}
		g.to = i
		if n := len(groups); n > 0 && !sameNumber(text[groups[n-1].to:g.from]) {
			masked = maskGroups(text, groups) || masked
			groups = groups[:0]
		}
		groups = append(groups, g)
	}
	if maskGroups(text, groups) || masked {
		return string(text)
	}
	return s
}

// group is a run of digits, text[from:to].
type group struct{ from, to int }

// sameNumber tells whether the characters between two groups may stand inside
// one number.
func sameNumber(between []rune) bool {
	if len(between) > maxCardGap {
		return false
	}
	for _, r := range between {
		if unicode.IsLetter(r) {
			return false
		}
	}
	return true
}

// maskGroups masks every sequence of whole groups that is a card number, the
// longest first where several begin at the same group.
func maskGroups(text []rune, groups []group) bool {
	masked := false
	for i := 0; i < len(groups); i++ {
		last, n := -1, 0
		for j := i; j < len(groups) && n <= cardMax; j++ {
			n += groups[j].to - groups[j].from
			if n >= cardMin && n <= cardMax && luhn(text[groups[i].from:groups[j].to]) {
				last = j
			}
		}
		if last < 0 {
			continue
		}
		for k := groups[i].from; k < groups[last].to; k++ {
			if digit(text[k]) >= 0 {
				text[k] = maskedDigit
			}
		}
		masked = true
		i = last
	}
	return masked
}

// luhn checks the digits in text and skips everything else. ISO/IEC 7812-1, annex B.
func luhn(text []rune) bool {
	sum, double := 0, false
	for i := len(text) - 1; i >= 0; i-- {
		d := digit(text[i])
		if d < 0 {
			continue
		}
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum%10 == 0
}

// digit returns the value of a decimal digit of any script, else -1. Scripts
// encode their ten digits in order, so the distance to the zero is the value.
func digit(r rune) int {
	if r < utf8.RuneSelf {
		if r < '0' || r > '9' {
			return -1
		}
		return int(r - '0')
	}
	if !unicode.Is(unicode.Nd, r) {
		return -1
	}
	if r >= 0x1D7CE && r <= 0x1D7FF { // five styles of mathematical digits side by side
		return int(r-0x1D7CE) % 10
	}
	d := 0
	for d < 9 && unicode.Is(unicode.Nd, r-rune(d)-1) {
		d++
	}
	return d
}
