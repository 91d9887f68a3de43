package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// Method is a saved way to pay, as its owner sees it.
type Method struct {
	ID      string `json:"id"`
	Brand   string `json:"brand"`
	Last4   string `json:"last4"`
	Default bool   `json:"default"` // the one a tap uses
}

// method is a saved way to pay and whose it is at the provider.
type method struct{ ID, Brand, Last4, Customer string }

// Methods lists a person's saved ways to pay, newest first.
func (s *Shop) Methods(ctx context.Context, person string) ([]Method, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT id, brand, last4 FROM shop_method WHERE person = $1 ORDER BY created DESC, id DESC", person)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (m Method, err error) { return m, rows.Scan(&m.ID, &m.Brand, &m.Last4) })
	if len(all) > 0 {
		all[0].Default = true
	}
	return all, err
}

// AddMethod handles POST /api/v1/me/payment-methods. With the name of one of
// the provider's test methods it is saved at once; without, the answer holds
// the secret with which the provider's own form saves a real one. No card
// number ever comes through here.
func (s *Shop) AddMethod(w http.ResponseWriter, r *http.Request) error {
	person, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	if wait, ok := s.cards.Take(person.ID, ""); !ok {
		return api.TooFast(wait)
	}
	var body struct {
		Test string `json:"test"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	customer, err := s.customer(r.Context(), person)
	if err != nil {
		return ErrProvider.Because(err)
	}
	if body.Test == "" {
		secret, err := s.Wallet.Setup(r.Context(), customer)
		if err != nil {
			return ErrProvider.Because(err)
		}
		return api.Write(w, http.StatusOK, map[string]string{"client_secret": secret})
	}
	card, err := s.Wallet.Attach(r.Context(), customer, body.Test)
	var no *Decline
	switch {
	case errors.As(err, &no):
		return api.Fail(ErrDeclined.Status, ErrDeclined.Code, no.Detail).With("decline", no)
	case errors.Is(err, ErrRefused):
		return bad("test", "is not the name of a test payment method here")
	case err != nil:
		return ErrProvider.Because(err)
	}
	if err := s.saveMethods(r.Context(), person.ID, []Card{card}, false); err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, Method{card.ID, card.Brand, card.Last4, true})
}

// customer returns the person's id at the provider, made on first use.
func (s *Shop) customer(ctx context.Context, person Person) (string, error) {
	var id string
	err := s.DB.Read().QueryRowContext(ctx, "SELECT customer FROM shop_customer WHERE person = $1", person.ID).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	fresh, err := s.Wallet.Customer(ctx, person)
	if err != nil {
		return "", err
	}
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO shop_customer (person, customer) VALUES ($1, $2) ON CONFLICT DO NOTHING", person.ID, fresh); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT customer FROM shop_customer WHERE person = $1", person.ID).Scan(&id)
	})
	return id, err
}

// saveMethods writes down a person's cards, the first of them as the newest;
// all tells that there are no others.
func (s *Shop) saveMethods(ctx context.Context, person string, cards []Card, all bool) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if all {
			if _, err := tx.Exec(ctx, "DELETE FROM shop_method WHERE person = $1", person); err != nil {
				return err
			}
		}
		for i, c := range cards {
			_, err := tx.Exec(ctx, "INSERT INTO shop_method (id, person, brand, last4, created) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
				c.ID, person, c.Brand, c.Last4, tx.Millis()-int64(i))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// syncMethods makes our list of a customer's cards the provider's.
func (s *Shop) syncMethods(ctx context.Context, customer string) error {
	var person string
	err := s.DB.Read().QueryRowContext(ctx, "SELECT person FROM shop_customer WHERE customer = $1", customer).Scan(&person)
	if err != nil {
		return none(err, nil) // not a customer of ours
	}
	cards, err := s.Wallet.Cards(ctx, customer)
	if err != nil {
		return err
	}
	return s.saveMethods(ctx, person, cards, true)
}
