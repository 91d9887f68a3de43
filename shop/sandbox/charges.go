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
	Balance        *string           `json:"balance_transaction"`
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
	Details        *paidWith         `json:"payment_method_details"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
}

func (o charge) head() (string, string, string) { return o.ID, o.Object, text(o.Customer) }

// paidWith is the card as it was when it was charged.
type paidWith struct {
	Card card   `json:"card"`
	Type string `json:"type"`
}

func (c *call) charge(p paymentIntent, m paymentMethod) charge {
	return charge{ID: newID("ch"), Object: "charge", Amount: p.Amount, Created: c.tx.Now.Unix(), Currency: p.Currency,
		Customer: p.Customer, Metadata: p.Metadata, PaymentIntent: p.ID, PaymentMethod: p.PaymentMethod, Details: &paidWith{m.Card, m.Type}}
}

type refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Balance       string            `json:"balance_transaction"`
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
	if err := c.only("payment_intent", "charge", "amount", "reason", "metadata"); err != nil {
		return nil, err
	}
	switch c.params.Get("reason") {
	case "", "duplicate", "fraudulent", "requested_by_customer":
	default:
		return nil, wrong("reason", "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer")
	}
	p, paid, err := c.toRefund()
	if err != nil {
		return nil, err
	}
	if err := c.refundable(paid); err != nil {
		return nil, err
	}
	amount := paid.AmountCaptured - paid.AmountRefunded
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
	paid.Refunded = paid.AmountRefunded == paid.AmountCaptured
	id := newID("re")
	back := refund{ID: id, Object: "refund", Amount: amount, Charge: paid.ID, Balance: balanceID(id), Created: c.tx.Now.Unix(), Currency: paid.Currency,
		Metadata: c.members("metadata"), PaymentIntent: p.ID, Reason: optional(c.params.Get("reason")), Status: succeeded}
	if err := c.save(paid, ""); err != nil {
		return nil, err
	}
	if err := c.save(back, p.ID); err != nil {
		return nil, err
	}
	if paid.Refunded {
		if err := c.settleInquiries(paid); err != nil {
			return nil, err
		}
	}
	if err := c.emit("refund.created", back); err != nil {
		return nil, err
	}
	return back, c.emit("charge.refunded", paid)
}

// toRefund finds what is to be paid back: an intent, or one of its charges.
func (c *call) toRefund() (p paymentIntent, paid charge, err error) {
	if c.params.Get("payment_intent") == "" && c.params.Get("charge") != "" {
		if paid, err = named[charge](c, "charge", "charge"); err != nil {
			return p, paid, err
		}
		p, _, err = load[paymentIntent](c, "payment_intent", paid.PaymentIntent)
	} else if p, err = named[paymentIntent](c, "payment_intent", "payment_intent"); err == nil && p.Status == succeeded {
		paid, _, err = load[charge](c, "charge", text(p.LatestCharge))
	}
	if err == nil && (p.Status != succeeded || !paid.Paid) {
		err = wrong("payment_intent", "This PaymentIntent does not have a successful charge to refund.")
	}
	return p, paid, err
}

// listRefunds answers refunds, newest first: all, or those of an intent.
func listRefunds(c *call) (any, error) {
	if err := c.only(append([]string{"payment_intent"}, windowParams...)...); err != nil {
		return nil, err
	}
	w, err := c.window(func(id string) error { return c.exists("", "refund", id) })
	if err != nil {
		return nil, err
	}
	return c.pageOf(w, "id", `SELECT body FROM sandbox_object WHERE kind = 'refund' AND created >= $1 AND created <= $2
		AND ($3 = '' OR note = $3)`, w.since, w.until, c.params.Get("payment_intent"))
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
