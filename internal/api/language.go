package api

import (
	"net/http"
	"sync"

	"golang.org/x/text/language"
)

// LanguageCookie keeps the language that somebody chose.
const LanguageCookie = "souk_lang"

var matchers sync.Map // by the list of languages that was offered

// Language is the one of the offered languages that a request wants: what its
// address asks for (?lang=), what was chosen before, what its browser prefers. The
// first is for everybody else.
func Language(r *http.Request, offered []string) string {
	asked := r.URL.Query().Get("lang")
	chosen := ""
	if c, err := r.Cookie(LanguageCookie); err == nil {
		chosen = c.Value
	}
	for _, want := range []string{asked, chosen} {
		for _, tag := range offered {
			if want == tag {
				return tag
			}
		}
	}
	prefers := r.Header.Get("Accept-Language")
	if prefers == "" {
		return offered[0]
	}
	m, ok := matchers.Load(&offered[0])
	if !ok {
		tags := make([]language.Tag, len(offered))
		for i, tag := range offered {
			tags[i] = language.Make(tag)
		}
		m, _ = matchers.LoadOrStore(&offered[0], language.NewMatcher(tags))
	}
	_, i := language.MatchStrings(m.(language.Matcher), prefers)
	return offered[i]
}
