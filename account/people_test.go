package account_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"souk/account"
	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

// on is h for a channel, with more values in its path.
func on(h api.Handler, pairs ...string) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.SetPathValue("channel", "tea")
		for i := 0; i < len(pairs); i += 2 {
			r.SetPathValue(pairs[i], pairs[i+1])
		}
		return h(w, r)
	}
}

func TestInvitation(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, token := signedIn(t, d)
		a.PublicURL = ""
		sent := mailing(t, a)
		var moved []account.Post
		a.OnRoles = func(_ context.Context, at account.Post) { moved = append(moved, at) }
		status, made, _ := call(t, on(a.Invite), "POST", `{"email":"mod@example.com","role":"moderator"}`, token)
		if status != 201 || made["link"] != nil {
			t.Fatalf("%d %v", status, made)
		}
		l := <-sent
		if l.Role != account.Moderator || l.Channel != "Tea House" || l.From != "Hana" {
			t.Errorf("%+v", l)
		}
		link := quote(tokenOf(t, l))
		if _, look, _ := call(t, a.LookAtLink, "POST", `{"token":`+link+`}`, ""); look["kind"] != "invite" || look["new"] != true || look["channel"] != "Tea House" {
			t.Errorf("%v", look)
		}
		status, in, _ := call(t, a.UseLink, "POST", `{"token":`+link+`,"name":"Mo"}`, "")
		if status != 200 {
			t.Fatalf("%d %v", status, in)
		}
		mo := in["account"].(map[string]any)["id"].(string)
		if held, err := a.Roles(t.Context(), "tea", mo); err != nil || !slices.Equal(held, []account.Role{account.Moderator}) || len(moved) != 1 {
			t.Errorf("%v, %v, %v", held, err, moved)
		}
		// Who has a role, but is no owner, sees and changes nothing here.
		for _, h := range []api.Handler{on(a.ListPeople), on(a.Invite), on(a.TakeRole, "person", mo, "role", "moderator"), on(a.DropInvitation, "id", "x")} {
			if status, answer, _ := call(t, h, "POST", "{}", in["token"].(string)); status != 403 {
				t.Errorf("a moderator: %d %v", status, answer)
			}
		}
		if status := bare(t, on(a.TakeRole, "person", mo, "role", "moderator"), "DELETE", token); status != 204 || len(moved) != 2 {
			t.Errorf("%d, %v", status, moved)
		}
		_, list, _ := call(t, on(a.ListPeople), "GET", "", token)
		if people, deeds := list["people"].([]any), list["deeds"].([]any); len(people) != 1 || len(deeds) != 3 || deeds[0].(map[string]any)["kind"] != "role_taken" {
			t.Errorf("%v", list)
		}
		owner := list["people"].([]any)[0].(map[string]any)["id"].(string)
		if status, answer, _ := call(t, on(a.TakeRole, "person", owner, "role", "owner"), "DELETE", "{}", token); status != 409 || answer["code"] != "last_owner" {
			t.Errorf("the last owner: %d %v", status, answer)
		}
		if held, err := a.Roles(t.Context(), "tea", owner); err != nil || len(held) != 1 {
			t.Errorf("%v, %v", held, err)
		}
	}, schema)
}

// Without mails the owner passes the link on. It must not let them in as
// somebody who has an account.
func TestInvitationByHand(t *testing.T) {
	a, token := signedIn(t, dbtest.Open(t, schema))
	a.PublicURL, a.Home = "", "http://shop.example"
	if _, err := a.CreateAccount(t.Context(), account.NewAccount{Email: "eve@example.com", Name: "Eve", Password: password}); err != nil {
		t.Fatal(err)
	}
	_, made, _ := call(t, on(a.Invite), "POST", `{"email":"eve@example.com","role":"host"}`, token)
	link := quote(tokenOf(t, account.Letter{Link: made["link"].(string)}))
	for name, by := range map[string]string{"nobody": "", "the owner": token} {
		if status, answer, _ := call(t, a.UseLink, "POST", `{"token":`+link+`}`, by); status != 401 || answer["code"] != "sign_in_first" {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	_, eve, _ := call(t, a.Login, "POST", `{"email":"eve@example.com","password":"`+password+`"}`, "")
	if status, answer, _ := call(t, a.UseLink, "POST", `{"token":`+link+`}`, eve["token"].(string)); status != 200 {
		t.Errorf("Eve: %d %v", status, answer)
	}
	_, made, _ = call(t, on(a.Invite), "POST", `{"email":"x@example.com","role":"host"}`, token)
	if status := bare(t, on(a.DropInvitation, "id", made["id"].(string)), "DELETE", token); status != 204 {
		t.Errorf("taken back: %d", status)
	}
	if status, _, _ := call(t, a.UseLink, "POST", `{"token":`+quote(tokenOf(t, account.Letter{Link: made["link"].(string)}))+`}`, ""); status != 410 {
		t.Errorf("used after that: %d", status)
	}
}

// A server that nobody owns is claimed with its link, once.
func TestSetup(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := account.New(d, dbtest.Logger(t))
		a.Home = "http://shop.example"
		claim := func(token string) (int, map[string]any) {
			status, answer, _ := call(t, a.Claim, "POST", `{"token":`+quote(token)+`,"email":"hana@example.com","name":"Hana","password":"`+password+`","channel":{"slug":"tea","title":"Tea House"}}`, "")
			return status, answer
		}
		if status, answer := claim(""); status != 403 {
			t.Errorf("before there is a link: %d %v", status, answer)
		}
		link, err := a.Setup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		token := tokenOf(t, account.Letter{Link: link})
		if free, err := a.Unclaimed(t.Context()); err != nil || !free {
			t.Errorf("%t, %v", free, err)
		}
		if status, answer := claim(token + "x"); status != 403 || answer["code"] != "bad_setup" {
			t.Errorf("guessed: %d %v", status, answer)
		}
		status, in := claim(token)
		if status != 200 {
			t.Fatalf("%d %v", status, in)
		}
		if status, answer := claim(token); status != 409 || answer["code"] != "already_set_up" {
			t.Errorf("twice: %d %v", status, answer)
		}
		if free, err := a.Unclaimed(t.Context()); err != nil || free {
			t.Errorf("%t, %v", free, err)
		}
		if link, err := account.New(d, dbtest.Logger(t)).Setup(t.Context()); err != nil || link != "" {
			t.Errorf("at the next start: %q, %v", link, err)
		}
		held, err := a.Roles(t.Context(), "tea", in["account"].(map[string]any)["id"].(string))
		if err != nil || !slices.Equal(held, []account.Role{account.Merchant, account.Owner}) {
			t.Errorf("%v, %v", held, err)
		}
		if _, err := a.Channel(t.Context(), "none"); !errors.Is(err, account.ErrNoChannel) {
			t.Error(err)
		}
	}, schema)
}

// What cannot be mailed is said, and what needs mails is refused without them.
func TestNoMail(t *testing.T) {
	a, token := signedIn(t, dbtest.Open(t, schema))
	if status, answer, _ := call(t, a.AskLink, "POST", `{"email":"hana@example.com"}`, ""); status != 409 || answer["code"] != "no_mail" {
		t.Errorf("%d %v", status, answer)
	}
	a.Post = func(context.Context, account.Letter) error { return errors.New("mailbox full of secrets") }
	if status, answer, _ := call(t, on(a.Invite), "POST", `{"email":"x@example.com","role":"host"}`, token); status != 502 || answer["code"] != "mail_failed" {
		t.Errorf("%d %v", status, answer)
	}
}
