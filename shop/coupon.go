package shop

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Coupon is a code that takes something off an order, as its merchant sees it.
type Coupon struct {
	ID       string   `json:"id"`
	Code     string   `json:"code"`
	Percent  int64    `json:"percent,omitempty"` // off the goods, or
	Amount   *Money   `json:"amount,omitempty"`  // so much
	Least    *Money   `json:"least,omitempty"`   // what the goods must come to
	Product  string   `json:"product,omitempty"`
	Show     string   `json:"show,omitempty"`
	StartsAt api.Time `json:"starts_at"`
	EndsAt   api.Time `json:"ends_at,omitzero"`
	Uses     *int64   `json:"uses,omitempty"` // in all; absent: any number
	PerBuyer *int64   `json:"per_buyer,omitempty"`
	First    bool     `json:"first"` // only with a buyer's first order on the channel
	Used     int64    `json:"used"`  // by orders paid or on their way
}

// NewCoupon is what a merchant says about a coupon.
type NewCoupon struct {
	Code     string    `json:"code"`
	Percent  int64     `json:"percent"`
	Amount   *Money    `json:"amount"`
	Least    *Money    `json:"least"`
	Product  string    `json:"product"`
	Show     string    `json:"show"`
	StartsAt *api.Time `json:"starts_at"`
	EndsAt   *api.Time `json:"ends_at"`
	Uses     *int64    `json:"uses"`
	PerBuyer *int64    `json:"per_buyer"`
	First    bool      `json:"first"`
}

func (n *NewCoupon) check() error {
	n.Code = couponCode(n.Code)
	switch {
	case len(n.Code) < leastCode || len(n.Code) > maxCode || strings.Trim(n.Code, codeLetters) != "":
		return bad("code", "must have 4 to 32 letters, digits or hyphens")
	case (n.Percent != 0) == (n.Amount != nil):
		return bad("percent", "or amount: one of them says what is taken off")
	case n.Amount == nil && (n.Percent < 1 || n.Percent > 99):
		return bad("percent", "must be between 1 and 99")
	case n.Uses != nil && (*n.Uses < 1 || *n.Uses > maxStock):
		return bad("uses", "must be at least 1")
	case n.PerBuyer != nil && (*n.PerBuyer < 1 || *n.PerBuyer > maxQuantity):
		return bad("per_buyer", "must be between 1 and 99")
	case n.StartsAt != nil && n.EndsAt != nil && !n.EndsAt.Std().After(n.StartsAt.Std()):
		return bad("ends_at", "must be after the start")
	}
	for field, m := range map[string]*Money{"amount": n.Amount, "least": n.Least} {
		if m == nil {
			continue
		}
		if err := m.check(field); err != nil {
			return err
		}
	}
	if n.Amount != nil && n.Least != nil && n.Amount.Currency != n.Least.Currency {
		return bad("least", "must be in the currency of the amount")
	}
	return nil
}

const codeLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// couponCode is how a code is stored: people type it in any case.
func couponCode(text string) string { return strings.ToUpper(strings.TrimSpace(text)) }

// coupon is a row of shop_coupon.
type coupon struct {
	ID, Channel, Code, Currency, Product, Show string
	Percent, Amount, Least                     int64
	Starts, Used                               int64
	Ends, Uses, PerBuyer                       sql.NullInt64
	First                                      bool
}

const couponColumns = "id, channel, code, percent, amount, currency, least, product, show_id, starts, ends, uses, per_buyer, first, used"

func scanCoupon(row interface{ Scan(...any) error }) (c coupon, err error) {
	err = row.Scan(&c.ID, &c.Channel, &c.Code, &c.Percent, &c.Amount, &c.Currency, &c.Least, &c.Product, &c.Show, &c.Starts, &c.Ends, &c.Uses, &c.PerBuyer, &c.First, &c.Used)
	return c, err
}

func (c coupon) view() Coupon {
	v := Coupon{ID: c.ID, Code: c.Code, Percent: c.Percent, Product: c.Product, Show: c.Show, StartsAt: api.Millis(c.Starts),
		Uses: pointer(c.Uses), PerBuyer: pointer(c.PerBuyer), First: c.First, Used: c.Used}
	if c.Amount > 0 {
		v.Amount = &Money{c.Amount, c.Currency}
	}
	if c.Least > 0 {
		v.Least = &Money{c.Least, c.Currency}
	}
	if c.Ends.Valid {
		v.EndsAt = api.Millis(c.Ends.Int64)
	}
	return v
}

// couponFor finds the coupon of an ask. Who holds the row (tx) decides on what
// is left of it until the commit.
func couponFor(ctx context.Context, from db.Reader, tx *db.Tx, a ask) (*coupon, error) {
	query := "SELECT " + couponColumns + " FROM shop_coupon WHERE channel = $1 AND code = $2 AND dropped IS NULL"
	if tx != nil {
		query = "UPDATE shop_coupon SET used = used WHERE channel = $1 AND code = $2 AND dropped IS NULL RETURNING " + couponColumns
	}
	c, err := scanCoupon(from.QueryRowContext(ctx, query, a.Channel, couponCode(a.Coupon)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrCouponUnknown
	}
	return &c, err
}

// discount is what the coupon takes off an order that comes to items, or why it
// takes nothing. One that has not begun is not known yet.
func (c *coupon) discount(now time.Time, q quote, show string, items int64) (int64, error) {
	at := now.UnixMilli()
	currency := q.unit.Currency
	switch {
	case at < c.Starts:
		return 0, ErrCouponUnknown
	case c.Ends.Valid && at >= c.Ends.Int64:
		return 0, ErrCouponEnded
	case c.Uses.Valid && c.Used >= c.Uses.Int64:
		return 0, ErrCouponUsedUp
	case c.Product != "" && c.Product != q.product.ID, c.Show != "" && c.Show != show, c.Currency != "" && c.Currency != currency:
		return 0, ErrCouponNotHere
	case items < c.Least:
		return 0, ErrCouponLeast.With("least", Money{c.Least, c.Currency})
	}
	off := c.Amount
	if c.Percent > 0 {
		off = share(items, c.Percent, 100)
	}
	if least := leastCharge(currency); items-off < least {
		return 0, ErrCouponLeast.With("least", Money{off + least, currency})
	}
	return off, nil
}

// allows asks whether this buyer may use the coupon once more.
func (c *coupon) allows(ctx context.Context, from db.Reader, buyer string) error {
	if c.PerBuyer.Valid {
		var n int64
		if err := from.QueryRowContext(ctx, "SELECT COUNT(*) FROM shop_coupon_use WHERE coupon = $1 AND buyer = $2 AND NOT back", c.ID, buyer).Scan(&n); err != nil {
			return err
		}
		if n >= c.PerBuyer.Int64 {
			return ErrCouponYours.With("limit", c.PerBuyer.Int64).With("have", n)
		}
	}
	if c.First {
		var n int64
		err := from.QueryRowContext(ctx, `SELECT COUNT(*) FROM shop_order WHERE buyer = $1 AND channel = $2 AND (units = 'held' OR state IN ('paid', 'refunded'))`, buyer, c.Channel).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return ErrCouponFirst
		}
	}
	return nil
}

// redeem counts a use, in the commit of its order. The caller holds the
// coupon's row and has asked whether there is one left.
func (c *coupon) redeem(ctx context.Context, tx *db.Tx, o order) error {
	if _, err := tx.Exec(ctx, "INSERT INTO shop_coupon_use (order_id, coupon, buyer) VALUES ($1, $2, $3)", o.ID, c.ID, o.Buyer); err != nil {
		return err
	}
	c.Used++
	_, err := tx.Exec(ctx, "UPDATE shop_coupon SET used = used + 1 WHERE id = $1", c.ID)
	return err
}

// giveBack undoes what an order took beside its units and never paid for: the
// use of a coupon, and the offer to its buyer alone. Once, as the order's units
// are freed once.
func giveBack(ctx context.Context, tx *db.Tx, o order) error {
	if o.Coupon != "" {
		n, err := tx.Changed(ctx, "UPDATE shop_coupon_use SET back = TRUE WHERE order_id = $1 AND NOT back", o.ID)
		if err != nil {
			return err
		}
		if n == 1 {
			if _, err := tx.Exec(ctx, "UPDATE shop_coupon SET used = used - 1 WHERE id = (SELECT coupon FROM shop_coupon_use WHERE order_id = $1)", o.ID); err != nil {
				return err
			}
		}
	}
	if o.Personal == "" {
		return nil
	}
	_, err := tx.Exec(ctx, "UPDATE shop_personal SET state = 'open', order_id = '' WHERE id = $1 AND order_id = $2 AND state = 'used'", o.Personal, o.ID)
	return err
}
