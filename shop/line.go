package shop

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// The line. While somebody waits for a product none of its units is available:
// whatever puts a unit back serves the line in the same commit (serve), and a
// tap can take only what is available. So nobody is overtaken, whichever node
// they tap on and wherever a process dies.

// place is a row of shop_wait.
type place struct {
	ID, Channel, Product, Buyer string
	Quantity, Seq, Joined       int64
}

const placeColumns = "id, channel, product, buyer, quantity, seq, joined"

func scanPlace(row interface{ Scan(...any) error }) (p place, err error) {
	err = row.Scan(&p.ID, &p.Channel, &p.Product, &p.Buyer, &p.Quantity, &p.Seq, &p.Joined)
	return p, err
}

// Place is where somebody stands in line. The first place is 1.
type Place struct {
	ID       string   `json:"id"`
	Channel  string   `json:"channel"`
	Product  string   `json:"product"`
	Quantity int64    `json:"quantity"`
	Place    int64    `json:"place"`
	Waiting  int64    `json:"waiting"` // people in line
	JoinedAt api.Time `json:"joined_at"`
}

// view counts who is before p.
func (p place) view(ctx context.Context, from db.Reader) (Place, error) {
	v := Place{ID: p.ID, Channel: p.Channel, Product: p.Product, Quantity: p.Quantity, JoinedAt: api.Millis(p.Joined)}
	err := from.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN seq <= $2 THEN 1 ELSE 0 END), 0)
		FROM shop_wait WHERE product = $1 AND state = 'waiting'`, p.Product, p.Seq).Scan(&v.Waiting, &v.Place)
	return v, err
}

// serve gives available units of a product to those who wait for it, in their
// order, as timed turns, and returns how many units are left over. The caller
// holds the product's row, and has just put units back.
func serve(ctx context.Context, tx *db.Tx, product string, available int64) (left int64, err error) {
	for available > 0 {
		p, err := scanPlace(tx.QueryRow(ctx, "SELECT "+placeColumns+" FROM shop_wait WHERE product = $1 AND state = 'waiting' ORDER BY seq LIMIT 1", product))
		if errors.Is(err, sql.ErrNoRows) {
			return available, nil
		}
		if err != nil {
			return available, err
		}
		_, lasts, err := lastingOf(ctx, tx, p.Channel)
		if err != nil {
			return available, err
		}
		n := min(p.Quantity, available)
		turn := holding{ID: newID(), Kind: byTurn, Channel: p.Channel, Product: product, Buyer: p.Buyer, Quantity: n,
			State: "open", Began: tx.Millis(), Until: tx.Now.Add(lasts).UnixMilli()}
		called, err := tx.Changed(ctx, "UPDATE shop_wait SET state = 'called', hold = $2, ended = $3 WHERE id = $1 AND state = 'waiting'", p.ID, turn.ID, tx.Millis())
		if err != nil {
			return available, err
		}
		if called == 0 {
			continue // they left at this moment
		}
		if err := turn.insert(ctx, tx, false); err != nil {
			return available, err
		}
		if _, err := tx.Exec(ctx, "UPDATE shop_product SET available = available - $2, held = held + $2 WHERE id = $1", product, n); err != nil {
			return available, err
		}
		available -= n
	}
	return available, nil
}

// release ends a holding without an order and gives its units on: true for
// whoever was first. over asks for one whose time has come.
func release(ctx context.Context, tx *db.Tx, h holding, over bool) (bool, error) {
	// The product's row before the holding's, as everybody does.
	if err := lockStock(ctx, tx, h.Product); err != nil {
		return false, err
	}
	n, err := tx.Changed(ctx, "UPDATE shop_hold SET state = 'released', ended = $2 WHERE id = $1 AND state = 'open' AND ($3 = 0 OR until <= $2)",
		h.ID, tx.Millis(), boolean(over))
	if err != nil || n == 0 {
		return false, err
	}
	now, err := scanHolding(tx.QueryRow(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE id = $1", h.ID))
	if err != nil {
		return false, err
	}
	if now.Pin != "" {
		if err := returnShare(ctx, tx, now.Pin, now.Quantity); err != nil {
			return false, err
		}
	}
	var available int64
	if err := tx.QueryRow(ctx, "UPDATE shop_product SET held = held - $2, available = available + $2 WHERE id = $1 RETURNING available", h.Product, now.Quantity).Scan(&available); err != nil {
		return false, err
	}
	_, err = serve(ctx, tx, h.Product, available)
	return true, err
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// lockStock holds a product's row until the commit, on either engine.
func lockStock(ctx context.Context, tx *db.Tx, product string) error {
	_, err := tx.Exec(ctx, "UPDATE shop_product SET available = available WHERE id = $1", product)
	return err
}

// closeLine sends home who waits for a product that is no longer on sale, and
// takes back what was set aside of it.
func closeLine(ctx context.Context, tx *db.Tx, product string) error {
	if _, err := tx.Exec(ctx, "UPDATE shop_wait SET state = 'left', ended = $2 WHERE product = $1 AND state = 'waiting'", product, tx.Millis()); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE product = $1 AND state = 'open'", product)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (holding, error) { return scanHolding(rows) })
	if err != nil {
		return err
	}
	for _, h := range all {
		if _, err := release(ctx, tx, h, false); err != nil {
			return err
		}
	}
	return nil
}

// lastingOf is how long a channel sets units aside: for a sheet, and for a turn
// in line.
func lastingOf(ctx context.Context, from db.Reader, channel string) (sheet, turn time.Duration, err error) {
	s, t := defaultHoldSeconds, defaultTurnSeconds
	err = none(from.QueryRowContext(ctx, "SELECT hold_seconds, turn_seconds FROM shop_channel WHERE channel = $1", channel).Scan(&s, &t), nil)
	return time.Duration(s) * time.Second, time.Duration(t) * time.Second, err
}

// What a channel begins with.
const (
	defaultHoldSeconds = int64(300)
	defaultTurnSeconds = int64(120)
)

// join puts a person at the end of the line, once.
func (s *Shop) join(ctx context.Context, c *claim) (at Place, fresh bool, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		b, err := s.open(ctx, tx, []*claim{c})
		if err != nil {
			return err
		}
		p := b.products[c.ask.Product]
		if p == nil || p.Channel != c.ask.Channel || p.Dropped {
			return ErrNoProduct
		}
		if _, err := b.buyers[c.buyer.ID].mayBuy(c.buyer, b.channels[c.ask.Channel]); err != nil {
			return err
		}
		row, err := scanPlace(tx.QueryRow(ctx, "SELECT "+placeColumns+" FROM shop_wait WHERE product = $1 AND buyer = $2 AND state = 'waiting'", p.ID, c.buyer.ID))
		if errors.Is(err, sql.ErrNoRows) {
			fresh = true
			row, err = b.lineUp(ctx, c, p)
		}
		if err != nil {
			return err
		}
		at, err = row.view(ctx, tx)
		return err
	})
	return at, fresh, err
}

// lineUp adds a place. The product's row is held, so that the numbers of a line
// are in the order in which people came.
func (b *books) lineUp(ctx context.Context, c *claim, p *openProduct) (place, error) {
	if h := b.holdings[[2]string{p.ID, c.buyer.ID}]; h != nil {
		return place{}, ErrInStock.With("hold", h.view())
	}
	if p.Stock.Available > 0 {
		return place{}, ErrInStock
	}
	var inLine, mine, last int64
	err := b.tx.QueryRow(ctx, `SELECT COALESCE(MAX(seq), 0), COALESCE(SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0) FROM shop_wait WHERE product = $1`, p.ID).Scan(&last, &inLine)
	if err != nil {
		return place{}, err
	}
	if err := b.tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_wait WHERE buyer = $1 AND state = 'waiting'", c.buyer.ID).Scan(&mine); err != nil {
		return place{}, err
	}
	switch {
	case inLine >= maxLine:
		return place{}, ErrLineFull
	case mine >= maxPlaces:
		return place{}, ErrPlaces
	}
	row := place{ID: newID(), Channel: c.ask.Channel, Product: p.ID, Buyer: c.buyer.ID, Quantity: *c.ask.Quantity, Seq: last + 1, Joined: b.tx.Millis()}
	_, err = b.tx.Exec(ctx, `INSERT INTO shop_wait (id, channel, product, buyer, quantity, seq, state, joined) VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7)`,
		row.ID, row.Channel, row.Product, row.Buyer, row.Quantity, row.Seq, row.Joined)
	return row, err
}
