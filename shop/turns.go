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

// errLettersFull is what a room says that keeps no more letters: a page asks
// for what is its reader's whenever it comes back.
var errLettersFull = api.Fail(http.StatusConflict, "limit_reached", "Too many letters wait.")

// turnCard is the letter to somebody whose turn it is.
type turnCard struct {
	Hold  Hold   `json:"hold"`
	Title string `json:"title"`
	Price Money  `json:"price"`
}

// runHolds ends holdings on time and calls those whose turn it is. What another
// node set aside is found within sweepEvery.
func (s *Shop) runHolds(ctx context.Context) error {
	for {
		wait, err := s.endHolds(ctx)
		if err == nil {
			err = s.callOut(ctx)
		}
		if err == nil {
			err = s.handOut(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Error("holds", "err", err)
			wait = sweepEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-s.turns:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// endHolds releases what is past its time, each once over all nodes, and
// returns how long until it should look again.
func (s *Shop) endHolds(ctx context.Context) (wait time.Duration, err error) {
	for {
		rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE state = 'open' ORDER BY until LIMIT $1", sweepBatch)
		all, err := db.Collect(rows, err, func(rows *sql.Rows) (holding, error) { return scanHolding(rows) })
		if err != nil {
			return 0, err
		}
		for i, h := range all {
			if left := time.Until(time.UnixMilli(h.Until)); left > 0 {
				return min(left, sweepEvery), nil
			}
			if err := s.letGo(ctx, h, true); err != nil {
				return 0, err
			}
			if i == sweepBatch-1 {
				break
			}
		}
		if len(all) < sweepBatch {
			return sweepEvery, nil
		}
	}
}

// letGo releases a holding and tells everybody concerned, if nobody was faster.
func (s *Shop) letGo(ctx context.Context, h holding, over bool) error {
	ended := false
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		ended, err = release(ctx, tx, h, over)
		return err
	})
	if err != nil || !ended {
		return err
	}
	h.State = "released"
	s.Rooms.Whisper(h.Channel, h.Buyer, nil, Event{Type: "hold", Data: h.view()})
	s.sold.back(h.Product)
	s.moved(h.Product, h.Channel)
	return nil
}

// callOut writes to those whose turn it is and who have not been told. A crash
// between letter and note tells them twice, under the same hold.
func (s *Shop) callOut(ctx context.Context) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE NOT told AND state = 'open' AND kind = 'turn' ORDER BY began LIMIT $1", sweepBatch)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (holding, error) { return scanHolding(rows) })
	if err != nil {
		return err
	}
	for _, h := range all {
		p, err := productByID(ctx, s.DB.Read(), h.Product)
		if err != nil {
			return err
		}
		err = s.Rooms.Send(ctx, h.Channel, h.Buyer, Event{Type: "turn", Data: turnCard{h.view(), p.Title, p.Price}}, time.UnixMilli(h.Until))
		if err != nil {
			s.Log.Warn("turn without a letter", "hold", h.ID, "err", err) // it lasts all the same
			if !errors.Is(err, errLettersFull) {
				continue // the room may answer the next time
			}
		}
		if err := s.noteTold(ctx, h.ID); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shop) noteTold(ctx context.Context, hold string) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE shop_hold SET told = TRUE WHERE id = $1", hold)
		return err
	})
}

// moreTime puts the end of a person's holding off by once more what the channel
// gives: never past its last moment, and only while nobody waits for the units.
func (s *Shop) moreTime(ctx context.Context, id, buyer string) (h holding, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if h, err = holdingOf(ctx, tx, id, buyer); err != nil {
			return err
		}
		if err := lockStock(ctx, tx, h.Product); err != nil {
			return err
		}
		if h, err = holdingOf(ctx, tx, id, buyer); err != nil {
			return err
		}
		if h.State != "open" || h.Until <= tx.Millis() {
			return ErrHoldOver.With("hold", h.view())
		}
		sheet, turn, err := lastingOf(ctx, tx, h.Channel)
		if err != nil {
			return err
		}
		if h.Kind == byTurn {
			sheet = turn
		}
		var waiting int64
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_wait WHERE product = $1 AND state = 'waiting'", h.Product).Scan(&waiting); err != nil {
			return err
		}
		until := min(tx.Now.Add(sheet).UnixMilli(), h.last())
		if waiting > 0 || until <= h.Until || h.Kind == byOffer {
			return ErrHoldFinal.With("hold", h.view())
		}
		h.Until = until
		_, err = tx.Exec(ctx, "UPDATE shop_hold SET until = $2 WHERE id = $1", id, until)
		return err
	})
	return h, err
}

// holdingOf is a person's own holding; anybody else's is not there.
func holdingOf(ctx context.Context, from db.Reader, id, buyer string) (holding, error) {
	h, err := scanHolding(from.QueryRowContext(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE id = $1 AND buyer = $2", id, buyer))
	return h, none(err, ErrNoHold)
}

// Lines is how long the line for a product is, as its seller sees it.
type Lines struct {
	Product string `json:"product"`
	Title   string `json:"title"`
	Waiting int64  `json:"waiting"`
	Turns   int64  `json:"turns"` // people whose turn it is
	Held    int64  `json:"held"`  // units in sheets that are open
}

// linesOf are the products of a channel for which somebody waits or holds.
func (s *Shop) linesOf(ctx context.Context, channel string) ([]Lines, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT * FROM (SELECT p.id, p.title,
		(SELECT COUNT(*) FROM shop_wait w WHERE w.product = p.id AND w.state = 'waiting') AS waiting,
		(SELECT COUNT(*) FROM shop_hold h WHERE h.product = p.id AND h.state = 'open' AND h.kind = 'turn') AS turns,
		(SELECT COALESCE(SUM(h.quantity), 0) FROM shop_hold h WHERE h.product = p.id AND h.state = 'open' AND h.kind = 'sheet') AS held
		FROM shop_product p WHERE p.channel = $1 AND p.dropped IS NULL ORDER BY p.id) AS lines WHERE waiting + turns + held > 0 LIMIT $2`, channel, maxProducts)
	return db.Collect(rows, err, func(rows *sql.Rows) (l Lines, err error) {
		err = rows.Scan(&l.Product, &l.Title, &l.Waiting, &l.Turns, &l.Held)
		return l, err
	})
}

// Selling is how a channel sells, as its hosts choose.
type Selling struct {
	HoldSeconds int64 `json:"hold_seconds"` // how long an open sheet sets units aside
	TurnSeconds int64 `json:"turn_seconds"` // how long a turn in the waiting list lasts
}

func (v Selling) check() error {
	least, most := int64(leastHoldTime/time.Second), int64(mostHoldTime/time.Second)
	switch {
	case v.HoldSeconds < least || v.HoldSeconds > most:
		return bad("hold_seconds", "must be between 30 and 600")
	case v.TurnSeconds < least || v.TurnSeconds > most:
		return bad("turn_seconds", "must be between 30 and 600")
	}
	return nil
}
