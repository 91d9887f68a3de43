package account

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"souk/internal/api"
	"souk/internal/cards"
	"souk/internal/db"
	"souk/internal/fold"
)

// Address is where a parcel goes.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country"` // ISO 3166-1 alpha-2
	Phone      string `json:"phone,omitempty"`
}

// Me is the answer of GET and PUT /api/v1/me.
type Me struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Guest   bool              `json:"guest"`
	Email   string            `json:"email"`
	Address *Address          `json:"address"`
	Roles   map[string][]Role `json:"roles"`
}

// Me returns what a person may see of themselves.
func (a *Accounts) Me(ctx context.Context, p Person) (Me, error) {
	by, err := a.RolesOf(ctx, p.ID)
	return Me{ID: p.ID, Name: p.Name, Guest: p.Guest, Email: p.Email, Address: p.Address, Roles: by}, err
}

// SetMe reads the body of PUT /api/v1/me, what an order needs once, and
// returns the person as they are then; the caller answers. What the body leaves
// out stays as it was. The e-mail given here is where order mails go; it never
// changes what an account signs in with. Only guests choose a name here.
func (a *Accounts) SetMe(w http.ResponseWriter, r *http.Request) (Person, error) {
	p, err := a.Person(r)
	if err != nil {
		return p, err
	}
	var body struct {
		Name    *string  `json:"name"`
		Email   *string  `json:"email"`
		Address *Address `json:"address"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return p, err
	}
	if body.Email != nil {
		if p.Email, err = cleanEmail(*body.Email); err != nil {
			return p, err
		}
	}
	if body.Address != nil {
		if err := body.Address.clean(); err != nil {
			return p, err
		}
		p.Address = body.Address
	}
	if body.Name != nil {
		if !p.Guest {
			return p, api.Fail(http.StatusForbidden, "not_allowed", "The name of an account is not changed here.")
		}
		if p.Name, err = cleanName(*body.Name); err != nil {
			return p, err
		}
		if p.Name == "" {
			return p, api.Fail(http.StatusUnprocessableEntity, "bad_name", "A name needs at least one character that shows.")
		}
	}
	return p, a.store(r.Context(), p, body.Name != nil)
}

func (a *Accounts) store(ctx context.Context, p Person, renamed bool) error {
	address := ""
	if p.Address != nil {
		b, err := json.Marshal(p.Address)
		if err != nil {
			return err
		}
		address = string(b)
	}
	return a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if renamed {
			if err := free(ctx, tx, p.Name); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "UPDATE account_person SET name = $1, skeleton = $2, contact = $3, address = $4 WHERE id = $5",
			p.Name, fold.Skeleton(p.Name), p.Email, address, p.ID)
		return err
	})
}

// clean trims every field and refuses what cannot be delivered to: bad_address
// names the field.
func (a *Address) clean() error {
	for _, f := range []struct {
		name     string
		value    *string
		required bool
	}{
		{"name", &a.Name, true}, {"line1", &a.Line1, true}, {"line2", &a.Line2, false}, {"city", &a.City, true},
		{"region", &a.Region, false}, {"postal_code", &a.PostalCode, false}, {"country", &a.Country, true}, {"phone", &a.Phone, false},
	} {
		*f.value = masked(f.name, strings.TrimSpace(*f.value))
		if f.required && *f.value == "" {
			return badAddress(f.name, "is missing")
		}
		if utf8.RuneCountInString(*f.value) > maxField || strings.ContainsFunc(*f.value, func(r rune) bool { return r < ' ' }) {
			return badAddress(f.name, "is too long or holds control characters")
		}
	}
	region, err := language.ParseRegion(a.Country)
	if err != nil || !region.IsCountry() || len(a.Country) != 2 {
		return badAddress("country", "is not an ISO 3166 two-letter code")
	}
	a.Country = region.String()
	return nil
}

// masked is a field without card numbers. A telephone number may have fifteen
// digits (E.164), and look like one.
func masked(field, value string) string {
	digits := 0
	for _, r := range value {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if field == "phone" && digits <= 15 {
		return value
	}
	return cards.Mask(value)
}

func badAddress(field, what string) error {
	return api.Fail(http.StatusUnprocessableEntity, "bad_address", "The address field "+field+" "+what+".").With("field", field)
}
