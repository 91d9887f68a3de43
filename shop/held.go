package shop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"souk/internal/api"
	"souk/internal/db"
)

// holding is a row of shop_hold: units of a product that one person may still
// order, until a time. An order uses it, or time or its person releases it;
// whichever comes first, and only once.
type holding struct {
	ID, Kind, Channel, Product, Pin, Buyer string
	Quantity                               int64
	State                                  string
	Began, Until                           int64
	Order                                  string
}

// Kinds of holdings.
const (
	bySheet = "sheet" // the buyer is looking at the sheet
	byTurn  = "turn"  // it is the buyer's turn in the waiting list
	byOffer = "offer" // a host has set them aside with a private offer
)

const holdingColumns = "id, kind, channel, product, pin, buyer, quantity, state, began, until, order_id"

func scanHolding(row interface{ Scan(...any) error }) (h holding, err error) {
	err = row.Scan(&h.ID, &h.Kind, &h.Channel, &h.Product, &h.Pin, &h.Buyer, &h.Quantity, &h.State, &h.Began, &h.Until, &h.Order)
	return h, err
}

// Hold is a holding as its person sees it.
type Hold struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Channel  string   `json:"channel"`
	Product  string   `json:"product"`
	Pin      string   `json:"pin,omitempty"`
	Quantity int64    `json:"quantity"`
	State    string   `json:"state"`
	Until    api.Time `json:"until"`
	Last     api.Time `json:"last"` // no "more time" goes beyond this
	Order    string   `json:"order,omitempty"`
}

func (h holding) view() Hold {
	return Hold{ID: h.ID, Kind: h.Kind, Channel: h.Channel, Product: h.Product, Pin: h.Pin, Quantity: h.Quantity, State: h.State,
		Until: api.Millis(h.Until), Last: api.Millis(h.last()), Order: h.Order}
}

// last is the latest that a holding can be put off to.
func (h holding) last() int64 {
	if h.Kind == byOffer {
		return h.Until
	}
	return max(h.Until, h.Began+maxHoldTime.Milliseconds())
}

// readHoldings finds what the claims' people hold of the products they are
// after.
func (b *books) readHoldings(ctx context.Context, claims []*claim) error {
	b.holdings = map[[2]string]*holding{}
	var products []string
	for id := range b.products {
		products = append(products, id)
	}
	if len(products) == 0 {
		return nil
	}
	var people []string
	for _, c := range claims {
		people = append(people, c.buyer.ID)
	}
	of, args := db.In(nil, products)
	by, args := db.In(args, people)
	rows, err := b.tx.Query(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE state = 'open' AND kind <> 'offer' AND product IN ("+of+") AND buyer IN ("+by+")", args...)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (holding, error) { return scanHolding(rows) })
	if err != nil {
		return err
	}
	for _, h := range all {
		b.holdings[[2]string{h.Product, h.Buyer}] = &h
	}
	return nil
}

// held is what a person may take from their own holding: nil when they have none
// that still lasts.
func (b *books) held(product, buyer string) *holding {
	h := b.holdings[[2]string{product, buyer}]
	if h == nil || h.Until <= b.tx.Millis() {
		return nil
	}
	return h
}

// units is how many are set aside; of none, none.
func (h *holding) units() int64 {
	if h == nil {
		return 0
	}
	return h.Quantity
}

// share is how many of them were taken from pin's offer.
func (h *holding) share(pin string) int64 {
	if h == nil || h.Pin != pin {
		return 0
	}
	return h.Quantity
}

// use ends a holding with the order that its units became part of. What it took
// from another offer's share goes back there.
func (b *books) use(ctx context.Context, h *holding, o order) error {
	if h == nil {
		return nil
	}
	n, err := b.tx.Changed(ctx, "UPDATE shop_hold SET state = 'used', ended = $2, order_id = $3 WHERE id = $1 AND state = 'open'", h.ID, b.tx.Millis(), o.ID)
	if err != nil || n != 1 {
		return errors.Join(err, fmt.Errorf("hold %s: not open after all", h.ID))
	}
	delete(b.holdings, [2]string{h.Product, h.Buyer})
	if h.Pin == "" || o.InOffer && o.Pin == h.Pin {
		return nil
	}
	return returnShare(ctx, b.tx, h.Pin, h.Quantity)
}

// returnShare puts units back that an offer's share was short of.
func returnShare(ctx context.Context, tx *db.Tx, pin string, n int64) error {
	_, err := tx.Exec(ctx, "UPDATE shop_pin SET offer_left = offer_left + $2 WHERE id = $1 AND offer_left IS NOT NULL", pin, n)
	return err
}

// setAside gives a claim a holding instead of an order: the units that its
// person is about to pay for. Asked again, it is made larger or smaller; its end
// stays what it was.
func (b *books) setAside(ctx context.Context, c *claim, q quote) error {
	id, n := [2]string{q.product.ID, c.buyer.ID}, *c.ask.Quantity
	before := b.held(q.product.ID, c.buyer.ID)
	if before == nil && b.holdings[id] != nil {
		return api.TooFast(sweepEvery) // over, and about to be given on
	}
	pin, limited := "", q.inOffer && q.pin.OfferStock.Valid
	if limited {
		pin = q.pin.ID
	}
	more, ofShare := n-before.units(), n-before.share(pin)
	if q.product.Stock.Available < more || limited && q.pin.Left.Int64 < ofShare {
		c.gone = q.goneFor(more)
		return ErrSoldOut
	}
	if err := b.capAllows(ctx, q, c.buyer.ID, n); err != nil {
		return err
	}
	if before != nil {
		return b.resize(ctx, c, q, *before, pin)
	}
	if err := b.holdsTooMany(ctx, c.buyer.ID); err != nil {
		return err
	}
	lasts, _, err := lastingOf(ctx, b.tx, c.ask.Channel)
	if err != nil {
		return err
	}
	h := holding{ID: newID(), Kind: bySheet, Channel: c.ask.Channel, Product: q.product.ID, Pin: pin, Buyer: c.buyer.ID, Quantity: n,
		State: "open", Began: b.tx.Millis(), Until: b.tx.Now.Add(lasts).UnixMilli()}
	b.holdings[id], c.holding = &h, h
	b.setOff(q, more, limited, ofShare)
	return h.insert(ctx, b.tx, true)
}

// setOff counts units as taken: of the product, and of the offer's share.
func (b *books) setOff(q quote, more int64, limited bool, ofShare int64) {
	q.product.Stock.Available -= more
	q.product.taken += more
	if limited {
		q.pin.Left.Int64 -= ofShare
		q.pin.taken += ofShare
	}
}

// resize makes a holding one of so many units as the claim asks for, under the
// card it asks for. There are enough.
func (b *books) resize(ctx context.Context, c *claim, q quote, h holding, pin string) error {
	n := *c.ask.Quantity
	if h.Pin != "" && h.Pin != pin {
		if err := returnShare(ctx, b.tx, h.Pin, h.Quantity); err != nil {
			return err
		}
	}
	b.setOff(q, n-h.Quantity, pin != "", n-h.share(pin))
	h.Quantity, h.Pin = n, pin
	*b.holdings[[2]string{h.Product, h.Buyer}], c.holding = h, h
	_, err := b.tx.Exec(ctx, "UPDATE shop_hold SET quantity = $2, pin = $3 WHERE id = $1 AND state = 'open'", h.ID, n, pin)
	return err
}

func (h holding) insert(ctx context.Context, tx *db.Tx, told bool) error {
	_, err := tx.Exec(ctx, `INSERT INTO shop_hold (id, kind, channel, product, pin, buyer, quantity, state, began, until, told)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		h.ID, h.Kind, h.Channel, h.Product, h.Pin, h.Buyer, h.Quantity, h.State, h.Began, h.Until, told)
	return err
}

// holdsTooMany refuses a person who sets units aside of one thing after the
// other.
func (b *books) holdsTooMany(ctx context.Context, buyer string) error {
	var n int64
	err := b.tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_hold WHERE buyer = $1 AND state = 'open' AND kind = 'sheet'", buyer).Scan(&n)
	if err == nil && n >= maxOpenHolds {
		err = ErrOpenHolds
	}
	return err
}

// capAllows tells beforehand what the order will be told: how many one person
// can have under the offer.
func (b *books) capAllows(ctx context.Context, q quote, buyer string, n int64) error {
	most := q.pin.perBuyer()
	if !q.inOffer || most == 0 {
		return nil
	}
	have, err := b.boughtUnder(ctx, q.pin.ID, buyer)
	if err == nil && have+n > most {
		err = ErrLimit.With("limit", most).With("have", have)
	}
	return err
}

// boughtUnder is how many units of a card's offer a buyer has, paid or about to be.
func (b *books) boughtUnder(ctx context.Context, pin, buyer string) (n int64, err error) {
	err = b.tx.QueryRow(ctx, "SELECT COALESCE(SUM(quantity), 0) FROM shop_pin_buyer WHERE pin = $1 AND buyer = $2", pin, buyer).Scan(&n)
	return n, err
}

// goneFor is the product to call sold out: only when it has no unit at all, and
// somebody wanted one.
func (q quote) goneFor(more int64) string {
	if more > 0 && q.product.Stock.Available == 0 {
		return q.product.ID
	}
	return ""
}
