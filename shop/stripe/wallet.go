package stripe

import (
	"context"
	"errors"

	stripego "github.com/stripe/stripe-go/v76"

	"souk/shop"
)

var _ shop.Wallet = (*Client)(nil)

// Customer creates the person's customer. The idempotency key is the person, so
// that two first taps at once make one.
func (c *Client) Customer(ctx context.Context, p shop.Person) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// Nothing that may change goes along: the same person must be the same request.
	ask := &stripego.CustomerParams{Params: params(ctx, "souk:customer:"+p.ID)}
	ask.AddMetadata("person", p.ID)
	got, err := c.api.Customers.New(ask)
	if err != nil {
		return "", explain("create customer", err)
	}
	return got.ID, nil
}

// Attach saves one of Stripe's test methods, by its name.
func (c *Client) Attach(ctx context.Context, customer, test string) (shop.Card, error) {
	if c.live {
		return shop.Card{}, shop.ErrRefused
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if !testName.MatchString(test) {
		return shop.Card{}, shop.ErrRefused // it becomes part of an address
	}
	got, err := c.api.PaymentMethods.Attach(test, &stripego.PaymentMethodAttachParams{Params: params(ctx, ""), Customer: &customer})
	var e *stripego.Error
	if errors.As(err, &e) && e.Type == stripego.ErrorTypeCard {
		return shop.Card{}, declined(e)
	}
	if err != nil {
		return shop.Card{}, explain("attach payment method", err)
	}
	return card(got), nil
}

// Setup makes the intent with which Stripe's form saves a method. on_session:
// the buyer is there when it is charged.
func (c *Client) Setup(ctx context.Context, customer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := c.api.SetupIntents.New(&stripego.SetupIntentParams{
		Params: params(ctx, ""), Customer: &customer, Usage: stripego.String("on_session"),
		PaymentMethodTypes: []*string{stripego.String("card")},
	})
	if err != nil {
		return "", explain("create setup intent", err)
	}
	return got.ClientSecret, nil
}

// Cards lists what the customer has saved, newest first.
func (c *Client) Cards(ctx context.Context, customer string) ([]shop.Card, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list := &stripego.PaymentMethodListParams{Customer: &customer, Type: stripego.String("card")}
	list.Context = ctx
	list.Limit = stripego.Int64(maxCards)
	list.Single = true
	var cards []shop.Card
	all := c.api.PaymentMethods.List(list)
	for all.Next() {
		cards = append(cards, card(all.PaymentMethod()))
	}
	if err := all.Err(); err != nil {
		return nil, explain("list payment methods", err)
	}
	return cards, nil
}

// Detach takes a method off its customer; it can never be used again.
func (c *Client) Detach(ctx context.Context, method string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.api.PaymentMethods.Detach(method, &stripego.PaymentMethodDetachParams{Params: params(ctx, "")})
	if err != nil {
		return explain("detach payment method", err)
	}
	return nil
}

func card(m *stripego.PaymentMethod) shop.Card {
	c := shop.Card{ID: m.ID}
	if m.Card != nil {
		c.Brand, c.Last4 = string(m.Card.Brand), m.Card.Last4
		c.ExpMonth, c.ExpYear = int(m.Card.ExpMonth), int(m.Card.ExpYear)
		c.Fingerprint, c.Country = m.Card.Fingerprint, m.Card.Country
	}
	return c
}
