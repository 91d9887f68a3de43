package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// refund is a row of shop_refund.
type refund struct {
	ID, Order string
	Amount    int64
	State     string // pending, succeeded, failed
	Created   int64

	contested bool // it failed just now, because the bank was faster
}

// RefundOrder handles POST /api/v1/orders/{id}/refund: all of what is left, or
// an amount of it. An Idempotency-Key makes a second send of the same request
// harmless. 200 when the money is on its way back, 202 while the provider has
// not said so.
func (s *Shop) RefundOrder(w http.ResponseWriter, r *http.Request) error {
	o, who, err := s.visible(r, treasury)
	if err != nil {
		return err
	}
	var body struct {
		Amount *Money `json:"amount"`
	}
	if r.ContentLength != 0 {
		if err := api.Read(w, r, &body); err != nil {
			return err
		}
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 255 {
		return ErrBadKey
	}
	f, err := s.holdRefund(r.Context(), o.ID, who.ID, key, body.Amount)
	if err != nil {
		return err
	}
	if f, err = s.payBack(context.WithoutCancel(r.Context()), f); err != nil {
		return err
	}
	if o, err = orderByID(r.Context(), s.DB.Read(), o.ID); err != nil {
		return err
	}
	switch f.State {
	case "failed":
		if o.DisputeState.blocks() || f.contested {
			return ErrDisputed.With("order", o.view())
		}
		return ErrRefund.With("order", o.view())
	case "pending":
		return api.Write(w, http.StatusAccepted, o.reply())
	}
	return api.Write(w, http.StatusOK, o.reply())
}

// holdRefund writes the refund down and sets its amount aside, so that two
// refunds at once cannot pay back more than was paid. The same key again finds
// the first.
func (s *Shop) holdRefund(ctx context.Context, id, person, key string, amount *Money) (f refund, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		f, err = s.holdRefundIn(ctx, tx, id, person, key, amount)
		return err
	})
	return f, err
}

// holdRefundIn is holdRefund in the commit of tx.
func (s *Shop) holdRefundIn(ctx context.Context, tx *db.Tx, id, person, key string, amount *Money) (f refund, err error) {
	err = func() error {
		// Holds the row until the commit: the money left is what is read here.
		if _, err := tx.Exec(ctx, "UPDATE shop_order SET refunding = refunding WHERE id = $1", id); err != nil {
			return err
		}
		o, err := orderByID(ctx, tx, id)
		if err != nil {
			return err
		}
		f = refund{ID: newID(), Order: id, Amount: o.Total.Amount - o.Refunded - o.Refunding, State: "pending", Created: tx.Millis()}
		if key == "" {
			key = f.ID
		}
		earlier := refund{Order: id}
		err = tx.QueryRow(ctx, "SELECT id, amount, state, created FROM shop_refund WHERE order_id = $1 AND idem_key = $2", id, key).
			Scan(&earlier.ID, &earlier.Amount, &earlier.State, &earlier.Created)
		if err == nil {
			if amount != nil && (amount.Amount != earlier.Amount || amount.Currency != o.Total.Currency) {
				return ErrKeyReused
			}
			f = earlier
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if amount != nil {
			if amount.Currency != o.Total.Currency || amount.Amount < 1 {
				return bad("amount", "must be a sum of money in the currency of the order")
			}
			f.Amount = amount.Amount
		}
		if o.State != Paid {
			return ErrNotNow
		}
		if o.DisputeState.blocks() {
			return ErrDisputed
		}
		if f.Amount < 1 || f.Amount > o.Total.Amount-o.Refunded-o.Refunding {
			return ErrOverRefund
		}
		if _, err := tx.Exec(ctx, "UPDATE shop_order SET refunding = refunding + $2 WHERE id = $1", id, f.Amount); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO shop_refund (id, order_id, idem_key, amount, state, person, created, look_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			f.ID, id, key, f.Amount, f.State, person, f.Created, tx.Now.Add(patience).UnixMilli())
		return err
	}()
	return f, err
}

// payBack asks the provider and writes down the answer. Without an answer, or
// while the provider is at it, the refund stays pending and is asked for again,
// under the same key.
func (s *Shop) payBack(ctx context.Context, f refund) (refund, error) {
	if f.State != "pending" {
		return f, nil
	}
	o, err := orderByID(ctx, s.DB.Read(), f.Order)
	if err != nil {
		return f, err
	}
	var intent string
	err = s.DB.Read().QueryRowContext(ctx, "SELECT intent FROM shop_attempt WHERE order_id = $1 AND outcome = 'succeeded'", f.Order).Scan(&intent)
	if err != nil {
		return f, err
	}
	got, err := s.Gateway.Refund(ctx, Repayment{
		Key: "souk:refund:" + f.ID, Intent: intent, Order: f.Order, Amount: Money{f.Amount, o.Total.Currency}, First: time.UnixMilli(f.Created),
	})
	switch {
	case errors.Is(err, ErrRefused):
		s.Log.Warn("refund refused", "order", f.Order, "refund", f.ID, "err", err)
		f.contested = errors.Is(err, ErrContested)
		return s.endRefund(ctx, f, "failed", "")
	case err != nil:
		s.Log.Warn("refund without an answer", "order", f.Order, "refund", f.ID, "err", err)
		return f, s.postponeRefund(ctx, f)
	case !got.Done:
		return f, s.postponeRefund(ctx, f)
	}
	return s.endRefund(ctx, f, "succeeded", got.ID)
}

// endRefund closes a pending refund, once, and books it.
func (s *Shop) endRefund(ctx context.Context, f refund, state, remote string) (refund, error) {
	var o order
	moved := false
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		moved = false
		n, err := tx.Changed(ctx, "UPDATE shop_refund SET state = $2, remote = $3, ended = $4 WHERE id = $1 AND state = 'pending'", f.ID, state, remote, tx.Millis())
		if err != nil || n == 0 {
			return err
		}
		moved = true
		back := int64(0)
		if state == "succeeded" {
			back = f.Amount
		}
		if _, err := tx.Exec(ctx, "UPDATE shop_order SET refunding = refunding - $2, refunded = refunded + $3, changed = $4 WHERE id = $1", f.Order, f.Amount, back, tx.Millis()); err != nil {
			return err
		}
		if o, err = orderByID(ctx, tx, f.Order); err != nil || back == 0 {
			return err
		}
		left, err := leftOf(ctx, tx, o)
		if err != nil {
			return err
		}
		if err := book(ctx, tx, o, "refund", refundLines(left, back)); err != nil {
			return err
		}
		if o.Refunded == o.Total.Amount {
			if o, err = apply(ctx, tx, f.Order, report{news: paidBack, actor: "merchant"}); err != nil {
				return err
			}
		}
		return s.tell(ctx, tx, tellRefunded, o)
	})
	if err != nil {
		return f, err
	}
	f.State = state
	if moved {
		s.announce(o)
	}
	return f, nil
}

// postponeRefund is postpone for refunds: a provider may be at one for days.
func (s *Shop) postponeRefund(ctx context.Context, f refund) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE shop_refund SET look_at = $2 WHERE id = $1", f.ID, tx.Now.Add(waitFor(tx.Now, f.Created)).UnixMilli())
		return err
	})
}

// sweepRefunds asks again for refunds without an answer.
func (s *Shop) sweepRefunds(ctx context.Context) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT id, order_id, amount, state, created FROM shop_refund WHERE state = 'pending' AND look_at <= $1 ORDER BY look_at LIMIT $2",
		time.Now().UnixMilli(), sweepBatch)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (f refund, err error) {
		return f, rows.Scan(&f.ID, &f.Order, &f.Amount, &f.State, &f.Created)
	})
	if err != nil {
		return err
	}
	for _, f := range all {
		if _, err := s.payBack(ctx, f); err != nil && ctx.Err() == nil {
			s.Log.Error("pay back", "order", f.Order, "refund", f.ID, "err", err) // the others still get theirs
		}
	}
	return nil
}
