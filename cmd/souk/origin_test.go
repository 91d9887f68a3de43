package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

// A proxy may reach souk by a name of its own. Pages of the public address are
// ours all the same, those of the proxy's name and of strangers are not.
func TestOriginBehindAProxy(t *testing.T) {
	env := func(string) (string, bool) { return "", false }
	cfg, _, err := parse(&cli{env: env}, "serve", []string{"--data", t.TempDir(), "--public-url", "https://shop.example"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := build(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.db.Close()
	h := s.routes()
	for origin, ours := range map[string]bool{
		"https://shop.example":      true,
		"https://evil.example":      false,
		"https://shop.example.evil": false,
		"null":                      false,
	} {
		for _, at := range []struct{ method, path, refused string }{
			{"POST", "/api/v1/nothing", "cross_origin"},
			{"GET", "/ws/tea", "bad_origin"},
		} {
			r := httptest.NewRequest(at.method, "http://souk.internal:8080"+at.path, nil)
			r.Header.Set("Origin", origin)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if let := !strings.Contains(w.Body.String(), at.refused); let != ours {
				t.Errorf("%s %s from %s: %s", at.method, at.path, origin, w.Body)
			}
		}
	}
}
