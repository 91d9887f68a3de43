package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"souk/internal/db"
)

// ask is the body of an order: a card on air or a product, how many, and, if
// the page says so, at what price the buyer agreed.
type ask struct {
	Channel  string `json:"channel"`
	Pin      string `json:"pin,omitempty"`
	Product  string `json:"product,omitempty"`
	Quantity *int64 `json:"quantity,omitempty"` // absent: 1
	Price    *Money `json:"price,omitempty"`    // of one unit
}

// check refuses what no shop could answer and fills in the quantity.
func (a *ask) check() error {
	if a.Channel == "" {
		return bad("channel", "is missing")
	}
	if a.Pin == "" && a.Product == "" {
		return bad("product", "is missing; say a pin or a product")
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
func (s *Shop) base(r *http.Request) string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// quote is what an ask comes to at this moment.
type quote struct {
	product product
	pin     string
	unit    Money
	inOffer bool
	share   bool  // the offer has a share of the stock
	cap     int64 // units per buyer under the offer; 0: no cap
}

// quoteFor finds what is asked for and its price now. The buyer agreed to the
// price in the ask; without one, to what the card said when it went on air. If
// that is no longer the price, the answer is price_changed with the price now.
func quoteFor(ctx context.Context, tx *db.Tx, a ask) (quote, error) {
	var q quote
	var agreed Money
	product := a.Product
	if a.Pin != "" {
		p, err := pinByID(ctx, tx, a.Channel, a.Pin)
		if err != nil {
			return q, err
		}
		if product != "" && product != p.Product {
			return q, ErrNoProduct
		}
		product, q.pin, agreed = p.Product, p.ID, p.promised()
		if p.running(tx.Now) {
			q.inOffer, q.unit = true, p.offerPrice()
			q.share, q.cap = p.OfferStock.Valid, p.PerBuyer.Int64
		}
	}
	var err error
	if q.product, err = productByID(ctx, tx, product); err != nil {
		return q, err
	}
	if q.product.Channel != a.Channel || q.product.Dropped {
		return q, ErrNoProduct
	}
	if !q.inOffer {
		q.unit = q.product.Price
	}
	switch {
	case a.Price != nil:
		agreed = *a.Price
	case a.Pin == "":
		agreed = q.unit
	}
	if agreed != q.unit {
		return q, ErrPriceChanged.With("price", q.unit)
	}
	return q, nil
}

// mayBuy decides who may buy here at all: region, address, and no more open or
// declined orders than one person has reason to have.
func (s *Shop) mayBuy(ctx context.Context, tx *db.Tx, buyer Person, channel string) error {
	if buyer.Address == nil || buyer.Email == "" {
		return ErrNoAddress
	}
	rules, err := regionOf(ctx, tx, channel)
	if err != nil {
		return err
	}
	if err := rules.admit(buyer.Address.Country); err != nil {
		return err
	}
	var open, declines int64
	err = tx.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN units = 'held' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN decline_code <> '' AND created > $2 THEN 1 ELSE 0 END), 0)
		FROM shop_order WHERE buyer = $1 AND (units = 'held' OR decline_code <> '')`,
		buyer.ID, tx.Now.Add(-declineWindow).UnixMilli()).Scan(&open, &declines)
	switch {
	case err != nil:
		return err
	case declines >= maxDeclines:
		return ErrDeclines
	case open >= maxOpenOrders:
		return ErrOpenOrders
	}
	return nil
}
