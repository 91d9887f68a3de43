package shop

import (
	"context"
	"database/sql"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Pin is a card: a product on air and the terms it is sold on. It is what the
// room is told, what a channel shows and what PUT answers.
type Pin struct {
	ID       string   `json:"pin"`
	Product  Product  `json:"product"`
	Offer    *Offer   `json:"offer"`
	MediaAt  api.Time `json:"media_at"`
	PinnedAt api.Time `json:"pinned_at"`
}

// Offer is a price that holds for a while, for a share of the stock, up to so
// many units each.
type Offer struct {
	Price    Money    `json:"price"`
	Seconds  int64    `json:"seconds"`
	EndsAt   api.Time `json:"ends_at"`
	Stock    *int64   `json:"stock,omitempty"` // the share; absent: all there is
	Left     *int64   `json:"left,omitempty"`  // of the share
	PerBuyer *int64   `json:"per_buyer,omitempty"`
}

// NewOffer is what a host says about an offer.
type NewOffer struct {
	Price    Money  `json:"price"`
	Seconds  int64  `json:"seconds"`
	Stock    *int64 `json:"stock"`
	PerBuyer *int64 `json:"per_buyer"`
}

func (n NewOffer) check(p Product) error {
	if err := n.Price.check("price"); err != nil {
		return err
	}
	switch {
	case n.Price.Currency != p.Price.Currency:
		return bad("price", "must be in the currency of the product")
	case n.Seconds < 1 || n.Seconds > int64(maxOfferTime/time.Second):
		return bad("seconds", "must be between 1 and 86400")
	case n.Stock != nil && (*n.Stock < 1 || *n.Stock > maxStock):
		return bad("stock", "must be at least 1")
	case n.PerBuyer != nil && (*n.PerBuyer < 1 || *n.PerBuyer > maxQuantity):
		return bad("per_buyer", "must be between 1 and 99")
	}
	return nil
}

// pin is a row of shop_pin.
type pin struct {
	ID, Channel, Product string
	Price                Money // when it went on air
	Offer                sql.NullInt64
	Seconds, Ends        int64
	OfferStock, Left     sql.NullInt64
	PerBuyer             sql.NullInt64
	Open                 bool
	MediaAt, Pinned      int64
	Ended                sql.NullInt64
}

const pinColumns = `q.id, q.channel, q.product, q.amount, q.currency, q.offer_amount, q.offer_seconds, q.offer_ends,
	q.offer_stock, q.offer_left, q.per_buyer, q.offer_open, q.media_at, q.pinned, q.ended`

func (p *pin) fields() []any {
	return []any{&p.ID, &p.Channel, &p.Product, &p.Price.Amount, &p.Price.Currency, &p.Offer, &p.Seconds, &p.Ends,
		&p.OfferStock, &p.Left, &p.PerBuyer, &p.Open, &p.MediaAt, &p.Pinned, &p.Ended}
}

// running tells whether the offer holds at this moment: not past its end, and
// its card on air.
func (p pin) running(now time.Time) bool {
	return p.Offer.Valid && !p.Ended.Valid && now.UnixMilli() < p.Ends
}

func (p pin) offerPrice() Money { return Money{p.Offer.Int64, p.Price.Currency} }

// promised is the price the card said when it went on air.
func (p pin) promised() Money {
	if p.Offer.Valid {
		return p.offerPrice()
	}
	return p.Price
}

// card is the pin as the world sees it at this moment.
func (p pin) card(of Product, now time.Time) Pin {
	c := Pin{ID: p.ID, Product: of, MediaAt: api.Millis(p.MediaAt), PinnedAt: api.Millis(p.Pinned)}
	if p.running(now) {
		c.Offer = &Offer{Price: p.offerPrice(), Seconds: p.Seconds, EndsAt: api.Millis(p.Ends),
			Stock: pointer(p.OfferStock), Left: pointer(p.Left), PerBuyer: pointer(p.PerBuyer)}
	}
	return c
}

// mark is the pin on the timeline; end is zero while it is on air. Its card is
// the one the room was told, as it was then.
func (p pin) mark(of Product, end time.Time) Mark {
	began := time.UnixMilli(p.Pinned)
	p.Ended = sql.NullInt64{}
	return Mark{Pin: p.ID, Product: p.Product, Price: p.promised(), Start: time.UnixMilli(p.MediaAt).UTC(), End: end, Card: p.card(of, began)}
}

func pointer(n sql.NullInt64) *int64 {
	if !n.Valid {
		return nil
	}
	return &n.Int64
}

func nullable(n *int64) sql.NullInt64 {
	if n == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: *n, Valid: true}
}

// pinByID finds a card that is or was on air on the channel: ErrNoPin.
func pinByID(ctx context.Context, from db.Reader, channel, id string) (pin, error) {
	var p pin
	err := from.QueryRowContext(ctx, "SELECT "+pinColumns+" FROM shop_pin q WHERE q.id = $1 AND q.channel = $2", id, channel).Scan(p.fields()...)
	return p, none(err, ErrNoPin)
}

// onAir finds the card on air and its product: sql.ErrNoRows when there is none.
func onAir(ctx context.Context, from db.Reader, channel string) (pin, Product, error) {
	var q pin
	p, err := scanProduct(from.QueryRowContext(ctx, "SELECT "+productColumns+", "+pinColumns+
		" FROM shop_pin q JOIN shop_product p ON p.id = q.product WHERE q.channel = $1 AND q.ended IS NULL", channel), q.fields()...)
	return q, p.Product, err
}

// CurrentPin returns the card on air, nil when there is none.
func (s *Shop) CurrentPin(ctx context.Context, channel string) (*Pin, error) {
	q, p, err := onAir(ctx, s.DB.Read(), channel)
	if err != nil {
		return nil, none(err, nil)
	}
	card := q.card(p, time.Now())
	return &card, nil
}

// ActiveMarks returns what is on air on a channel, for a timeline that starts
// anew: after a restart, or with the next show.
func (s *Shop) ActiveMarks(ctx context.Context, channel string) ([]Mark, error) {
	q, p, err := onAir(ctx, s.DB.Read(), channel)
	if err != nil {
		return nil, none(err, nil)
	}
	return []Mark{q.mark(p, time.Time{})}, nil
}

// RecentMarks returns what is on air on a channel and what went off air since,
// for a timeline that other nodes pin to. What changed just now is left to the
// next call: the node that did it knows the media time better.
func (s *Shop) RecentMarks(ctx context.Context, channel string, since time.Time) ([]Mark, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+productColumns+", "+pinColumns+
		` FROM shop_pin q JOIN shop_product p ON p.id = q.product
		WHERE q.channel = $1 AND q.pinned <= $2 AND (q.ended IS NULL OR q.ended > $3 AND q.ended <= $2) ORDER BY q.pinned`,
		channel, time.Now().Add(-markSlack).UnixMilli(), since.UnixMilli())
	return db.Collect(rows, err, func(rows *sql.Rows) (Mark, error) {
		var q pin
		p, err := scanProduct(rows, q.fields()...)
		end := time.Time{}
		if q.Ended.Valid {
			end = time.UnixMilli(q.Ended.Int64).UTC()
		}
		return q.mark(p.Product, end), err
	})
}

// markSlack is how old a change must be for RecentMarks: more than it takes to
// mark a timeline of the own node.
const markSlack = 300 * time.Millisecond

// tellPrice tells the room what a product costs from now on, with the offer that
// runs on it, if any.
func (s *Shop) tellPrice(ctx context.Context, channel, product string, price Money) error {
	card, err := s.CurrentPin(ctx, channel)
	if err != nil {
		return err
	}
	told := priceCard{Product: product, Price: price}
	if card != nil && card.Product.ID == product {
		told.Offer = card.Offer
	}
	s.Rooms.Tell(channel, Event{Type: "price", Data: told})
	return nil
}
