package sandbox

import (
	"context"
	"encoding/json"
	"time"

	"souk/internal/db"
)

// Statuses of a dispute. A warning is an inquiry: the owner of the card asks,
// and no money has moved.
const (
	needsResponse   = "needs_response"
	underReview     = "under_review"
	won             = "won"
	lost            = "lost"
	warningResponse = "warning_needs_response"
	warningReview   = "warning_under_review"
	warningClosed   = "warning_closed"
)

// disputeTime is how long a shop has to answer.
const disputeTime = 9 * 24 * time.Hour

// What a test says instead of evidence, in Stripe's words, decides at once.
const (
	winningEvidence  = "winning_evidence"
	losingEvidence   = "losing_evidence"
	escalateEvidence = "escalate_inquiry_evidence"
)

type dispute struct {
	ID              string               `json:"id"`
	Object          string               `json:"object"`
	Amount          int64                `json:"amount"`
	Balance         []balanceTransaction `json:"balance_transactions"`
	Charge          string               `json:"charge"`
	Created         int64                `json:"created"`
	Currency        string               `json:"currency"`
	Evidence        map[string]string    `json:"evidence"`
	EvidenceDetails evidenceDetails      `json:"evidence_details"`
	Refundable      bool                 `json:"is_charge_refundable"`
	Livemode        bool                 `json:"livemode"`
	Metadata        map[string]string    `json:"metadata"`
	PaymentIntent   string               `json:"payment_intent"`
	Reason          string               `json:"reason"`
	Status          string               `json:"status"`
}

type evidenceDetails struct {
	DueBy           *int64 `json:"due_by"`
	HasEvidence     bool   `json:"has_evidence"`
	PastDue         bool   `json:"past_due"`
	SubmissionCount int64  `json:"submission_count"`
}

// disputeRow is a dispute that lists beside its charge's customer.
type disputeRow struct {
	dispute
	customer string
}

func (o disputeRow) head() (string, string, string) { return o.ID, o.Object, o.customer }

type fraudWarning struct {
	ID            string `json:"id"`
	Object        string `json:"object"`
	Actionable    bool   `json:"actionable"`
	Charge        string `json:"charge"`
	Created       int64  `json:"created"`
	FraudType     string `json:"fraud_type"`
	Livemode      bool   `json:"livemode"`
	PaymentIntent string `json:"payment_intent"`
	customer      string
}

func (o fraudWarning) head() (string, string, string) { return o.ID, o.Object, o.customer }

// aftermath is what some test methods do once they were charged.
func (c *call) aftermath(paid charge, b behaviour) error {
	if b.warned {
		w := fraudWarning{ID: newID("issfr"), Object: "radar.early_fraud_warning", Actionable: true, Charge: paid.ID, Created: c.tx.Now.Unix(),
			FraudType: "unauthorized_use_of_card", PaymentIntent: paid.PaymentIntent, customer: text(paid.Customer)}
		if err := c.save(w, ""); err != nil {
			return err
		}
		return c.emit("radar.early_fraud_warning.created", w)
	}
	if b.dispute == "" {
		return nil
	}
	return c.open(paid, b.dispute, b.inquiry)
}

// open begins a dispute about what is left of a charge. But for an inquiry the
// money is gone at once, with the fee.
func (c *call) open(paid charge, reason string, inquiry bool) error {
	due := c.tx.Now.Add(disputeTime).Unix()
	d := dispute{ID: newID("dp"), Object: "dispute", Amount: paid.AmountCaptured - paid.AmountRefunded, Balance: []balanceTransaction{}, Charge: paid.ID,
		Created: c.tx.Now.Unix(), Currency: paid.Currency, Evidence: map[string]string{}, EvidenceDetails: evidenceDetails{DueBy: &due},
		Metadata: map[string]string{}, PaymentIntent: paid.PaymentIntent, Reason: reason, Status: needsResponse}
	row := disputeRow{d, text(paid.Customer)}
	if inquiry {
		row.Status, row.Refundable = warningResponse, true
	} else if err := c.withdraw(&row.dispute); err != nil {
		return err
	}
	if err := c.save(row, ""); err != nil {
		return err
	}
	if err := c.emit("charge.dispute.created", row.dispute); err != nil || inquiry {
		return err
	}
	return c.emit("charge.dispute.funds_withdrawn", row.dispute)
}

// withdraw takes the money of a dispute out of the balance.
func (c *call) withdraw(d *dispute) error {
	t := entry(newID("txn"), "adjustment", "dispute", d.ID, d.Currency, -d.Amount, feeDispute, c.tx.Now.Unix())
	d.Balance = append(d.Balance, t)
	return c.save(t, "")
}

func updateDispute(c *call) (any, error) {
	if err := c.only("evidence", "submit", "metadata"); err != nil {
		return nil, err
	}
	given := c.members("evidence")
	return c.dispute(func(d *dispute) error {
		for name, value := range c.members("metadata") {
			d.Metadata[name] = value
		}
		if len(given) == 0 {
			return nil
		}
		if d.Status != needsResponse && d.Status != warningResponse {
			return &failure{Type: invalid, Code: "dispute_unexpected_state", Message: "You cannot submit evidence for a dispute with a status of " + d.Status + "."}
		}
		for name, value := range given {
			d.Evidence[name] = value
		}
		d.EvidenceDetails.HasEvidence = true
		if c.params.Get("submit") == "false" { // a draft
			return nil
		}
		d.EvidenceDetails.SubmissionCount++
		if d.Status == warningResponse {
			d.Status = warningReview
		} else {
			d.Status = underReview
		}
		return nil
	}, given["uncategorized_text"])
}

// closeDispute gives in.
func closeDispute(c *call) (any, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	return c.dispute(func(d *dispute) error {
		if d.Status != needsResponse && d.Status != warningResponse {
			return &failure{Type: invalid, Code: "dispute_unexpected_state", Message: "This dispute is already closed."}
		}
		return nil
	}, losingEvidence)
}

// dispute changes a dispute and has the bank decide as the evidence tells it to.
func (c *call) dispute(change func(*dispute) error, evidence string) (any, error) {
	d, _, err := load[dispute](c, "dispute", c.id)
	if err != nil {
		return nil, err
	}
	var of string
	if err := c.tx.QueryRow(c, "SELECT customer FROM sandbox_object WHERE id = $1", d.ID).Scan(&of); err != nil {
		return nil, err
	}
	if err := change(&d); err != nil {
		return nil, err
	}
	if err := c.save(disputeRow{d, of}, ""); err != nil {
		return nil, err
	}
	if err := c.emit("charge.dispute.updated", d); err != nil {
		return nil, err
	}
	inquiry := d.Status == warningResponse || d.Status == warningReview
	kind, money := "", ""
	switch {
	case evidence == winningEvidence && inquiry:
		d.Status, kind = warningClosed, "charge.dispute.closed"
	case evidence == winningEvidence:
		t := entry(newID("txn"), "adjustment", "dispute_reversal", d.ID, d.Currency, d.Amount, 0, c.tx.Now.Unix())
		d.Balance = append(d.Balance, t)
		if err := c.save(t, ""); err != nil {
			return nil, err
		}
		d.Status, kind, money = won, "charge.dispute.closed", "charge.dispute.funds_reinstated"
	case evidence == losingEvidence && inquiry:
		d.Status, kind = warningClosed, "charge.dispute.closed"
	case evidence == losingEvidence:
		d.Status, kind = lost, "charge.dispute.closed"
	case evidence == escalateEvidence && inquiry:
		due := c.tx.Now.Add(disputeTime).Unix()
		d.Status, d.Refundable, d.EvidenceDetails.DueBy = needsResponse, false, &due
		if err := c.dishonour(d); err != nil {
			return nil, err
		}
		if err := c.withdraw(&d); err != nil {
			return nil, err
		}
		kind, money = "charge.dispute.updated", "charge.dispute.funds_withdrawn"
	default:
		return d, nil
	}
	if err := c.save(disputeRow{d, of}, ""); err != nil {
		return nil, err
	}
	if err := c.emit(kind, d); err != nil || money == "" {
		return d, err
	}
	return d, c.emit(money, d)
}

// dishonour marks the charge of a dispute.
func (c *call) dishonour(d dispute) error {
	paid, _, err := load[charge](c, "charge", d.Charge)
	if err != nil {
		return err
	}
	paid.Disputed = true
	return c.save(paid, "")
}

// disputesOf reads the disputes of a charge.
func (c *call) disputesOf(paid charge) (all []dispute, err error) {
	rows, err := c.tx.Query(c, "SELECT body FROM sandbox_object WHERE kind = 'dispute' AND customer = $1 AND body LIKE $2", text(paid.Customer), `%"charge":"`+paid.ID+`"%`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var d dispute
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, rows.Err()
}

// refundable refuses to pay back what the bank has taken.
func (c *call) refundable(paid charge) error {
	if !paid.Disputed {
		return nil
	}
	all, err := c.disputesOf(paid)
	for _, d := range all {
		if d.Status == needsResponse || d.Status == underReview || d.Status == lost {
			return &failure{Type: invalid, Code: "charge_disputed", Message: "The charge " + paid.ID + " has been charged back; cannot issue a refund."}
		}
	}
	return err
}

// settleInquiries closes what was asked about a charge that was paid back.
func (c *call) settleInquiries(paid charge) error {
	all, err := c.disputesOf(paid)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Status != warningResponse && d.Status != warningReview {
			continue
		}
		d.Status = warningClosed
		if err := c.save(disputeRow{d, text(paid.Customer)}, ""); err != nil {
			return err
		}
		if err := c.emit("charge.dispute.closed", d); err != nil {
			return err
		}
	}
	return nil
}

// Dispute plays the owner of a card, and then the bank, for tests: with the
// outcome "open" a dispute of an intent's charge begins, "inquiry" only asks,
// and "won", "lost" and "escalated" decide the newest there is. False: there is
// nothing to which that can happen.
func (s *Sandbox) Dispute(ctx context.Context, intent, outcome string) (ok bool, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		c := &call{Context: ctx, tx: tx, params: map[string][]string{}}
		ok = false
		p, _, err := load[paymentIntent](c, "payment_intent", intent)
		if err != nil || p.Status != succeeded {
			return ignore(err)
		}
		paid, _, err := load[charge](c, "charge", text(p.LatestCharge))
		if err != nil {
			return err
		}
		all, err := c.disputesOf(paid)
		if err != nil {
			return err
		}
		running := dispute{}
		for _, d := range all {
			if d.Status == needsResponse || d.Status == warningResponse {
				running = d
			}
		}
		says := map[string]string{"won": winningEvidence, "lost": losingEvidence, "escalated": escalateEvidence}[outcome]
		switch {
		case outcome == "open" || outcome == "inquiry":
			if running.ID != "" || paid.Refunded {
				return nil
			}
			ok = true
			if outcome == "open" {
				paid.Disputed = true
				if err := c.save(paid, ""); err != nil {
					return err
				}
			}
			return c.open(paid, "fraudulent", outcome == "inquiry")
		case says == "" || running.ID == "" || outcome == "escalated" && running.Status != warningResponse:
			return nil
		}
		ok = true
		c.id = running.ID
		c.params.Set("evidence[uncategorized_text]", says)
		_, err = updateDispute(c)
		return err
	})
	s.nudge()
	return ok, err
}

// ignore takes a refusal for "no".
func ignore(err error) error {
	if _, no := err.(*failure); no {
		return nil
	}
	return err
}
