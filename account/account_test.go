package account_test

import (
	"encoding/json"
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

var schema = dbtest.Schema{Package: "account", Files: account.Migrations()}

const password = "correct horse"

// setup makes a channel "tea" with an owner, on d.
func setup(t *testing.T, d *db.DB) (a *account.Accounts, owner, key string) {
	t.Helper()
	a = account.New(d, dbtest.Logger(t))
	owner, err := a.CreateAccount(t.Context(), account.NewAccount{Email: " Hana@Example.com ", Name: "Hana", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if key, err = a.CreateChannel(t.Context(), account.Channel{Slug: "tea", Title: "Tea House"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Grant(t.Context(), "tea", owner, account.Owner); err != nil {
		t.Fatal(err)
	}
	return a, owner, key
}

// call sends a JSON body to h and decodes the answer.
func call(t *testing.T, h api.Handler, method, body, token string) (status int, answer map[string]any, cookie *http.Cookie) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	for _, c := range w.Result().Cookies() {
		cookie = c
	}
	return w.Code, answer, cookie
}

func TestSignIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, owner, _ := setup(t, d)
		status, answer, cookie := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
		if status != 200 || answer["account"].(map[string]any)["id"] != owner {
			t.Fatalf("%d %v", status, answer)
		}
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Value != answer["token"] {
			t.Errorf("cookie %v", cookie)
		}
		for name, r := range map[string]*http.Request{
			"cookie": {Header: http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}}},
			"bearer": {Header: http.Header{"Authorization": {"Bearer " + cookie.Value}}},
		} {
			if p, err := a.Person(r.WithContext(t.Context())); err != nil || p.ID != owner || p.Guest {
				t.Errorf("by %s: %+v, %v", name, p, err)
			}
		}
		if status, _, _ := call(t, a.Logout, "POST", "{}", cookie.Value); status != 200 {
			t.Errorf("logout: %d", status)
		}
		if _, err := a.PersonByToken(t.Context(), cookie.Value); !errors.Is(err, account.ErrBadToken) {
			t.Errorf("after logout: %v", err)
		}
	}, schema)
}

// Unknown address and wrong password look the same, and a flood of tries ends.
func TestSignInRefusals(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema))
	_, unknown, _ := call(t, a.Login, "POST", `{"email":"nobody@example.com","password":"x"}`, "")
	_, wrong, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"x"}`, "")
	if unknown["code"] != "bad_login" || wrong["detail"] != unknown["detail"] {
		t.Errorf("%v, %v", unknown, wrong)
	}
	for range 20 {
		if status, answer, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"x"}`, ""); status == 429 {
			if answer["retry_ms"].(float64) <= 0 {
				t.Errorf("no time to wait in %v", answer)
			}
			return
		}
	}
	t.Error("22 wrong passwords in a row were all checked")
}

func TestGuests(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema))
	for name, c := range map[string]struct{ asked, got, code string }{
		"named":          {"Mira", "Mira", ""},
		"twice the same": {"Mira", "Mira", ""},
		"untidy":         {"  Mi\\u0000ra \\u202e x ", "Mira x", ""},
		"unnamed":        {"", "Guest ", ""},
		"the host":       {"Hana", "", "name_taken"},
		"like the host":  {"h a n ａ", "", "name_taken"},
		"too long":       {strings.Repeat("a", 33), "", "bad_name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, answer, _ := call(t, a.Guest, "POST", `{"name":"`+c.asked+`"}`, "")
			if c.code != "" {
				if answer["code"] != c.code {
					t.Errorf("%v, want %s", answer, c.code)
				}
				return
			}
			if got := answer["name"].(string); !strings.HasPrefix(got, c.got) {
				t.Errorf("named %q, want %q", got, c.got)
			}
			if p, err := a.PersonByToken(t.Context(), answer["token"].(string)); err != nil || !p.Guest {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	if status, answer, _ := call(t, a.Guest, "POST", "", ""); status != 201 || answer["token"] == "" {
		t.Errorf("a guest who says nothing: %d %v", status, answer)
	}
}

func TestStreamKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, _, key := setup(t, d)
		if c, err := a.ChannelForKey(t.Context(), key); err != nil || c != "tea" {
			t.Errorf("%q, %v", c, err)
		}
		rotated, err := a.RotateKey(t.Context(), "tea")
		if err != nil || rotated == key {
			t.Fatalf("rotated to %q, %v", rotated, err)
		}
		for _, bad := range []string{key, "", "nope", rotated[:len(rotated)-1]} {
			if _, err := a.ChannelForKey(t.Context(), bad); !errors.Is(err, account.ErrNoKey) {
				t.Errorf("key %q: %v", bad, err)
			}
		}
		if shown, err := a.StreamKey(t.Context(), "tea"); err != nil || shown != rotated {
			t.Errorf("shown %q, %v", shown, err)
		}
		if _, err := a.RotateKey(t.Context(), "coffee"); !errors.Is(err, account.ErrNoChannel) {
			t.Errorf("rotate a channel that is not there: %v", err)
		}
	}, schema)
}

func TestRolesDecide(t *testing.T) {
	a, owner, _ := setup(t, dbtest.Open(t, schema))
	_, login, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
	_, guest, _ := call(t, a.Guest, "POST", `{"name":"Mira"}`, "")
	cases := map[string]struct {
		token, channel string
		roles          []account.Role
		want           error
	}{
		"owner":          {login["token"].(string), "tea", []account.Role{account.Owner, account.Host}, nil},
		"not a merchant": {login["token"].(string), "tea", []account.Role{account.Merchant}, account.ErrForbidden},
		"guest":          {guest["token"].(string), "tea", []account.Role{account.Owner}, account.ErrForbidden},
		"nobody":         {"", "tea", []account.Role{account.Owner}, account.ErrSignIn},
		"forged":         {"forged", "tea", []account.Role{account.Owner}, account.ErrBadToken},
		"no channel":     {login["token"].(string), "coffee", []account.Role{account.Owner}, account.ErrNoChannel},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			p, err := a.Require(r, c.channel, c.roles...)
			if !errors.Is(err, c.want) || c.want == nil && p.ID != owner {
				t.Errorf("%+v, %v; want %v", p, err, c.want)
			}
		})
	}
	if err := a.Grant(t.Context(), "tea", owner, "emperor"); err == nil {
		t.Error("granted a role that does not exist")
	}
}

func TestMe(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, _, _ := setup(t, d)
		_, guest, _ := call(t, a.Guest, "POST", `{"name":"Mira"}`, "")
		token := guest["token"].(string)
		set := func(w http.ResponseWriter, r *http.Request) error {
			p, err := a.SetMe(w, r)
			if err != nil {
				return err
			}
			me, err := a.Me(r.Context(), p)
			if err != nil {
				return err
			}
			return api.Write(w, http.StatusOK, me)
		}
		good := `{"email":"mira@example.com","address":{"name":"Mira","line1":"Jl. Kenanga 8","city":"Bandung","country":"id"}}`
		status, me, _ := call(t, set, "PUT", good, token)
		if status != 200 || me["address"].(map[string]any)["country"] != "ID" || me["guest"] != true {
			t.Fatalf("%d %v", status, me)
		}
		if _, me, _ = call(t, set, "PUT", `{"email":"new@example.com"}`, token); me["address"] == nil || me["email"] != "new@example.com" {
			t.Errorf("only the e-mail given: %v", me)
		}
		if _, me, _ = call(t, set, "PUT", `{"name":" Mira  S "}`, token); me["name"] != "Mira S" || me["email"] != "new@example.com" {
			t.Errorf("only the name given: %v", me)
		}
		for body, code := range map[string]string{
			`{"name":"Hana"}`:                     "name_taken",
			`{"name":" "}`:                        "bad_name",
			`{"email":"not an address"}`:          "bad_email",
			`{"email":"Mira <mira@example.com>"}`: "bad_email",
			`{"email":"m@example.com","address":{"name":"M","line1":"1","city":"B"}}`:                                               "bad_address",
			`{"email":"m@example.com","address":{"name":"M","line1":"1","city":"B","country":"XX"}}`:                                "bad_address",
			`{"email":"m@example.com","address":{"name":"M","line1":"1","city":"B","country":"001"}}`:                               "bad_address",
			`{"email":"m@example.com","address":{"name":"M","line1":"` + strings.Repeat("x", 121) + `","city":"B","country":"ID"}}`: "bad_address",
		} {
			if _, answer, _ := call(t, set, "PUT", body, token); answer["code"] != code {
				t.Errorf("%s: %v, want %s", body, answer, code)
			}
		}
		if _, answer, _ := call(t, set, "PUT", good, ""); answer["code"] != "sign_in_first" {
			t.Errorf("without a session: %v", answer)
		}
	}, schema)
}

// No stored row holds a password or a session token as it is.
func TestSecretsAreStoredAsHashes(t *testing.T) {
	d := dbtest.Open(t, schema)
	a, _, _ := setup(t, d)
	_, login, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
	var stored, session string
	if err := d.Read().QueryRowContext(t.Context(), "SELECT password FROM account_person").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if err := d.Read().QueryRowContext(t.Context(), "SELECT token FROM account_session").Scan(&session); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$") || strings.Contains(stored, password) || session == login["token"] {
		t.Errorf("password %q, session %q", stored, session)
	}
}

func TestNewAccountsAreChecked(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema))
	for code, n := range map[string]account.NewAccount{
		"email_taken":  {Email: "HANA@example.com", Password: password},
		"bad_email":    {Email: "hana", Password: password},
		"bad_password": {Email: "new@example.com", Password: "short"},
		"bad_name":     {Email: "new@example.com", Password: password, Name: strings.Repeat("é", 33)},
	} {
		_, err := a.CreateAccount(t.Context(), n)
		var e *api.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%+v: %v, want %s", n, err, code)
		}
	}
	for code, c := range map[string]account.Channel{
		"channel_exists": {Slug: "tea", Title: "Again"},
		"bad_slug":       {Slug: "../etc", Title: "Bad"},
		"bad_title":      {Slug: "fine", Title: " "},
	} {
		_, err := a.CreateChannel(t.Context(), c)
		var e *api.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%+v: %v, want %s", c, err, code)
		}
	}
}
