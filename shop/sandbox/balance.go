package sandbox

import (
	"encoding/json"
	"errors"
	"strings"
)

// What the provider keeps of each charge here, the price list of cards in the
// United States, and what a dispute costs.
const (
	feeBasisPoints = 290
	feeFixed       = 30
	feeDispute     = 1500
)

type balanceTransaction struct {
	ID                string      `json:"id"`
	Object            string      `json:"object"`
	Amount            int64       `json:"amount"`
	AvailableOn       int64       `json:"available_on"`
	Created           int64       `json:"created"`
	Currency          string      `json:"currency"`
	Description       *string     `json:"description"`
	ExchangeRate      *float64    `json:"exchange_rate"`
	Fee               int64       `json:"fee"`
	FeeDetails        []feeDetail `json:"fee_details"`
	Net               int64       `json:"net"`
	ReportingCategory string      `json:"reporting_category"`
	Source            string      `json:"source"`
	Status            string      `json:"status"`
	Type              string      `json:"type"`
}

type feeDetail struct {
	Amount      int64   `json:"amount"`
	Application *string `json:"application"`
	Currency    string  `json:"currency"`
	Description string  `json:"description"`
	Type        string  `json:"type"`
}

func (o balanceTransaction) head() (string, string, string) { return o.ID, o.Object, "" }

// entry makes a line of the account's balance.
func entry(id, kind, category, source, currency string, amount, fee, at int64) balanceTransaction {
	t := balanceTransaction{ID: id, Object: "balance_transaction", Amount: amount, AvailableOn: at, Created: at, Currency: currency, Fee: fee,
		FeeDetails: []feeDetail{}, Net: amount - fee, ReportingCategory: category, Source: source, Status: "available", Type: kind}
	if fee != 0 {
		what := "Stripe processing fees"
		if category == "dispute" {
			what = "Dispute fee"
		}
		t.FeeDetails = append(t.FeeDetails, feeDetail{fee, nil, currency, what, "stripe_fee"})
	}
	return t
}

// balanceID is the line of a charge or refund. It is derived, so that a payment
// writes one row less.
func balanceID(of string) string {
	prefix, rest, _ := strings.Cut(of, "_")
	return "txn_" + prefix + rest
}

// balance finds a line by its id.
func (c *call) balance(id string) (balanceTransaction, error) {
	rest := strings.TrimPrefix(id, "txn_")
	for prefix, kind := range map[string]string{"ch": "charge", "re": "refund"} {
		of, ok := strings.CutPrefix(rest, prefix)
		if !ok {
			continue
		}
		body, err := c.body(kind, prefix+"_"+of)
		var no *failure
		if errors.As(err, &no) {
			return balanceTransaction{}, missing("balance_transaction", id)
		}
		if err != nil {
			return balanceTransaction{}, err
		}
		return entryOf(kind, body)
	}
	t, _, err := peek[balanceTransaction](c, "balance_transaction", id)
	return t, err
}

// entryOf is the line of a stored object.
func entryOf(kind string, body json.RawMessage) (t balanceTransaction, err error) {
	switch kind {
	case "charge":
		var o charge
		err = json.Unmarshal(body, &o)
		t = entry(balanceID(o.ID), "charge", "charge", o.ID, o.Currency, o.AmountCaptured, o.AmountCaptured*feeBasisPoints/10000+feeFixed, o.Created)
	case "refund":
		var o refund
		err = json.Unmarshal(body, &o)
		t = entry(balanceID(o.ID), "refund", "refund", o.ID, o.Currency, -o.Amount, 0, o.Created)
	default:
		err = json.Unmarshal(body, &t)
	}
	return t, err
}

func retrieveBalance(c *call) (any, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	return c.balance(c.id)
}

// balanceOrder is what lines sort by: the part of an id that is the time.
const balanceOrder = "CASE WHEN kind = 'balance_transaction' THEN substr(id, 5) ELSE substr(id, 4) END"

// listBalance answers the lines of the balance, newest first: all, or those of
// one source.
func listBalance(c *call) (any, error) {
	if err := c.only(append([]string{"source", "type"}, windowParams...)...); err != nil {
		return nil, err
	}
	w, err := c.window(func(id string) error { _, err := c.balance(id); return err })
	if err != nil {
		return nil, err
	}
	// The derived ids name the prefix of their source, which is not part of the time.
	cut := func(id string) string {
		rest := strings.TrimPrefix(id, "txn_")
		if c, ok := strings.CutPrefix(rest, "ch"); ok {
			return c
		}
		return strings.TrimPrefix(rest, "re")
	}
	w.after, w.before = cut(w.after), cut(w.before)
	like := "%"
	if of := c.params.Get("source"); of != "" {
		member, err := json.Marshal(of)
		if err != nil {
			return nil, err
		}
		like = "%:" + string(member) + "%"
	}
	p, err := c.pageOf(w, balanceOrder, `SELECT body FROM sandbox_object WHERE kind IN ('charge', 'refund', 'balance_transaction')
		AND created >= $1 AND created <= $2 AND (kind <> 'charge' OR body LIKE '%"captured":true%') AND body LIKE $3
		AND ($4 = '' OR $4 = CASE kind WHEN 'balance_transaction' THEN 'adjustment' ELSE kind END)
		AND ($5 = '' OR id = $5 OR kind = 'balance_transaction')`, w.since, w.until, like, c.params.Get("type"), c.params.Get("source"))
	if err != nil {
		return nil, err
	}
	for i, body := range p.Data {
		var o struct{ Object string }
		if err := json.Unmarshal(body, &o); err != nil {
			return nil, err
		}
		t, err := entryOf(o.Object, body)
		if err != nil {
			return nil, err
		}
		if p.Data[i], err = json.Marshal(t); err != nil {
			return nil, err
		}
	}
	return p, nil
}
