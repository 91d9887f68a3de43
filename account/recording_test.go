package account_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/account"
	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

func TestRecordingPolicy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, _, _ := setup(t, d)
		_, login, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
		put := func(body, token string) int {
			r := httptest.NewRequestWithContext(t.Context(), "PUT", "/", strings.NewReader(body))
			r.SetPathValue("channel", "tea")
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			api.Handler(func(w http.ResponseWriter, r *http.Request) error {
				_, err := a.SetRecordingPolicy(w, r)
				return err
			}).ServeHTTP(w, r)
			return w.Code
		}
		want := func(want account.RecordingPolicy) {
			t.Helper()
			if p, err := a.RecordingPolicy(t.Context(), "tea"); err != nil || p != want {
				t.Errorf("%+v, %v; want %+v", p, err, want)
			}
		}
		want(account.RecordingPolicy{Record: true})
		token := login["token"].(string)
		for _, c := range []struct {
			body, token string
			status      int
			after       account.RecordingPolicy
		}{
			{`{"keep_days":90}`, token, 200, account.RecordingPolicy{Record: true, KeepDays: 90}},
			{`{"record":false}`, token, 200, account.RecordingPolicy{KeepDays: 90}},
			{`{"keep_days":-1}`, token, 422, account.RecordingPolicy{KeepDays: 90}},
			{`{"keep_days":3651}`, token, 422, account.RecordingPolicy{KeepDays: 90}},
			{`{"record":true}`, "forged", 401, account.RecordingPolicy{KeepDays: 90}},
			{`{"record":true,"keep_days":0}`, token, 200, account.RecordingPolicy{Record: true}},
		} {
			if got := put(c.body, c.token); got != c.status {
				t.Errorf("%s: %d, want %d", c.body, got, c.status)
			}
			want(c.after)
		}
		if _, err := a.RecordingPolicy(t.Context(), "coffee"); !errors.Is(err, account.ErrNoChannel) {
			t.Errorf("unknown channel: %v", err)
		}
	}, schema)
}
