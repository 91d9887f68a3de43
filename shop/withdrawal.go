package shop

import (
	"context"
	"database/sql"
	"net/http"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// A buyer withdraws in two steps, as Directive (EU) 2023/2673 wants it: a
// statement, and a confirmation that makes it count. The receipt is a mail, in
// the commit of the confirmation. What has not left yet is paid back in that
// commit too; what has, when the merchant has it back.

// Withdrawal is the right to withdraw from an order, and what came of it.
type Withdrawal struct {
	Days  int64            `json:"days"`
	Until api.Time         `json:"until,omitzero"` // left out while nothing limits it: the time runs from delivery
	Open  bool             `json:"open"`           // the buyer may state one now
	Left  int64            `json:"left"`           // units that none was confirmed for
	To    string           `json:"return_to,omitempty"`
	All   []WithdrawalDone `json:"all"`
}

// WithdrawalDone is one withdrawal: stated, confirmed, settled.
type WithdrawalDone struct {
	ID          string   `json:"id"`
	Quantity    int64    `json:"quantity"`
	State       string   `json:"state"`
	Amount      Money    `json:"amount"` // that goes back
	StatedAt    api.Time `json:"stated_at"`
	ConfirmedAt api.Time `json:"confirmed_at,omitzero"`
	SettledAt   api.Time `json:"settled_at,omitzero"`
}

// withdrawal is a row of shop_withdrawal.
type withdrawal struct {
	ID, Order, State           string
	Quantity, Amount           int64
	Stated, Confirmed, Settled int64
}

// What withdrawals are, as stored and as sent to clients.
const (
	wStated    = "stated" // counts for nothing yet
	wConfirmed = "confirmed"
	wSettled   = "settled"
)

func withdrawalsOf(ctx context.Context, from db.Reader, order string) ([]withdrawal, error) {
	rows, err := from.QueryContext(ctx, "SELECT id, order_id, state, quantity, amount, stated, confirmed, settled FROM shop_withdrawal WHERE order_id = $1 ORDER BY id", order)
	return db.Collect(rows, err, func(rows *sql.Rows) (w withdrawal, err error) {
		return w, rows.Scan(&w.ID, &w.Order, &w.State, &w.Quantity, &w.Amount, &w.Stated, &w.Confirmed, &w.Settled)
	})
}

func (w withdrawal) view(currency string) WithdrawalDone {
	v := WithdrawalDone{ID: w.ID, Quantity: w.Quantity, State: w.State, Amount: Money{w.Amount, currency}, StatedAt: api.Millis(w.Stated)}
	if w.Confirmed > 0 {
		v.ConfirmedAt = api.Millis(w.Confirmed)
	}
	if w.Settled > 0 {
		v.SettledAt = api.Millis(w.Settled)
	}
	return v
}

// withdrawn is how many units of an order somebody has withdrawn from.
func withdrawn(all []withdrawal) (units int64) {
	for _, w := range all {
		if w.State != wStated {
			units += w.Quantity
		}
	}
	return units
}

// worth is what goes back for some units: for the last of them all that is left
// of the payment, delivery included (Directive 2011/83/EU, article 13), else their
// part of the goods.
func (o order) worth(units, before int64) int64 {
	left := o.Total.Amount - o.Refunded - o.Refunding
	if before+units >= o.Quantity {
		return left
	}
	return min(left, share(o.goods(), units, o.Quantity))
}

// goods is what of the total is for the goods, in minor units: with their tax, but
// without delivery and tip.
func (o order) goods() int64 { return o.Total.Amount - o.Shipping.Amount - o.Tip.Amount }

// right is what a buyer may do about an order now; ok is false when there is no
// such right.
func (o order) right(all []withdrawal, delivered int64, now time.Time) (w Withdrawal, ok bool) {
	until, ok := o.withdrawUntil(delivered)
	if !ok {
		return w, false
	}
	w = Withdrawal{Days: o.Fine.Days, Left: o.Quantity - withdrawn(all), All: []WithdrawalDone{}}
	if !until.IsZero() {
		w.Until = api.At(until)
	}
	w.Open = o.State == Paid && w.Left > 0 && (until.IsZero() || now.Before(until))
	for _, one := range all {
		w.All = append(w.All, one.view(o.Total.Currency))
	}
	return w, true
}

// withdrawable reads an order with its withdrawals and holds its row until the
// commit.
func (s *Shop) withdrawable(ctx context.Context, tx *db.Tx, id string) (o order, all []withdrawal, right Withdrawal, err error) {
	if _, err = tx.Exec(ctx, "UPDATE shop_order SET parcel = parcel WHERE id = $1", id); err != nil {
		return o, nil, right, err
	}
	if o, err = orderByID(ctx, tx, id); err != nil {
		return o, nil, right, err
	}
	if all, err = withdrawalsOf(ctx, tx, id); err != nil {
		return o, nil, right, err
	}
	delivered, err := becameAt(ctx, tx, id, Delivered)
	if err != nil {
		return o, nil, right, err
	}
	right, ok := o.right(all, delivered, tx.Now)
	if !ok {
		return o, all, right, ErrNoWithdrawal
	}
	return o, all, right, nil
}

// Withdraw handles POST /api/v1/orders/{id}/withdrawals: the statement, which
// counts once it is confirmed. A newer one takes its place.
func (s *Shop) Withdraw(w http.ResponseWriter, r *http.Request) error {
	o, _, err := s.buyers(r)
	if err != nil {
		return err
	}
	var body struct {
		Quantity *int64 `json:"quantity"`
	}
	if r.ContentLength != 0 {
		if err := api.Read(w, r, &body); err != nil {
			return err
		}
	}
	done, err := s.State(r.Context(), o.ID, body.Quantity)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusCreated, map[string]any{"withdrawal": done})
}

// State writes down that a buyer wants to withdraw from some units of an order,
// all that are left without a number. Whoever calls it knows the buyer.
func (s *Shop) State(ctx context.Context, id string, quantity *int64) (done WithdrawalDone, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		o, all, right, err := s.withdrawable(ctx, tx, id)
		if err != nil {
			return err
		}
		if !right.Open {
			return ErrTooLate
		}
		one := withdrawal{ID: newID(), Order: id, State: wStated, Quantity: right.Left, Stated: tx.Millis()}
		if quantity != nil {
			one.Quantity = *quantity
		}
		if one.Quantity < 1 || one.Quantity > right.Left {
			return bad("quantity", "must be of units that you have not withdrawn from")
		}
		one.Amount = o.worth(one.Quantity, withdrawn(all))
		if _, err := tx.Exec(ctx, "DELETE FROM shop_withdrawal WHERE order_id = $1 AND state = 'stated'", id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO shop_withdrawal (id, order_id, quantity, amount, state, stated) VALUES ($1, $2, $3, $4, $5, $6)",
			one.ID, id, one.Quantity, one.Amount, one.State, one.Stated)
		done = one.view(o.Total.Currency)
		return err
	})
	return done, err
}

// ConfirmWithdrawal handles POST /api/v1/orders/{id}/withdrawals/{withdrawal}/confirm.
// Confirmed again it changes nothing.
func (s *Shop) ConfirmWithdrawal(w http.ResponseWriter, r *http.Request) error {
	o, _, err := s.buyers(r)
	if err != nil {
		return err
	}
	if o, err = s.Confirm(r.Context(), o.ID, r.PathValue("withdrawal")); err != nil {
		return err
	}
	return s.answerOrder(w, r, http.StatusOK, o)
}

// Confirm makes a statement count: the receipt is written in the same commit, and
// what has not left is paid back. Whoever calls it knows the buyer.
func (s *Shop) Confirm(ctx context.Context, id, withdrawal string) (o order, err error) {
	var f *refund
	again := false
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		f, again = nil, false
		read, known, right, err := s.withdrawable(ctx, tx, id)
		if err != nil {
			return err
		}
		o = read
		one, ok := find(known, withdrawal)
		switch {
		case !ok:
			return ErrNoStatement
		case one.State != wStated:
			again = true
			return nil
		case !right.Open || one.Quantity > right.Left:
			return ErrTooLate
		}
		one.State, one.Confirmed, one.Amount = wConfirmed, tx.Millis(), o.worth(one.Quantity, withdrawn(known))
		if _, err := tx.Exec(ctx, "UPDATE shop_withdrawal SET state = $2, confirmed = $3, amount = $4 WHERE id = $1", one.ID, one.State, one.Confirmed, one.Amount); err != nil {
			return err
		}
		if o.Parcel == Unfulfilled || o.Parcel == Packed {
			if f, err = s.settle(ctx, tx, o, one, "buyer"); err != nil {
				return err
			}
		}
		if err := logEvent(ctx, tx, id, o.State, o.State, "withdrawn", "buyer"); err != nil {
			return err
		}
		if o, err = orderByID(ctx, tx, id); err != nil {
			return err
		}
		return s.tell(ctx, tx, tellWithdrawn, o)
	})
	if err != nil || again {
		return o, err
	}
	return s.paidBackFor(ctx, o, f)
}

func find(all []withdrawal, id string) (withdrawal, bool) {
	for _, w := range all {
		if w.ID == id {
			return w, true
		}
	}
	return withdrawal{}, false
}

// settle starts to pay back what a withdrawal is worth, in the commit of tx; nil
// when nothing is left to be paid back.
func (s *Shop) settle(ctx context.Context, tx *db.Tx, o order, one withdrawal, person string) (*refund, error) {
	left := o.Total.Amount - o.Refunded - o.Refunding
	one.Amount = min(one.Amount, left)
	_, err := tx.Exec(ctx, "UPDATE shop_withdrawal SET state = 'settled', settled = $2, amount = $3 WHERE id = $1", one.ID, tx.Millis(), one.Amount)
	if err != nil || one.Amount == 0 || o.State != Paid {
		return nil, err
	}
	f, err := s.holdRefundIn(ctx, tx, o.ID, person, "withdrawal:"+one.ID, &Money{one.Amount, o.Total.Currency})
	return &f, err
}

// paidBackFor asks for the money that a withdrawal sends back, after its commit,
// and tells everybody. Without an answer the sweeper asks again.
func (s *Shop) paidBackFor(ctx context.Context, o order, refunds ...*refund) (order, error) {
	for _, f := range refunds {
		if f == nil {
			continue
		}
		if _, err := s.payBack(context.WithoutCancel(ctx), *f); err != nil {
			s.Log.Error("pay back a withdrawal", "order", o.ID, "err", err) // the row is there: it is asked for again
		}
	}
	o, err := orderByID(context.WithoutCancel(ctx), s.DB.Read(), o.ID)
	if err == nil {
		s.announce(o)
	}
	return o, err
}

// ReturnOrder handles POST /api/v1/orders/{id}/return: the merchant has goods
// back. Withdrawals that wait for that are paid back; units that can be sold again
// go back on the shelf.
func (s *Shop) ReturnOrder(w http.ResponseWriter, r *http.Request) error {
	o, who, err := s.visible(r, treasury)
	if err != nil {
		return err
	}
	var body struct {
		Restock int64 `json:"restock"` // units
	}
	if r.ContentLength != 0 {
		if err := api.Read(w, r, &body); err != nil {
			return err
		}
	}
	if body.Restock < 0 || body.Restock > o.Quantity {
		return bad("restock", "must be units of this order")
	}
	var refunds []*refund
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		refunds = nil
		if _, err := tx.Exec(ctx, "UPDATE shop_order SET parcel = parcel WHERE id = $1", o.ID); err != nil {
			return err
		}
		if o, err = orderByID(ctx, tx, o.ID); err != nil {
			return err
		}
		if o.Parcel != Shipped && o.Parcel != Delivered {
			return ErrNotNow
		}
		all, err := withdrawalsOf(ctx, tx, o.ID)
		if err != nil {
			return err
		}
		waiting := 0
		for _, one := range all {
			if one.State != wConfirmed {
				continue
			}
			waiting++
			f, err := s.settle(ctx, tx, o, one, who.ID)
			if err != nil {
				return err
			}
			refunds = append(refunds, f)
			if o, err = orderByID(ctx, tx, o.ID); err != nil {
				return err
			}
		}
		if body.Restock > 0 {
			if err := setStock(ctx, tx, o.Product, who.ID, change{Add: &body.Restock}); err != nil {
				return err
			}
		}
		if waiting > 0 && withdrawn(all) < o.Quantity { // the rest of the parcel stays where it is
			return logEvent(ctx, tx, o.ID, o.State, o.State, "returned", who.ID)
		}
		o, _, err = s.note(ctx, tx, o.ID, Told{Checkpoint: Checkpoint{Code: "returned"}}, "merchant", who.ID)
		return err
	})
	if err != nil {
		return err
	}
	if body.Restock > 0 {
		s.sold.back(o.Product)
	}
	if o, err = s.paidBackFor(r.Context(), o, refunds...); err != nil {
		return err
	}
	return s.answerOrder(w, r, http.StatusOK, o)
}
