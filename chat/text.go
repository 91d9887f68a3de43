package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many combining marks may sit on one character. Vocalised
// Arabic and Vietnamese need three; a stack of fifty covers the lines above.
const maxMarks = 4

// Card numbers, ISO/IEC 7812-1.
const (
	cardMin     = 13
	cardMax     = 19
	maxCardGap  = 3 // characters between two groups of digits of one number
	maskedDigit = '•'
)

// tidy makes text from outside fit to be stored and shown: cleaned, then with
// card numbers masked.
func tidy(s string) string { return maskCards(clean(s)) }

// tidyName does the same for a name, and shortens it.
func tidyName(s string) string {
	name := []rune(tidy(s))
	return string(name[:min(len(name), maxName)])
}

// clean drops what does not belong into a line of conversation and returns the
// rest in NFC. The joiners U+200C and U+200D stay: Persian and emoji need them.
func clean(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	marks := 0
	for _, r := range norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD")) {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			r = ' '
		case unicode.IsControl(r), invisible(r):
			continue
		}
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		b.WriteRune(r)
	}
	out := strings.TrimFunc(b.String(), unicode.IsSpace)
	if strings.IndexFunc(out, visible) < 0 {
		return ""
	}
	// Dropping a character can bring two together that compose.
	return norm.NFC.String(out)
}

// invisible tells the characters that change how others are read without being
// seen: direction embeddings, overrides and isolates, empty spaces, tags.
func invisible(r rune) bool {
	switch {
	case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return true
	case r == '\u200B', r == '\u2060', r == '\uFEFF', r == '\u00AD', r == '\u180E':
		return true
	case r >= '\U000E0000' && r <= '\U000E0FFF':
		return true
	}
	return false
}

// visible tells what alone makes a text more than empty.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Mn, r) &&
		r != '\u3164' && r != '\u115F' && r != '\u1160' && r != '\uFFA0' && r != '\u2800' // fillers, blank braille
}

func runes(s string) int { return utf8.RuneCountInString(s) }

// maskCards replaces every digit of what may be a card number: 13 to 19 digits
// that pass the Luhn check, in one run or in neighbouring groups.
func maskCards(s string) string {
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
