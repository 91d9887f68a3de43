package account_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/account"
	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

func exec(query string, args ...any) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}
}

// bare makes a call whose answer has no body.
func bare(t *testing.T, h api.Handler, method, token string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// mailing has a's letters arrive in a channel.
func mailing(t *testing.T, a *account.Accounts) <-chan account.Letter {
	t.Helper()
	sent := make(chan account.Letter, 10)
	a.Home = "http://shop.example"
	a.Post = func(_ context.Context, l account.Letter) error { sent <- l; return nil }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = a.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return sent
}

func tokenOf(t *testing.T, l account.Letter) string {
	t.Helper()
	at, token, ok := strings.Cut(l.Link, "#")
	if !ok || at != "http://shop.example/enter" {
		t.Fatalf("link %q", l.Link)
	}
	return token
}

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }

func TestLinkByMail(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, owner, _ := setup(t, d)
		sent := mailing(t, a)
		_, unknown, _ := call(t, a.AskLink, "POST", `{"email":"nobody@example.com"}`, "")
		status, known, _ := call(t, a.AskLink, "POST", `{"email":"HANA@example.com"}`, "")
		if status != 202 || known["expires_ms"] != unknown["expires_ms"] {
			t.Fatalf("%d %v, %v", status, known, unknown)
		}
		l := <-sent // one only
		token := quote(tokenOf(t, l))
		if l.To != "hana@example.com" || l.Kind != "sign_in" {
			t.Errorf("%+v", l)
		}
		for range 3 { // a mail scanner looks
			if status, look, _ := call(t, a.LookAtLink, "POST", `{"token":`+token+`}`, ""); status != 200 || look["email"] != "hana@example.com" || look["same_browser"] != false {
				t.Errorf("%d %v", status, look)
			}
		}
		status, in, _ := call(t, a.UseLink, "POST", `{"token":`+token+`}`, "")
		if status != 200 || in["account"].(map[string]any)["id"] != owner {
			t.Fatalf("%d %v", status, in)
		}
		for _, h := range []api.Handler{a.UseLink, a.LookAtLink} {
			if status, again, _ := call(t, h, "POST", `{"token":`+token+`}`, ""); status != 410 || again["code"] != "link_ended" {
				t.Errorf("twice: %d %v", status, again)
			}
		}
		// It is too old after a quarter of an hour.
		call(t, a.AskLink, "POST", `{"email":"hana@example.com"}`, "")
		token = quote(tokenOf(t, <-sent))
		if err := d.Write(t.Context(), exec("UPDATE account_link SET expires = expires - $1", (15*time.Minute).Milliseconds())); err != nil {
			t.Fatal(err)
		}
		if status, _, _ := call(t, a.UseLink, "POST", `{"token":`+token+`}`, ""); status != 410 {
			t.Errorf("old: %d", status)
		}
		// A mailbox is not flooded, whoever asks.
		call(t, a.AskLink, "POST", `{"email":"hana@example.com"}`, "")
		if status, answer, _ := call(t, a.AskLink, "POST", `{"email":"hana@example.com"}`, ""); status != 429 {
			t.Errorf("the fourth: %d %v", status, answer)
		}
		var leaked int
		if err := d.Read().QueryRowContext(t.Context(), "SELECT count(*) FROM account_link WHERE token = $1", strings.Trim(token, `"`)).Scan(&leaked); err != nil || leaked != 0 {
			t.Errorf("tokens are kept: %d, %v", leaked, err)
		}
	}, schema)
}

// A new password ends every session there was, and tells their sockets.
func TestPasswords(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, token := signedIn(t, d)
		a.PublicURL = ""
		sent := mailing(t, a)
		var ended []string
		a.Ended = func(id string) { ended = append(ended, id) }
		_, other, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
		if status, answer, _ := call(t, a.SetPassword, "PUT", `{"current":"wrong one!","password":"another horse"}`, token); status != 403 || answer["code"] != "wrong_password" {
			t.Errorf("%d %v", status, answer)
		}
		if status, answer, _ := call(t, a.SetPassword, "PUT", `{"current":"`+password+`","password":"short"}`, token); status != 422 {
			t.Errorf("%d %v", status, answer)
		}
		if status, answer, _ := call(t, a.SetPassword, "PUT", `{"current":"`+password+`","password":"another horse"}`, token); status != 200 || answer["ended"] != 1.0 || len(ended) != 1 {
			t.Fatalf("%d %v, %v", status, answer, ended)
		}
		if _, err := a.PersonByToken(t.Context(), other["token"].(string)); err == nil {
			t.Error("the other session goes on")
		}
		if _, err := a.PersonByToken(t.Context(), token); err != nil {
			t.Error("this session ended: ", err)
		}
		// Forgotten: the link sets a new one, and only with one.
		call(t, a.AskLink, "POST", `{"email":"hana@example.com","reset":true}`, "")
		link := quote(tokenOf(t, <-sent))
		if status, answer, _ := call(t, a.UseLink, "POST", `{"token":`+link+`}`, ""); status != 422 {
			t.Errorf("without a password: %d %v", status, answer)
		}
		if status, answer, _ := call(t, a.UseLink, "POST", `{"token":`+link+`,"password":"third horse"}`, ""); status != 200 {
			t.Fatalf("%d %v", status, answer)
		}
		if _, err := a.PersonByToken(t.Context(), token); err == nil {
			t.Error("a session from before goes on")
		}
		if status, _, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"third horse"}`, ""); status != 200 {
			t.Errorf("the new one: %d", status)
		}
	}, schema)
}

func TestSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, token := signedIn(t, d)
		var ended []string
		a.Ended = func(id string) { ended = append(ended, id) }
		_, second, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
		_, list, _ := call(t, a.ListSessions, "GET", "", token)
		all := list["sessions"].([]any)
		if len(all) != 2 {
			t.Fatalf("%v", all)
		}
		there := ""
		for _, s := range all {
			s := s.(map[string]any)
			if s["way"] != "password" || s["network"] != "192.0.2.0/24" {
				t.Errorf("%v", s)
			}
			if s["current"] == false {
				there = s["id"].(string)
			}
		}
		// Nobody ends somebody else's.
		if _, err := a.CreateAccount(t.Context(), account.NewAccount{Email: "eve@example.com", Name: "Eve", Password: password}); err != nil {
			t.Fatal(err)
		}
		_, eve, _ := call(t, a.Login, "POST", `{"email":"eve@example.com","password":"`+password+`"}`, "")
		if status := bare(t, path(a.DropSession, "id", there), "DELETE", eve["token"].(string)); status != 404 {
			t.Errorf("by somebody else: %d", status)
		}
		if status := bare(t, path(a.DropSession, "id", there), "DELETE", token); status != 204 || len(ended) != 1 || ended[0] != there {
			t.Errorf("%d, %v", status, ended)
		}
		if _, err := a.PersonByToken(t.Context(), second["token"].(string)); err == nil {
			t.Error("it goes on")
		}
		if gone, err := a.Gone(t.Context(), []string{there}); err != nil || len(gone) != 1 {
			t.Errorf("%v, %v", gone, err)
		}
		call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
		if status, answer, _ := call(t, a.DropSessions, "DELETE", "", token); status != 200 || answer["ended"] != 1.0 {
			t.Errorf("%d %v", status, answer)
		}
	}, schema)
}

// A sign-in leaves nothing of the session that the browser had before.
func TestSignInRotates(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema))
	_, guest, _ := call(t, a.Guest, "POST", "{}", "")
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(`{"email":"hana@example.com","password":"`+password+`"}`))
	r.AddCookie(&http.Cookie{Name: account.Cookie, Value: guest["token"].(string)})
	w := httptest.NewRecorder()
	api.Handler(a.Login).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatal(w.Body)
	}
	if _, err := a.PersonByToken(t.Context(), guest["token"].(string)); err == nil {
		t.Error("the session from before the sign-in goes on")
	}
}

// Guessing stops for strangers, from whatever addresses; the owner's own browser
// still gets in.
func TestGuessing(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema))
	try := func(from, password string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(`{"email":"hana@example.com","password":"`+password+`"}`))
		r.RemoteAddr = from + ":1"
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		api.Handler(a.Login).ServeHTTP(w, r)
		return w
	}
	home := try("198.51.100.1", password)
	if home.Code != 200 {
		t.Fatal(home.Body)
	}
	for i := range 10 {
		if w := try("203.0.113."+string(rune('0'+i)), "wrong"); w.Code != 401 {
			t.Fatalf("guess %d: %d", i, w.Code)
		}
	}
	if w := try("203.0.113.99", password); w.Code != 429 {
		t.Errorf("the eleventh, from yet another address: %d", w.Code)
	}
	if w := try("198.51.100.1", password, home.Result().Cookies()...); w.Code != 200 {
		t.Errorf("its owner, at home: %d %s", w.Code, w.Body)
	}
}
