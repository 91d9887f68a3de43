package shop

import (
	"context"
	"database/sql"
	"time"

	"golang.org/x/sync/errgroup"

	"souk/internal/db"
)

// Run keeps what time does to a shop: it settles what a crash left behind,
// releases holds past their time, calls those in line, ends offers, shows stock,
// hands orders over to merchants and asks about parcels. It returns when ctx ended.
func (s *Shop) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.runOffers(ctx) })
	group.Go(func() error { return s.runHolds(ctx) })
	group.Go(func() error { return s.runDisplay(ctx) })
	group.Go(func() error { return s.runSweeper(ctx) })
	group.Go(func() error { return s.runHandOver(ctx) })
	group.Go(func() error { return s.runVoyages(ctx) })
	return group.Wait()
}

func (s *Shop) runSweeper(ctx context.Context) error {
	started, looked := false, time.Time{}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		var err error
		if !started {
			err = s.Reconcile(ctx)
			started = err == nil
		} else {
			err = s.sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Error("sweep", "err", err)
		}
		if started && time.Since(looked) >= disputeLookEvery {
			looked = time.Now()
			if err := s.sweepDisputes(ctx); err != nil && ctx.Err() == nil {
				s.Log.Warn("look for disputes", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Reconcile settles what a killed process left in the air: every request for
// money without an answer is sent again now, under its own key, and every
// unfinished notification is worked off. Run begins with it.
func (s *Shop) Reconcile(ctx context.Context) error {
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE shop_order SET look_at = $1 WHERE units = 'held' AND state IN ('charging', 'releasing')", tx.Millis())
		return err
	})
	if err != nil {
		return err
	}
	for {
		n, err := s.sweepOrders(ctx)
		if err != nil {
			return err
		}
		if n < sweepBatch {
			break
		}
	}
	if err := s.sweepHooks(ctx, time.Now().UnixMilli()+1); err != nil {
		return err
	}
	return s.sweepRefunds(ctx)
}

// sweep looks at everything whose time has come.
func (s *Shop) sweep(ctx context.Context) error {
	if _, err := s.sweepOrders(ctx); err != nil {
		return err
	}
	if err := s.sweepHooks(ctx, time.Now().Add(-patience).UnixMilli()); err != nil {
		return err
	}
	if err := s.sweepDetached(ctx); err != nil {
		return err
	}
	return s.sweepRefunds(ctx)
}

// sweepOrders advances the orders that are due and returns how many there were.
func (s *Shop) sweepOrders(ctx context.Context) (int, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+orderColumns+" FROM shop_order WHERE units = 'held' AND look_at <= $1 ORDER BY look_at LIMIT $2", time.Now().UnixMilli(), sweepBatch)
	due, err := db.Collect(rows, err, func(rows *sql.Rows) (order, error) { return scanOrder(rows) })
	if err != nil {
		return 0, err
	}
	var group errgroup.Group
	group.SetLimit(sweepParallel)
	for _, o := range due {
		group.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			if _, err := s.advance(ctx, o, "sweeper"); err != nil && ctx.Err() == nil {
				s.Log.Error("advance order", "order", o.ID, "err", err)
			}
			return nil
		})
	}
	return len(due), group.Wait()
}
