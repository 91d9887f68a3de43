package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// build is a small build as Vite leaves it: live imports app and shared, and fetches the player later.
func build() fstest.MapFS {
	return fstest.MapFS{
		"manifest.json": {Data: []byte(`{
			"src/pages/home.ts":   {"file": "assets/home-1.js", "imports": ["_app-1.js"], "isEntry": true},
			"src/pages/live.ts":   {"file": "assets/live-1.js", "imports": ["_app-1.js", "_shared-1.js"], "dynamicImports": ["src/lib/player.ts"], "css": ["assets/live-1.css"], "isEntry": true},
			"src/pages/studio.ts": {"file": "assets/studio-1.js", "imports": ["_shared-1.js"], "isEntry": true},
			"src/pages/dock.ts": {"file": "assets/dock-1.js", "imports": ["_shared-1.js"], "isEntry": true},
			"src/pages/merchant.ts": {"file": "assets/merchant-1.js", "imports": ["_shared-1.js"], "isEntry": true},
			"src/pages/order.ts":  {"file": "assets/order-1.js", "isEntry": true},
			"src/pages/overlay.ts": {"file": "assets/overlay-1.js", "isEntry": true},
			"src/pages/replay.ts": {"file": "assets/replay-1.js", "imports": ["_app-1.js"], "dynamicImports": ["src/replay/picture.ts"], "isEntry": true},
			"src/pages/wallet.ts": {"file": "assets/wallet-1.js", "imports": ["_app-1.js"], "isEntry": true},
			"src/pages/account.ts": {"file": "assets/account-1.js", "imports": ["_app-1.js"], "isEntry": true},
			"src/pages/enter.ts": {"file": "assets/enter-1.js", "imports": ["_app-1.js"], "isEntry": true},
			"src/pages/numbers.ts": {"file": "assets/numbers-1.js", "imports": ["_app-1.js"], "isEntry": true},
			"src/replay/picture.ts": {"file": "assets/picture-1.js", "isDynamicEntry": true},
			"src/pages/embed.ts": {"file": "assets/embed-1.js", "imports": ["_app-1.js"], "isEntry": true},
			"src/lib/player.ts":   {"file": "assets/player-1.js", "imports": ["_shared-1.js"], "isDynamicEntry": true},
			"_app-1.js":    {"file": "assets/app-1.js", "css": ["assets/app-1.css"]},
			"_shared-1.js": {"file": "assets/shared-1.js", "imports": ["_app-1.js"]}
		}`)},
		"manifest.json.br":     {Data: []byte("never served")},
		"placeholder.txt":      {Data: []byte("never served")},
		"favicon.svg":          {Data: []byte("<svg/>")},
		"embed.js":             {Data: []byte("export {}")},
		"assets/live-1.js":     {Data: []byte("plain")},
		"assets/live-1.js.br":  {Data: []byte("brotli")},
		"assets/live-1.js.gz":  {Data: []byte("gzip")},
		"assets/live-1.css":    {Data: []byte("css")},
		"assets/live-1.css.gz": {Data: []byte("gzip")},
	}
}

func pages(t *testing.T, cfg Config) *Pages {
	t.Helper()
	if cfg.Dist == nil {
		cfg.Dist = build()
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mux mounts the pages the way the program does.
func mux(p *Pages) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", p.Home)
	m.HandleFunc("GET /live/{channel}", p.Live)
	m.HandleFunc("GET /studio", p.Studio)
	m.HandleFunc("GET /dock/{channel}", p.Dock)
	m.HandleFunc("GET /merchant", p.Merchant)
	m.HandleFunc("GET /orders/{order}", p.Order)
	m.HandleFunc("GET /overlay/{channel}", p.Overlay)
	m.HandleFunc("GET /embed/{channel}", p.Embed)
	m.HandleFunc("GET /replay/{show}", p.Replay)
	m.HandleFunc("GET /wallet", p.Wallet)
	m.Handle("GET /_/", p.Assets())
	m.Handle("GET /favicon.svg", p.Assets())
	m.HandleFunc("GET /", p.NotFound)
	return m
}

func get(t *testing.T, h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPageLoadsItsEntryWithEverythingItImports(t *testing.T) {
	body := get(t, mux(pages(t, Config{})), "/live/tea").Body.String()
	var got []string
	for _, m := range regexp.MustCompile(`(?:href|src)="(/_/[^"]+)"`).FindAllStringSubmatch(body, -1) {
		got = append(got, m[1])
	}
	want := "/_/favicon.svg /_/assets/app-1.css /_/assets/live-1.css /_/assets/app-1.js /_/assets/shared-1.js /_/assets/player-1.js /_/assets/live-1.js"
	if strings.Join(got, " ") != want {
		t.Errorf("loads\n%s\nwant\n%s", strings.Join(got, " "), want)
	}
}

func TestPageCarriesBootData(t *testing.T) {
	h := mux(pages(t, Config{
		Sandbox: true,
		Boot: func(_ *http.Request, view View, id string) (First, bool, error) {
			if view != Live || id != "tea" {
				t.Errorf("asked for %s %q", view, id)
			}
			return First{Title: "Tea & <b>House</b>", Data: map[string]string{"title": "</script><script>alert(1)</script>"}}, true, nil
		},
	}))
	w := get(t, h, "/live/tea")
	body := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	if !strings.Contains(body, "<title>Tea &amp; &lt;b&gt;House&lt;/b&gt; · souk</title>") {
		t.Errorf("title is not escaped text:\n%s", body)
	}
	m := regexp.MustCompile(`(?s)<script type="application/json" id="boot">(.*?)</script>`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no boot data:\n%s", body)
	}
	var got struct {
		View, ID string
		Sandbox  bool
		Data     map[string]string
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &got); err != nil {
		t.Fatalf("%v in %s", err, m[1])
	}
	if got.View != "live" || got.ID != "tea" || !got.Sandbox || got.Data["title"] != "</script><script>alert(1)</script>" {
		t.Errorf("boot data is %+v", got)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	h := mux(pages(t, Config{Boot: func(*http.Request, View, string) (First, bool, error) { return First{}, false, nil }}))
	for _, path := range []string{"/live/nobody", "/nowhere"} {
		w := get(t, h, path)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "nothing at this address") {
			t.Errorf("%s: status %d, body %s", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "<script") {
			t.Errorf("%s: a message page has a script", path)
		}
	}
}

func TestAFailedBootIsToldWithoutItsReason(t *testing.T) {
	h := mux(pages(t, Config{Boot: func(*http.Request, View, string) (First, bool, error) {
		return First{}, false, errors.New("secret of the database")
	}}))
	w := get(t, h, "/live/tea")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("status %d, body %s", w.Code, w.Body)
	}
}

func TestBootDataThatCannotBeEncodedLeavesNoHalfPage(t *testing.T) {
	h := mux(pages(t, Config{Boot: func(*http.Request, View, string) (First, bool, error) {
		return First{Data: func() {}}, true, nil
	}}))
	w := get(t, h, "/")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), `id="boot"`) {
		t.Errorf("status %d, body %s", w.Code, w.Body)
	}
}

func TestWithoutABuildEveryPageSaysHowToMakeOne(t *testing.T) {
	p := pages(t, Config{Dist: fstest.MapFS{"placeholder.txt": {Data: []byte("hello")}}})
	if p.Built() {
		t.Fatal("claims to be built")
	}
	for _, path := range []string{"/", "/live/tea", "/studio", "/orders/1"} {
		w := get(t, mux(p), path)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "make build") {
			t.Errorf("%s: status %d, body %s", path, w.Code, w.Body)
		}
	}
	if w := get(t, mux(p), "/nowhere"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown path has status %d", w.Code)
	}
}

func TestABrokenBuildIsAnErrorAtStart(t *testing.T) {
	for name, manifest := range map[string]string{
		"not JSON":        `{`,
		"entry missing":   `{"src/pages/home.ts": {"file": "x.js"}}`,
		"import dangling": strings.Replace(string(build()["manifest.json"].Data), `"_app-1.js": `, `"_gone.js": `, 1),
	} {
		if _, err := New(Config{Dist: fstest.MapFS{"manifest.json": {Data: []byte(manifest)}}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPolicy(t *testing.T) {
	sum := sha256.Sum256([]byte("@layer reset, tokens, base, ui;"))
	hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	for _, sandbox := range []bool{true, false} {
		h := mux(pages(t, Config{Sandbox: sandbox}))
		for _, path := range []string{"/", "/live/tea", "/studio", "/orders/1", "/nowhere"} {
			w := get(t, h, path)
			csp := w.Header().Get("Content-Security-Policy")
			if strings.Contains(csp, "unsafe") || !strings.HasPrefix(csp, "default-src 'none'; ") || !strings.Contains(csp, "style-src 'self' "+hash) {
				t.Errorf("%s: policy %s", path, csp)
			}
			stripe := strings.Contains(csp, "https://js.stripe.com")
			if want := !sandbox && path == "/live/tea"; stripe != want {
				t.Errorf("%s, sandbox %v: provider's scripts allowed: %v", path, sandbox, stripe)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "Cache-Control": "no-store",
				"Referrer-Policy": "strict-origin-when-cross-origin", "Content-Type": "text/html; charset=utf-8",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
			checkNothingInline(t, path, w.Body.String())
		}
	}
}

// checkNothingInline makes sure that the policy would not break the page: the only inline style is the one with the
// hash, and every script is a file or data.
func checkNothingInline(t *testing.T, path, body string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(body, -1) {
		if m[1] != layers {
			t.Errorf("%s: inline style %q", path, m[1])
		}
	}
	for _, m := range regexp.MustCompile(`<script[^>]*>`).FindAllString(body, -1) {
		if !strings.Contains(m, `src="/_/`) && !strings.Contains(m, `type="application/json"`) {
			t.Errorf("%s: inline script %s", path, m)
		}
	}
	if regexp.MustCompile(`<[^>]+ (style|on[a-z]+)=`).MatchString(body) {
		t.Errorf("%s: inline style attribute or handler", path)
	}
}

func TestHeadHasHeadersOnly(t *testing.T) {
	r := httptest.NewRequest(http.MethodHead, "/", nil)
	w := httptest.NewRecorder()
	mux(pages(t, Config{})).ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("status %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestEmbeddedFiles(t *testing.T) {
	if _, err := New(Config{}); err != nil {
		t.Errorf("the embedded build: %v", err)
	}
	pictures, err := fs.Glob(DemoPictures, "demo/*.webp")
	if err != nil || len(pictures) != 6 {
		t.Fatalf("pictures %v, %v", pictures, err)
	}
	for _, name := range pictures {
		data, err := fs.ReadFile(DemoPictures, name)
		if err != nil || len(data) > 30<<10 || string(data[8:12]) != "WEBP" {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}
