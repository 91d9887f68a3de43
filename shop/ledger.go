package shop

import (
	"context"
	"fmt"

	"souk/internal/db"
)

// Accounts of the ledger. A positive line is money an account has, a negative
// one money it owes; the lines of an entry sum to zero.
const (
	atProvider = "provider"
	houseFee   = "fee"
)

func merchantOf(channel string) string { return "merchant:" + channel }

type line struct {
	account string
	amount  int64
}

// saleLines: the provider holds the total; of it we owe the merchant all but
// the fee.
func saleLines(o order) []line {
	return []line{
		{atProvider, o.Total.Amount},
		{merchantOf(o.Channel), o.Fee.Amount - o.Total.Amount},
		{houseFee, -o.Fee.Amount},
	}
}

// refundLines undoes the part of a sale that brings the money paid back from
// before to before+amount. The fee goes back in proportion, rounded so that the
// parts of a full refund are exactly the fee.
func refundLines(o order, before, amount int64) []line {
	fee := share(o.Fee.Amount, before+amount, o.Total.Amount) - share(o.Fee.Amount, before, o.Total.Amount)
	return []line{
		{atProvider, -amount},
		{merchantOf(o.Channel), amount - fee},
		{houseFee, fee},
	}
}

// book adds a ledger entry. Entries are never changed.
func book(ctx context.Context, tx *db.Tx, o order, kind string, lines []line) error {
	sum := int64(0)
	for _, l := range lines {
		sum += l.amount
	}
	if sum != 0 {
		return fmt.Errorf("ledger: %s of order %s does not sum to zero", kind, o.ID)
	}
	id := newID()
	if _, err := tx.Exec(ctx, "INSERT INTO shop_ledger (id, order_id, kind, at) VALUES ($1, $2, $3, $4)", id, o.ID, kind, tx.Millis()); err != nil {
		return err
	}
	rows := make([][]any, 0, len(lines))
	for _, l := range lines {
		if l.amount != 0 {
			rows = append(rows, []any{id, l.account, o.Total.Currency, l.amount})
		}
	}
	return tx.Insert(ctx, "shop_ledger_line (entry, account, currency, amount)", rows)
}
