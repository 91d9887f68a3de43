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

// pinRetries is how often a pin is tried when another node pins at the same
// moment.
const pinRetries = 5

// Pin handles PUT /api/v1/channels/{channel}/pin: a product goes on air, what
// was on air goes off.
func (s *Shop) Pin(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, hosts); err != nil {
		return err
	}
	var body struct {
		Product string    `json:"product"`
		Offer   *NewOffer `json:"offer"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	card, err := s.pin(r.Context(), channel, body.Product, body.Offer)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, card)
}

// Unpin handles DELETE /api/v1/channels/{channel}/pin. Unpinning nothing is
// fine.
func (s *Shop) Unpin(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, hosts); err != nil {
		return err
	}
	if err := s.unpin(r.Context(), channel, ""); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ended is a card that went off air.
type ended struct {
	pin
	of        Product
	offerOver bool // the room has not been told that its offer is over
}

// pin persists the card, then marks the timeline, then tells the room. Pins of
// this process are one after the other, so that a room hears them in the order
// in which they were written.
func (s *Shop) pin(ctx context.Context, channel, id string, offer *NewOffer) (Pin, error) {
	s.pinning.Lock()
	defer s.pinning.Unlock()
	media := s.Timeline.Now(channel)
	var former *ended
	var q pin
	var of Product
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		p, err := productByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.Channel != channel || p.Dropped {
			return ErrNoProduct
		}
		of = p.Product
		if q, err = s.newPin(of, offer, media, tx.Now); err != nil {
			return err
		}
		for range pinRetries {
			if former, err = endPin(ctx, tx, channel, ""); err != nil {
				return err
			}
			if fresh, err := q.insert(ctx, tx); err != nil || fresh {
				return err
			}
		}
		return errors.New("pin: another node keeps pinning")
	})
	if err != nil {
		return Pin{}, err
	}
	s.offAir(channel, media, former)
	s.Timeline.Mark(channel, q.mark(of, time.Time{}))
	card := q.card(of, time.UnixMilli(q.Pinned))
	s.Rooms.Tell(channel, Event{Type: "pinned", MediaAt: media, Data: card})
	nudge(s.offers)
	return card, nil
}

// unpin takes the card off air: any, or only one of product.
func (s *Shop) unpin(ctx context.Context, channel, product string) error {
	s.pinning.Lock()
	defer s.pinning.Unlock()
	media := s.Timeline.Now(channel)
	var former *ended
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		former, err = endPin(ctx, tx, channel, product)
		return err
	})
	if err != nil || former == nil {
		return err
	}
	s.offAir(channel, media, former)
	s.Rooms.Tell(channel, Event{Type: "unpinned", MediaAt: media, Data: map[string]string{"pin": former.ID, "product": former.Product}})
	return nil
}

// offAir tells timeline and room about a card that ended.
func (s *Shop) offAir(channel string, media time.Time, former *ended) {
	if former == nil {
		return
	}
	if former.offerOver {
		s.Rooms.Tell(channel, Event{Type: "price", Data: priceCard{former.Product, former.of.Price, nil}})
	}
	s.Timeline.Mark(channel, former.mark(former.of, media))
}

func (s *Shop) newPin(of Product, offer *NewOffer, media, now time.Time) (pin, error) {
	q := pin{ID: newID(), Channel: of.Channel, Product: of.ID, Price: of.Price, MediaAt: media.UnixMilli(), Pinned: now.UnixMilli()}
	if offer == nil {
		return q, nil
	}
	if err := offer.check(of); err != nil {
		return q, err
	}
	if err := s.charges(offer.Price); err != nil {
		return q, err
	}
	q.Offer = sql.NullInt64{Int64: offer.Price.Amount, Valid: true}
	q.Seconds, q.Open = offer.Seconds, true
	q.Ends = now.Add(time.Duration(offer.Seconds) * time.Second).UnixMilli()
	q.OfferStock, q.Left, q.PerBuyer = nullable(offer.Stock), nullable(offer.Stock), nullable(offer.PerBuyer)
	return q, nil
}

// insert puts the card on air; fresh is false when another one is.
func (p pin) insert(ctx context.Context, tx *db.Tx) (fresh bool, err error) {
	n, err := tx.Changed(ctx, `INSERT INTO shop_pin (id, channel, product, amount, currency, offer_amount, offer_seconds, offer_ends,
		offer_stock, offer_left, per_buyer, offer_open, media_at, pinned)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, $13) ON CONFLICT (channel) WHERE ended IS NULL DO NOTHING`,
		p.ID, p.Channel, p.Product, p.Price.Amount, p.Price.Currency, p.Offer, p.Seconds, p.Ends,
		p.OfferStock, p.PerBuyer, p.Open, p.MediaAt, p.Pinned)
	return n == 1, err
}

// endPin takes the card off air, if there is one, and if product is empty or
// the one it shows.
func endPin(ctx context.Context, tx *db.Tx, channel, product string) (*ended, error) {
	q, of, err := onAir(ctx, tx, channel)
	if err != nil {
		return nil, none(err, nil)
	}
	if product != "" && q.Product != product {
		return nil, nil
	}
	n, err := tx.Changed(ctx, "UPDATE shop_pin SET ended = $2, offer_open = FALSE WHERE id = $1 AND ended IS NULL", q.ID, tx.Millis())
	if err != nil || n == 0 {
		return nil, err
	}
	return &ended{q, of, q.Open}, nil
}

// runOffers ends offers on time: the price in the room is the price at the till.
func (s *Shop) runOffers(ctx context.Context) error {
	for {
		wait, err := s.endOffers(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("end offers", "err", err)
			wait = sweepEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-s.offers:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// endOffers tells rooms about offers past their end, each once over all nodes,
// and returns how long until the next one ends.
func (s *Shop) endOffers(ctx context.Context) (wait time.Duration, err error) {
	type over struct{ channel, product string }
	var all []over
	var nextEnd sql.NullInt64
	var now time.Time
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		now = tx.Now
		rows, err := tx.Query(ctx, "UPDATE shop_pin SET offer_open = FALSE WHERE offer_open AND offer_ends <= $1 RETURNING channel, product", tx.Millis())
		if all, err = db.Collect(rows, err, func(rows *sql.Rows) (o over, err error) { return o, rows.Scan(&o.channel, &o.product) }); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT MIN(offer_ends) FROM shop_pin WHERE offer_open").Scan(&nextEnd)
	})
	if err != nil {
		return 0, err
	}
	for _, o := range all {
		p, err := productByID(ctx, s.DB.Read(), o.product)
		if err != nil {
			return 0, err
		}
		s.Rooms.Tell(o.channel, Event{Type: "price", Data: priceCard{p.ID, p.Price, nil}})
	}
	if !nextEnd.Valid {
		return maxOfferTime, nil
	}
	return max(time.UnixMilli(nextEnd.Int64).Sub(now), time.Millisecond), nil
}
