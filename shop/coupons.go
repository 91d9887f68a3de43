package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// ListCoupons handles GET /api/v1/channels/{channel}/coupons: those that are not
// dropped, newest first.
func (s *Shop) ListCoupons(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(r.Context(), "SELECT "+couponColumns+" FROM shop_coupon WHERE channel = $1 AND dropped IS NULL ORDER BY id DESC", channel)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (Coupon, error) { c, err := scanCoupon(rows); return c.view(), err })
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"coupons": all})
}

// AddCoupon handles POST /api/v1/channels/{channel}/coupons.
func (s *Shop) AddCoupon(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	var n NewCoupon
	if err := api.Read(w, r, &n); err != nil {
		return err
	}
	if err := n.check(); err != nil {
		return err
	}
	var c coupon
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		c, err = n.insert(ctx, tx, channel)
		return err
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusCreated, map[string]any{"coupon": c.view()})
}

func (n NewCoupon) insert(ctx context.Context, tx *db.Tx, channel string) (coupon, error) {
	c := coupon{ID: newID(), Channel: channel, Code: n.Code, Percent: n.Percent, Product: n.Product, Show: n.Show, Starts: tx.Millis(),
		Uses: nullable(n.Uses), PerBuyer: nullable(n.PerBuyer), First: n.First}
	if n.Amount != nil {
		c.Amount, c.Currency = n.Amount.Amount, n.Amount.Currency
	}
	if n.Least != nil {
		c.Least, c.Currency = n.Least.Amount, n.Least.Currency
	}
	if n.StartsAt != nil {
		c.Starts = n.StartsAt.Std().UnixMilli()
	}
	if n.EndsAt != nil {
		c.Ends = sql.NullInt64{Int64: n.EndsAt.Std().UnixMilli(), Valid: true}
	}
	if c.Product != "" {
		p, err := productByID(ctx, tx, c.Product)
		if err != nil || p.Channel != channel || p.Dropped {
			return c, errors.Join(none(err, nil), ErrNoProduct)
		}
	}
	var count int64
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_coupon WHERE channel = $1 AND dropped IS NULL", channel).Scan(&count); err != nil {
		return c, err
	}
	if count >= maxCoupons {
		return c, ErrCoupons
	}
	fresh, err := tx.Changed(ctx, `INSERT INTO shop_coupon (id, channel, code, percent, amount, currency, least, product, show_id, starts, ends, uses, per_buyer, first, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (channel, code) WHERE dropped IS NULL DO NOTHING`,
		c.ID, c.Channel, c.Code, c.Percent, c.Amount, c.Currency, c.Least, c.Product, c.Show, c.Starts, c.Ends, c.Uses, c.PerBuyer, c.First, tx.Millis())
	if err == nil && fresh == 0 {
		err = ErrCodeTaken
	}
	return c, err
}

// DropCoupon handles DELETE /api/v1/channels/{channel}/coupons/{id}. Orders that
// used it keep what it took off.
func (s *Shop) DropCoupon(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "UPDATE shop_coupon SET dropped = $3 WHERE id = $1 AND channel = $2 AND dropped IS NULL", r.PathValue("id"), channel, tx.Millis())
		if err == nil && n == 0 {
			err = ErrNoCoupon
		}
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// guessing slows down who tries codes: by person and by network, each code
// counted once, so that one which everybody uses costs nobody anything.
func (s *Shop) guessing(r *http.Request, person, code string) error {
	if code == "" {
		return nil
	}
	code = couponCode(code)
	if wait, ok := s.guesses[0].Take(person, code); !ok {
		return api.TooFast(wait)
	}
	client := api.Client(r)
	if api.Own(client) {
		return nil
	}
	if wait, ok := s.guesses[1].Take(client.String(), code); !ok {
		return api.TooFast(wait)
	}
	return nil
}
