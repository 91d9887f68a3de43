package shop

import (
	"context"
	"database/sql"
	"time"

	"souk/internal/db"
)

// maxSales is how many orders of one show are looked at.
const maxSales = 50_000

// Sale is an order as the numbers of a show need it: no person is in it but an
// id by which buyers are told apart.
type Sale struct {
	Buyer, Pin, Product, Title string
	Quantity                   int64
	State                      State
	Total                      Money
	Refunded, Fee              int64 // in the currency of Total
	Declined                   bool  // a payment of it was refused, whatever came of it
	At                         time.Time
}

// Taken tells whether money was taken for it, some or all of which may have been
// given back.
func (s Sale) Taken() bool { return s.State == Paid || s.State == Refunded }

// Sales returns the orders of a show, the oldest first. At is the moment of the
// picture at which they were made.
func (s *Shop) Sales(ctx context.Context, show string) ([]Sale, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT buyer, pin, product, title, quantity, state, total, currency, refunded, fee, media_at, created,
			EXISTS (SELECT 1 FROM shop_order_event e WHERE e.order_id = shop_order.id AND e.to_state = $2)
		FROM shop_order WHERE show_id = $1 ORDER BY id LIMIT $3`, show, string(PaymentFailed), maxSales)
	return db.Collect(rows, err, func(rows *sql.Rows) (x Sale, err error) {
		var media, created int64
		err = rows.Scan(&x.Buyer, &x.Pin, &x.Product, &x.Title, &x.Quantity, &x.State, &x.Total.Amount, &x.Total.Currency, &x.Refunded, &x.Fee, &media, &created, &x.Declined)
		if media <= 0 {
			media = created
		}
		x.At = time.UnixMilli(media)
		return x, err
	})
}

// Aired is a card that was on air; To is zero while it is.
type Aired struct {
	Pin, Product, Title string
	From, To            time.Time
}

// AiredIn returns the cards of a channel that were on air at some moment from
// from to to, the earliest first.
func (s *Shop) AiredIn(ctx context.Context, channel string, from, to time.Time) ([]Aired, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT q.id, q.product, p.title, q.media_at, q.ended FROM shop_pin q JOIN shop_product p ON p.id = q.product
		WHERE q.channel = $1 AND q.media_at <= $2 AND (q.ended IS NULL OR q.ended >= $3) ORDER BY q.media_at, q.id LIMIT $4`,
		channel, to.UnixMilli(), from.UnixMilli(), maxSales)
	return db.Collect(rows, err, func(rows *sql.Rows) (a Aired, err error) {
		var media int64
		var ended sql.NullInt64
		err = rows.Scan(&a.Pin, &a.Product, &a.Title, &media, &ended)
		if a.From = time.UnixMilli(media); ended.Valid {
			a.To = time.UnixMilli(ended.Int64)
		}
		return a, err
	})
}

// PinOn tells whether a pin is one of the channel's.
func (s *Shop) PinOn(ctx context.Context, channel, pin string) (bool, error) {
	var n int
	err := s.DB.Read().QueryRowContext(ctx, "SELECT count(*) FROM shop_pin WHERE id = $1 AND channel = $2", pin, channel).Scan(&n)
	return n > 0, err
}
