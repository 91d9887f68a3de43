package cards

import (
	"testing"
	"unicode"
)

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
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
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
