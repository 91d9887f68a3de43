package shop

import (
	"context"
	"database/sql"
	"fmt"

	"souk/internal/db"
)

// Accounts of the ledger. A positive line is money an account has, a negative
// one money it owes; the lines of an entry sum to zero.
const (
	atProvider = "provider"
	houseFee   = "fee"
)

// What a merchant is owed, by what it is for: goods less the fee, and what is to
// be passed on.
func merchantOf(channel string) string { return "merchant:" + channel }
func shippingOf(channel string) string { return "shipping:" + channel }
func taxOf(channel string) string      { return "tax:" + channel }
func tipOf(channel string) string      { return "tip:" + channel }

// disputeOf is what a merchant owes for payments that were taken back;
// providerFees is what the provider keeps for the trouble.
func disputeOf(channel string) string { return "dispute:" + channel }

const providerFees = "provider_fee"

type line struct {
	account string
	amount  int64
}

// saleLines: the provider holds the total; of it we owe the merchant the goods
// less the fee, and every other part on its own account.
func saleLines(o order) []line {
	return []line{
		{atProvider, o.Total.Amount},
		{merchantOf(o.Channel), o.Shipping.Amount + o.Tax.Amount + o.Tip.Amount + o.Fee.Amount - o.Total.Amount},
		{shippingOf(o.Channel), -o.Shipping.Amount},
		{taxOf(o.Channel), -o.Tax.Amount},
		{tipOf(o.Channel), -o.Tip.Amount},
		{houseFee, -o.Fee.Amount},
	}
}

// refundLines undoes as much of a sale as amount is of what is left of it: each
// account gives in proportion to what it has left, so that nobody gives more
// than that, and the refunds of all that was paid undo exactly the sale. left is
// what the sale and its refunds so far come to, in the order of saleLines: the
// merchant's line, which a fee may have turned round, is dealt with first.
func refundLines(left []line, amount int64) []line {
	back := []line{{atProvider, -amount}}
	of := int64(0)
	for _, l := range left {
		if l.account == atProvider {
			of = l.amount
		}
	}
	for _, l := range left {
		if l.account == atProvider || of == 0 {
			continue
		}
		part := share(-l.amount, amount, of)
		back = append(back, line{l.account, part})
		amount, of = amount-part, of+l.amount
	}
	return back
}

// leftOf is what an order's sale and refunds come to on each account, in the
// order of saleLines.
func leftOf(ctx context.Context, from db.Reader, o order) ([]line, error) {
	rows, err := from.QueryContext(ctx, `SELECT l.account, SUM(l.amount) FROM shop_ledger e JOIN shop_ledger_line l ON l.entry = e.id
		WHERE e.order_id = $1 AND e.kind IN ('sale', 'refund') GROUP BY l.account`, o.ID)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (l line, err error) { return l, rows.Scan(&l.account, &l.amount) })
	if err != nil {
		return nil, err
	}
	left := saleLines(o)
	for i := range left {
		left[i].amount = 0
		for _, l := range all {
			if l.account == left[i].account {
				left[i].amount = l.amount
			}
		}
	}
	return left, nil
}

// book adds a ledger entry in the currency of the order. Entries are never
// changed.
func book(ctx context.Context, tx *db.Tx, o order, kind string, lines []line) error {
	return bookIn(ctx, tx, o, kind, o.Total.Currency, lines)
}

func bookIn(ctx context.Context, tx *db.Tx, o order, kind, currency string, lines []line) error {
	entry, rows, err := entryIn(tx, o, kind, currency, lines)
	if err != nil {
		return err
	}
	if err := tx.Insert(ctx, entryInto, [][]any{entry}); err != nil {
		return err
	}
	return tx.Insert(ctx, lineInto, rows)
}

const (
	entryInto = "shop_ledger (id, order_id, kind, at)"
	lineInto  = "shop_ledger_line (entry, account, currency, amount)"
)

// entryOf is a ledger entry in the currency of the order, and its lines, as rows.
func entryOf(tx *db.Tx, o order, kind string, lines []line) (entry []any, rows [][]any, err error) {
	return entryIn(tx, o, kind, o.Total.Currency, lines)
}

func entryIn(tx *db.Tx, o order, kind, currency string, lines []line) (entry []any, rows [][]any, err error) {
	sum := int64(0)
	for _, l := range lines {
		sum += l.amount
	}
	if sum != 0 {
		return nil, nil, fmt.Errorf("ledger: %s of order %s does not sum to zero", kind, o.ID)
	}
	id := newID()
	for _, l := range lines {
		if l.amount != 0 {
			rows = append(rows, []any{id, l.account, currency, l.amount})
		}
	}
	return []any{id, o.ID, kind, tx.Millis()}, rows, nil
}
