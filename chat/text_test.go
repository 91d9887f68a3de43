package chat

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                            "plain",
		"  around\t\n":                     "around",
		"two\r\nlines\u2028three":          "two  lines three",
		"bell\x07 null\x00 esc\x1b[31m":    "bell null esc[31m",
		"\u202Egnp.exe\u202C":              "gnp.exe",
		"a\u2066b\u2069c\u061Cd":           "abc\u061Cd",
		"zero\u200Bwidth\uFEFF\u2060":      "zerowidth",
		"e\u0301":                          "é",
		"e\u200B\u0301":                    "é", // composes once the space is gone
		"می\u200Cخواهم":                    "می\u200Cخواهم",
		"👩\u200D👩\u200D👧":                  "👩\u200D👩\u200D👧",
		"الشَّايُ":                         "الشَّايُ",
		"Z" + strings.Repeat("\u0335", 40): "Z" + strings.Repeat("\u0335", 4),
		"tags\U000E0041\U000E007F":         "tags",
		"\u3164":                           "",
		"\u200D\u200C":                     "",
		"\u0301":                           "",
		"\xff\xfe":                         "\uFFFD",
		"":                                 "",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMaskCards(t *testing.T) {
	for in, want := range map[string]string{
		"4242424242424242":                   "••••••••••••••••",
		"no 4242-4242-4242-4242 yes":         "no ••••-••••-••••-•••• yes",
		"4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2":    "• • • • • • • • • • • • • • • •",
		"2 x 4242 4242 4242 4242 please":     "2 x •••• •••• •••• •••• please",
		"2, 4242 4242 4242 4242":             "2, •••• •••• •••• ••••",
		"378282246310005 5555555555554444":   "••••••••••••••• ••••••••••••••••", // fifteen digits, then sixteen
		"4222222222222":                      "•••••••••••••",                    // thirteen
		"6304000000000000000":                "•••••••••••••••••••",              // nineteen
		"٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢":                   "••••••••••••••••",
		"４２４２４２４２４２４２４２４２":                   "••••••••••••••••",
		"4242424242424241":                   "4242424242424241", // fails the check
		"424242424242":                       "424242424242",     // twelve
		"42424242424242424242":               "42424242424242424242",
		"call 0171 2345678 at 18:30, 2 cups": "call 0171 2345678 at 18:30, 2 cups",
		"4242 4242 or 4242 4242":             "4242 4242 or 4242 4242", // a word in between
		"no digits":                          "no digits",
		"":                                   "",
	} {
		if got := maskCards(in); got != want {
			t.Errorf("maskCards(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTidyName(t *testing.T) {
	for in, want := range map[string]string{
		" Mira\n":               "Mira",
		"4242 4242 4242 4242":   "•••• •••• •••• ••••",
		strings.Repeat("ö", 50): strings.Repeat("ö", 40),
	} {
		if got := tidyName(in); got != want {
			t.Errorf("tidyName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDigit(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if is := digit(r) >= 0; is != unicode.IsDigit(r) || digit(r) > 9 {
			t.Fatalf("digit(%U) = %d", r, digit(r))
		}
	}
	for r, want := range map[rune]int{'7': 7, '٧': 7, '７': 7, '𝟕': 7, '𝟩': 7, '७': 7, '०': 0} {
		if got := digit(r); got != want {
			t.Errorf("digit(%q) = %d, want %d", r, got, want)
		}
	}
}

// What is stored once must not change when it goes the same way again.
func FuzzTidy(f *testing.F) {
	for _, s := range []string{"hi", "e\u200B\u0301", "4242 4242 4242 4242", "\u202Ex", "4\ufe0f\u20e3", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := tidy(s)
		if !utf8.ValidString(out) || !norm.NFC.IsNormalString(out) {
			t.Errorf("tidy(%q) = %q: not valid NFC", s, out)
		}
		if again := tidy(out); again != out {
			t.Errorf("tidy(%q) = %q, and again %q", s, out, again)
		}
		for _, r := range out {
			if unicode.IsControl(r) || invisible(r) {
				t.Errorf("tidy(%q) keeps %U", s, r)
			}
		}
	})
}
