package shop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Mail is what a buyer is told about an order, once a channel is told the same.
type Mail struct {
	ID      string // stays the same when it is sent again
	Kind    string // order.paid, …
	Channel string // its title
	Order   Order  // as it was then
	Terms   Terms  // it was placed under
	Link    string // to the order, for whoever has the mail
}

// ErrNoMail: this mail can never be sent, to this address or at all.
var ErrNoMail = errors.New("the mail cannot be sent")

// mail sends the mail about m. An address that takes none is no reason to try
// again; everything else is.
func (s *Shop) mail(ctx context.Context, m told) (outcome, error) {
	letter := Mail{ID: m.ID, Kind: m.Kind}
	if err := json.Unmarshal(m.Body, &letter.Order); err != nil {
		return outcome{}, err
	}
	o, err := orderByID(ctx, s.DB.Read(), m.Order)
	if err != nil {
		return outcome{}, err
	}
	if letter.Terms, err = termsAt(ctx, s.DB.Read(), o.Channel, o.Fine.Terms); err != nil {
		return outcome{}, err
	}
	if letter.Terms.Seller.Show {
		letter.Order.Seller = &letter.Terms.Seller
	}
	if letter.Order.Shipment != nil {
		if letter.Order.Shipment.Link, err = linkOf(ctx, s.DB.Read(), o); err != nil {
			return outcome{}, err
		}
	}
	c, err := s.Who.Channel(ctx, m.Channel, "")
	if err != nil {
		return outcome{}, err
	}
	letter.Channel = c.Title
	if letter.Link, err = s.linkTo(ctx, m.Order); err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	switch err := s.Mail(ctx, letter); {
	case err == nil:
		return outcome{status: http.StatusOK}, nil
	case errors.Is(err, ErrNoMail):
		s.Log.Warn("mail refused", "order", m.Order, "err", err)
		return outcome{word: "rejected", never: true}, nil
	default:
		s.Log.Warn("mail not sent", "order", m.Order, "err", err)
		return outcome{word: "unreachable"}, nil
	}
}
