package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

var carriedTexts = regexp.MustCompile(`id="texts">(.*)</script>`)

// ask gets a page as a browser with these headers does, and returns its language, direction and texts.
func ask(t *testing.T, h http.Handler, path string, headers ...string) (w *httptest.ResponseRecorder, lang, dir string, texts map[string]any) {
	t.Helper()
	w = get(t, h, path, headers...)
	m := regexp.MustCompile(`<html lang="(\w+)" dir="(\w+)">`).FindStringSubmatch(w.Body.String())
	if m == nil {
		t.Fatalf("%s: no language: %.200s", path, w.Body)
	}
	if c := carriedTexts.FindStringSubmatch(w.Body.String()); c != nil {
		if err := json.Unmarshal([]byte(c[1]), &texts); err != nil {
			t.Fatal(err)
		}
	}
	return w, m[1], m[2], texts
}

func TestLanguageOfAPage(t *testing.T) {
	h := mux(pages(t, Config{}))
	for name, c := range map[string]struct {
		path      string
		headers   []string
		lang, dir string
	}{
		"nothing said":           {"/live/tea", nil, "en", "ltr"},
		"browser":                {"/live/tea", []string{"Accept-Language", "id-ID,id;q=0.9,en;q=0.5"}, "id", "ltr"},
		"browser, region":        {"/live/tea", []string{"Accept-Language", "ar-EG"}, "ar", "rtl"},
		"browser, not ours":      {"/live/tea", []string{"Accept-Language", "fr"}, "en", "ltr"},
		"old code of Indonesian": {"/live/tea", []string{"Accept-Language", "in"}, "id", "ltr"},
		"nonsense":               {"/live/tea", []string{"Accept-Language", ";;q=x"}, "en", "ltr"},
		"cookie over browser":    {"/live/tea", []string{"Accept-Language", "id", "Cookie", "souk_lang=ar"}, "ar", "rtl"},
		"address over cookie":    {"/live/tea?lang=en", []string{"Cookie", "souk_lang=ar"}, "en", "ltr"},
		"unknown in address":     {"/live/tea?lang=xx", []string{"Cookie", "souk_lang=ar"}, "ar", "rtl"},
		"unknown in cookie":      {"/live/tea", []string{"Cookie", "souk_lang=xx"}, "en", "ltr"},
		"message page":           {"/nowhere", []string{"Accept-Language", "ar"}, "ar", "rtl"},
	} {
		_, lang, dir, _ := ask(t, h, c.path, c.headers...)
		if lang != c.lang || dir != c.dir {
			t.Errorf("%s: %s %s", name, lang, dir)
		}
	}
}

func TestLanguageIsKept(t *testing.T) {
	h := mux(pages(t, Config{}))
	w, _, _, _ := ask(t, h, "/?lang=id")
	set := w.Result().Cookies()
	if len(set) != 1 || set[0].Name != languageCookie || set[0].Value != "id" || !set[0].HttpOnly || set[0].MaxAge <= 0 {
		t.Errorf("cookies %v", set)
	}
	for _, path := range []string{"/", "/?lang=xx", "/overlay/tea?lang=id"} {
		if w, _, _, _ := ask(t, h, path); len(w.Result().Cookies()) != 0 {
			t.Errorf("%s set %v", path, w.Result().Cookies())
		}
	}
}

func TestTextsOfAPage(t *testing.T) {
	h := mux(pages(t, Config{}))
	_, _, _, home := ask(t, h, "/?lang=id")
	if home["home.studio"] != "Buka studio" || home["pay.title"] != nil || home["studio.title"] != nil {
		t.Errorf("home carries %v", home)
	}
	w, _, _, live := ask(t, h, "/live/tea?lang=ar")
	if live["pay.title"] != "شراء" || live["studio.title"] != nil {
		t.Errorf("live carries %v", live)
	}
	if strings.Contains(w.Body.String(), "it needs JavaScript") {
		t.Error("the sentence for browsers without script is in English")
	}
	w, _, _, _ = ask(t, h, "/nowhere?lang=ar")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "لا شيء في هذا العنوان") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
