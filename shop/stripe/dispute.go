package stripe

import (
	"context"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v76"

	"souk/shop"
)

var _ shop.Disputes = (*Client)(nil)

// maxDisputes bounds one look at all disputes.
const maxDisputes = 1000

// Dispute retrieves a dispute.
func (c *Client) Dispute(ctx context.Context, id string) (shop.Dispute, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d, err := c.api.Disputes.Get(id, &stripego.DisputeParams{Params: params(ctx, "")})
	if err != nil {
		return shop.Dispute{}, explain("retrieve dispute", err)
	}
	return dispute(d)
}

// DisputesSince lists disputes by when they began. One that cannot be read does
// not hide the others.
func (c *Client) DisputesSince(ctx context.Context, at time.Time) (found []shop.Dispute, err error) {
	list := &stripego.DisputeListParams{CreatedRange: &stripego.RangeQueryParams{GreaterThanOrEqual: at.Unix()}}
	list.Context = ctx
	list.Limit = stripego.Int64(100)
	all := c.api.Disputes.List(list)
	for len(found) < maxDisputes && all.Next() {
		d, err := dispute(all.Dispute())
		if err != nil {
			c.log.Warn("a dispute cannot be read", "dispute", d.ID, "err", err)
			continue
		}
		found = append(found, d)
	}
	if err := all.Err(); err != nil {
		return found, explain("list disputes", err)
	}
	return found, nil
}

// FraudWarning retrieves an early fraud warning.
func (c *Client) FraudWarning(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	w, err := c.api.RadarEarlyFraudWarnings.Get(id, &stripego.RadarEarlyFraudWarningParams{Params: params(ctx, "")})
	if err != nil {
		return "", explain("retrieve early fraud warning", err)
	}
	if w.PaymentIntent == nil {
		return "", shop.ErrNoOrder // a charge of the time before intents
	}
	return w.PaymentIntent.ID, nil
}

// dispute translates. What was taken is read off the lines of the balance, which
// are in the account's currency, not off the status, which may be late or early.
func dispute(d *stripego.Dispute) (out shop.Dispute, err error) {
	out = shop.Dispute{ID: d.ID, Reason: string(d.Reason), State: shop.DisputeState(d.Status), Created: time.Unix(d.Created, 0)}
	if d.PaymentIntent != nil {
		out.Intent = d.PaymentIntent.ID
	}
	if d.EvidenceDetails != nil && d.EvidenceDetails.DueBy > 0 {
		out.Due = time.Unix(d.EvidenceDetails.DueBy, 0)
	}
	if out.Amount, err = fromWire(d.Amount, string(d.Currency)); err != nil {
		return out, err
	}
	out.Fee.Currency = out.Amount.Currency
	moved, fee := int64(0), int64(0)
	for _, t := range d.BalanceTransactions {
		moved, fee = moved+t.Amount, fee+t.Fee
		out.Fee.Currency = strings.ToUpper(string(t.Currency))
	}
	out.Withdrawn = moved < 0
	out.Fee, err = fromWire(fee, out.Fee.Currency)
	return out, err
}
