package account_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/account"
	"souk/internal/api"
	"souk/internal/db/dbtest"
)

// Guests are limited by address, generously because of phone carriers; a
// rehearsal on the server's own machine is not limited.
func TestGuestFlood(t *testing.T) {
	a := account.New(dbtest.Open(t, schema), dbtest.Logger(t))
	// A name that is refused is counted and costs no row.
	body := `{"name":"` + strings.Repeat("n", 200) + `"}`
	refusedAt := func(remote string) int {
		for i := range 2000 {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/guests", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.RemoteAddr = remote
			w := httptest.NewRecorder()
			api.Handler.ServeHTTP(a.Guest, w, r)
			if w.Code == http.StatusTooManyRequests {
				return i
			}
		}
		return -1
	}
	if n := refusedAt("192.0.2.7:1000"); n < 300 {
		t.Errorf("an address was refused after %d guests", n)
	}
	if n := refusedAt("[2001:db8::1]:1000"); n < 300 {
		t.Errorf("an IPv6 address was refused after %d guests", n)
	}
	if n := refusedAt("[2001:db8::2]:1000"); n != 0 {
		t.Errorf("its neighbour in the same /64 was refused after %d guests", n)
	}
	for _, local := range []string{"127.0.0.1:1000", "[::1]:1000"} {
		if n := refusedAt(local); n != -1 {
			t.Errorf("%s was refused after %d guests", local, n)
		}
	}
}
