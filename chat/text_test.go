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
