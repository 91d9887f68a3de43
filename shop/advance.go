package shop

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"souk/internal/db"
)

// advance takes an order as far as it goes without its buyer, one provider call
// or one commit at a time, and returns where it stands. Tap, cancel, sweeper and
// reconciler all end here. A provider that does not answer leaves the order as
// it is, to be looked at again later: it is no error.
//
// Calls for the same order share one flight, so a hundred copies of one tap make
// one call. A request passes a context that outlives it: a buyer who hangs up has
// still bought.
func (s *Shop) advance(ctx context.Context, o order, actor string) (order, error) {
	v, err, _ := s.flights.Do(o.ID, func() (v any, err error) {
		defer func() {
			if p := recover(); p != nil { // one order, not the sweeper and everybody on this flight
				err = fmt.Errorf("panic on order %s: %v\n%s", o.ID, p, debug.Stack())
			}
		}()
		return s.steps(ctx, o, actor)
	})
	if err != nil {
		return order{}, err
	}
	return v.(order), nil
}

func (s *Shop) steps(ctx context.Context, o order, actor string) (_ order, err error) {
	for err == nil {
		before := o.State
		var r report
		switch {
		case o.State == Charging:
			if o, err = s.mayCharge(ctx, o, actor); err == nil && o.State == Charging {
				r, err = s.charge(ctx, o, actor)
			}
		case o.State == Releasing:
			r, err = s.cancelIntent(ctx, o, actor)
		case o.State.open() && o.HoldUntil <= time.Now().UnixMilli():
			r = report{news: timedOut, actor: actor}
		default:
			return o, nil
		}
		if ctx.Err() != nil {
			return o, ctx.Err() // shutting down; the next start asks again
		}
		if err != nil {
			s.Log.Warn("provider call without an answer", "order", o.ID, "state", o.State, "err", err)
			return o, s.postpone(ctx, o)
		}
		if r.news == "" && o.State != before { // somebody else has moved it
			continue
		}
		if o, err = s.learnOf(ctx, o, r); errors.Is(err, errContradiction) {
			return o, errors.Join(err, s.postpone(ctx, o))
		}
		if err == nil && o.State == before {
			return o, s.postpone(ctx, o)
		}
	}
	return o, err
}

// mayCharge looks once more whether the order may be sold where it goes, right
// before its money is asked for: what the channel said may have changed since the
// hold. An order that is barred comes back canceled.
//
// Only the tap that placed the order can know that the request was never sent;
// whoever sends it again writes that down first, and from then on the order
// stands. Of the two, one wins: both change the same column.
func (s *Shop) mayCharge(ctx context.Context, o order, actor string) (order, error) {
	if o.fresh {
		if ok, err := s.stillSold(ctx, o); err != nil || ok {
			return o, err
		}
		n, err := s.mark(ctx, "UPDATE shop_order SET resent = -1 WHERE id = $1 AND state = 'charging' AND resent = 0", o.ID)
		if err != nil || n == 0 {
			return o, err
		}
		return s.learn(ctx, o.ID, report{news: barred, actor: actor})
	}
	n, err := s.mark(ctx, "UPDATE shop_order SET resent = resent + 1 WHERE id = $1 AND state = 'charging' AND resent >= 0", o.ID)
	if err != nil || n > 0 {
		return o, err
	}
	if o, err = orderByID(ctx, s.DB.Read(), o.ID); err == nil && o.State == Charging {
		o, err = s.learn(ctx, o.ID, report{news: barred, actor: actor})
	}
	return o, err
}

// stillSold tells whether the channel, as it is now, sells where an order goes.
func (s *Shop) stillSold(ctx context.Context, o order) (bool, error) {
	if o.Fine.Rule == nil {
		return true, nil
	}
	t, err := s.terms(ctx, s.DB.Read(), o.Channel)
	if err != nil {
		return false, err
	}
	return t.Region.decide(o.Fine.Rule.Signals).Verdict == Sell, nil
}

func (s *Shop) mark(ctx context.Context, query, id string) (n int64, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		n, err = tx.Changed(ctx, query, id)
		return err
	})
	return n, err
}

// charge sends the request for money, for the first time or again: the row has
// every word of it.
func (s *Shop) charge(ctx context.Context, o order, actor string) (report, error) {
	a, err := attemptOf(ctx, s.DB.Read(), o)
	if err != nil {
		return report{}, err
	}
	in, err := s.Gateway.Start(ctx, Payment{
		Key: a.Key, Order: o.ID, Amount: o.Total, Customer: a.Customer, Method: a.Method,
		ReturnURL: a.ReturnURL, First: time.UnixMilli(a.Sent),
	})
	if errors.Is(err, ErrRefused) {
		s.Log.Warn("payment refused", "order", o.ID, "err", err)
		return report{news: refused, actor: actor}, nil
	}
	return reported(in, actor), err
}

// cancelIntent asks the provider to make the intent unable to succeed.
func (s *Shop) cancelIntent(ctx context.Context, o order, actor string) (report, error) {
	a, err := attemptOf(ctx, s.DB.Read(), o)
	if err != nil {
		return report{}, err
	}
	in, err := s.Gateway.Cancel(ctx, a.Intent)
	return reported(in, actor), err
}

// postpone has the sweeper look at o later: soon while the order is young, less
// often the longer it has been stuck.
func (s *Shop) postpone(ctx context.Context, o order) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		wait := waitFor(tx.Now, o.Created)
		_, err := tx.Exec(ctx, "UPDATE shop_order SET look_at = $3 WHERE id = $1 AND state = $2", o.ID, o.State, tx.Now.Add(wait).UnixMilli())
		return err
	})
}

// waitFor is how long to leave the provider alone about something that old.
func waitFor(now time.Time, created int64) time.Duration {
	return min(max(now.Sub(time.UnixMilli(created))/4, sweepEvery), maxPatience)
}

// consult asks the provider what an intent is now and applies the answer to the
// order it belongs to. Return page and hooks end here; what they themselves
// claim is never read. An intent of somebody else's order book is ignored.
func (s *Shop) consult(ctx context.Context, intent, actor string) (order, error) {
	in, err := s.Gateway.LookUp(ctx, intent)
	if err != nil {
		return order{}, err
	}
	if in.Order == "" {
		return order{}, ErrNoOrder
	}
	o, err := s.learn(ctx, in.Order, reported(in, actor))
	if err == nil && o.State == Releasing {
		o, err = s.advance(ctx, o, actor)
	}
	return o, err
}
