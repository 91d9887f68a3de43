package shop

import (
	"context"
	"time"

	"souk/internal/db"
)

// claim is one tap on its way to an order.
type claim struct {
	buyer     Person
	key, hash string
	ask       ask
	base      string // where return links point
	show      string
	media     time.Time
	agreed    *agreed            // what the buyer was shown, if the tap says so
	sign      func(agreed) Quote // makes the quote of now, when that is no longer so

	order order
	again bool   // the order was there before
	gone  string // the product, when it has no unit left
	err   error  // why there is no order
}

// hold is the first commit: order, units and the request for money together,
// or none of them. A crowd of taps shares the commit, and the row of the product
// they are after is taken once for all of them.
func (s *Shop) hold(ctx context.Context, buyer Person, key string, a ask, base string) (order, error) {
	said, err := s.readQuote(ctx, buyer, a)
	if err != nil {
		return order{}, err
	}
	c := &claim{agreed: said, sign: s.signQuote, buyer: buyer, key: key, hash: a.hash(), ask: a, base: base, show: s.showOf(a.Channel), media: s.Timeline.Now(a.Channel)}
	if err := s.holds.Write(ctx, c); err != nil {
		return order{}, err
	}
	if c.gone != "" {
		s.sold.out(c.gone, a.Pin)
	}
	if c.err == nil && !c.again {
		s.announce(c.order)
	}
	return c.order, c.err
}

// holdAll is the transaction of a crowd: read what its taps are decided on,
// decide one after the other, write the sum. A refusal is the claim's own.
func (s *Shop) holdAll(ctx context.Context, tx *db.Tx, claims []*claim) error {
	b, err := open(ctx, tx, claims)
	if err != nil {
		return err
	}
	for _, c := range claims {
		c.order, c.again, c.gone = order{}, false, "" // an earlier try of this transaction may have left something
		c.err = b.decide(ctx, c)
	}
	return b.write(ctx)
}

// decide gives a claim its order, or says why not.
func (b *books) decide(ctx context.Context, c *claim) error {
	if o, there := b.orders[c.finger()]; there {
		c.order, c.again = o, true
		if o.Request != c.hash {
			return ErrKeyReused
		}
		return nil
	}
	q, err := b.quote(c.ask, c.agreed != nil)
	if err != nil {
		return err
	}
	if q.product.Stock.Available == 0 { // whoever asks
		c.gone = q.product.ID
		return ErrSoldOut
	}
	who, rules := b.buyers[c.buyer.ID], b.channels[c.ask.Channel]
	if err := who.mayBuy(c.buyer, rules); err != nil {
		return err
	}
	if q.sum, q.fee, err = compose(q.parts(c.ask, rules, c.buyer.Address.Country)); err != nil {
		return err
	}
	if err := c.agrees(q, b.now); err != nil {
		return err
	}
	o, err := newOrder(b.tx, c, q, who.method)
	if err != nil {
		return err
	}
	if err := b.take(ctx, o, q); err != nil {
		return err
	}
	c.order = o
	b.orders[c.finger()] = o
	b.add(c)
	return nil
}

// finger is what makes two taps the same.
func (c *claim) finger() [2]string { return [2]string{c.buyer.ID, c.key} }

// take moves an order's units from available to held, and off the offer's share
// and the buyer's cap: all three or ErrSoldOut, ErrLimit.
func (b *books) take(ctx context.Context, o order, q quote) error {
	p, share := b.products[o.Product], q.pin
	if p.Stock.Available < o.Quantity {
		return ErrSoldOut
	}
	limited := o.InOffer && share.OfferStock.Valid
	if limited && share.Left.Int64 < o.Quantity {
		return ErrSoldOut
	}
	if most := share.perBuyer(); o.InOffer && most > 0 {
		if o.Quantity > most {
			return ErrLimit
		}
		n, err := b.tx.Changed(ctx, `INSERT INTO shop_pin_buyer (pin, buyer, quantity) VALUES ($1, $2, $3)
			ON CONFLICT (pin, buyer) DO UPDATE SET quantity = shop_pin_buyer.quantity + excluded.quantity
			WHERE shop_pin_buyer.quantity + excluded.quantity <= $4`, o.Pin, o.Buyer, o.Quantity, most)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrLimit
		}
	}
	p.Stock.Available -= o.Quantity
	p.taken += o.Quantity
	if limited {
		share.Left.Int64 -= o.Quantity
		share.taken += o.Quantity
	}
	return nil
}
