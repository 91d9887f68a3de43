package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// maxMethods is how many ways to pay one person may keep.
const maxMethods = 20

// Method is a saved way to pay, as its owner sees it.
type Method struct {
	ID       string `json:"id"`
	Brand    string `json:"brand"`
	Last4    string `json:"last4"`
	ExpMonth int    `json:"exp_month,omitempty"`
	ExpYear  int    `json:"exp_year,omitempty"`
	Expired  bool   `json:"expired,omitempty"`
	Default  bool   `json:"default"` // the one a tap uses
}

// method is a saved way to pay, and whose it is at the provider.
type method struct {
	ID, Brand, Last4, Customer string
	Fingerprint, Country       string
	expMonth, expYear          int
}

// expired tells whether a card is past the month on it.
func (m method) expired(now time.Time) bool {
	return m.expYear > 0 && now.After(time.Date(m.expYear, time.Month(m.expMonth)+1, 1, 0, 0, 0, 0, time.UTC).Add(24*time.Hour)) // it is over everywhere
}

// methodsNewest is the order in which methods are thought of: the one chosen or
// saved last comes first.
const methodsNewest = "CASE WHEN m.chosen > m.created THEN m.chosen ELSE m.created END DESC, m.id DESC"

// preferred picks the one that a tap uses out of what methodsNewest ordered: the
// first that has not expired. An expired one is better than none, for banks
// often take it.
func preferred(all []method, now time.Time) int {
	return max(0, slices.IndexFunc(all, func(m method) bool { return !m.expired(now) }))
}

// Methods lists a person's saved ways to pay, newest first.
func (s *Shop) Methods(ctx context.Context, person string) ([]Method, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT m.id, m.brand, m.last4, m.exp_month, m.exp_year FROM shop_method m WHERE m.person = $1 ORDER BY "+methodsNewest, person)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (m method, err error) {
		return m, rows.Scan(&m.ID, &m.Brand, &m.Last4, &m.expMonth, &m.expYear)
	})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	first, views := preferred(all, now), make([]Method, len(all))
	for i, m := range all {
		views[i] = Method{m.ID, m.Brand, m.Last4, m.expMonth, m.expYear, m.expired(now), i == first}
	}
	return views, nil
}

// ListMethods handles GET /api/v1/me/payment-methods.
func (s *Shop) ListMethods(w http.ResponseWriter, r *http.Request) error {
	person, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	return s.answerMethods(w, r, person.ID)
}

func (s *Shop) answerMethods(w http.ResponseWriter, r *http.Request, person string) error {
	all, err := s.Methods(r.Context(), person)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"methods": all})
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
	if err := s.guard.admitMethod(r); err != nil {
		return err
	}
	var body struct {
		Test string `json:"test"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if have, err := s.Methods(r.Context(), person.ID); err != nil {
		return err
	} else if len(have) >= maxMethods {
		return ErrMethods
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
		s.guard.declined(r, "")
		return api.Fail(ErrDeclined.Status, ErrDeclined.Code, no.Detail).With("decline", no)
	case errors.Is(err, ErrRefused):
		return bad("test", "is not the name of a test payment method here")
	case err != nil:
		return ErrProvider.Because(err)
	}
	if err := s.saveMethods(r.Context(), person.ID, []Card{card}, false); err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, Method{ID: card.ID, Brand: card.Brand, Last4: card.Last4, ExpMonth: card.ExpMonth, ExpYear: card.ExpYear, Default: true})
}

// ChooseMethod handles POST /api/v1/me/payment-methods/{id}/default: taps use
// that one from now on.
func (s *Shop) ChooseMethod(w http.ResponseWriter, r *http.Request) error {
	person, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, `UPDATE shop_method SET chosen = (SELECT 1 + MAX(CASE WHEN m.created > $3 THEN m.created WHEN m.chosen > $3 THEN m.chosen ELSE $3 END)
			FROM shop_method m WHERE m.person = $2) WHERE id = $1 AND person = $2`, r.PathValue("id"), person.ID, tx.Millis())
		if err == nil && n == 0 {
			err = ErrNoSuchMethod
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.answerMethods(w, r, person.ID)
}

// RemoveMethod handles DELETE /api/v1/me/payment-methods/{id}: gone here at
// once, and at the provider as soon as that can be reached. A method that an
// order is being paid with right now stays until that is over.
func (s *Shop) RemoveMethod(w http.ResponseWriter, r *http.Request) error {
	person, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "DELETE FROM shop_method WHERE id = $1 AND person = $2", id, person.ID)
		if err == nil && n == 0 {
			err = ErrNoSuchMethod
		}
		if err != nil {
			return err
		}
		var open int
		err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM shop_order o LEFT JOIN shop_attempt a ON a.order_id = o.id
			WHERE o.buyer = $1 AND o.units = 'held' AND (o.method = $2 OR a.method = $2)`, person.ID, id).Scan(&open)
		if err == nil && open > 0 {
			err = ErrMethodInUse
		}
		if err != nil {
			return err
		}
		return forgetLater(ctx, tx, id)
	})
	if err != nil {
		return err
	}
	s.detach(context.WithoutCancel(r.Context()), id)
	return s.answerMethods(w, r, person.ID)
}

// forgetLater notes that the provider must forget a method.
func forgetLater(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, "INSERT INTO shop_detach (method, look_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", id, tx.Now.Add(patience).UnixMilli())
	return err
}

// detach has the provider forget a method; if it does not answer, the sweeper
// tries again.
func (s *Shop) detach(ctx context.Context, id string) {
	err := s.Wallet.Detach(ctx, id)
	gone := err == nil || errors.Is(err, ErrRefused) // refused: it is nobody's already
	if !gone {
		s.Log.Warn("payment method not removed at the provider yet", "method", id, "err", err)
	}
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if gone {
			_, err := tx.Exec(ctx, "DELETE FROM shop_detach WHERE method = $1", id)
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE shop_detach SET look_at = $2 WHERE method = $1", id, tx.Now.Add(maxPatience).UnixMilli())
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.Log.Error("remove payment method", "method", id, "err", err)
	}
}

// sweepDetached removes at the provider what could not be removed at once.
func (s *Shop) sweepDetached(ctx context.Context) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT method FROM shop_detach WHERE look_at <= $1 ORDER BY look_at LIMIT $2", time.Now().UnixMilli(), sweepBatch)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
	for _, id := range all {
		s.detach(ctx, id)
	}
	return err
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
// all tells that there are no others. What is known keeps its place and takes
// over what the bank has changed; what its owner removed does not come back.
func (s *Shop) saveMethods(ctx context.Context, person string, cards []Card, all bool) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if all {
			query, args := "DELETE FROM shop_method WHERE person = $1", []any{person}
			if len(cards) > 0 {
				ids := make([]string, len(cards))
				for i, c := range cards {
					ids[i] = c.ID
				}
				var in string
				in, args = db.In(args, ids)
				query += " AND id NOT IN (" + in + ")"
			}
			if _, err := tx.Exec(ctx, query, args...); err != nil {
				return err
			}
		}
		for i, c := range cards {
			_, err := tx.Exec(ctx, `INSERT INTO shop_method (id, person, brand, last4, exp_month, exp_year, fingerprint, country, created)
				SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS BIGINT)
				WHERE NOT EXISTS (SELECT 1 FROM shop_detach WHERE method = CAST($1 AS TEXT))
				ON CONFLICT (id) DO UPDATE SET brand = excluded.brand, last4 = excluded.last4, exp_month = excluded.exp_month, exp_year = excluded.exp_year,
					fingerprint = excluded.fingerprint, country = excluded.country`,
				c.ID, person, c.Brand, c.Last4, c.ExpMonth, c.ExpYear, c.Fingerprint, c.Country, tx.Millis()-int64(i))
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

// SyncMethods handles POST /api/v1/me/payment-methods/sync: the page that saved
// a method in the provider's own form need not wait for the notification.
func (s *Shop) SyncMethods(w http.ResponseWriter, r *http.Request) error {
	person, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	if wait, ok := s.cards.Take(person.ID, ""); !ok {
		return api.TooFast(wait)
	}
	var customer string
	err = s.DB.Read().QueryRowContext(r.Context(), "SELECT customer FROM shop_customer WHERE person = $1", person.ID).Scan(&customer)
	switch {
	case errors.Is(err, sql.ErrNoRows): // nothing was ever saved
	case err != nil:
		return err
	default:
		if err := s.syncMethods(r.Context(), customer); err != nil {
			return ErrProvider.Because(err)
		}
	}
	return s.answerMethods(w, r, person.ID)
}
