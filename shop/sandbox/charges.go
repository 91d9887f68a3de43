package sandbox

import (
	"github.com/google/uuid"
)

type charge struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	BillingDetails billing           `json:"billing_details"`
	Captured       bool              `json:"captured"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	Customer       *string           `json:"customer"`
	Disputed       bool              `json:"disputed"`
	FailureCode    *string           `json:"failure_code"`
	FailureMessage *string           `json:"failure_message"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Paid           bool              `json:"paid"`
	PaymentIntent  string            `json:"payment_intent"`
	PaymentMethod  *string           `json:"payment_method"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
}

func (o charge) head() (string, string, string) { return o.ID, o.Object, text(o.Customer) }

func (c *call) charge(p paymentIntent) charge {
	return charge{ID: newID("ch"), Object: "charge", Amount: p.Amount, Created: c.tx.Now.Unix(), Currency: p.Currency,
		Customer: p.Customer, Metadata: p.Metadata, PaymentIntent: p.ID, PaymentMethod: p.PaymentMethod}
}

type refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
	Reason        *string           `json:"reason"`
	Status        string            `json:"status"`
}

func (o refund) head() (string, string, string) { return o.ID, o.Object, "" }

// createRefund pays back all that is left, or an amount of it.
func createRefund(c *call) (any, error) {
	if err := c.only("payment_intent", "amount", "reason", "metadata"); err != nil {
		return nil, err
	}
	of, err := c.need("payment_intent")
	if err != nil {
		return nil, err
	}
	p, _, err := load[paymentIntent](c, "payment_intent", of)
	if err != nil {
		return nil, err
	}
	if p.Status != succeeded {
		return nil, wrong("payment_intent", "This PaymentIntent does not have a successful charge to refund.")
	}
	paid, _, err := load[charge](c, "charge", text(p.LatestCharge))
	if err != nil {
		return nil, err
	}
	amount := paid.Amount - paid.AmountRefunded
	if amount == 0 {
		return nil, &failure{Type: invalid, Code: "charge_already_refunded", Message: "Charge " + paid.ID + " has already been refunded."}
	}
	if c.params.Has("amount") {
		asked, err := c.amount("amount")
		if err != nil {
			return nil, err
		}
		if asked > amount {
			return nil, wrong("amount", "Refund amount is greater than unrefunded amount on charge.")
		}
		amount = asked
	}
	paid.AmountRefunded += amount
	paid.Refunded = paid.AmountRefunded == paid.Amount
	back := refund{ID: newID("re"), Object: "refund", Amount: amount, Charge: paid.ID, Created: c.tx.Now.Unix(), Currency: paid.Currency,
		Metadata: c.members("metadata"), PaymentIntent: p.ID, Reason: optional(c.params.Get("reason")), Status: succeeded}
	if err := c.save(paid, ""); err != nil {
		return nil, err
	}
	if err := c.save(back, p.ID); err != nil {
		return nil, err
	}
	return back, c.emit("charge.refunded", paid)
}

// listRefunds answers the refunds of an intent, newest first.
func listRefunds(c *call) (any, error) {
	if err := c.only("payment_intent", "limit", "starting_after"); err != nil {
		return nil, err
	}
	rows, err := c.tx.Query(c, `SELECT body FROM sandbox_object WHERE kind = 'refund' AND ($1 = '' OR note = $1)
		AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, c.params.Get("payment_intent"), c.params.Get("starting_after"), maxList+1)
	return gather(rows, err, maxList)
}

// newID is Stripe's shape of an id. It sorts by time, so that lists are newest
// first by id and a crowd of new rows lands at one end of the index.
func newID(prefix string) string {
	id := uuid.Must(uuid.NewV7())
	const digits = "0123456789abcdef"
	b := make([]byte, 0, len(prefix)+1+32)
	b = append(append(b, prefix...), '_')
	for _, x := range id {
		b = append(b, digits[x>>4], digits[x&15])
	}
	return string(b)
}
