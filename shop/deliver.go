package shop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"souk/internal/db"
	"souk/shop/handover"
)

// lanes is who is being written to by this node, and who is left alone for a
// while. A receiver that does not answer costs its own lane, nobody else's.
type lanes struct {
	mu      sync.Mutex // guards the rest
	busy    map[string]int
	failed  map[string]int // tries in a row
	resting map[string]time.Time

	wake chan struct{}
}

// enter tells whether somebody may write to a receiver now; then leave follows.
func (l *lanes) enter(lane string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 1
	if lane == mailLane {
		most = mailsAtOnce
	}
	if l.busy[lane] >= most || now.Before(l.resting[lane]) {
		return false
	}
	l.busy[lane]++
	return true
}

func (l *lanes) leave(lane string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[lane]--; l.busy[lane] == 0 {
		delete(l.busy, lane)
	}
}

// rest leaves a receiver alone, the longer the more often it failed in a row.
func (l *lanes) rest(lane string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[lane]++
	l.resting[lane] = now.Add(min(retries[0]<<min(l.failed[lane]-1, 10), longestRest))
}

// works ends a rest.
func (l *lanes) works(lane string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failed, lane)
	delete(l.resting, lane)
}

// runHandOver brings messages to merchants and buyers until ctx ended.
func (s *Shop) runHandOver(ctx context.Context) error {
	var writers errgroup.Group
	writers.SetLimit(lanesAtOnce)
	defer func() { _ = writers.Wait() }() // they return nil
	tick := time.NewTicker(handOverEvery)
	defer tick.Stop()
	var forgot time.Time
	for {
		if time.Since(forgot) >= forgetToldEvery {
			s.unlessEnded(ctx, "forget deliveries", s.forgetTold(ctx))
			forgot = time.Now()
		}
		s.unlessEnded(ctx, "hand over", s.handOver(ctx, &writers))
		select {
		case <-ctx.Done():
			s.Poster.Close()
			return context.Cause(ctx)
		case <-s.lanes.wake:
		case <-tick.C:
		}
	}
}

func (s *Shop) unlessEnded(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.Error(what, "err", err)
	}
}

// handOver spreads what is new and has a writer go to each receiver for whom
// something is due. Who finds no writer free gets the first one of a next round:
// who has waited longest comes first.
func (s *Shop) handOver(ctx context.Context, writers *errgroup.Group) error {
	if err := s.spread(ctx); err != nil {
		return err
	}
	now := time.Now()
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT endpoint FROM shop_delivery WHERE state = 'waiting' AND next_at <= $1 GROUP BY endpoint ORDER BY MIN(next_at)", now.UnixMilli())
	due, err := db.Collect(rows, err, func(rows *sql.Rows) (lane string, err error) { return lane, rows.Scan(&lane) })
	if err != nil {
		return err
	}
	for _, lane := range due {
		for s.lanes.enter(lane, now) {
			started := writers.TryGo(func() error {
				defer s.lanes.leave(lane)
				s.unlessEnded(ctx, "hand over to "+lane, s.serveLane(ctx, lane))
				return nil
			})
			if !started {
				s.lanes.leave(lane)
				return nil
			}
		}
	}
	return nil
}

// serveLane delivers what is due for one receiver, oldest first, until
// something fails.
func (s *Shop) serveLane(ctx context.Context, lane string) (err error) {
	defer func() {
		if p := recover(); p != nil { // one receiver, not the others
			s.lanes.rest(lane, time.Now())
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	for range laneBatch {
		d, ok, err := s.claimDelivery(ctx, lane)
		if err != nil || !ok {
			return err
		}
		if ok, err = s.deliver(ctx, d); err != nil || !ok {
			return err
		}
	}
	nudge(s.lanes.wake)
	return nil
}

// delivery is a row of shop_delivery.
type delivery struct {
	Event, Endpoint, State string
	Tries, NextAt          int64
	Status                 int64
	Error                  string
	Created, Ended         int64
}

// claimDelivery takes the next delivery that is due: no other node, and nobody
// on this one, tries it until claimed has passed.
func (s *Shop) claimDelivery(ctx context.Context, lane string) (d delivery, ok bool, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok = false
		d = delivery{Endpoint: lane}
		err := tx.QueryRow(ctx, `SELECT event, tries, next_at FROM shop_delivery
			WHERE endpoint = $1 AND state = 'waiting' AND next_at <= $2 ORDER BY next_at, event LIMIT 1`, lane, tx.Millis()).Scan(&d.Event, &d.Tries, &d.NextAt)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := tx.Changed(ctx, "UPDATE shop_delivery SET tries = tries + 1, next_at = $4 WHERE endpoint = $1 AND event = $2 AND state = 'waiting' AND next_at = $3",
			lane, d.Event, d.NextAt, tx.Now.Add(claimed).UnixMilli())
		d.Tries++
		ok = n == 1 // else another node was faster; the next round looks again
		return err
	})
	return d, ok, err
}

// outcome is what came of one try.
type outcome struct {
	status int
	word   string // why there was no status
	never  bool   // trying again changes nothing
}

func (o outcome) arrived() bool { return o.status >= 200 && o.status < 300 }

// deliver tries once and writes down what came of it. ok is false when the
// receiver should be left alone for a while.
func (s *Shop) deliver(ctx context.Context, d delivery) (ok bool, err error) {
	m, err := toldByID(ctx, s.DB.Read(), d.Event)
	if err != nil {
		return false, err
	}
	var got outcome
	switch {
	case d.Endpoint != mailLane:
		got, err = s.postTo(ctx, d.Endpoint, m)
	case s.Mail != nil:
		got, err = s.mail(ctx, m)
	default: // mail was turned off since
		got = outcome{never: true}
	}
	if ctx.Err() != nil && !got.arrived() { // we are going, the receiver did nothing wrong
		return false, s.unclaim(context.WithoutCancel(ctx), d)
	}
	if err != nil {
		s.lanes.rest(d.Endpoint, time.Now())
		return false, err
	}
	if err := s.conclude(context.WithoutCancel(ctx), d, m.Channel, got); err != nil {
		return false, err
	}
	if !got.arrived() && !got.never {
		s.lanes.rest(d.Endpoint, time.Now())
		return false, nil
	}
	s.lanes.works(d.Endpoint)
	return true, nil
}

// postTo posts a message to an endpoint. One that is gone takes nothing any more.
func (s *Shop) postTo(ctx context.Context, id string, m told) (outcome, error) {
	e, err := endpointByID(ctx, s.DB.Read(), m.Channel, id)
	if errors.Is(err, ErrNoEndpoint) || err == nil && e.Disabled > 0 {
		return outcome{word: "endpoint_disabled", never: true}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	body, err := m.payload()
	if err != nil {
		return outcome{}, err
	}
	status, word, err := s.Poster.Post(ctx, e.URL, handover.Message{ID: m.ID, Body: body, Secrets: e.secrets(time.Now())})
	return outcome{status: status, word: word, never: status == http.StatusGone}, err
}

// unclaim gives a delivery back that was not tried to the end.
func (s *Shop) unclaim(ctx context.Context, d delivery) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE shop_delivery SET tries = tries - 1, next_at = $3 WHERE endpoint = $1 AND event = $2 AND state = 'waiting'", d.Endpoint, d.Event, d.NextAt)
		return err
	})
}

// conclude writes down what came of a try: the delivery ended, or when the next
// one is; and how its endpoint does.
func (s *Shop) conclude(ctx context.Context, d delivery, channel string, got outcome) error {
	var off endpoint
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		off = endpoint{}
		state, ended, next := "waiting", int64(0), int64(0)
		switch {
		case got.arrived():
			state, ended = "delivered", tx.Millis()
		case got.never || d.Tries > int64(len(retries)):
			state, ended = "failed", tx.Millis()
		default:
			next = tx.Now.Add(later(retries[d.Tries-1])).UnixMilli()
		}
		_, err := tx.Exec(ctx, "UPDATE shop_delivery SET state = $3, status = $4, error = $5, next_at = $6, ended = $7 WHERE endpoint = $1 AND event = $2",
			d.Endpoint, d.Event, state, got.status, got.word, next, ended)
		if err != nil || d.Endpoint == mailLane {
			return err
		}
		off, err = endpointDid(ctx, tx, channel, d.Endpoint, got)
		return err
	})
	if err == nil && off.ID != "" {
		s.Log.Warn("endpoint disabled", "channel", off.Channel, "endpoint", off.ID, "reason", off.Reason)
		s.Rooms.Whisper(off.Channel, "", treasury, Event{Type: "endpoint", Data: off.view()})
	}
	return err
}

// endpointDid keeps how an endpoint does, and disables it when it asked for
// that (410) or nothing has arrived for too long; then it is returned.
func endpointDid(ctx context.Context, tx *db.Tx, channel, id string, got outcome) (off endpoint, err error) {
	if got.arrived() {
		_, err = tx.Exec(ctx, "UPDATE shop_endpoint SET failing = 0 WHERE id = $1 AND failing <> 0", id)
		return off, err
	}
	if _, err = tx.Exec(ctx, "UPDATE shop_endpoint SET failing = $2 WHERE id = $1 AND failing = 0", id, tx.Millis()); err != nil {
		return off, err
	}
	reason := "failing"
	if got.status == http.StatusGone {
		reason = "gone"
	}
	n, err := tx.Changed(ctx, "UPDATE shop_endpoint SET disabled = $2, reason = $3 WHERE id = $1 AND disabled = 0 AND ($3 = 'gone' OR failing < $4)",
		id, tx.Millis(), reason, tx.Now.Add(-failingDisables).UnixMilli())
	if err != nil || n == 0 {
		return off, err
	}
	_, err = tx.Exec(ctx, "UPDATE shop_delivery SET state = 'failed', error = 'endpoint_disabled', ended = $2 WHERE endpoint = $1 AND state = 'waiting'", id, tx.Millis())
	if err != nil {
		return off, err
	}
	return endpointByID(ctx, tx, channel, id)
}

// later is d and a little more.
func later(d time.Duration) time.Duration {
	return d + rand.N(d*jitterPercentage/100)
}
