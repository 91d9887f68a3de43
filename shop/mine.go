package shop

import (
	"context"
	"database/sql"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// exportedOrders is how many orders a person's export holds, the newest.
const exportedOrders = 10_000

// MyOrders handles GET /api/v1/me/orders: what the person who asks has bought,
// on every channel, newest first, 50 at a time; ?after= continues after an
// order's id. Whose orders they are is the session's word alone.
func (s *Shop) MyOrders(w http.ResponseWriter, r *http.Request) error {
	who, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	all, err := s.boughtBy(r.Context(), who.ID, r.URL.Query().Get("after"), pageOrders+1)
	if err != nil {
		return err
	}
	doc := map[string]any{"orders": all}
	if len(all) > pageOrders {
		doc["orders"], doc["after"] = all[:pageOrders], all[pageOrders-1].ID
	}
	return api.Write(w, http.StatusOK, doc)
}

// boughtBy reads a person's orders, newest first. Ids sort by time.
func (s *Shop) boughtBy(ctx context.Context, person, after string, limit int) ([]Order, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+orderColumns+` FROM shop_order
		WHERE buyer = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, person, after, limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (Order, error) {
		o, err := scanOrder(rows)
		return o.view(), err
	})
}

// Export is what the shop keeps of a person.
type Export struct {
	Orders   []Order  `json:"orders"`   // the newest first
	Complete bool     `json:"complete"` // there are no older ones
	Methods  []Method `json:"payment_methods"`
}

// Export returns everything that the shop keeps of a person.
func (s *Shop) Export(ctx context.Context, person string) (e Export, err error) {
	if e.Orders, err = s.boughtBy(ctx, person, "", exportedOrders+1); err != nil {
		return e, err
	}
	e.Complete = len(e.Orders) <= exportedOrders
	e.Orders = e.Orders[:min(len(e.Orders), exportedOrders)]
	e.Methods, err = s.Methods(ctx, person)
	return e, err
}

// Erase forgets a person's saved ways to pay, and who they are at the provider:
// what the provider says about that customer from then on is about nobody here.
// Orders stay, as the law wants.
func (s *Shop) Erase(ctx context.Context, person string) error {
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO shop_detach (method, look_at) SELECT id, CAST($2 AS BIGINT) FROM shop_method WHERE person = $1 ON CONFLICT DO NOTHING", person, tx.Millis())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM shop_method WHERE person = $1", person); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE shop_wait SET state = 'left', ended = $2 WHERE buyer = $1 AND state = 'waiting'", person, tx.Millis()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM shop_customer WHERE person = $1", person)
		return err
	})
	if err != nil {
		return err
	}
	return s.dropHolds(ctx, person)
}

// dropHolds gives on what is set aside for a person.
func (s *Shop) dropHolds(ctx context.Context, person string) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE buyer = $1 AND state = 'open'", person)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (holding, error) { return scanHolding(rows) })
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := s.letGo(ctx, h, false); err != nil {
			return err
		}
	}
	nudge(s.turns)
	return nil
}
