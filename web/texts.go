package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// The languages of the pages, the fallback first. texts/TAG.json holds the texts of one: a sentence with {names}, or
// its plural forms by CLDR category. texts/views.txt says which of them a page carries.
var languages = []struct{ Tag, Dir string }{{"en", "ltr"}, {"id", "ltr"}, {"ar", "rtl"}}

// A language that was chosen is kept in a cookie, by ?lang= on any page.
const (
	languageParam  = "lang"
	languageCookie = "souk_lang"
	languageKept   = 365 * 24 * time.Hour
)

//go:embed texts/*.json texts/views.txt
var textFiles embed.FS

// texts are what pages say, by language.
type texts struct {
	matcher language.Matcher
	pages   map[string]map[View]template.JS // the catalogue that a view carries, encoded
	plain   map[string]map[string]string    // single sentences, for documents that the server writes
}

func readTexts() (*texts, error) {
	needs, err := readNeeds()
	if err != nil {
		return nil, err
	}
	t := &texts{pages: map[string]map[View]template.JS{}, plain: map[string]map[string]string{}}
	var tags []language.Tag
	for _, l := range languages {
		tags = append(tags, language.Make(l.Tag))
		body, err := textFiles.ReadFile("texts/" + l.Tag + ".json")
		if err != nil {
			return nil, err
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(body, &all); err != nil {
			return nil, fmt.Errorf("texts/%s.json: %w", l.Tag, err)
		}
		t.plain[l.Tag] = map[string]string{}
		for key, entry := range all {
			var sentence string
			if json.Unmarshal(entry, &sentence) == nil {
				t.plain[l.Tag][key] = sentence
			}
		}
		t.pages[l.Tag] = map[View]template.JS{}
		for view, words := range needs {
			some := map[string]json.RawMessage{}
			for key, entry := range all {
				if word, _, _ := strings.Cut(key, "."); slices.Contains(words, word) {
					some[key] = entry
				}
			}
			encoded, err := json.Marshal(some)
			if err != nil {
				return nil, err
			}
			t.pages[l.Tag][view] = template.JS(encoded) // escaped as boot data is
		}
	}
	t.matcher = language.NewMatcher(tags)
	return t, nil
}

// readNeeds reads which words each view carries.
func readNeeds() (map[View][]string, error) {
	list, err := textFiles.ReadFile("texts/views.txt")
	if err != nil {
		return nil, err
	}
	needs := map[View][]string{}
	for line := range strings.Lines(string(list)) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			needs[View(words[0])] = words[1:]
		}
	}
	for view := range entries {
		if needs[view] == nil {
			return nil, fmt.Errorf("texts/views.txt: no texts for %s", view)
		}
	}
	return needs, nil
}

// choose finds the language of a request: what the address asks for, what was chosen before, what the browser prefers.
func (t *texts) choose(r *http.Request) (tag string, asked bool) {
	if tag := r.URL.Query().Get(languageParam); t.pages[tag] != nil {
		return tag, true
	}
	if c, err := r.Cookie(languageCookie); err == nil && t.pages[c.Value] != nil {
		return c.Value, false
	}
	_, i := language.MatchStrings(t.matcher, r.Header.Get("Accept-Language"))
	return languages[i].Tag, false
}

// keepLanguage remembers a choice. Scripts need not read it.
func keepLanguage(w http.ResponseWriter, tag string) {
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: tag, Path: "/", MaxAge: int(languageKept.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func directionOf(tag string) string {
	for _, l := range languages {
		if l.Tag == tag {
			return l.Dir
		}
	}
	return languages[0].Dir
}

// Language is the one that r is read in.
func (p *Pages) Language(r *http.Request) string {
	tag, _ := p.texts.choose(r)
	return tag
}

// Say returns a sentence of the catalogue with its {names} filled in, and the
// direction of the language. One without that sentence says it in English.
func (p *Pages) Say(tag, key string, with ...string) (sentence, dir string) {
	plain := p.texts.plain[tag]
	if plain[key] == "" {
		tag = languages[0].Tag
		plain = p.texts.plain[tag]
	}
	names := make([]string, 0, len(with))
	for i := 0; i+1 < len(with); i += 2 {
		names = append(names, "{"+with[i]+"}", with[i+1])
	}
	return strings.NewReplacer(names...).Replace(plain[key]), directionOf(tag)
}
