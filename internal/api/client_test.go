package api_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"souk/internal/api"
)

func TestClient(t *testing.T) {
	for remote, want := range map[string]struct {
		client string
		own    bool
	}{
		"192.0.2.7:1000":          {"192.0.2.7/32", false},
		"192.0.2.7":               {"192.0.2.7/32", false},
		"[2001:db8::5]:1":         {"2001:db8::/64", false},
		"[2001:db8:0:1::5]:1":     {"2001:db8:0:1::/64", false},
		"[::ffff:192.0.2.7]:1000": {"192.0.2.7/32", false},
		"127.0.0.1:1000":          {"127.0.0.1/32", true},
		"127.1.2.3:1000":          {"127.1.2.3/32", true},
		"[::1]:1000":              {"::/64", true},
		"[::ffff:127.0.0.1]:1000": {"127.0.0.1/32", true},
		"somewhere:1000":          {"invalid Prefix", false},
		"":                        {"invalid Prefix", false},
		"@":                       {"invalid Prefix", false},
		"/run/souk.sock":          {"invalid Prefix", false},
	} {
		at := api.Client(&http.Request{RemoteAddr: remote})
		if at.String() != want.client || api.Own(at) != want.own {
			t.Errorf("%q is %v, own %t", remote, at, api.Own(at))
		}
	}
}

func TestBase(t *testing.T) {
	plain := &http.Request{Host: "shop.example:8080"}
	over := &http.Request{Host: "shop.example", TLS: &tls.ConnectionState{}}
	for got, want := range map[string]string{
		api.Base("", plain):                     "http://shop.example:8080",
		api.Base("", over):                      "https://shop.example",
		api.Base("https://tea.example/", plain): "https://tea.example",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
