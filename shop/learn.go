package shop

import (
	"context"
	"errors"
	"fmt"

	"souk/internal/db"
)

// errContradiction: the provider says something that cannot be true of this
// order. Nothing is changed; a person has to look.
var errContradiction = errors.New("the provider contradicts the order")

// report is what somebody found out about an order. Intent is set when it came
// from the provider.
type report struct {
	news   news
	actor  string // tap, return, hook, sweeper, buyer, merchant: for the order's history
	intent Intent
}

// reported turns an intent into news.
func reported(in Intent, actor string) report {
	says := map[IntentStatus]news{
		IntentSucceeded:  succeeded,
		IntentAction:     needsAction,
		IntentProcessing: pending,
		IntentFailed:     declined,
		IntentCanceled:   dead,
	}
	return report{news: says[in.Status], actor: actor, intent: in}
}

// learn applies a report to an order and tells everybody concerned. It is the
// only way an order's state changes after the tap. What is already known
// changes nothing and is no error.
func (s *Shop) learn(ctx context.Context, id string, r report) (order, error) {
	var o order
	var moved bool
	var left int64
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		if o, moved, left, err = apply(ctx, tx, id, r); err == nil && moved {
			err = s.tell(ctx, tx, o.toTell(), o)
		}
		return err
	})
	if errors.Is(err, errContradiction) {
		s.Log.Error("order and provider disagree", "order", id, "err", err)
	}
	if err == nil && moved {
		s.announce(o)
		if o.State == Paid {
			s.Rooms.Tell(o.Channel, Event{Type: "sold", Data: soldCard{o.Product, o.Title, o.Quantity, left}})
		}
	}
	return o, err
}

// apply moves an order by one row of the table, with everything that belongs
// to that row in the same commit. It returns the order as it is then, whether
// it moved, and how many units are available.
func apply(ctx context.Context, tx *db.Tx, id string, r report) (o order, moved bool, left int64, err error) {
	for {
		if o, err = orderByID(ctx, tx, id); err != nil {
			return order{}, false, 0, err
		}
		if err := o.believes(r); err != nil {
			return o, false, 0, err
		}
		row, ok := next(o.State, r.news)
		if err := bind(ctx, tx, id, r, ok); err != nil || !ok {
			return o, false, 0, err
		}
		from := o.State
		o.follow(row, r, tx)
		n, err := tx.Changed(ctx, `UPDATE shop_order SET state = $3, units = $4, release_to = $5, hold_until = $6, look_at = $7,
			action_url = $8, decline_code = $9, decline_detail = $10, changed = $11 WHERE id = $1 AND state = $2`,
			id, from, o.State, o.Units, o.Then, o.HoldUntil, o.LookAt, o.ActionURL, o.DeclineCode, o.DeclineDetail, o.Changed)
		if err != nil {
			return o, false, 0, err
		}
		if n == 0 {
			continue // another node was faster; look again
		}
		left, err = consequences(ctx, tx, o, row)
		if err != nil {
			return o, false, 0, err
		}
		return o, true, left, logEvent(ctx, tx, id, from, o.State, r.news, r.actor)
	}
}

// bind ties the attempt to its intent, once, and writes down how it ended if it
// did. moves tells whether the order follows: news that it cannot use end nothing.
func bind(ctx context.Context, tx *db.Tx, id string, r report, moves bool) error {
	if r.intent.ID != "" && r.intent.Order != id {
		return fmt.Errorf("%w: intent %s is of order %q", errContradiction, r.intent.ID, r.intent.Order)
	}
	var outcome any // NULL: it goes on
	if moves && (r.news == succeeded || r.news == dead || r.news == refused) {
		outcome = string(r.news)
	}
	if outcome == nil && r.intent.ID == "" {
		return nil
	}
	n, err := tx.Changed(ctx, `UPDATE shop_attempt SET intent = CASE WHEN $2 = '' THEN intent ELSE $2 END,
		outcome = CASE WHEN outcome = 'open' THEN COALESCE($3, outcome) ELSE outcome END,
		ended = CASE WHEN outcome = 'open' AND $3 IS NOT NULL THEN $4 ELSE ended END
		WHERE order_id = $1 AND ($2 = '' OR intent IN ('', $2))`, id, r.intent.ID, outcome, tx.Millis())
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: intent %s is not the one of the attempt", errContradiction, r.intent.ID)
	}
	return err
}

// believes checks a report against the order before anything is done with it.
func (o order) believes(r report) error {
	if r.news != succeeded {
		return nil
	}
	if r.intent.Received != o.Total {
		return fmt.Errorf("%w: intent %s took %v for a total of %v", errContradiction, r.intent.ID, r.intent.Received, o.Total)
	}
	if o.State.ended() {
		return fmt.Errorf("%w: intent %s succeeded, the order is %s", errContradiction, r.intent.ID, o.State)
	}
	return nil
}

// follow makes o what row says it becomes.
func (o *order) follow(row transition, r report, tx *db.Tx) {
	to := row.To
	if to == "" {
		to = o.Then
	}
	o.State, o.Units, o.Then, o.Changed = to, o.moves(row).units(o.Units), row.Then, tx.Millis()
	o.ActionURL = ""
	switch to {
	case ActionRequired:
		o.ActionURL = r.intent.ActionURL
		o.HoldUntil = tx.Now.Add(actionTTL).UnixMilli()
		o.LookAt = o.HoldUntil
	case Processing:
		o.HoldUntil = tx.Now.Add(processingTTL).UnixMilli()
		o.LookAt = o.HoldUntil
	default:
		o.HoldUntil, o.LookAt = 0, o.Changed
	}
	if to == Releasing || to == PaymentFailed {
		if d := r.intent.Decline; d != nil {
			o.DeclineCode, o.DeclineDetail = d.Code, d.Detail
		} else if r.news == refused {
			o.DeclineCode, o.DeclineDetail = "payment_refused", "This way to pay cannot be used. Nothing was charged."
		}
	}
}

// moves is what row does to this order's units. What has been shipped does not
// come back by itself; a return is booked as new stock.
func (o order) moves(row transition) move {
	if row.Move == restock && o.Shipped > 0 {
		return keep
	}
	return row.Move
}

// consequences writes what follows from a transition: units and money.
func consequences(ctx context.Context, tx *db.Tx, o order, row transition) (left int64, err error) {
	if left, err = moveUnits(ctx, tx, o, o.moves(row)); err != nil {
		return left, err
	}
	if o.State == Paid {
		err = book(ctx, tx, o, "sale", saleLines(o))
	}
	return left, err
}
