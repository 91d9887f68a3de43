package shop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"souk/internal/db"
)

// moveUnits does what a transition says and returns how many are available
// then, after those who wait in line got theirs. The caller has just won the
// order's transition, so it happens once.
func moveUnits(ctx context.Context, tx *db.Tx, o order, m move) (available int64, err error) {
	set := ""
	switch m {
	case sell:
		return sellUnits(ctx, tx, o.Product, o.Quantity)
	case free:
		set = "held = held - $2, available = available + $2"
	case restock:
		set = "sold = sold - $2, available = available + $2"
	default:
		return 0, nil
	}
	err = tx.QueryRow(ctx, "UPDATE shop_product SET "+set+" WHERE id = $1 RETURNING available", o.Product, o.Quantity).Scan(&available)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("order %s: product %s is gone", o.ID, o.Product)
	}
	if err == nil && (m == free || m == restock) {
		available, err = serve(ctx, tx, o.Product, available)
	}
	if err == nil && m == free {
		err = giveBack(ctx, tx, o)
	}
	if err != nil || m != free || !o.InOffer {
		return available, err
	}
	// What was never bought goes back to the offer as well.
	if err := returnShare(ctx, tx, o.Pin, o.Quantity); err != nil {
		return available, err
	}
	_, err = tx.Exec(ctx, "UPDATE shop_pin_buyer SET quantity = quantity - $3 WHERE pin = $1 AND buyer = $2", o.Pin, o.Buyer, o.Quantity)
	return available, err
}

// sellUnits moves units of one or many orders from held to sold.
func sellUnits(ctx context.Context, tx *db.Tx, product string, quantity int64) (available int64, err error) {
	err = tx.QueryRow(ctx, "UPDATE shop_product SET held = held - $2, sold = sold + $2 WHERE id = $1 RETURNING available", product, quantity).Scan(&available)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("product %s is gone", product)
	}
	return available, err
}

// bookStock writes down why a product's received units changed.
func bookStock(ctx context.Context, tx *db.Tx, product string, delta int64, person string) error {
	if delta == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO shop_stock_entry (id, product, delta, person, at) VALUES ($1, $2, $3, $4, $5)",
		newID(), product, delta, person, tx.Millis())
	return err
}
