package shop

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// What is handed over, as merchants' programs know it.
const (
	tellPaid      = "order.paid"
	tellShipped   = "order.shipped"
	tellRefunded  = "order.refunded" // also a part
	tellCanceled  = "order.canceled"
	tellDisputed  = "order.disputed"       // also each change of a dispute
	tellWarned    = "order.fraud_warning"  // the card's bank warns
	tellFailed    = "order.payment_failed" // some time after the tap
	tellPacked    = "order.packed"
	tellDelivered = "order.delivered"
	tellReturned  = "order.returned"
	tellWithdrawn = "order.withdrawn"
)

// mailed are those that a buyer hears of as well.
var mailed = map[string]bool{tellPaid: true, tellShipped: true, tellDelivered: true, tellRefunded: true, tellCanceled: true, tellFailed: true, tellWithdrawn: true}

// toTell is what there is to say about an order that has just become what it
// is; "" for what concerns nobody outside.
func (o order) toTell() string {
	switch o.State {
	case Paid:
		return tellPaid
	case Canceled:
		return tellCanceled
	case PaymentFailed, Expired:
		if o.Changed-o.Created > patience.Milliseconds() { // else the tap's answer has said so
			return tellFailed
		}
	}
	return ""
}

// tell writes down, in the commit of what it tells of, that somebody outside
// must hear it; nothing when nobody wants to know.
func (s *Shop) tell(ctx context.Context, tx *db.Tx, kind string, o order) error {
	if kind == "" {
		return nil
	}
	listens, err := s.wanted(ctx, tx, o.Channel)
	if err != nil || !listens {
		return err
	}
	v := o.sellerView()
	if kind == tellWithdrawn { // the receipt says what was withdrawn from, and when
		terms, err := termsAt(ctx, tx, o.Channel, o.Fine.Terms)
		if err != nil {
			return err
		}
		if v.Withdrawal, err = s.withdrawalOf(ctx, tx, o, terms); err != nil {
			return err
		}
	}
	row, err := tellRow(tx, kind, o, v)
	if err != nil {
		return err
	}
	return tx.Insert(ctx, outboxInto, [][]any{row})
}

// wanted tells whether anybody outside hears about a channel's orders.
func (s *Shop) wanted(ctx context.Context, from db.Reader, channel string) (yes bool, err error) {
	if s.Mail != nil {
		return true, nil
	}
	err = from.QueryRowContext(ctx, "SELECT COUNT(*) > 0 FROM shop_endpoint WHERE channel = $1 AND disabled = 0", channel).Scan(&yes)
	return yes, err
}

const outboxInto = "shop_outbox (id, kind, channel, order_id, body, at)"

func tellRow(tx *db.Tx, kind string, o order, v Order) ([]any, error) {
	body, err := json.Marshal(v)
	return []any{newID(), kind, o.Channel, o.ID, string(body), tx.Millis()}, err
}

// told is a row of shop_outbox.
type told struct {
	ID, Kind, Channel, Order string
	Body                     json.RawMessage
	At                       int64
}

func toldByID(ctx context.Context, from db.Reader, id string) (m told, err error) {
	var body string
	err = from.QueryRowContext(ctx, "SELECT id, kind, channel, order_id, body, at FROM shop_outbox WHERE id = $1", id).
		Scan(&m.ID, &m.Kind, &m.Channel, &m.Order, &body, &m.At)
	m.Body = json.RawMessage(body)
	return m, err
}

// payload is the body that is posted and signed: the same bytes each time.
func (m told) payload() ([]byte, error) {
	return json.Marshal(struct {
		Type      string                     `json:"type"`
		Timestamp api.Time                   `json:"timestamp"`
		Data      map[string]json.RawMessage `json:"data"`
	}{m.Kind, api.Millis(m.At), map[string]json.RawMessage{"order": m.Body}})
}

// spread makes a delivery of each new message for everybody who must hear it.
// On several nodes each message is spread by one of them.
func (s *Shop) spread(ctx context.Context) error {
	for {
		rows, err := s.DB.Read().QueryContext(ctx, "SELECT id, kind, channel FROM shop_outbox WHERE spread IS NULL ORDER BY id LIMIT $1", spreadBatch)
		fresh, err := db.Collect(rows, err, func(rows *sql.Rows) (m told, err error) {
			return m, rows.Scan(&m.ID, &m.Kind, &m.Channel)
		})
		if err != nil || len(fresh) == 0 {
			return err
		}
		err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
			for _, m := range fresh {
				if err := s.spreadOne(ctx, tx, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(fresh) < spreadBatch {
			return err
		}
	}
}

func (s *Shop) spreadOne(ctx context.Context, tx *db.Tx, m told) error {
	n, err := tx.Changed(ctx, "UPDATE shop_outbox SET spread = $2 WHERE id = $1 AND spread IS NULL", m.ID, tx.Millis())
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO shop_delivery (event, endpoint, state, next_at, created)
		SELECT CAST($1 AS TEXT), id, 'waiting', CAST($3 AS BIGINT), CAST($3 AS BIGINT) FROM shop_endpoint WHERE channel = $2 AND disabled = 0`, m.ID, m.Channel, tx.Millis())
	if err != nil || s.Mail == nil || !mailed[m.Kind] {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO shop_delivery (event, endpoint, state, next_at, created) VALUES ($1, $2, 'waiting', $3, $3)", m.ID, mailLane, tx.Millis())
	return err
}

// forgetTold ends the time for which messages and their deliveries are kept.
func (s *Shop) forgetTold(ctx context.Context) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		before := tx.Now.Add(-deliveriesKept).UnixMilli()
		if _, err := tx.Exec(ctx, "DELETE FROM shop_delivery WHERE event IN (SELECT id FROM shop_outbox WHERE at < $1)", before); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM shop_outbox WHERE at < $1", before)
		return err
	})
}

// retries is how long after each failed try the next one comes, about three
// days in all; then a delivery has failed.
var retries = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Limits of handing over.
const (
	mailLane         = "mail" // the receiver that is no endpoint: the buyer
	mailTimeout      = 30 * time.Second
	mailsAtOnce      = 4
	maxEndpoints     = 5 // of a channel
	handOverEvery    = time.Second
	spreadBatch      = 100
	lanesAtOnce      = 32               // receivers that are written to at the same time
	laneBatch        = 50               // deliveries before the next receiver gets its turn
	claimed          = 45 * time.Second // a try takes no longer; after a crash it is made again then
	longestRest      = 5 * time.Minute  // of a receiver that fails, before it is tried again with anything
	failingDisables  = 5 * 24 * time.Hour
	oldSecretLasts   = 24 * time.Hour
	deliveriesKept   = 30 * 24 * time.Hour
	forgetToldEvery  = time.Hour
	pageDeliveries   = 50
	jitterPercentage = 10 // more, at most, so that what failed together does not come back together
)
