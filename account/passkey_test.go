package account_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"souk/account"
	"souk/account/keytest"
	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

const party, origin = "shop.example", "https://shop.example"

// signedIn makes the channel, and signs its owner in.
func signedIn(t *testing.T, d *db.DB) (a *account.Accounts, token string) {
	t.Helper()
	a, _, _ = setup(t, d)
	a.PublicURL = origin
	_, answer, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
	return a, answer["token"].(string)
}

// register adds k to the account of token.
func register(t *testing.T, a *account.Accounts, token string, k *keytest.Key, name, party, origin string) (int, map[string]any) {
	t.Helper()
	_, begun, _ := call(t, a.BeginPasskey, "POST", "{}", token)
	credential := k.Attest(t, begun["options"].(map[string]any), party, origin)
	status, answer, _ := call(t, a.AddPasskey, "POST", fmt.Sprintf(`{"challenge":%q,"name":%q,"credential":%s}`, begun["challenge"], name, credential), token)
	return status, answer
}

// open signs in with k.
func open(t *testing.T, a *account.Accounts, k *keytest.Key, party, origin string) (int, map[string]any) {
	t.Helper()
	_, begun, _ := call(t, a.BeginPasskeySignIn, "POST", "{}", "")
	k.Count++
	body := fmt.Sprintf(`{"challenge":%q,"credential":%s}`, begun["challenge"], k.Assert(t, begun["options"].(map[string]any), party, origin))
	status, answer, _ := call(t, a.PasskeySignIn, "POST", body, "")
	if status == 200 { // once only
		if again, _, _ := call(t, a.PasskeySignIn, "POST", body, ""); again != 401 {
			t.Errorf("the same answer twice: %d", again)
		}
	}
	return status, answer
}

func TestPasskeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, token := signedIn(t, d)
		phone, stick := keytest.New(t), keytest.New(t)
		stick.Flags = keytest.Present | keytest.Verified
		status, made := register(t, a, token, phone, "Phone", party, origin)
		if status != 201 || made["name"] != "Phone" || made["synced"] != true {
			t.Fatalf("%d %v", status, made)
		}
		if status, made := register(t, a, token, stick, "Stick", party, origin); status != 201 || made["synced"] != false {
			t.Fatalf("%d %v", status, made)
		}
		status, in := open(t, a, phone, party, origin)
		if status != 200 || in["account"].(map[string]any)["name"] != "Hana" {
			t.Fatalf("%d %v", status, in)
		}
		if p, err := a.PersonByToken(t.Context(), in["token"].(string)); err != nil || p.Guest {
			t.Errorf("%+v, %v", p, err)
		}
		_, list, _ := call(t, a.ListPasskeys, "GET", "", token)
		if all := list["passkeys"].([]any); len(all) != 2 {
			t.Errorf("%v", all)
		}
		// A key that was copied has a counter that goes back.
		phone.Count = 0
		if status, answer := open(t, a, phone, party, origin); status != 401 || answer["code"] != "bad_passkey" {
			t.Errorf("a copy: %d %v", status, answer)
		}
		drop := path(a.DropPasskey, "id", base64.RawURLEncoding.EncodeToString(stick.ID))
		if status := bare(t, drop, "DELETE", token); status != 204 {
			t.Errorf("drop: %d", status)
		}
		if status, _ := open(t, a, stick, party, origin); status != 401 {
			t.Errorf("a key that was removed: %d", status)
		}
	}, schema)
}

// What is not this server's, not verified, or not the asker's, opens nothing.
func TestPasskeyRefusals(t *testing.T) {
	a, token := signedIn(t, dbtest.Open(t, schema))
	good := keytest.New(t)
	if status, answer := register(t, a, token, good, "Phone", party, origin); status != 201 {
		t.Fatalf("%d %v", status, answer)
	}
	for name, at := range map[string][2]string{"another site": {party, "https://evil.example"}, "another party": {"evil.example", origin}} {
		if status, answer := register(t, a, token, keytest.New(t), "x", at[0], at[1]); status != 422 || answer["code"] != "bad_passkey" {
			t.Errorf("made for %s: %d %v", name, status, answer)
		}
		if status, _ := open(t, a, good, at[0], at[1]); status != 401 {
			t.Errorf("used for %s: %d", name, status)
		}
	}
	good.Flags = keytest.Present
	if status, _ := open(t, a, good, party, origin); status != 401 {
		t.Errorf("without asking who holds it: %d", status)
	}
	stranger := keytest.New(t)
	stranger.Handle = good.Handle
	if status, _ := open(t, a, stranger, party, origin); status != 401 {
		t.Errorf("a key of nobody: %d", status)
	}
	_, guest, _ := call(t, a.Guest, "POST", "{}", "")
	if status, answer, _ := call(t, a.BeginPasskey, "POST", "{}", guest["token"].(string)); status != 403 {
		t.Errorf("a guest: %d %v", status, answer)
	}
	// Challenges belong to who asked: another account cannot finish this one's.
	if _, err := a.CreateAccount(t.Context(), account.NewAccount{Email: "eve@example.com", Name: "Eve", Password: password}); err != nil {
		t.Fatal(err)
	}
	_, eve, _ := call(t, a.Login, "POST", `{"email":"eve@example.com","password":"`+password+`"}`, "")
	_, begun, _ := call(t, a.BeginPasskey, "POST", "{}", token)
	body := fmt.Sprintf(`{"challenge":%q,"name":"x","credential":%s}`, begun["challenge"], keytest.New(t).Attest(t, begun["options"].(map[string]any), party, origin))
	if status, _, _ := call(t, a.AddPasskey, "POST", body, eve["token"].(string)); status != 422 {
		t.Errorf("somebody else's challenge: %d", status)
	}
	// A browser left open makes no new keys.
	old := time.Now().Add(-2 * time.Hour).UnixMilli()
	if err := a.DB.Write(t.Context(), exec("UPDATE account_session SET created = $1", old)); err != nil {
		t.Fatal(err)
	}
	if status, answer, _ := call(t, a.BeginPasskey, "POST", "{}", token); answer["code"] != "sign_in_again" {
		t.Errorf("two hours later: %d %v", status, answer)
	}
}

func TestWherePasskeysWork(t *testing.T) {
	for _, c := range []struct {
		public, host string
		want         bool
	}{
		{"", "localhost:8080", true}, {"", "shop.localhost", true}, {"", "127.0.0.1:8080", false}, {"", "[::1]:8080", false},
		{"", "shop.example", false}, {"http://shop.example", "localhost", false}, {"https://shop.example", "10.0.0.1", true}, {"https://10.0.0.1", "localhost", false},
	} {
		a := &account.Accounts{PublicURL: c.public}
		if got := a.PasskeysAt(&http.Request{Host: c.host}); got != c.want {
			t.Errorf("%q by %q: %t", c.public, c.host, got)
		}
	}
}

// path is h with a value in its path.
func path(h api.Handler, name, value string) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.SetPathValue(name, value)
		return h(w, r)
	}
}
