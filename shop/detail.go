package shop

import (
	"context"
	"database/sql"
	"net/http"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Change is a line of an order's history.
type Change struct {
	What string   `json:"what"` // a state of orders or parcels, or what was learned
	At   api.Time `json:"at"`
}

// shownNews are the lines of a history that say more than the state they led to.
var shownNews = map[news]bool{news(Packed): true, news(Shipped): true, news(Delivered): true, news(Returned): true, "withdrawn": true}

func historyOf(ctx context.Context, from db.Reader, order string) ([]Change, error) {
	rows, err := from.QueryContext(ctx, "SELECT to_state, news, at FROM shop_order_event WHERE order_id = $1 ORDER BY seq", order)
	return db.Collect(rows, err, func(rows *sql.Rows) (c Change, err error) {
		var said news
		var at int64
		err = rows.Scan(&c.What, &said, &at)
		if shownNews[said] {
			c.What = string(said)
		}
		c.At = api.Millis(at)
		return c, err
	})
}

// detailed is an order with everything that is kept beside its row.
func (s *Shop) detailed(ctx context.Context, from db.Reader, o order) (v Order, err error) {
	v = o.view()
	if v.Shipment != nil {
		if v.Shipment.Link, err = linkOf(ctx, from, o); err != nil {
			return v, err
		}
	}
	if v.Checkpoints, err = checkpointsOf(ctx, from, o.ID); err != nil {
		return v, err
	}
	if v.History, err = historyOf(ctx, from, o.ID); err != nil {
		return v, err
	}
	terms, err := termsAt(ctx, from, o.Channel, o.Fine.Terms)
	if err != nil {
		return v, err
	}
	if terms.Seller.Show {
		v.Seller = &terms.Seller
	}
	v.Withdrawal, err = s.withdrawalOf(ctx, from, o, terms)
	return v, err
}

// withdrawalOf is the buyer's right to withdraw from an order that is or was
// paid; nil where there is none.
func (s *Shop) withdrawalOf(ctx context.Context, from db.Reader, o order, terms Terms) (*Withdrawal, error) {
	if o.Fine.Days == 0 || o.justTip() || o.State != Paid && o.State != Refunded {
		return nil, nil
	}
	all, err := withdrawalsOf(ctx, from, o.ID)
	if err != nil {
		return nil, err
	}
	delivered, err := becameAt(ctx, from, o.ID, Delivered)
	if err != nil {
		return nil, err
	}
	right, ok := o.right(all, delivered, time.Now())
	if !ok {
		return nil, nil
	}
	if right.To = terms.Withdrawal.ReturnTo; right.To == "" {
		right.To = terms.Seller.Name + "\n" + terms.Seller.Address
	}
	return &right, nil
}

// answerOrder answers with an order in full, as who asks may see it.
func (s *Shop) answerOrder(w http.ResponseWriter, r *http.Request, status int, o order) error {
	v, err := s.detailed(r.Context(), s.DB.Read(), o)
	if err != nil {
		return err
	}
	if who, err := s.Who.Person(r); err == nil && who.ID != o.Buyer {
		if c, err := s.Who.Channel(r.Context(), o.Channel, who.ID); err == nil && c.any(sellers) {
			theirs := o.sellerView()
			v.Rule, v.WarnedAt = theirs.Rule, theirs.WarnedAt
		}
	}
	doc := o.reply()
	doc["order"] = v
	return api.Write(w, status, doc)
}

// buyers returns the order of the request if its buyer asks, or whoever has the
// key of its mail; by is the buyer's id, "" for somebody with the key.
func (s *Shop) buyers(r *http.Request) (o order, by string, err error) {
	id := r.PathValue("id")
	if key := r.URL.Query().Get("key"); key != "" {
		ok, err := s.opens(r.Context(), key, id)
		if err != nil {
			return o, "", err
		}
		if ok {
			o, err = orderByID(r.Context(), s.DB.Read(), id)
			return o, "", err
		}
	}
	who, err := s.Who.Person(r)
	if err != nil {
		return o, "", err
	}
	if o, err = orderByID(r.Context(), s.DB.Read(), id); err == nil && o.Buyer != who.ID {
		err = ErrNoOrder
	}
	return o, who.ID, err
}
