package shop

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"souk/internal/api"
	"souk/internal/db"
)

const maxShipments = 5_000 // rows in one file of shipments

// shipment is what a merchant says about a parcel that leaves.
type shipment struct {
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking"`
}

func (p *shipment) check() error {
	p.Carrier, p.Tracking = strings.TrimSpace(p.Carrier), strings.TrimSpace(p.Tracking)
	if p.Carrier == "" || !fits(p.Carrier, maxCarrier, false) {
		return bad("carrier", "must have 1 to 60 characters")
	}
	if !fits(p.Tracking, maxTracking, false) {
		return bad("tracking", "must have at most 120 characters")
	}
	return nil
}

// ship has a parcel leave, in the commit of tx; again, it corrects carrier and
// tracking. Errors: ErrNotNow.
func (s *Shop) ship(ctx context.Context, tx *db.Tx, id string, p shipment, actor string) (order, error) {
	if p.Tracking == "" && s.carries(p.Carrier) {
		p.Tracking = s.Carrier.Number(id)
	}
	n, err := tx.Changed(ctx, `UPDATE shop_order SET carrier = $2, tracking = $3, changed = $4
		WHERE id = $1 AND state = 'paid' AND parcel IN ('unfulfilled', 'packed', 'shipped')`, id, p.Carrier, p.Tracking, tx.Millis())
	if err != nil {
		return order{}, err
	}
	if n == 0 {
		return order{}, ErrNotNow
	}
	o, err := orderByID(ctx, tx, id)
	if err != nil {
		return o, err
	}
	out, err := withdrawalsOf(ctx, tx, id)
	if err != nil {
		return o, err
	}
	if o.Parcel != Shipped && withdrawn(out) == o.Quantity {
		return o, ErrWithdrawn
	}
	if s.carries(p.Carrier) {
		_, err = tx.Exec(ctx, "INSERT INTO shop_voyage (order_id, look_at) VALUES ($1, $2) ON CONFLICT (order_id) DO UPDATE SET look_at = excluded.look_at", id, tx.Millis())
	} else {
		_, err = tx.Exec(ctx, "DELETE FROM shop_voyage WHERE order_id = $1", id)
	}
	if err != nil {
		return o, err
	}
	if o.Parcel != Shipped {
		o, _, err = s.note(ctx, tx, id, Told{Checkpoint: Checkpoint{Code: "shipped"}}, "merchant", actor)
		return o, err
	}
	if err := logEvent(ctx, tx, id, o.State, o.State, "shipped", actor); err != nil {
		return o, err
	}
	return o, s.tell(ctx, tx, tellShipped, o)
}

// ShipOrder handles POST /api/v1/orders/{id}/ship. Sent again, it corrects
// carrier and tracking.
func (s *Shop) ShipOrder(w http.ResponseWriter, r *http.Request) error {
	o, who, err := s.visible(r, treasury)
	if err != nil {
		return err
	}
	var p shipment
	if err := api.Read(w, r, &p); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		o, err = s.ship(ctx, tx, o.ID, p, who.ID)
		return err
	})
	if err != nil {
		return err
	}
	s.announce(o)
	return s.answerOrder(w, r, http.StatusOK, o)
}

// NoteCheckpoint handles POST /api/v1/orders/{id}/checkpoints: what the merchant
// knows about a parcel. The same Idempotency-Key again changes nothing.
func (s *Shop) NoteCheckpoint(w http.ResponseWriter, r *http.Request) error {
	o, who, err := s.visible(r, treasury)
	if err != nil {
		return err
	}
	var c Told
	if err := api.Read(w, r, &c.Checkpoint); err != nil {
		return err
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		c.Mark = "merchant:" + key
	}
	fresh := false
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		o, fresh, err = s.note(ctx, tx, o.ID, c, "merchant", who.ID)
		return err
	})
	if err != nil {
		return err
	}
	if fresh {
		s.announce(o)
	}
	return s.answerOrder(w, r, http.StatusOK, o)
}

// ShipOrders handles POST /api/v1/channels/{channel}/orders/ship: a CSV with the
// columns order, carrier and tracking. All of its parcels leave, or none.
func (s *Shop) ShipOrders(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	who, err := s.require(r, channel, treasury)
	if err != nil {
		return err
	}
	in, err := openCSV(http.MaxBytesReader(w, r.Body, maxImport), "order", "carrier", "tracking")
	if err != nil {
		return err
	}
	all, err := readShipments(in)
	if err != nil {
		return err
	}
	var gone []order
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		gone = gone[:0]
		var wrong faults
		for i, l := range all {
			o, err := s.shipOf(ctx, tx, channel, l, who.ID)
			if err := wrong.add(i+2, err); err != nil { // the first row is the header
				return err
			}
			gone = append(gone, o)
		}
		return wrong.refusal()
	})
	if err != nil {
		return err
	}
	for _, o := range gone {
		s.announce(o)
	}
	return api.Write(w, http.StatusOK, map[string]int{"shipped": len(gone)})
}

// leaving is a row of a file of shipments.
type leaving struct {
	order string
	shipment
}

func readShipments(in *csvIn) (all []leaving, err error) {
	var wrong faults
	for {
		row, err := in.next()
		if errors.Is(err, io.EOF) {
			return all, wrong.refusal()
		}
		if err != nil {
			return nil, err
		}
		if len(all) == maxShipments {
			return nil, ErrRows
		}
		l := leaving{row.get("order"), shipment{row.get("carrier"), row.get("tracking")}}
		_ = wrong.add(in.row, l.check()) // it is a refusal
		all = append(all, l)
	}
}

// shipOf is ship for an order that must be of a channel.
func (s *Shop) shipOf(ctx context.Context, tx *db.Tx, channel string, l leaving, actor string) (order, error) {
	o, err := orderByID(ctx, tx, l.order)
	if err == nil && o.Channel != channel {
		err = ErrNoOrder
	}
	if err != nil {
		return o, err
	}
	return s.ship(ctx, tx, l.order, l.shipment, actor)
}
