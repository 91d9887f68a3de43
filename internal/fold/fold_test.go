package fold_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"souk/internal/fold"
)

func TestNamesThatLookAlike(t *testing.T) {
	for _, same := range [][]string{
		{"Hana", "hаnа", "H a n a", "ＨＡＮＡ", "Ḧ̈ana", "H4na", "ha\u200bna", "ʜᴀɴᴀ"},
		{"Admin", "аdmin", "4dm1n", "Adm!n", "AdmIn", "Admln", "a.d.m.i.n"},
		{"souk", "ѕоuk", "S0UK", "$ouk"},
		{"Wim", "VVim", "Wirn"},
	} {
		for _, name := range same[1:] {
			if got, want := fold.Skeleton(name), fold.Skeleton(same[0]); got != want {
				t.Errorf("%q is %q, %q is %q", name, got, same[0], want)
			}
		}
	}
	for _, other := range [][2]string{{"Hana", "Hanna"}, {"Mira", "Nira"}, {"عمر", "عمرو"}, {"李", "王"}} {
		if fold.Skeleton(other[0]) == fold.Skeleton(other[1]) {
			t.Errorf("%q and %q are taken for one name", other[0], other[1])
		}
	}
	if s := fold.Skeleton(" \u200b… "); s != "" {
		t.Errorf("nothing has the skeleton %q", s)
	}
}

func TestWords(t *testing.T) {
	list := fold.NewWords([]string{"ass", "Scam", "fake shop", "viagra*", "*coin", "*bomb*", "", " * ", "傻瓜", "كلب", "шлак"})
	for _, bad := range []string{
		"ass", "you ASS!", "a$$", "@ss", "asssss", "a.s.s", "a s s", "he said: a-s-s", "áss", "аss", "ａｓｓ", "a\u200bss", "ass,hole",
		"SCAM", "5c4m", "s c a m", "it's a s c a m", "sccaamm", "s_c_a_m", "ѕсаm", "scam.", "(scam)", "shop:scam",
		"a fake   shop", "FAKE sh0p", "f@ke shop!", "viagra24", "V1agra", "bitcoin", "my b1tc0in", "photobombing",
		"你是傻瓜吗", "傻 瓜", "يا كلب", "كـــلب", "كَلْب", "Шлак",
	} {
		if !list.In(bad) {
			t.Errorf("%q passes", bad)
		}
	}
	for _, fine := range []string{
		"", "class", "as", "a pass", "grass scampi", "s", "escapade", "fake news about the shop", "shop fake", "coins", "via grave",
		"455 USD", "4 5 5", "the assessment", "as so", "price 5.50", "🎉", "scampi", "кошка",
	} {
		if list.In(fine) {
			t.Errorf("%q is taken for a bad word", fine)
		}
	}
	if (fold.Words{}).In("anything") {
		t.Error("an empty list finds something")
	}
}

func TestMask(t *testing.T) {
	list := fold.NewWords([]string{"ass", "fake shop"})
	for text, want := range map[string]string{
		"you ASS! and @ss, a$$hat": "you •••! and •••, a$$hat", "a fake shop": "a fake shop", "a s s": "a s s", "": "", "class": "class",
	} {
		if got := list.Mask(text, '•'); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("ass", "a$$")
	f.Add("*x*", "\u0300\u0640x")
	f.Add("傻", "傻\xff")
	f.Fuzz(func(t *testing.T, entry, text string) {
		w := fold.NewWords([]string{entry})
		w.In(text)
		fold.Skeleton(text)
		word := strings.Trim(entry, "*")
		if utf8.ValidString(entry) && len(strings.Fields(word)) == 1 && word == fold.Skeleton(word) && word != "" && !w.In(word) {
			t.Errorf("%q is not found in itself", entry)
		}
	})
}

func BenchmarkWords(b *testing.B) {
	var list []string
	for i := range 500 {
		list = append(list, strings.Repeat(string(rune('a'+i%26)), 3)+strings.Repeat(string(rune('a'+i/26)), 3))
	}
	w := fold.NewWords(list)
	text := strings.Repeat("what a lovely cup of tea this is ", 9)
	for b.Loop() {
		if w.In(text) {
			b.Fatal("found")
		}
	}
}
