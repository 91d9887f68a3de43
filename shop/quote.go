package shop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"souk/internal/api"
)

const (
	quoteSecret = "quote"         // name in shop_secret
	quoteTTL    = 5 * time.Minute // how long a quote is good for
	maxQuote    = 2_000           // bytes of one
)

// agreed is what a quote says and its signature covers: to whom, for what, and
// every part of the sum. A tap that carries it is compared with the same, worked
// out anew.
type agreed struct {
	Buyer    string `json:"buyer"`
	Channel  string `json:"channel"`
	Pin      string `json:"pin"`
	Product  string `json:"product"`
	Quantity int64  `json:"quantity"`
	Price    Money  `json:"price"` // of one unit
	Version  int64  `json:"version"`
	Country  string `json:"country"`
	Sum
	Expires int64 `json:"expires"` // unix milliseconds
}

// Quote is what a buyer is shown before the tap.
type Quote struct {
	Quote     string   `json:"quote"` // goes with the tap, as it is
	ExpiresAt api.Time `json:"expires_at"`
	Channel   string   `json:"channel"`
	Pin       string   `json:"pin"`
	Product   string   `json:"product"`
	Quantity  int64    `json:"quantity"`
	Price     Money    `json:"price"`
	Country   string   `json:"country"`
	Sum
}

// PostQuote handles POST /api/v1/quotes: what an order would come to now, for
// who asks. Nothing is held and nothing is promised but the sum, and that for as
// long as the shop does not change it.
func (s *Shop) PostQuote(w http.ResponseWriter, r *http.Request) error {
	buyer, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	if wait, ok := s.quotes.Take(buyer.ID, ""); !ok {
		return api.TooFast(wait)
	}
	var body struct {
		ask
		Country string `json:"country"` // where it would go; absent: the buyer's address
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	if err := s.guessing(r, buyer.ID, body.Coupon); err != nil {
		return err
	}
	to := destinationOf(buyer.Address)
	if body.Country != "" && body.Country != to.country {
		code, ok := countryCode(body.Country)
		if !ok {
			return bad("country", "is an ISO 3166 two-letter code")
		}
		to = destination{country: code}
	}
	if to.country == "" {
		return ErrNoAddress
	}
	said, err := s.quoteFor(r.Context(), buyer, body.ask, to)
	if err != nil {
		return err
	}
	if _, err := s.secret(r.Context(), quoteSecret); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return api.Write(w, http.StatusOK, s.signQuote(said))
}

// quoteFor decides as a tap would, on the same rules, without taking anything.
func (s *Shop) quoteFor(ctx context.Context, buyer Person, a ask, to destination) (agreed, error) {
	b, err := s.glance(ctx, a)
	if err != nil {
		return agreed{}, err
	}
	q, err := b.quote(ctx, buyer, a, true) // the price of now is the answer, whatever the page believes
	if err != nil {
		return agreed{}, err
	}
	rules := b.channels[a.Channel]
	if err := rules.Region.decide(signals{ShipTo: to.country, Network: buyer.Network}).refusal(); err != nil {
		return agreed{}, err
	}
	limits, err := s.limits(q.unit.Currency)
	if err != nil {
		return agreed{}, err
	}
	with := sent{}
	if show := s.showOf(a.Channel); rules.Shipping.Combine && show != "" && buyer.Address != nil {
		all, err := travelling(ctx, s.DB.Read(), []string{buyer.ID}, []string{show})
		if err != nil {
			return agreed{}, err
		}
		with = all[buyer.ID][parcel(a.Channel, show, q.unit.Currency, buyer.Address)]
	}
	if err := q.price(a, rules, limits, to, with); err != nil {
		return agreed{}, err
	}
	return q.said(buyer, a, to.country, b.now), nil
}

// glance reads the books for one ask without holding anything.
func (s *Shop) glance(ctx context.Context, a ask) (*books, error) {
	b := &books{shop: s, now: time.Now(), pins: map[string]*openPin{}, products: map[string]*openProduct{}, channels: map[string]terms{}}
	if _, err := s.Who.Channel(ctx, a.Channel, ""); err != nil {
		return nil, err
	}
	t, err := s.terms(ctx, s.DB.Read(), a.Channel)
	if err != nil {
		return nil, err
	}
	b.channels[a.Channel] = t
	b.from, b.show = s.DB.Read(), s.showOf
	id := a.Product
	if a.Offer != "" {
		p, err := personalByID(ctx, b.from, a.Offer)
		if err != nil {
			return nil, err
		}
		b.personals, id = map[string]*personal{a.Offer: &p}, p.Product
	}
	if a.Pin != "" {
		p, err := pinByID(ctx, s.DB.Read(), a.Channel, a.Pin)
		if err != nil {
			return nil, err
		}
		b.pins[a.card()], id = &openPin{pin: p}, p.Product
	}
	if a.justTip() {
		return b, nil
	}
	p, err := productByID(ctx, s.DB.Read(), id)
	if errors.Is(err, ErrNoProduct) {
		return b, nil
	}
	b.products[id] = &openProduct{product: p}
	return b, err
}

// said is q in the words of a quote.
func (q quote) said(buyer Person, a ask, country string, now time.Time) agreed {
	product, version := q.product.ID, q.product.Version
	if a.justTip() {
		product, version = "", 0 // whether the channel has a jar yet or not
	}
	return agreed{Buyer: buyer.ID, Channel: a.Channel, Pin: a.Pin, Product: product, Quantity: *a.Quantity, Price: q.unit,
		Version: version, Country: country, Sum: q.sum, Expires: now.Add(quoteTTL).UnixMilli()}
}

// agrees compares what a buyer was shown with what it comes to now. Whatever
// differs, the answer has the quote of now, for the buyer to look at.
func (c *claim) agrees(q quote, now time.Time) error {
	if c.agreed == nil {
		return nil
	}
	is, was := q.said(c.buyer, c.ask, c.buyer.Address.Country, now), *c.agreed
	late := was.Expires <= now.UnixMilli()
	fresh := is.Expires
	is.Expires = was.Expires
	if is == was && !late {
		return nil
	}
	is.Expires = fresh
	return ErrPriceChanged.With("price", q.unit).With("quote", c.sign(is))
}

// readQuote opens the quote of a tap; nil when it has none. One that this shop
// did not sign, or signed for somebody or something else, is refused.
func (s *Shop) readQuote(ctx context.Context, buyer Person, a ask) (*agreed, error) {
	if a.Quote == "" {
		return nil, nil
	}
	key, err := s.secret(ctx, quoteSecret)
	if err != nil {
		return nil, err
	}
	text, signature, ok := strings.Cut(a.Quote, ".")
	said, err1 := base64.RawURLEncoding.Strict().DecodeString(text)
	mark, err2 := base64.RawURLEncoding.Strict().DecodeString(signature)
	if !ok || len(a.Quote) > maxQuote || err1 != nil || err2 != nil || !hmac.Equal(mark, sealed(key, said)) {
		return nil, ErrBadQuote
	}
	var was agreed
	if err := json.Unmarshal(said, &was); err != nil {
		return nil, ErrBadQuote.Because(err)
	}
	if was.Buyer != buyer.ID || was.Channel != a.Channel || was.Pin != a.Pin || was.Quantity != *a.Quantity || a.Product != "" && a.Product != was.Product {
		return nil, ErrBadQuote
	}
	return &was, nil
}

// signQuote makes a quote of what was said. Call it after secret(quoteSecret):
// it does no input or output.
func (s *Shop) signQuote(said agreed) Quote {
	s.secrets.mu.Lock()
	key := s.secrets.all[quoteSecret]
	s.secrets.mu.Unlock()
	text, err := json.Marshal(said)
	if err != nil {
		panic(err) // strings and integers
	}
	encode := base64.RawURLEncoding.EncodeToString
	return Quote{Quote: encode(text) + "." + encode(sealed(key, text)), ExpiresAt: api.Millis(said.Expires),
		Channel: said.Channel, Pin: said.Pin, Product: said.Product, Quantity: said.Quantity, Price: said.Price, Country: said.Country, Sum: said.Sum}
}

func sealed(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}
