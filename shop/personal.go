package shop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// personal is a row of shop_personal: a price for one person alone, until a
// time, once.
type personal struct {
	ID, Channel, Product, Buyer, Hold, State, Order, Host string
	Price                                                 Money
	Quantity, Ends, Created                               int64

	held *holding // its units, if some were set aside and still are
}

const personalColumns = "id, channel, product, buyer, amount, currency, quantity, ends, hold, state, order_id, host, created"

func scanPersonal(row interface{ Scan(...any) error }) (p personal, err error) {
	err = row.Scan(&p.ID, &p.Channel, &p.Product, &p.Buyer, &p.Price.Amount, &p.Price.Currency, &p.Quantity, &p.Ends, &p.Hold, &p.State, &p.Order, &p.Host, &p.Created)
	return p, err
}

func personalByID(ctx context.Context, from db.Reader, id string) (personal, error) {
	p, err := scanPersonal(from.QueryRowContext(ctx, "SELECT "+personalColumns+" FROM shop_personal WHERE id = $1", id))
	return p, none(err, ErrNoOffer)
}

// Personal is an offer to one person, as that person and the host see it.
type Personal struct {
	ID       string   `json:"id"`
	Channel  string   `json:"channel"`
	Product  Product  `json:"product"`
	Price    Money    `json:"price"` // of one unit
	Quantity int64    `json:"quantity"`
	EndsAt   api.Time `json:"ends_at"`
	State    string   `json:"state"` // open, used, withdrawn, ended
	Held     bool     `json:"held"`  // units are set aside for it
	Order    string   `json:"order,omitempty"`
	For      string   `json:"for,omitempty"` // the person, to the host
}

func (p personal) view(of Product, now time.Time) Personal {
	state := p.State
	if state == "open" && p.Ends <= now.UnixMilli() {
		state = "ended"
	}
	return Personal{ID: p.ID, Channel: p.Channel, Product: of, Price: p.Price, Quantity: p.Quantity, EndsAt: api.Millis(p.Ends), State: state, Held: p.Hold != "", Order: p.Order}
}

// takes refuses an order that the offer is not, or no longer, for.
func (p personal) takes(now time.Time, quantity int64) error {
	switch {
	case p.State == "used":
		return ErrOfferUsed
	case p.State != "open" || p.Ends <= now.UnixMilli():
		return ErrOfferOver
	case quantity > p.Quantity:
		return ErrLimit.With("limit", p.Quantity).With("have", 0)
	}
	return nil
}

// set is how many units are set aside for the offer.
func (p *personal) set() int64 {
	if p == nil {
		return 0
	}
	return p.held.units()
}

// readPersonals finds the offers that claims name, and holds their rows.
func (b *books) readPersonals(ctx context.Context, claims []*claim) error {
	for _, c := range claims {
		if _, ok := b.personals[c.ask.Offer]; ok || c.ask.Offer == "" {
			continue
		}
		p, err := personalByID(ctx, b.tx, c.ask.Offer)
		switch {
		case errors.Is(err, ErrNoOffer):
			b.personals[c.ask.Offer] = nil
		case err != nil:
			return err
		default:
			b.personals[c.ask.Offer] = &p
		}
	}
	return nil
}

// readAside finds the units of the personal offers, once their products' rows
// are held.
func (b *books) readAside(ctx context.Context, _ []*claim) error {
	for id, p := range b.personals {
		if p == nil {
			continue
		}
		// Again, now that nobody else can take it.
		now, err := personalByID(ctx, b.tx, id)
		if err != nil {
			return err
		}
		*p = now
		if p.Hold == "" {
			continue
		}
		h, err := scanHolding(b.tx.QueryRow(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE id = $1 AND state = 'open' AND until > $2", p.Hold, b.tx.Millis()))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		p.held = &h
	}
	return nil
}

// takePersonal moves the units of an order under an offer to one person, and
// ends the offer: once, and in the order's commit.
func (b *books) takePersonal(ctx context.Context, o order, q quote) error {
	more := o.Quantity - q.personal.set()
	if q.product.Stock.Available < more {
		return ErrSoldOut
	}
	n, err := b.tx.Changed(ctx, "UPDATE shop_personal SET state = 'used', order_id = $2 WHERE id = $1 AND state = 'open'", q.personal.ID, o.ID)
	if err != nil {
		return err
	}
	if n != 1 {
		return ErrOfferUsed
	}
	b.setOff(q, more, false, 0)
	h := q.personal.held
	q.personal.State, q.personal.held = "used", nil
	if h == nil {
		return nil
	}
	n, err = b.tx.Changed(ctx, "UPDATE shop_hold SET state = 'used', ended = $2, order_id = $3 WHERE id = $1 AND state = 'open'", h.ID, b.tx.Millis(), o.ID)
	if err == nil && n != 1 {
		err = fmt.Errorf("hold %s: not open after all", h.ID)
	}
	return err
}

// NewPersonal is what a host says about an offer to one person.
type NewPersonal struct {
	Person   string `json:"person"`
	Product  string `json:"product"`
	Price    Money  `json:"price"`
	Quantity int64  `json:"quantity"`
	Seconds  int64  `json:"seconds"`
	Hold     bool   `json:"hold"` // set the units aside
}

func (n *NewPersonal) check() error {
	if n.Quantity == 0 {
		n.Quantity = 1
	}
	switch {
	case n.Person == "" || len(n.Person) > 64:
		return bad("person", "is the id of somebody in the room, or of a buyer")
	case n.Product == "":
		return bad("product", "is missing")
	case n.Quantity < 1 || n.Quantity > maxQuantity:
		return bad("quantity", "must be between 1 and 99")
	case n.Seconds < 10 || n.Seconds > int64(maxPersonalTime/time.Second):
		return bad("seconds", "must be between 10 and 86400")
	}
	return n.Price.check("price")
}

// offerTo makes an offer to one person.
func (s *Shop) offerTo(ctx context.Context, channel, host string, n NewPersonal) (p personal, of product, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if of, err = scanProduct(tx.QueryRow(ctx, lockProduct, n.Product)); err != nil {
			return none(err, ErrNoProduct)
		}
		if of.Channel != channel || of.Dropped {
			return ErrNoProduct
		}
		if n.Price.Currency != of.Price.Currency {
			return bad("price", "must be in the currency of the product")
		}
		var open int64
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_personal WHERE channel = $1 AND state = 'open' AND ends > $2", channel, tx.Millis()).Scan(&open); err != nil {
			return err
		}
		if open >= maxPersonals {
			return ErrPersonals
		}
		p = personal{ID: newID(), Channel: channel, Product: of.ID, Buyer: n.Person, Host: host, State: "open", Price: n.Price, Quantity: n.Quantity,
			Created: tx.Millis(), Ends: tx.Now.Add(time.Duration(n.Seconds) * time.Second).UnixMilli()}
		if n.Hold {
			if of.Stock.Available < n.Quantity {
				return ErrSoldOut
			}
			h := holding{ID: newID(), Kind: byOffer, Channel: channel, Product: of.ID, Buyer: n.Person, Quantity: n.Quantity, State: "open", Began: tx.Millis(), Until: p.Ends}
			if err := h.insert(ctx, tx, true); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE shop_product SET available = available - $2, held = held + $2 WHERE id = $1", of.ID, n.Quantity); err != nil {
				return err
			}
			p.Hold = h.ID
			of.Stock.Available, of.Stock.Held = of.Stock.Available-n.Quantity, of.Stock.Held+n.Quantity
		}
		_, err := tx.Exec(ctx, `INSERT INTO shop_personal (id, channel, product, buyer, amount, currency, quantity, ends, hold, state, host, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10, $11)`,
			p.ID, p.Channel, p.Product, p.Buyer, p.Price.Amount, p.Price.Currency, p.Quantity, p.Ends, p.Hold, p.Host, p.Created)
		return err
	})
	return p, of, err
}
