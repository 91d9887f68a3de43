package shop

import (
	"context"
	"database/sql"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// SetAside handles POST /api/v1/holds: units for a buyer who is about to pay,
// until a time that the server keeps. Who holds units of the product already
// gets the same holding with the quantity asked for. 409 sold_out tells whether
// there is a line to stand in.
func (s *Shop) SetAside(w http.ResponseWriter, r *http.Request) error {
	c, err := s.claimOf(w, r)
	if err != nil {
		return err
	}
	c.aside = true
	if err := s.holds.Write(r.Context(), c); err != nil {
		return err
	}
	if c.gone != "" {
		s.sold.out(c.gone, c.ask.Pin)
	}
	if c.err != nil {
		return c.err
	}
	s.moved(c.holding.Product, c.holding.Channel)
	nudge(s.turns)
	return api.Write(w, http.StatusCreated, map[string]any{"hold": c.holding.view()})
}

// claimOf reads an ask that is no order: it has no key, and may come twice.
func (s *Shop) claimOf(w http.ResponseWriter, r *http.Request) (*claim, error) {
	who, err := s.Who.Person(r)
	if err != nil {
		return nil, err
	}
	var a ask
	if err := api.Read(w, r, &a); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	if wait, ok := s.asides.Take(who.ID, ""); !ok {
		return nil, api.TooFast(wait)
	}
	if a.justTip() || a.Offer != "" {
		return nil, bad("product", "is missing; say a pin or a product")
	}
	a.Coupon, a.Tip = "", nil // those are the order's
	return &claim{buyer: who, ask: a}, nil
}

// MoreTime handles POST /api/v1/holds/{id}/more.
func (s *Shop) MoreTime(w http.ResponseWriter, r *http.Request) error {
	who, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	h, err := s.moreTime(r.Context(), r.PathValue("id"), who.ID)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"hold": h.view()})
}

// DropHold handles DELETE /api/v1/holds/{id}: the units go to whoever is next.
// What has ended already is fine.
func (s *Shop) DropHold(w http.ResponseWriter, r *http.Request) error {
	who, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	h, err := holdingOf(r.Context(), s.DB.Read(), r.PathValue("id"), who.ID)
	if err != nil {
		return err
	}
	if h.Kind == byOffer {
		return ErrNoHold // the host's, until the offer ends
	}
	if err := s.letGo(r.Context(), h, false); err != nil {
		return err
	}
	nudge(s.turns)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// JoinLine handles POST /api/v1/waitlist: one place per person and product. 201
// with the place, 200 for who stands there already, 409 in_stock when there is
// something to buy.
func (s *Shop) JoinLine(w http.ResponseWriter, r *http.Request) error {
	c, err := s.claimOf(w, r)
	if err != nil {
		return err
	}
	if c.ask.Product == "" {
		return bad("product", "is missing")
	}
	c.ask.Pin = ""
	at, fresh, err := s.join(r.Context(), c)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
		s.moved(c.ask.Product, c.ask.Channel)
	}
	return api.Write(w, status, map[string]any{"place": at})
}

// LeaveLine handles DELETE /api/v1/waitlist/{id}.
func (s *Shop) LeaveLine(w http.ResponseWriter, r *http.Request) error {
	who, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	var p place
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		p, err = scanPlace(tx.QueryRow(ctx, "UPDATE shop_wait SET state = 'left', ended = $3 WHERE id = $1 AND buyer = $2 AND state = 'waiting' RETURNING "+placeColumns,
			r.PathValue("id"), who.ID, tx.Millis()))
		return none(err, ErrNoPlace)
	})
	if err != nil {
		return err
	}
	s.moved(p.Product, p.Channel)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// MyHolds handles GET /api/v1/me/holds: what is set aside for the person who
// asks, and the lines they stand in; ?channel= keeps one channel's. A page asks
// whenever it comes back.
func (s *Shop) MyHolds(w http.ResponseWriter, r *http.Request) error {
	who, err := s.Who.Person(r)
	if err != nil {
		return err
	}
	ctx, channel, from := r.Context(), r.URL.Query().Get("channel"), s.DB.Read()
	rows, err := from.QueryContext(ctx, "SELECT "+holdingColumns+` FROM shop_hold
		WHERE buyer = $1 AND state = 'open' AND ($2 = '' OR channel = $2) ORDER BY began`, who.ID, channel)
	holds, err := db.Collect(rows, err, func(rows *sql.Rows) (Hold, error) { h, err := scanHolding(rows); return h.view(), err })
	if err != nil {
		return err
	}
	rows, err = from.QueryContext(ctx, "SELECT "+placeColumns+` FROM shop_wait
		WHERE buyer = $1 AND state = 'waiting' AND ($2 = '' OR channel = $2) ORDER BY joined`, who.ID, channel)
	standing, err := db.Collect(rows, err, func(rows *sql.Rows) (place, error) { return scanPlace(rows) })
	if err != nil {
		return err
	}
	places := make([]Place, len(standing))
	for i, p := range standing {
		if places[i], err = p.view(ctx, from); err != nil {
			return err
		}
	}
	offers, err := s.offersFor(ctx, who.ID, channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"holds": holds, "places": places, "offers": offers})
}

// ListLines handles GET /api/v1/channels/{channel}/waitlist, for who sells.
func (s *Shop) ListLines(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	all, err := s.linesOf(r.Context(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"lines": all})
}

// GetSelling handles GET /api/v1/channels/{channel}/selling.
func (s *Shop) GetSelling(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	v, err := sellingOf(r.Context(), s.DB.Read(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, v)
}

// SetSelling handles PUT /api/v1/channels/{channel}/selling. It counts from the
// next hold on.
func (s *Shop) SetSelling(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, hosts); err != nil {
		return err
	}
	v, err := sellingOf(r.Context(), s.DB.Read(), channel) // what the body leaves out stays
	if err != nil {
		return err
	}
	if err := api.Read(w, r, &v); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	if err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error { return v.store(ctx, tx, channel) }); err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, v)
}

func sellingOf(ctx context.Context, from db.Reader, channel string) (Selling, error) {
	v := Selling{HoldSeconds: defaultHoldSeconds, TurnSeconds: defaultTurnSeconds}
	err := from.QueryRowContext(ctx, "SELECT hold_seconds, turn_seconds FROM shop_channel WHERE channel = $1", channel).Scan(&v.HoldSeconds, &v.TurnSeconds)
	return v, none(err, nil)
}

func (v Selling) store(ctx context.Context, tx *db.Tx, channel string) error {
	_, err := tx.Exec(ctx, `INSERT INTO shop_channel (channel, hold_seconds, turn_seconds) VALUES ($1, $2, $3)
		ON CONFLICT (channel) DO UPDATE SET hold_seconds = excluded.hold_seconds, turn_seconds = excluded.turn_seconds`, channel, v.HoldSeconds, v.TurnSeconds)
	return err
}
