package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// PlaceOrder handles POST /api/v1/orders: one tap, one order, at most one
// charge. The Idempotency-Key belongs to its buyer; the same key and body is
// answered with the same order wherever it stands by then, and a refusal that
// left no order behind is decided anew.
func (s *Shop) PlaceOrder(w http.ResponseWriter, r *http.Request) error {
	buyer, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	key, err := orderKey(r)
	if err != nil {
		return err
	}
	var a ask
	if err := api.Read(w, r, &a); err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	if err := s.guessing(r, buyer.ID, a.Coupon); err != nil {
		return err
	}
	buyer.Lang, buyer.Network = api.Language(r, Languages), s.network(r)
	o, err := s.tap(r, buyer, key, a)
	if err != nil {
		return err
	}
	return answer(w, o)
}

// tap takes the units, asks for the money, and writes down what came of it.
func (s *Shop) tap(r *http.Request, buyer Person, key string, a ask) (order, error) {
	ctx := r.Context()
	limit := s.guard.admitTap(r, key)
	if wait, ok := s.taps.Take(buyer.ID, key); !ok {
		limit = api.TooFast(wait)
	}
	if limit != nil || a.Hold == "" && s.sold.is(a) {
		// No new order; but this finger may have one, and is owed an answer.
		switch o, err := s.earlier(ctx, s.DB.Read(), buyer.ID, key, a); {
		case err == nil:
			return s.advance(context.WithoutCancel(ctx), o, "tap")
		case !errors.Is(err, sql.ErrNoRows):
			return order{}, err
		case limit != nil:
			return order{}, limit
		}
		return order{}, ErrSoldOut
	}
	o, err := s.hold(ctx, buyer, key, a, s.base(r)) // first commit
	if err != nil {
		return order{}, err
	}
	fresh, card := o.fresh, o.fingerprint
	o, err = s.advance(context.WithoutCancel(ctx), o, "tap") // one call, second commit
	if err == nil && fresh && (o.State == PaymentFailed || o.Then == PaymentFailed) {
		s.guard.declined(r, card)
	}
	return o, err
}

// earlier finds the order that this buyer placed with this key: sql.ErrNoRows
// when there is none, ErrKeyReused when it was for something else.
func (s *Shop) earlier(ctx context.Context, from db.Reader, buyer, key string, a ask) (order, error) {
	o, err := scanOrder(from.QueryRowContext(ctx, "SELECT "+orderColumns+" FROM shop_order WHERE buyer = $1 AND idem_key = $2", buyer, key))
	if err == nil && o.Request != a.hash() {
		err = ErrKeyReused
	}
	return o, err
}

// answer tells a buyer where their order stands.
func answer(w http.ResponseWriter, o order) error {
	switch {
	case o.State == Paid || o.State == Refunded:
		return api.Write(w, http.StatusOK, o.reply())
	case o.Then == PaymentFailed || o.State == PaymentFailed:
		refusal := ErrDeclined
		if o.DeclineDetail != "" {
			refusal = api.Fail(refusal.Status, refusal.Code, o.DeclineDetail)
		}
		return refusal.With("order", o.view())
	case o.State.open():
		return api.Write(w, http.StatusAccepted, o.reply())
	case o.State == Canceled && o.DeclineDetail == ErrRegion.Code:
		return ErrRegion.With("verdict", Watch).With("country", o.Country).With("order", o.view())
	}
	return ErrOrderClosed.With("order", o.view())
}
