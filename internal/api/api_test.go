package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/internal/api"
)

var errSoldOut = api.Fail(http.StatusConflict, "sold_out", "The last one is gone.")

func TestErrorsByAudience(t *testing.T) {
	cases := map[string]struct {
		err        error
		status     int
		code       string
		logged     bool
		forbidden  string // must not reach the client
		wantMember string
	}{
		"refusal":            {err: errSoldOut, status: 409, code: "sold_out"},
		"wrapped refusal":    {err: fmt.Errorf("tap: %w", errSoldOut), status: 409, code: "sold_out"},
		"refusal with extra": {err: errSoldOut.With("left", 0), status: 409, code: "sold_out", wantMember: "left"},
		"cause stays here":   {err: errSoldOut.Because(errors.New("sku-secret")), status: 409, code: "sold_out", forbidden: "sku-secret"},
		"fault":              {err: errors.New("disk sk_live_123"), status: 500, code: "internal", logged: true, forbidden: "sk_live", wantMember: "request"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			h := api.Wrap(slog.New(slog.NewTextHandler(&log, nil)), func(http.ResponseWriter, *http.Request) error { return c.err })
			w := httptest.NewRecorder()
			w.Header().Set(api.RequestID, "r1")
			h.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
			if w.Code != c.status || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("status %d, type %q", w.Code, w.Header().Get("Content-Type"))
			}
			var doc map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if doc["code"] != c.code || doc["detail"] == "" {
				t.Errorf("document %v", doc)
			}
			if _, ok := doc[c.wantMember]; c.wantMember != "" && !ok {
				t.Errorf("no member %q in %v", c.wantMember, doc)
			}
			if c.forbidden != "" && strings.Contains(w.Body.String(), c.forbidden) {
				t.Errorf("the client was told %q", w.Body)
			}
			if (log.Len() > 0) != c.logged {
				t.Errorf("log: %q", log.String())
			}
		})
	}
}

func TestPanicEndsOneRequest(t *testing.T) {
	var log bytes.Buffer
	s := httptest.NewServer(api.Wrap(slog.New(slog.NewTextHandler(&log, nil)), func(_ http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/bad" {
			panic("bug")
		}
		return nil
	}))
	defer s.Close()
	for _, c := range []struct {
		path string
		want int
	}{{"/bad", 500}, {"/good", 200}} {
		resp, err := http.Get(s.URL + c.path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.path, resp.StatusCode, c.want)
		}
	}
	if !strings.Contains(log.String(), "api_test.go") {
		t.Errorf("no stack in the log: %s", log.String())
	}
}

func TestRead(t *testing.T) {
	cases := map[string]struct{ media, body, code string }{
		"plain":            {"application/json", `{"name":"Mira"}`, ""},
		"with charset":     {"application/json; charset=utf-8", `{"name":"Mira"}`, ""},
		"unknown member":   {"application/json", `{"name":"Mira","new":1}`, ""},
		"no type":          {"", `{"name":"Mira"}`, ""},
		"a form":           {"application/x-www-form-urlencoded", `{"name":"Mira"}`, "bad_type"},
		"text across site": {"text/plain", `{"name":"Mira"}`, "bad_type"},
		"cut off":          {"application/json", `{"name":"Mi`, "bad_json"},
		"wrong type":       {"application/json", `{"name":4}`, "bad_json"},
		"empty":            {"application/json", ``, "bad_json"},
		"two values":       {"application/json", `{"name":"Mira"} {}`, "bad_json"},
		"too large":        {"application/json", `{"name":"` + strings.Repeat("a", api.MaxBody) + `"}`, "too_large"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.media)
			var v struct{ Name string }
			err := api.Read(httptest.NewRecorder(), r, &v)
			if c.code == "" {
				if err != nil || v.Name != "Mira" {
					t.Errorf("%v, %+v", err, v)
				}
				return
			}
			var e *api.Error
			if !errors.As(err, &e) || e.Code != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

func TestTimeOnTheWire(t *testing.T) {
	moment := time.Date(2026, 11, 20, 20, 0, 0, 120_999_999, time.FixedZone("", 3600))
	b, err := json.Marshal(api.At(moment))
	if err != nil || string(b) != `"2026-11-20T19:00:00.120Z"` {
		t.Errorf("%s, %v", b, err)
	}
	var back api.Time
	if err := json.Unmarshal(b, &back); err != nil || back.Std().UnixMilli() != moment.UnixMilli() {
		t.Errorf("%v, %v", back, err)
	}
	if api.Millis(moment.UnixMilli()).String() != "2026-11-20T19:00:00.120Z" {
		t.Error("Millis differs")
	}
}

func TestAnswersArePrivateUnlessSaidOtherwise(t *testing.T) {
	w := httptest.NewRecorder()
	if err := api.Write(w, 200, map[string]int{"n": 1}); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Body.String() != "{\"n\":1}\n" {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
}
