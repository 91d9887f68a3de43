package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"souk/internal/cards"
)

// maxMarks is how many combining marks may sit on one character. Vocalised
// Arabic and Vietnamese need three; a stack of fifty covers the lines above.
const maxMarks = 4

// tidy makes text from outside fit to be stored and shown: cleaned, then with
// card numbers masked.
func tidy(s string) string { return cards.Mask(clean(s)) }

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
