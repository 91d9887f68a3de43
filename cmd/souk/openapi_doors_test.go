package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"time"

	"souk/account"
	"souk/account/keytest"
	"souk/internal/db"
)

// letter waits for the next letter of the server, and returns its token.
func (a *answers) letter() string {
	a.t.Helper()
	select {
	case l := <-a.letters:
		_, token, _ := strings.Cut(l.Link, "#")
		return token
	case <-time.After(storyPatience):
		a.t.Fatal("no letter came")
		return ""
	}
}

// callSignIn goes through every way in, and everything that is said about who
// works on a channel.
func callSignIn(nobody, host caller) {
	const people = "/api/v1/channels/tea/people"
	nobody.call("200", "GET", "/api/v1/sign-in", "")
	nobody.call("422 bad_email", "POST", "/api/v1/sign-in/link", `{"email":"nowhere"}`)
	host.call("422 bad_role", "POST", people, `{"email":"mo@example.com","role":"king"}`)
	host.call("422 bad_email", "POST", people, `{"email":"mo","role":"host"}`)
	host.call("201", "POST", people, `{"email":"mo@example.com","role":"moderator"}`)
	invited := nobody.letter()
	host.call("200", "GET", people, "")
	nobody.call("200", "POST", "/api/v1/links", fmt.Sprintf(`{"token":%q}`, invited))
	nobody.call("422 bad_password", "POST", "/api/v1/links/use", fmt.Sprintf(`{"token":%q,"password":"short"}`, invited))
	used := nobody.call("200", "POST", "/api/v1/links/use", fmt.Sprintf(`{"token":%q,"name":"Mo","password":"correct horse"}`, invited))
	nobody.call("410 link_ended", "POST", "/api/v1/links/use", fmt.Sprintf(`{"token":%q}`, invited))
	mo := caller{nobody.answers, used.text("token")}
	other := host.call("201", "POST", people, `{"email":"eve@example.com","role":"host"}`).text("id")
	nobody.letter()
	host.call("204", "DELETE", "/api/v1/channels/tea/invitations/"+other, "")
	host.call("404 no_such_invitation", "DELETE", "/api/v1/channels/tea/invitations/"+other, "")

	nobody.call("202", "POST", "/api/v1/sign-in/link", `{"email":"mo@example.com"}`)
	nobody.call("200", "POST", "/api/v1/links/use", fmt.Sprintf(`{"token":%q}`, nobody.letter()))
	sessions := mo.call("200", "GET", "/api/v1/me/sessions", "")
	there := sessions.text("sessions.0.id")
	if sessions.text("sessions.0.current") == "true" {
		there = sessions.text("sessions.1.id")
	}
	mo.call("204", "DELETE", "/api/v1/me/sessions/"+there, "")
	mo.call("404 no_such_session", "DELETE", "/api/v1/me/sessions/"+there, "")
	mo.call("403 wrong_password", "PUT", "/api/v1/me/password", `{"current":"battery","password":"another horse"}`)
	mo.call("200", "PUT", "/api/v1/me/password", `{"current":"correct horse","password":"another horse"}`)
	callPasskeys(nobody, mo)
	mo.call("200", "DELETE", "/api/v1/me/sessions", "")

	id := mo.call("200", "GET", "/api/v1/me", "").text("id")
	host.call("204", "DELETE", people+"/"+id+"/moderator", "")
	host.call("404 no_such_role", "DELETE", people+"/"+id+"/moderator", "")
	me := host.call("200", "GET", "/api/v1/me", "").text("id")
	host.call("409 last_owner", "DELETE", people+"/"+me+"/owner", "")
}

// callPasskeys makes and uses one, by the name of this machine that browsers
// take for safe.
func callPasskeys(nobody, mo caller) {
	const mine = "/api/v1/me/passkeys"
	mo.call("409 no_passkeys_here", "POST", mine+"/begin", "")
	there := *nobody.answers
	there.at.HTTP = strings.Replace(there.at.HTTP, "127.0.0.1", "localhost", 1)
	mo.answers, nobody.answers = &there, &there
	t, key := nobody.t, keytest.New(nobody.t)
	begun := mo.call("200", "POST", mine+"/begin", "")
	options := begun.json["options"].(map[string]any)
	body := fmt.Sprintf(`{"challenge":%q,"name":"Phone","credential":%s}`, begun.text("challenge"), key.Attest(t, options, "localhost", there.at.HTTP))
	made := mo.call("201", "POST", mine, body).text("id")
	mo.call("422 bad_passkey", "POST", mine, body)
	mo.call("200", "GET", mine, "")
	mo.call("422 bad_name", "PATCH", mine+"/"+made, `{"name":" "}`)
	mo.call("200", "PATCH", mine+"/"+made, `{"name":"My phone"}`)

	begun = nobody.call("200", "POST", "/api/v1/sign-in/passkey/begin", "")
	options, key.Count = begun.json["options"].(map[string]any), 1
	body = fmt.Sprintf(`{"challenge":%q,"credential":%s}`, begun.text("challenge"), key.Assert(t, options, "localhost", there.at.HTTP))
	nobody.call("200", "POST", "/api/v1/sign-in/passkey", body)
	nobody.call("401 bad_passkey", "POST", "/api/v1/sign-in/passkey", body)
	mo.call("204", "DELETE", mine+"/"+made, "")
	mo.call("404 no_such_passkey", "DELETE", mine+"/"+made, "")

	err := there.server.db.Write(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE account_session SET created = created - $1 WHERE person = (SELECT id FROM account_person WHERE email = 'mo@example.com')", (2 * time.Hour).Milliseconds())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mo.call("403 sign_in_again", "POST", mine+"/begin", "")
}

// callSetUp claims a server that nobody owns.
func callSetUp(nobody caller) {
	t := nobody.t
	nobody.call("409 already_set_up", "POST", "/api/v1/setup", `{"token":"x"}`)
	cfg, _, err := parse(&cli{env: func(string) (string, bool) { return "", false }}, "serve", []string{"--data", t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := build(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.db.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended; s.db.Close() })
	offered, err := s.offerSetup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(offered.(map[string]string)["setup"], "#")
	server := httptest.NewServer(s.routes())
	t.Cleanup(server.Close)
	fresh := *nobody.answers
	fresh.server, fresh.at.HTTP = s, server.URL
	claim := func(want, token, slug string) {
		caller{answers: &fresh}.call(want, "POST", "/api/v1/setup", fmt.Sprintf(
			`{"token":%q,"email":"hana@example.com","name":"Hana","password":"correct horse","channel":{"slug":%q,"title":"Tea House"}}`, token, slug))
	}
	claim("403 bad_setup", "guess", "tea")
	claim("422 bad_slug", token, "Tea House")
	claim("200", token, "tea")
	claim("409 already_set_up", token, "tea")
}

// takeLetters takes the letters of a server for the test; they are mailed all the same.
func (a *answers) takeLetters(s *souk) {
	a.letters = make(chan account.Letter, 10)
	mailed := s.accounts.Post
	s.accounts.Post = func(ctx context.Context, l account.Letter) error {
		a.letters <- l
		return mailed(ctx, l)
	}
}
