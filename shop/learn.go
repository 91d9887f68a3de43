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

// lesson is one report on its way to its order.
type lesson struct {
	id    string
	r     report
	known *order // as the reporter saw it, to save a look; nil: nobody has

	order order
	moved bool
	left  int64 // units available of its product, when it was sold
	err   error // why the report cannot be true
}

// errStale: an order was no longer what its reporter knew.
var errStale = errors.New("the order has moved meanwhile")

// learn applies a report to an order and tells everybody concerned. It is the
// only way an order's state changes after the tap. What is already known
// changes nothing and is no error.
func (s *Shop) learn(ctx context.Context, id string, r report) (order, error) {
	return s.hear(ctx, &lesson{id: id, r: r})
}

// learnOf is learn for who has just seen the order.
func (s *Shop) learnOf(ctx context.Context, o order, r report) (order, error) {
	return s.hear(ctx, &lesson{id: o.ID, r: r, known: &o})
}

func (s *Shop) hear(ctx context.Context, l *lesson) (order, error) {
	err := errStale
	for errors.Is(err, errStale) {
		err = s.lessons.Write(ctx, l)
		l.known = nil
	}
	if err != nil {
		return order{}, err
	}
	o := l.order
	if errors.Is(l.err, errContradiction) {
		s.Log.Error("order and provider disagree", "order", l.id, "err", l.err)
	}
	if l.err == nil && l.moved {
		s.announce(o)
		if o.State == Paid && o.Thanks {
			s.Rooms.Tell(o.Channel, Event{Type: "tipped", Data: tipCard{o.BuyerName, o.Tip}})
		}
		if o.State == Paid && !o.justTip() {
			s.Rooms.Tell(o.Channel, Event{Type: "sold", Data: soldCard{o.Product, o.Title, o.Quantity, l.left}})
		}
	}
	return o, l.err
}

// learnAll is the transaction of a crowd of reports. What cannot be true of an
// order is its own lesson's error.
func (s *Shop) learnAll(ctx context.Context, tx *db.Tx, lessons []*lesson) error {
	m := &minutes{tx: tx, wanted: s.wanted}
	if err := m.read(ctx, lessons); err != nil {
		return err
	}
	for _, l := range lessons {
		l.moved, l.err = false, nil // an earlier try of this transaction may have left something
		if err := m.apply(ctx, l); errors.Is(err, errContradiction) || errors.Is(err, ErrNoOrder) {
			l.err = err
		} else if err != nil {
			return err
		}
	}
	return m.write(ctx)
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
	if r.news == barred {
		o.DeclineDetail = ErrRegion.Code // and no code: it is no decline that counts against the buyer
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
