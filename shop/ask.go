package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"souk/internal/api"
)

// ask is the body of an order: a card on air or a product, how many, and, if
// the page says so, at what price the buyer agreed.
type ask struct {
	Channel  string `json:"channel"`
	Pin      string `json:"pin,omitempty"`
	Product  string `json:"product,omitempty"`
	Quantity *int64 `json:"quantity,omitempty"` // absent: 1
	Price    *Money `json:"price,omitempty"`    // of one unit
	Currency string `json:"currency,omitempty"` // to pay in; absent: that of the product's own price
	Quote    string `json:"quote,omitempty"`    // what the buyer was shown, as POST /api/v1/quotes signed it
	Coupon   string `json:"coupon,omitempty"`   // a code
	Offer    string `json:"offer,omitempty"`    // made to this buyer alone; then neither pin nor product need be said
	Tip      *Money `json:"tip,omitempty"`      // on top, or, with no goods, alone
	Thanks   bool   `json:"thanks,omitempty"`   // the room may hear who tipped
	Hold     string `json:"hold,omitempty"`     // the buyer has units set aside; they are used, named or not, but nobody who names them is sent away unheard
}

// check refuses what no shop could answer and fills in the quantity.
func (a *ask) check() error {
	if a.Channel == "" {
		return bad("channel", "is missing")
	}
	if a.Pin == "" && a.Product == "" && a.Offer == "" && a.Tip == nil {
		return bad("product", "is missing; say a pin or a product")
	}
	if len(a.Coupon) > maxCode {
		return ErrCouponUnknown
	}
	if a.Tip != nil {
		if err := checkTip(*a.Tip, a.justTip()); err != nil {
			return err
		}
	}
	if a.Quantity == nil {
		one := int64(1)
		a.Quantity = &one
	}
	if *a.Quantity < 1 || *a.Quantity > maxQuantity {
		return bad("quantity", "must be between 1 and 99")
	}
	return nil
}

// hash tells two asks apart, however their JSON was spelled.
func (a ask) hash() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings and integers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// orderKey reads the Idempotency-Key. Version 7 only: it starts with the time,
// so that a crowd of keys lands at one end of the index.
func orderKey(r *http.Request) (string, error) {
	text := r.Header.Get("Idempotency-Key")
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
		return "", ErrBadKey
	}
	return id.String(), nil
}

// base is where return links point.
func (s *Shop) base(r *http.Request) string { return api.Base(s.PublicURL, r) }

// justTip tells whether there are no goods.
func (a ask) justTip() bool { return a.Pin == "" && a.Product == "" && a.Offer == "" }

// quote is what an ask comes to at this moment.
type quote struct {
	product  *openProduct
	pin      *openPin  // nil: no card was named
	personal *personal // nil: no offer to one person
	coupon   *coupon   // nil: none
	unit     Money
	inOffer  bool

	discount, tip int64 // what the ask takes off the goods and adds on top, in minor units
	weight        int64 // grams
	sum           Sum
	fee           Money
}

// quote finds what is asked for and its price now. The buyer agreed to the
// price in the ask; without one, to what the card said when it went on air. If
// that is no longer the price, the answer is price_changed with the price now.
// With whole the ask carries a quote, which is compared as a whole, later.
func (b *books) quote(ctx context.Context, buyer Person, a ask, whole bool) (quote, error) {
	q, err := b.goods(buyer, a, whole)
	if err != nil {
		return q, err
	}
	return q, b.extras(ctx, buyer, a, &q)
}

// goods is the part of a quote that is about what is bought.
func (b *books) goods(buyer Person, a ask, whole bool) (quote, error) {
	var q quote
	var agreed Money
	if a.justTip() {
		if q.product = b.products[b.jars[a.jar()]]; q.product == nil {
			q.product = &openProduct{product: product{Product: Product{Channel: a.Channel, Title: tipTitle, Price: Money{1, a.Tip.Currency}}}}
		}
		q.unit = Money{0, a.Tip.Currency}
		return q, nil
	}
	product := a.Product
	if a.Offer != "" {
		q.personal = b.personals[a.Offer]
		if q.personal == nil || q.personal.Buyer != buyer.ID || q.personal.Channel != a.Channel {
			return q, ErrNoOffer
		}
		if product == "" {
			product = q.personal.Product
		}
		if product != q.personal.Product || a.Pin != "" {
			return q, ErrNoOffer
		}
	}
	if a.Pin != "" {
		if q.pin = b.pins[a.card()]; q.pin == nil {
			return q, ErrNoPin
		}
		if product != "" && product != q.pin.Product {
			return q, ErrNoProduct
		}
		product, agreed = q.pin.Product, q.pin.promised()
		if q.pin.running(b.now) && (a.Currency == "" || a.Currency == q.pin.Price.Currency) {
			q.inOffer, q.unit = true, q.pin.offerPrice()
		}
	}
	q.product = b.products[product]
	if q.product == nil || q.product.Channel != a.Channel || q.product.Dropped {
		return q, ErrNoProduct
	}
	if !q.inOffer {
		var err error
		if q.unit, err = q.product.in(a.Currency); err != nil {
			return q, err
		}
	}
	if q.personal != nil {
		if err := q.personal.takes(b.now, *a.Quantity); err != nil {
			return q, err
		}
		q.unit = q.personal.Price
	}
	switch {
	case a.Price != nil:
		agreed = *a.Price
	case a.Pin == "", a.Currency != "" && a.Currency != agreed.Currency:
		agreed = q.unit
	}
	if agreed != q.unit && !whole {
		return q, ErrPriceChanged.With("price", q.unit)
	}
	return q, nil
}

// mayBuy decides who may buy here at all: region, address, a way to pay, and no
// more open or declined orders than one person has reason to have. It returns what
// the order will keep of that.
func (p purse) mayBuy(buyer Person, rules terms) (fineprint, error) {
	fine := rules.Fine
	if buyer.Address == nil || buyer.Email == "" {
		return fine, ErrNoAddress
	}
	rule := rules.Region.decide(signals{ShipTo: buyer.Address.Country, Card: p.method.Country, Network: buyer.Network})
	if err := rule.refusal(); err != nil {
		return fine, err
	}
	fine.Lang, fine.Rule = buyer.Lang, &rule
	switch {
	case p.declines >= maxDeclines:
		return fine, ErrDeclines
	case p.open >= maxOpenOrders:
		return fine, ErrOpenOrders
	case p.method.ID == "":
		return fine, ErrNoMethod
	}
	return fine, nil
}
