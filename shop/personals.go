package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// OfferTo handles POST /api/v1/channels/{channel}/offers: a host offers one
// person something at a price of their own. The person gets a card, now and
// whenever they come back, and nobody else can use it.
func (s *Shop) OfferTo(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	who, err := s.require(r, channel, hosts)
	if err != nil {
		return err
	}
	var n NewPersonal
	if err := api.Read(w, r, &n); err != nil {
		return err
	}
	if err := n.check(); err != nil {
		return err
	}
	p, of, err := s.offerTo(r.Context(), channel, who.ID, n)
	if err != nil {
		return err
	}
	nudge(s.turns)
	if p.Hold != "" {
		s.moved(p.Product, channel)
	}
	return api.Write(w, http.StatusCreated, map[string]any{"offer": p.toHost(of.Product)})
}

func (p personal) toHost(of Product) Personal {
	v := p.view(of, time.Now())
	v.For = p.Buyer
	return v
}

// ListOffers handles GET /api/v1/channels/{channel}/offers: the newest 50 offers
// to single people, for hosts.
func (s *Shop) ListOffers(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, hosts); err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(r.Context(), "SELECT "+personalColumns+" FROM shop_personal WHERE channel = $1 ORDER BY id DESC LIMIT $2", channel, pageOrders)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (personal, error) { return scanPersonal(rows) })
	if err != nil {
		return err
	}
	views := make([]Personal, len(all))
	for i, p := range all {
		of, err := productByID(r.Context(), s.DB.Read(), p.Product)
		if err != nil {
			return err
		}
		views[i] = p.toHost(of.Product)
	}
	return api.Write(w, http.StatusOK, map[string]any{"offers": views})
}

// WithdrawOffer handles DELETE /api/v1/channels/{channel}/offers/{id}. One that
// has been taken stays what it is: 409 offer_used.
func (s *Shop) WithdrawOffer(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, hosts); err != nil {
		return err
	}
	p, err := personalByID(r.Context(), s.DB.Read(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if p.Channel != channel {
		return ErrNoOffer
	}
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		if err := lockStock(ctx, tx, p.Product); err != nil {
			return err
		}
		n, err := tx.Changed(ctx, "UPDATE shop_personal SET state = 'withdrawn' WHERE id = $1 AND state IN ('open', 'withdrawn')", p.ID)
		if err == nil && n == 0 {
			err = ErrOfferUsed
		}
		if err != nil || p.Hold == "" {
			return err
		}
		h, err := scanHolding(tx.QueryRow(ctx, "SELECT "+holdingColumns+" FROM shop_hold WHERE id = $1", p.Hold))
		if err != nil {
			return err
		}
		_, err = release(ctx, tx, h, false)
		return err
	})
	if err != nil {
		return err
	}
	nudge(s.turns)
	s.sold.back(p.Product)
	s.moved(p.Product, channel)
	of, err := productByID(r.Context(), s.DB.Read(), p.Product)
	if err != nil {
		return err
	}
	p.State = "withdrawn"
	s.Rooms.Whisper(channel, p.Buyer, nil, Event{Type: "offer", Data: p.view(of.Product, time.Now())})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// offersFor are the open offers to a person.
func (s *Shop) offersFor(ctx context.Context, person, channel string) ([]Personal, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+personalColumns+` FROM shop_personal
		WHERE buyer = $1 AND state = 'open' AND ends > $3 AND ($2 = '' OR channel = $2) ORDER BY id LIMIT $4`, person, channel, time.Now().UnixMilli(), pageOrders)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (personal, error) { return scanPersonal(rows) })
	if err != nil {
		return nil, err
	}
	views := make([]Personal, len(all))
	for i, p := range all {
		of, err := productByID(ctx, s.DB.Read(), p.Product)
		if err != nil {
			return nil, err
		}
		views[i] = p.view(of.Product, time.Now())
	}
	return views, nil
}

// handOut writes to those who were made an offer and have not been told. A
// crash between letter and note tells them twice, under the same id.
func (s *Shop) handOut(ctx context.Context) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+personalColumns+" FROM shop_personal WHERE NOT told ORDER BY created LIMIT $1", sweepBatch)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (personal, error) { return scanPersonal(rows) })
	if err != nil {
		return err
	}
	for _, p := range all {
		of, err := productByID(ctx, s.DB.Read(), p.Product)
		if err != nil {
			return err
		}
		if view := p.view(of.Product, time.Now()); view.State == "open" {
			if err := s.Rooms.Send(ctx, p.Channel, p.Buyer, Event{Type: "offer", Data: view}, time.UnixMilli(p.Ends)); err != nil {
				s.Log.Warn("offer without a letter", "offer", p.ID, "err", err)
				if !errors.Is(err, errLettersFull) {
					continue // the room may answer the next time
				}
			}
		}
		err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE shop_personal SET told = TRUE WHERE id = $1", p.ID)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
