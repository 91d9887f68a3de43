package account_test

import (
	"strings"
	"testing"

	"souk/internal/db/dbtest"
)

// Nobody speaks as somebody who matters but they themselves.
func TestNamesThatCannotBeTaken(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema)) // the account "Hana", the channel "Tea House"
	for name, want := range map[string]string{
		"Hana": "name_taken", "hаnа": "name_taken", "H4NA": "name_taken", "H.a.n.a": "name_taken", "ʜᴀɴᴀ": "name_taken", "Hana\u200b": "name_taken",
		"Tea House": "name_taken", "teah0use": "name_taken",
		"souk": "name_taken", "Ѕоuk": "name_taken", "souk support": "name_taken", "The Admin": "name_taken", "4dm1n": "name_taken", "a d m i n": "name_taken",
		"Hana (host)": "name_taken", "0fficial-Mira": "name_taken", "Mоderator": "name_taken",
		"Hanna": "", "Hana B": "", "Adminah": "", "Mira": "", "عمر": "", "李雷": "", "Zoë": "", "Ñandú": "", "🍵": "", "Nguyễn Thị": "",
	} {
		_, answer, _ := call(t, a.Guest, "POST", `{"name":"`+name+`"}`, "")
		if code, _ := answer["code"].(string); code != want {
			t.Errorf("%q: %v, want %q", name, answer, want)
		}
	}
}

func TestNamesAreCleaned(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema))
	for asked, want := range map[string]string{
		"Mi\u202era":                       "Mira", // would turn round what follows
		"M\u200bi\u2060ra\ufeff":           "Mira",
		"Z" + strings.Repeat("\u0323", 40): "Ẓ\u0323\u0323\u0323", // the first composes, three of the rest stay
		"\u3164\u3164":                     "Guest ",
		"\u0301\u0301":                     "Guest ",
		" a\tb\u00a0c ":                    "a b c",
	} {
		_, answer, _ := call(t, a.Guest, "POST", `{"name":"`+strings.ReplaceAll(asked, "\t", `\t`)+`"}`, "")
		if got, _ := answer["name"].(string); got != want && (want != "Guest " || !strings.HasPrefix(got, want)) {
			t.Errorf("%+q is %+q, want %+q", asked, got, want)
		}
	}
}
