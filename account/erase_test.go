package account_test

import (
	"errors"
	"strings"
	"testing"

	"souk/account"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

func TestErase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, owner, _ := setup(t, d)
		if err := a.Erase(t.Context(), owner); !errors.Is(err, account.ErrOwner) {
			t.Fatalf("the only owner: %v", err)
		}
		heir, err := a.CreateAccount(t.Context(), account.NewAccount{Email: "heir@example.com", Name: "Heir", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Grant(t.Context(), "tea", heir, account.Owner); err != nil {
			t.Fatal(err)
		}
		_, login, _ := call(t, a.Login, "POST", `{"email":"hana@example.com","password":"`+password+`"}`, "")
		token := login["token"].(string)
		p, err := a.PersonByToken(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		e, err := a.Export(t.Context(), p)
		if err != nil || e.SignInEmail != "hana@example.com" || len(e.Sessions) != 1 || len(e.Roles["tea"]) != 1 || e.Created.Std().IsZero() {
			t.Errorf("export %+v, %v", e, err)
		}
		for range 2 { // twice is no harm
			if err := a.Erase(t.Context(), owner); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.PersonByToken(t.Context(), token); !errors.Is(err, account.ErrBadToken) {
			t.Errorf("the session: %v", err)
		}
		var row string
		if err := d.Read().QueryRowContext(t.Context(),
			"SELECT name || skeleton || coalesce(email, '') || password || contact || address FROM account_person WHERE id = $1", owner).Scan(&row); err != nil || row != "" {
			t.Errorf("%q stays, %v", row, err)
		}
		if r, err := a.Roles(t.Context(), "tea", owner); err != nil || len(r) != 0 {
			t.Errorf("roles %v, %v", r, err)
		}
		// The name is free again.
		if _, answer, _ := call(t, a.Guest, "POST", `{"name":"Hana"}`, ""); !strings.HasPrefix(answer["name"].(string), "Hana") {
			t.Errorf("%v", answer)
		}
	}, schema)
}
