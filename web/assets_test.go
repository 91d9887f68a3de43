package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAssetEncodings(t *testing.T) {
	h := mux(pages(t, Config{}))
	for _, c := range []struct{ path, accept, encoding, body string }{
		{"/_/assets/live-1.js", "gzip, deflate, br, zstd", "br", "brotli"},
		{"/_/assets/live-1.js", "gzip", "gzip", "gzip"},
		{"/_/assets/live-1.js", "br;q=0, gzip;q=0.5", "gzip", "gzip"},
		{"/_/assets/live-1.js", "BR", "br", "brotli"},
		{"/_/assets/live-1.js", "*", "br", "brotli"},
		{"/_/assets/live-1.js", "br;q=0, *", "gzip", "gzip"},
		{"/_/assets/live-1.js", "br;q=nonsense", "", "plain"},
		{"/_/assets/live-1.js", "identity", "", "plain"},
		{"/_/assets/live-1.js", "", "", "plain"},
		{"/_/assets/live-1.css", "br, gzip", "gzip", "gzip"},
		{"/_/favicon.svg", "br, gzip", "", "<svg/>"},
	} {
		w := get(t, h, c.path, "Accept-Encoding", c.accept)
		if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != c.encoding || w.Body.String() != c.body {
			t.Errorf("%s for %q: status %d, encoding %q, body %q", c.path, c.accept, w.Code, w.Header().Get("Content-Encoding"), w.Body)
		}
	}
}

func TestAssetHeaders(t *testing.T) {
	h := mux(pages(t, Config{}))
	for _, c := range []struct{ path, mime, cache, vary string }{
		{"/_/assets/live-1.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "Accept-Encoding"},
		{"/_/assets/live-1.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable", "Accept-Encoding"},
		{"/_/favicon.svg", "image/svg+xml", "public, max-age=3600", ""},
	} {
		got := get(t, h, c.path).Header()
		if got.Get("Content-Type") != c.mime || got.Get("Cache-Control") != c.cache || got.Get("Vary") != c.vary || got.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.path, got)
		}
	}
}

func TestAssetRevalidation(t *testing.T) {
	h := mux(pages(t, Config{}))
	const path = "/_/assets/live-1.js"
	plain := get(t, h, path).Header().Get("ETag")
	brotli := get(t, h, path, "Accept-Encoding", "br").Header().Get("ETag")
	if plain == "" || plain == brotli {
		t.Fatalf("tags %q and %q must differ: the bytes do", plain, brotli)
	}
	for _, header := range []string{plain, "W/" + plain, `"other", ` + plain, "*"} {
		w := get(t, h, path, "If-None-Match", header)
		if w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != plain {
			t.Errorf("If-None-Match %s: status %d, %d bytes", header, w.Code, w.Body.Len())
		}
	}
	if w := get(t, h, path, "If-None-Match", brotli); w.Code != http.StatusOK {
		t.Errorf("the tag of another encoding matched: status %d", w.Code)
	}
}

func TestAssetsNotForThePublic(t *testing.T) {
	h := mux(pages(t, Config{}))
	for _, path := range []string{"/_/manifest.json", "/_/manifest.json.br", "/_/placeholder.txt", "/_/assets/live-1.js.br", "/_/", "/_/assets/", "/_/assets/gone.js"} {
		if w := get(t, h, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

func TestAssetHeadHasHeadersOnly(t *testing.T) {
	w := httptest.NewRecorder()
	mux(pages(t, Config{})).ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/_/favicon.svg", nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "6" {
		t.Errorf("status %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

func TestFaviconAtTheRoot(t *testing.T) {
	if w := get(t, mux(pages(t, Config{})), "/favicon.svg"); w.Code != http.StatusOK || w.Body.String() != "<svg/>" {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
}
