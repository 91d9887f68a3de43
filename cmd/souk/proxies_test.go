package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestBehindProxies(t *testing.T) {
	trusted, err := parseProxies("127.0.0.0/8, ::1 10.0.0.5")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"no proxy":            {"203.0.113.9:1000", nil, "203.0.113.9:1000"},
		"a stranger lies":     {"203.0.113.9:1000", []string{"198.51.100.1"}, "203.0.113.9:1000"},
		"one proxy":           {"127.0.0.1:1000", []string{"203.0.113.9"}, "203.0.113.9:1000"},
		"two proxies":         {"127.0.0.1:1000", []string{"203.0.113.9, 10.0.0.5"}, "203.0.113.9:1000"},
		"two headers":         {"127.0.0.1:1000", []string{"203.0.113.9", "10.0.0.5"}, "203.0.113.9:1000"},
		"client lies first":   {"127.0.0.1:1000", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9:1000"},
		"IPv6":                {"[::1]:1000", []string{"2001:db8::7"}, "[2001:db8::7]:1000"},
		"nonsense":            {"127.0.0.1:1000", []string{"unknown"}, "127.0.0.1:1000"},
		"nonsense and a lie":  {"127.0.0.1:1000", []string{"198.51.100.1, unknown"}, "127.0.0.1:1000"},
		"trusted, but silent": {"127.0.0.1:1000", nil, "127.0.0.1:1000"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.remote
			for _, f := range c.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			got := ""
			behindProxies(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(nil, r)
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	for _, bad := range []string{"localhost", "10.0.0.0/33", "1.2.3"} {
		if _, err := parseProxies(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
