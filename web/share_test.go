package web

import (
	"net/http"
	"strings"
	"testing"
)

func TestWhoMayFrameAPage(t *testing.T) {
	for name, c := range map[string]struct {
		sites           []string
		path, ancestors string
		options         string
	}{
		"the live page":          {[]string{"*"}, "/live/tea", "frame-ancestors 'self'", "SAMEORIGIN"},
		"the studio":             {[]string{"*"}, "/studio", "frame-ancestors 'self'", "SAMEORIGIN"},
		"embedded, anywhere":     {[]string{"*"}, "/embed/tea", "frame-ancestors 'self' *", ""},
		"embedded, by one":       {[]string{"https://shop.example"}, "/embed/tea", "frame-ancestors 'self' https://shop.example", ""},
		"embedded, by nobody":    {nil, "/embed/tea", "frame-ancestors 'self'", ""},
		"a message in its place": {[]string{"*"}, "/embed/", "frame-ancestors 'self'", "SAMEORIGIN"},
	} {
		h := get(t, mux(pages(t, Config{EmbedSites: c.sites})), c.path).Header()
		found := ""
		for d := range strings.SplitSeq(h.Get("Content-Security-Policy"), "; ") {
			if strings.HasPrefix(d, "frame-ancestors") {
				found += d
			}
		}
		if found != c.ancestors || h.Get("X-Frame-Options") != c.options {
			t.Errorf("%s: %q, %q", name, found, h.Get("X-Frame-Options"))
		}
	}
}

func TestShareCard(t *testing.T) {
	boot := func(*http.Request, View, string) (First, bool, error) {
		return First{Title: `Tea "House" <b>`, Share: &Share{URL: "https://s.example/live/tea", Description: "On air: a pot.", Image: "https://s.example/thumb/tea.jpg",
			Player: "https://s.example/embed/tea", OEmbed: "https://s.example/oembed?url=x"}}, true, nil
	}
	body := get(t, mux(pages(t, Config{Boot: boot})), "/live/tea").Body.String()
	for _, want := range []string{
		`<meta property="og:title" content="Tea &#34;House&#34; &lt;b&gt;">`,
		`<meta property="og:image" content="https://s.example/thumb/tea.jpg">`,
		`<meta name="twitter:player" content="https://s.example/embed/tea">`,
		`<link rel="alternate" type="application/json+oembed" href="https://s.example/oembed?url=x"`,
		`<link rel="canonical" href="https://s.example/live/tea">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %.900s", want, body)
		}
	}
	if plain := get(t, mux(pages(t, Config{})), "/live/tea").Body.String(); strings.Contains(plain, "og:") {
		t.Error("a card for a page that has nothing to share")
	}
}

// Other sites load the script as a module, which needs their permission by CORS; nothing else is given away.
func TestEmbedScriptForOtherSites(t *testing.T) {
	h := mux(pages(t, Config{}))
	if got := get(t, h, "/_/embed.js").Header().Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("embed.js: %q", got)
	}
	if got := get(t, h, "/_/assets/live-1.js").Header().Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("live.js: %q", got)
	}
}
