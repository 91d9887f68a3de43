package fold

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Skeleton returns s as it looks: compatibility forms, case, marks, look-alikes
// and digits in the place of letters are gone, and so is everything between
// letters. Text of which nothing is left has the skeleton "".
func Skeleton(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		if l, ok := leet[r]; ok {
			r = l
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		}
	}
	// What stands for an l stands for an i, too.
	return strings.NewReplacer("l", "i", "vv", "w", "rn", "m").Replace(b.String())
}

// plain returns s decomposed and in lower case, look-alikes of Latin letters
// replaced, without marks and without what nobody sees.
func plain(s string) []rune {
	var out []rune
	for _, r := range norm.NFKD.String(s) {
		if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || r == tatweel {
			continue
		}
		r = unicode.ToLower(r)
		if base, ok := alike[r]; ok {
			out = append(out, []rune(base)...)
			continue
		}
		out = append(out, r)
	}
	return out
}

// tatweel stretches an Arabic word and means nothing.
const tatweel = '\u0640'

// alike are letters that pass for Latin ones, in lower case. Unicode's own
// list (UTS 39) is some thousand entries longer; these are the scripts that
// keyboards and fonts make easy.
var alike = map[rune]string{
	// Cyrillic
	'а': "a", 'в': "b", 'с': "c", 'ԁ': "d", 'е': "e", 'ё': "e", 'ғ': "f", 'ԍ': "g", 'һ': "h", 'н': "h", 'і': "i", 'ї': "i", 'ј': "j",
	'к': "k", 'ӏ': "l", 'м': "m", 'п': "n", 'о': "o", 'р': "p", 'ԛ': "q", 'г': "r", 'ѕ': "s", 'т': "t", 'у': "y", 'ү': "y", 'ѵ': "v", 'ԝ': "w", 'х': "x", 'з': "3", 'б': "6", 'ь': "b",
	// Greek
	'α': "a", 'β': "b", 'ε': "e", 'η': "n", 'ι': "i", 'κ': "k", 'μ': "u", 'ν': "v", 'ο': "o", 'ρ': "p", 'σ': "o", 'ς': "c", 'τ': "t", 'υ': "u", 'χ': "x", 'ω': "w", 'γ': "y", 'ϲ': "c", 'ϳ': "j",
	// Armenian, Hebrew, Cherokee-like single cases seen in the wild
	'օ': "o", 'ս': "u", 'հ': "h", 'ո': "n", 'ց': "g", 'յ': "j", 'ס': "o",
	// Latin letters that do not decompose
	'ı': "i", 'ł': "l", 'ø': "o", 'đ': "d", 'ħ': "h", 'ŧ': "t", 'ß': "ss", 'æ': "ae", 'œ': "oe", 'ð': "d", 'þ': "p", 'ŋ': "n", 'ƒ': "f", 'ɡ': "g", 'ɑ': "a", 'ɩ': "i", 'ȷ': "j",
	// Small capitals
	'ᴀ': "a", 'ʙ': "b", 'ᴄ': "c", 'ᴅ': "d", 'ᴇ': "e", 'ꜰ': "f", 'ɢ': "g", 'ʜ': "h", 'ɪ': "i", 'ᴊ': "j", 'ᴋ': "k", 'ʟ': "l", 'ᴍ': "m", 'ɴ': "n", 'ᴏ': "o", 'ᴘ': "p", 'ʀ': "r", 'ꜱ': "s", 'ᴛ': "t", 'ᴜ': "u", 'ᴠ': "v", 'ᴡ': "w", 'ʏ': "y", 'ᴢ': "z",
}

// leet are the digits and signs that stand for letters.
var leet = map[rune]rune{
	'0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '6': 'g', '7': 't', '8': 'b', '9': 'g',
	'@': 'a', '$': 's', '!': 'i', '|': 'i', '€': 'e', '£': 'l', '+': 't', '¡': 'i',
}
