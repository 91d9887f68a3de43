package stripe

import (
	"context"
	"errors"
	"fmt"
	"time"

	stripego "github.com/stripe/stripe-go/v76"

	"souk/shop"
)

var _ shop.Gateway = (*Client)(nil)

// Start creates and confirms a payment intent in one call.
//
// return_url and payment_method_types are set because automatic payment methods
// would want the one and widen the other; off_session is not, for the buyer is
// there.
func (c *Client) Start(ctx context.Context, p shop.Payment) (shop.Intent, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if time.Since(p.First) > keyLifetime {
		return c.find(ctx, p)
	}
	amount, code, err := toWire(p.Amount)
	if err != nil {
		return shop.Intent{}, errors.Join(shop.ErrRefused, err)
	}
	ask := &stripego.PaymentIntentParams{
		Params:             params(ctx, p.Key),
		Amount:             &amount,
		Currency:           &code,
		Customer:           &p.Customer,
		PaymentMethod:      &p.Method,
		PaymentMethodTypes: []*string{stripego.String("card")},
		Confirm:            stripego.Bool(true),
		ReturnURL:          &p.ReturnURL,
	}
	ask.AddMetadata("order", p.Order)
	ask.AddMetadata("attempt", p.Key)
	in, err := c.api.PaymentIntents.New(ask)
	if err == nil {
		return intent(in)
	}
	// A decline is an answer: it carries the intent.
	var e *stripego.Error
	if errors.As(err, &e) && e.Type == stripego.ErrorTypeCard && e.PaymentIntent != nil {
		got, err := intent(e.PaymentIntent)
		if got.Status == shop.IntentFailed {
			got.Decline = declined(e)
		}
		return got, err
	}
	return shop.Intent{}, explain("create payment intent", err)
}

// find answers for a request whose idempotency key Stripe has forgotten: sending
// it again could charge twice. The intents of the customer are listed, not
// searched, since the search index lags.
func (c *Client) find(ctx context.Context, p shop.Payment) (shop.Intent, error) {
	list := &stripego.PaymentIntentListParams{Customer: &p.Customer,
		CreatedRange: &stripego.RangeQueryParams{GreaterThanOrEqual: p.First.Add(-time.Hour).Unix()}}
	list.Context = ctx
	list.Limit = stripego.Int64(100)
	all := c.api.PaymentIntents.List(list)
	for all.Next() {
		if in := all.PaymentIntent(); in.Metadata["attempt"] == p.Key {
			return intent(in)
		}
	}
	if err := all.Err(); err != nil {
		return shop.Intent{}, explain("list payment intents", err)
	}
	return shop.Intent{}, shop.ErrRefused
}

// LookUp retrieves an intent.
func (c *Client) LookUp(ctx context.Context, id string) (shop.Intent, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	in, err := c.api.PaymentIntents.Get(id, &stripego.PaymentIntentParams{Params: params(ctx, "")})
	if err != nil {
		return shop.Intent{}, explain("retrieve payment intent", err)
	}
	return intent(in)
}

// Cancel cancels an intent, or tells what it has become instead.
func (c *Client) Cancel(ctx context.Context, id string) (shop.Intent, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	in, err := c.api.PaymentIntents.Cancel(id, &stripego.PaymentIntentCancelParams{Params: params(ctx, "")})
	var e *stripego.Error
	if errors.As(err, &e) && e.Code == stripego.ErrorCodePaymentIntentUnexpectedState {
		return c.LookUp(ctx, id)
	}
	if err != nil {
		return shop.Intent{}, explain("cancel payment intent", err)
	}
	return intent(in)
}

// Refund pays back part or all of what an intent took.
func (c *Client) Refund(ctx context.Context, r shop.Repayment) (shop.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if time.Since(r.First) > keyLifetime {
		return c.findRefund(ctx, r)
	}
	amount, _, err := toWire(r.Amount)
	if err != nil {
		return shop.Receipt{}, errors.Join(shop.ErrRefused, err)
	}
	ask := &stripego.RefundParams{Params: params(ctx, r.Key), PaymentIntent: &r.Intent, Amount: &amount}
	ask.AddMetadata("order", r.Order)
	ask.AddMetadata("refund", r.Key)
	back, err := c.api.Refunds.New(ask)
	if err != nil {
		return shop.Receipt{}, explain("create refund", err)
	}
	if back.Status != stripego.RefundStatusSucceeded {
		// The same key repeats the first answer word for word; what has become of
		// the refund since then has to be asked.
		if back, err = c.api.Refunds.Get(back.ID, &stripego.RefundParams{Params: params(ctx, "")}); err != nil {
			return shop.Receipt{}, fmt.Errorf("%v", explain("retrieve refund", err)) // never a refusal: it is there
		}
	}
	return receipt(back)
}

// findRefund is find for refunds.
func (c *Client) findRefund(ctx context.Context, r shop.Repayment) (shop.Receipt, error) {
	list := &stripego.RefundListParams{PaymentIntent: &r.Intent}
	list.Context = ctx
	list.Limit = stripego.Int64(100)
	all := c.api.Refunds.List(list)
	for all.Next() {
		if back := all.Refund(); back.Metadata["refund"] == r.Key {
			return receipt(back)
		}
	}
	if err := all.Err(); err != nil {
		return shop.Receipt{}, explain("list refunds", err)
	}
	return shop.Receipt{}, shop.ErrRefused
}

func receipt(back *stripego.Refund) (shop.Receipt, error) {
	switch back.Status {
	case stripego.RefundStatusFailed, stripego.RefundStatusCanceled:
		return shop.Receipt{}, shop.ErrRefused
	}
	return shop.Receipt{ID: back.ID, Done: back.Status == stripego.RefundStatusSucceeded}, nil
}

// intent translates.
func intent(in *stripego.PaymentIntent) (shop.Intent, error) {
	out := shop.Intent{ID: in.ID, Order: in.Metadata["order"]}
	switch in.Status {
	case stripego.PaymentIntentStatusSucceeded:
		out.Status = shop.IntentSucceeded
	case stripego.PaymentIntentStatusCanceled:
		out.Status = shop.IntentCanceled
	case stripego.PaymentIntentStatusProcessing:
		out.Status = shop.IntentProcessing
	case stripego.PaymentIntentStatusRequiresAction:
		out.Status = shop.IntentAction
		if a := in.NextAction; a != nil && a.RedirectToURL != nil {
			out.ActionURL = a.RedirectToURL.URL
		}
	default:
		out.Status = shop.IntentFailed
		if in.LastPaymentError != nil {
			out.Decline = declined(in.LastPaymentError)
		}
	}
	var err error
	out.Received, err = fromWire(in.AmountReceived, string(in.Currency))
	return out, err
}

// declined is the bank's word, or Stripe's where the bank gave none.
func declined(e *stripego.Error) *shop.Decline {
	d := &shop.Decline{Code: string(e.DeclineCode), Detail: e.Msg}
	if d.Code == "" {
		d.Code = string(e.Code)
	}
	if d.Code == "" {
		d.Code = "card_declined"
	}
	if d.Detail == "" {
		d.Detail = "The payment was declined."
	}
	return d
}
