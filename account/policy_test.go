package account_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/account"
	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

func TestEncoderPolicy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, _, _ := setup(t, d)
		_, login, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
		put := func(body, token string) int {
			r := httptest.NewRequestWithContext(t.Context(), "PUT", "/", strings.NewReader(body))
			r.SetPathValue("channel", "tea")
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			api.Handler(a.SetEncoderPolicy).ServeHTTP(w, r)
			return w.Code
		}
		token := login["token"].(string)
		if p, err := a.EncoderPolicy(t.Context(), "tea"); err != nil || p != (account.EncoderPolicy{}) {
			t.Errorf("before: %+v, %v", p, err)
		}
		if got := put(`{"max_height":720,"max_bitrate":3000000,"renditions":2}`, token); got != http.StatusOK {
			t.Errorf("status %d", got)
		}
		if p, err := a.EncoderPolicy(t.Context(), "tea"); err != nil || p != (account.EncoderPolicy{MaxHeight: 720, MaxBitrate: 3_000_000, Renditions: 2}) {
			t.Errorf("after: %+v, %v", p, err)
		}
		for _, bad := range []string{`{"max_height":9}`, `{"max_bitrate":-1}`, `{"renditions":7}`} {
			if got := put(bad, token); got != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d", bad, got)
			}
		}
		if got := put(`{}`, "forged"); got != http.StatusUnauthorized {
			t.Errorf("forged token: %d", got)
		}
	}, schema)
}
