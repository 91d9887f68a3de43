package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Disputes is what the provider knows of charges that somebody contests.
type Disputes interface {
	// Dispute returns a dispute as it is now.
	Dispute(ctx context.Context, id string) (Dispute, error)
	// DisputesSince lists those that began at that time or later, whatever has
	// become of them.
	DisputesSince(ctx context.Context, at time.Time) ([]Dispute, error)
	// FraudWarning returns the intent of the charge that a bank warns of.
	FraudWarning(ctx context.Context, id string) (intent string, err error)
}

// DisputeState is how far a dispute got, in the provider's words. The warnings
// are inquiries: the owner of the card asks, and no money has moved.
type DisputeState string

// The states.
const (
	DisputeNeedsResponse         DisputeState = "needs_response"
	DisputeUnderReview           DisputeState = "under_review"
	DisputeWon                   DisputeState = "won"
	DisputeLost                  DisputeState = "lost"
	InquiryNeedsResponse         DisputeState = "warning_needs_response"
	InquiryUnderReview           DisputeState = "warning_under_review"
	InquiryClosed                DisputeState = "warning_closed"
	disputeLookEvery                          = time.Hour
	disputeLookBack                           = 120 * 24 * time.Hour // longer than a bank takes to decide
	maxDisputeReason                          = 60                   // runes
	disputeBegan, disputeChanged              = "disputed", "dispute_changed"
)

// Dispute is the provider's side of it.
type Dispute struct {
	ID, Intent, Reason string
	State              DisputeState
	Amount             Money
	Withdrawn          bool      // the amount was taken, and not given back
	Fee                Money     // in the currency of the account
	Due                time.Time // until when to answer; zero: there is nothing to answer
	Created            time.Time
}

// blocks tells whether money can no longer be paid back another way: the bank
// has it.
func (s DisputeState) blocks() bool {
	return s == DisputeNeedsResponse || s == DisputeUnderReview || s == DisputeLost
}

// answerable tells whether the shop can still say something.
func (s DisputeState) answerable() bool {
	return s == DisputeNeedsResponse || s == InquiryNeedsResponse
}

// OrderDispute is a dispute as buyer and merchant see it.
type OrderDispute struct {
	ID     string       `json:"id"`
	State  DisputeState `json:"state"`
	Reason string       `json:"reason"`
	Amount Money        `json:"amount"`
	DueAt  api.Time     `json:"due_at,omitzero"` // until when the shop can answer
}

// lookAtDispute asks the provider about a dispute and writes down what it says.
func (s *Shop) lookAtDispute(ctx context.Context, id string) error {
	if s.Disputes == nil {
		return nil
	}
	d, err := s.Disputes.Dispute(ctx, id)
	if err != nil {
		return err
	}
	return s.noteDispute(ctx, d)
}

// sweepDisputes finds what no notification told of, or told of in vain.
func (s *Shop) sweepDisputes(ctx context.Context) error {
	if s.Disputes == nil {
		return nil
	}
	all, err := s.Disputes.DisputesSince(ctx, time.Now().Add(-disputeLookBack))
	for _, d := range all {
		if err := s.noteDispute(ctx, d); err != nil && ctx.Err() == nil {
			s.Log.Warn("dispute put off", "dispute", d.ID, "err", err)
		}
	}
	return err
}

// noteDispute writes down how a dispute stands, with the money that moved, and
// tells whom it concerns. What is known already changes nothing.
func (s *Shop) noteDispute(ctx context.Context, d Dispute) error {
	id, err := s.orderOfDispute(ctx, d)
	if errors.Is(err, ErrNoOrder) || errors.Is(err, errContradiction) {
		return nil // not of ours, or logged already
	}
	if err != nil {
		return err
	}
	var o order
	moved := false
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		o, moved, err = writeDispute(ctx, tx, id, d)
		if err == nil && moved {
			err = s.tell(ctx, tx, tellDisputed, o)
		}
		return err
	})
	if err == nil && moved {
		if d.Amount.Currency != o.Total.Currency {
			s.Log.Error("a dispute is in another currency than its order, and was not booked", "order", id, "dispute", d.ID)
		}
		s.Log.Warn("order disputed", "order", id, "dispute", d.ID, "state", d.State, "due", d.Due)
		s.announce(o)
	}
	return err
}

// orderOfDispute finds whose dispute it is. The first time the payment itself is
// looked up: the dispute may be here before we heard that it succeeded.
func (s *Shop) orderOfDispute(ctx context.Context, d Dispute) (id string, err error) {
	err = s.DB.Read().QueryRowContext(ctx, "SELECT order_id FROM shop_dispute WHERE id = $1", d.ID).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	o, err := s.consult(ctx, d.Intent, "hook")
	return o.ID, err
}

// writeDispute is noteDispute's transaction.
func writeDispute(ctx context.Context, tx *db.Tx, id string, d Dispute) (o order, moved bool, err error) {
	// Holds the row until the commit: two notifications at once are one after the other.
	if _, err := tx.Exec(ctx, "UPDATE shop_order SET disputed = disputed WHERE id = $1", id); err != nil {
		return o, false, err
	}
	if o, err = orderByID(ctx, tx, id); err != nil {
		return o, false, err
	}
	var was struct {
		state     DisputeState
		withdrawn bool
		fee, due  int64
	}
	err = tx.QueryRow(ctx, "SELECT state, withdrawn, fee, due FROM shop_dispute WHERE id = $1", d.ID).Scan(&was.state, &was.withdrawn, &was.fee, &was.due)
	began := errors.Is(err, sql.ErrNoRows)
	if err != nil && !began {
		return o, false, err
	}
	due := int64(0)
	if d.State.answerable() && !d.Due.IsZero() {
		due = d.Due.UnixMilli()
	}
	if !began && was.state == d.State && was.withdrawn == d.Withdrawn && was.fee == d.Fee.Amount && was.due == due {
		return o, false, nil
	}
	_, err = tx.Exec(ctx, `INSERT INTO shop_dispute (id, order_id, amount, currency, withdrawn, fee, fee_currency, reason, state, due, created, changed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET withdrawn = excluded.withdrawn, fee = excluded.fee, state = excluded.state, due = excluded.due, changed = excluded.changed`,
		d.ID, id, d.Amount.Amount, d.Amount.Currency, d.Withdrawn, d.Fee.Amount, d.Fee.Currency, clip(d.Reason, maxDisputeReason), d.State, due, d.Created.UnixMilli(), tx.Millis())
	if err != nil {
		return o, false, err
	}
	if err := bookDispute(ctx, tx, o, d, was.withdrawn, was.fee); err != nil {
		return o, false, err
	}
	// The newest one is what pages show.
	_, err = tx.Exec(ctx, `UPDATE shop_order SET changed = $2,
		disputed = (SELECT COALESCE(SUM(amount), 0) FROM shop_dispute d WHERE d.order_id = $1 AND d.withdrawn AND d.currency = shop_order.currency),
		dispute = (SELECT d.id FROM shop_dispute d WHERE d.order_id = $1 ORDER BY d.created DESC, d.id DESC LIMIT 1),
		dispute_state = (SELECT d.state FROM shop_dispute d WHERE d.order_id = $1 ORDER BY d.created DESC, d.id DESC LIMIT 1),
		dispute_reason = (SELECT d.reason FROM shop_dispute d WHERE d.order_id = $1 ORDER BY d.created DESC, d.id DESC LIMIT 1),
		dispute_amount = (SELECT d.amount FROM shop_dispute d WHERE d.order_id = $1 ORDER BY d.created DESC, d.id DESC LIMIT 1),
		dispute_due = (SELECT d.due FROM shop_dispute d WHERE d.order_id = $1 ORDER BY d.created DESC, d.id DESC LIMIT 1)
		WHERE id = $1`, id, tx.Millis())
	if err != nil {
		return o, false, err
	}
	if o, err = orderByID(ctx, tx, id); err != nil {
		return o, false, err
	}
	word := news(disputeChanged)
	if began {
		word = disputeBegan
	}
	return o, true, logEvent(ctx, tx, id, o.State, o.State, word, "hook")
}

// bookDispute books what a dispute moved since it was last looked at: the
// provider takes the amount, and the merchant owes it until it comes back. The
// provider's fee is an entry of its own, in the account's currency. The house
// keeps its fee: the sale took place.
func bookDispute(ctx context.Context, tx *db.Tx, o order, d Dispute, was bool, fee int64) error {
	if d.Withdrawn != was && d.Amount.Currency == o.Total.Currency {
		amount, kind := d.Amount.Amount, "dispute"
		if was {
			amount, kind = -amount, "dispute_reversal"
		}
		if err := bookIn(ctx, tx, o, kind, o.Total.Currency, []line{{atProvider, -amount}, {disputeOf(o.Channel), amount}}); err != nil {
			return err
		}
	}
	if more := d.Fee.Amount - fee; more != 0 {
		return bookIn(ctx, tx, o, "dispute_fee", d.Fee.Currency, []line{{providerFees, -more}, {disputeOf(o.Channel), more}})
	}
	return nil
}

// lookAtWarning asks about a warning of fraud and marks its order. Paying back
// before the owner disputes costs less, so that the merchant is told.
func (s *Shop) lookAtWarning(ctx context.Context, id string) error {
	if s.Disputes == nil {
		return nil
	}
	intent, err := s.Disputes.FraudWarning(ctx, id)
	if err != nil {
		return err
	}
	o, err := s.consult(ctx, intent, "hook")
	if errors.Is(err, ErrNoOrder) || errors.Is(err, errContradiction) {
		return nil
	}
	if err != nil {
		return err
	}
	fresh := false
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "UPDATE shop_order SET fraud_warning = $2, changed = $2 WHERE id = $1 AND fraud_warning = 0", o.ID, tx.Millis())
		if fresh = n == 1; err != nil || !fresh {
			return err
		}
		if o, err = orderByID(ctx, tx, o.ID); err != nil {
			return err
		}
		if err := logEvent(ctx, tx, o.ID, o.State, o.State, "fraud_warning", "hook"); err != nil {
			return err
		}
		return s.tell(ctx, tx, tellWarned, o)
	})
	if err == nil && fresh {
		s.announce(o)
	}
	return err
}

// TryDispute handles POST /api/v1/sandbox/orders/{id}/dispute, where no money
// moves: the owner of the card contests the payment ("open", "inquiry"), or the
// bank decides ("won", "lost", "escalated"). What comes of it arrives as it would
// from the provider: 202.
func (s *Shop) TryDispute(w http.ResponseWriter, r *http.Request) error {
	o, _, err := s.visible(r, treasury)
	if err != nil {
		return err
	}
	var body struct {
		Outcome string `json:"outcome"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	var intent string
	err = s.DB.Read().QueryRowContext(r.Context(), "SELECT intent FROM shop_attempt WHERE order_id = $1 AND outcome = 'succeeded'", o.ID).Scan(&intent)
	if err != nil {
		return none(err, ErrNotNow)
	}
	ok, err := s.TestDispute(r.Context(), intent, body.Outcome)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNotNow
	}
	return api.Write(w, http.StatusAccepted, o.reply())
}

// clip cuts a text from outside to what is stored of it.
func clip(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:runes])
	}
	return s
}
