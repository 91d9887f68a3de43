package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"

	"souk/internal/api"
	"souk/internal/db"
)

// visible returns the order of the request if who asks may see it: its buyer,
// or somebody who sells on its channel. To anyone else there is no such order.
// With roles, only somebody who holds one of them may go on.
func (s *Shop) visible(r *http.Request, roles []string) (order, Person, error) {
	who, err := s.Who.Person(r)
	if err != nil {
		return order{}, who, err
	}
	o, err := orderByID(r.Context(), s.DB.Read(), r.PathValue("id"))
	if err != nil {
		return order{}, who, err
	}
	c, err := s.Who.Channel(r.Context(), o.Channel, who.ID)
	if err != nil {
		return order{}, who, err
	}
	switch {
	case o.Buyer != who.ID && !c.any(sellers):
		return order{}, who, ErrNoOrder
	case roles != nil && !c.any(roles):
		return order{}, who, ErrForbidden
	}
	return o, who, nil
}

// GetOrder handles GET /api/v1/orders/{id}. With the ?key= of a mail it answers
// whoever asks.
func (s *Shop) GetOrder(w http.ResponseWriter, r *http.Request) error {
	if key := r.URL.Query().Get("key"); key != "" {
		switch ok, err := s.opens(r.Context(), key, r.PathValue("id")); {
		case err != nil:
			return err
		case ok:
			o, err := orderByID(r.Context(), s.DB.Read(), r.PathValue("id"))
			if err != nil {
				return err
			}
			o.ActionURL = ""
			return s.answerOrder(w, r, http.StatusOK, o)
		}
	}
	o, who, err := s.visible(r, nil)
	if refused := (*api.Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return ErrNoOrder.Because(err) // nobody in particular learns no more than anybody else
	}
	if err != nil {
		return err
	}
	if o.Buyer != who.ID {
		o.ActionURL = "" // the bank's page is the buyer's alone
	}
	return s.answerOrder(w, r, http.StatusOK, o)
}

// CancelOrder handles POST /api/v1/orders/{id}/cancel, by buyer or seller,
// while it is not paid. The units are back on sale once the provider confirms
// that the payment can no longer succeed; until then the answer is 202. If the
// payment was faster, the answer is the paid order, with 409.
func (s *Shop) CancelOrder(w http.ResponseWriter, r *http.Request) error {
	o, who, err := s.visible(r, nil)
	if err != nil {
		return err
	}
	actor := "buyer"
	if o.Buyer != who.ID {
		actor = "merchant"
	}
	if o, err = s.learn(r.Context(), o.ID, report{news: calledOff, actor: actor}); err != nil {
		return err
	}
	if o.State == Releasing {
		if o, err = s.advance(context.WithoutCancel(r.Context()), o, actor); err != nil {
			return err
		}
	}
	o.ActionURL = ""
	switch {
	case o.State.ended():
		return api.Write(w, http.StatusOK, o.reply())
	case o.State == Releasing:
		return api.Write(w, http.StatusAccepted, o.reply())
	}
	return ErrNotNow.With("order", o.view())
}

// ListOrders handles GET /api/v1/channels/{channel}/orders: newest first, 50 at
// a time; ?state= keeps one state, ?after= continues after an order's id.
func (s *Shop) ListOrders(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	state, err := stateOf(r)
	if err != nil {
		return err
	}
	all, err := s.ordersOf(r.Context(), channel, state, r.URL.Query().Get("after"), pageOrders)
	if err != nil {
		return err
	}
	views := make([]Order, len(all))
	for i, o := range all {
		views[i] = o.sellerView()
	}
	doc := map[string]any{"orders": views}
	if len(all) == pageOrders {
		doc["after"] = all[len(all)-1].ID
	}
	return api.Write(w, http.StatusOK, doc)
}

// ordersOf reads a channel's orders, newest first. Ids sort by time.
func (s *Shop) ordersOf(ctx context.Context, channel string, state State, after string, limit int) ([]order, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+orderColumns+` FROM shop_order
		WHERE channel = $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`, channel, string(state), after, limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (order, error) { return scanOrder(rows) })
}

var states = []State{Charging, ActionRequired, Processing, PaymentFailed, Releasing, Expired, Canceled, Paid, Refunded}

func stateOf(r *http.Request) (State, error) {
	state := State(r.URL.Query().Get("state"))
	if state != "" && !slices.Contains(states, state) {
		return "", bad("state", "is not a state of orders")
	}
	return state, nil
}
