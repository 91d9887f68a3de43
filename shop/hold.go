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
	aside     bool               // a holding is wanted, no order
	fine      fineprint

	order   order
	holding holding
	again   bool   // the order was there before
	gone    string // the product, when it has no unit left
	err     error  // why there is neither
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
	b, err := s.open(ctx, tx, claims)
	if err != nil {
		return err
	}
	b.guard = s.guard
	for _, c := range claims {
		c.order, c.holding, c.again, c.gone = order{}, holding{}, false, "" // an earlier try of this transaction may have left something
		c.err = b.decide(ctx, c)
	}
	return b.write(ctx)
}

// decide gives a claim its order, or says why not.
func (b *books) decide(ctx context.Context, c *claim) error {
	if o, there := b.orders[c.finger()]; there {
		o.fresh = false
		c.order, c.again = o, true
		if o.Request != c.hash {
			return ErrKeyReused
		}
		return nil
	}
	b.show = func(string) string { return c.show }
	q, err := b.quote(ctx, c.buyer, c.ask, c.agreed != nil)
	if err != nil {
		return err
	}
	if !c.ask.justTip() && q.product.Stock.Available == 0 && q.personal.set() == 0 && b.holdings[[2]string{q.product.ID, c.buyer.ID}] == nil { // whoever asks
		c.gone = q.product.ID
		return ErrSoldOut
	}
	who, rules := b.buyers[c.buyer.ID], b.channels[c.ask.Channel]
	if c.fine, err = who.mayBuy(c.buyer, rules); err != nil {
		return err
	}
	if c.aside {
		return b.setAside(ctx, c, q)
	}
	if err := b.guard.admitCard(who.method.Fingerprint); err != nil {
		return err
	}
	limits, err := b.shop.limits(q.unit.Currency)
	if err != nil {
		return err
	}
	if err := q.price(c.ask, rules, limits, destinationOf(c.buyer.Address), who.sent[parcel(c.ask.Channel, c.show, q.unit.Currency, c.buyer.Address)]); err != nil {
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
	if q.coupon != nil {
		if err := q.coupon.redeem(ctx, b.tx, o); err != nil {
			return err
		}
	}
	c.order = o
	b.orders[c.finger()] = o
	b.add(c)
	return nil
}

// finger is what makes two taps the same.
func (c *claim) finger() [2]string { return [2]string{c.buyer.ID, c.key} }

// take moves an order's units from available, or from what its buyer holds, to
// the order, and off the offer's share and the buyer's cap: all of it or
// ErrSoldOut, ErrLimit.
func (b *books) take(ctx context.Context, o order, q quote) error {
	mine := b.held(o.Product, o.Buyer)
	if q.personal != nil {
		return b.takePersonal(ctx, o, q)
	}
	if q.product.Jar {
		return b.fillJar(ctx, o, q)
	}
	more, limited := o.Quantity-mine.units(), o.InOffer && q.pin.OfferStock.Valid
	if q.product.Stock.Available < more {
		return ErrSoldOut
	}
	ofShare := int64(0)
	if limited {
		if ofShare = o.Quantity - mine.share(o.Pin); q.pin.Left.Int64 < ofShare {
			return ErrSoldOut
		}
	}
	if most := q.pin.perBuyer(); o.InOffer && most > 0 {
		if o.Quantity > most {
			return b.overLimit(ctx, o, most)
		}
		n, err := b.tx.Changed(ctx, `INSERT INTO shop_pin_buyer (pin, buyer, quantity) VALUES ($1, $2, $3)
			ON CONFLICT (pin, buyer) DO UPDATE SET quantity = shop_pin_buyer.quantity + excluded.quantity
			WHERE shop_pin_buyer.quantity + excluded.quantity <= $4`, o.Pin, o.Buyer, o.Quantity, most)
		if err != nil {
			return err
		}
		if n == 0 {
			return b.overLimit(ctx, o, most)
		}
	}
	b.setOff(q, more, limited, ofShare)
	return b.use(ctx, mine, o)
}

// overLimit is ErrLimit with the cap and what the buyer has of it already.
func (b *books) overLimit(ctx context.Context, o order, most int64) error {
	have, err := b.boughtUnder(ctx, o.Pin, o.Buyer)
	if err != nil {
		return err
	}
	return ErrLimit.With("limit", most).With("have", have)
}
