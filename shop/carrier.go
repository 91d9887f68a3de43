package shop

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/db"
	"souk/shop/handover"
)

// Limits of carriers.
const (
	maxCarriers   = 50  // of a channel
	maxLink       = 300 // bytes
	hookTolerance = 5 * time.Minute
	voyageEvery   = time.Second // parcels that are asked about are looked at
	voyageBatch   = 200
	voyageRetry   = time.Minute // after a carrier that did not answer
	trackingSlot  = "{tracking}"
)

// Carrier is somebody who can be asked about parcels. Those that tell by
// themselves come by the hook and need none.
type Carrier interface {
	Name() string               // what merchants ship with to use it
	Number(order string) string // of a parcel that has none yet
	// Track returns everything that has happened to a parcel until now, each with
	// a Mark, and when to ask again; a zero time for never.
	Track(ctx context.Context, p Parcel) (so []Told, again time.Time, err error)
}

// Parcel is what a carrier is asked about.
type Parcel struct {
	Order, Tracking string
	From, To        string // ISO 3166-1 alpha-2
	City            string // where it goes
	Left            time.Time
}

// carries tells whether a parcel of that carrier is asked about.
func (s *Shop) carries(carrier string) bool {
	return s.Carrier != nil && strings.EqualFold(carrier, s.Carrier.Name())
}

// wellKnown are pages that show a parcel, by the name of its carrier.
var wellKnown = map[string]string{
	"aramex":     "https://www.aramex.com/track/results?ShipmentNumber={tracking}",
	"dhl":        "https://www.dhl.com/en/express/tracking.html?AWB={tracking}",
	"dpd":        "https://tracking.dpd.de/status/en_US/parcel/{tracking}",
	"fedex":      "https://www.fedex.com/fedextrack/?trknbr={tracking}",
	"gls":        "https://gls-group.eu/EU/en/parcel-tracking?match={tracking}",
	"jne":        "https://www.jne.co.id/tracking-package?awb={tracking}",
	"royal mail": "https://www.royalmail.com/track-your-item#/tracking-results/{tracking}",
	"ups":        "https://www.ups.com/track?tracknum={tracking}",
	"usps":       "https://tools.usps.com/go/TrackConfirmAction?tLabels={tracking}",
}

// linked is the page that shows a parcel, "" without one.
func linked(link, tracking string) string {
	if link == "" || tracking == "" {
		return ""
	}
	return strings.ReplaceAll(link, trackingSlot, url.QueryEscape(tracking))
}

// linkOf finds the page of an order's parcel: the channel's word, or what is well
// known.
func linkOf(ctx context.Context, from db.Reader, o order) (string, error) {
	var link string
	err := from.QueryRowContext(ctx, "SELECT link FROM shop_carrier WHERE channel = $1 AND LOWER(name) = LOWER($2)", o.Channel, o.Carrier).Scan(&link)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if link == "" {
		link = wellKnown[strings.ToLower(o.Carrier)]
	}
	return linked(link, o.Tracking), nil
}

// CarrierView is a carrier as its merchant sees it. The secret is shown once.
type CarrierView struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Link      string   `json:"link,omitempty"`
	Hook      string   `json:"hook"` // where it may tell what becomes of parcels
	CreatedAt api.Time `json:"created_at"`
}

// ListCarriers handles GET /api/v1/channels/{channel}/carriers.
func (s *Shop) ListCarriers(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(r.Context(), "SELECT id, name, link, created FROM shop_carrier WHERE channel = $1 ORDER BY id", channel)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (c CarrierView, err error) {
		var created int64
		err = rows.Scan(&c.ID, &c.Name, &c.Link, &created)
		c.CreatedAt, c.Hook = api.Millis(created), s.carrierHook(r, c.ID)
		return c, err
	})
	if err != nil {
		return err
	}
	doc := map[string]any{"carriers": all}
	if s.Carrier != nil {
		doc["sandbox"] = s.Carrier.Name()
	}
	return api.Write(w, http.StatusOK, doc)
}

func (s *Shop) carrierHook(r *http.Request, id string) string {
	return s.base(r) + "/hooks/carrier/" + id
}

// AddCarrier handles POST /api/v1/channels/{channel}/carriers. The answer has the
// secret that signs its hook; no later one has.
func (s *Shop) AddCarrier(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	var body struct {
		Name string `json:"name"`
		Link string `json:"link"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	body.Name, body.Link = strings.TrimSpace(body.Name), strings.TrimSpace(body.Link)
	if body.Name == "" || !fits(body.Name, maxCarrier, false) {
		return bad("name", "must have 1 to 60 characters")
	}
	if u, err := url.Parse(linked(body.Link, "1")); body.Link != "" &&
		(err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(body.Link) > maxLink || !strings.Contains(body.Link, trackingSlot)) {
		return bad("link", "must be an https address with {tracking} in it")
	}
	c, secret := CarrierView{ID: newID(), Name: body.Name, Link: body.Link}, handover.NewSecret()
	c.Hook = s.carrierHook(r, c.ID)
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		var count, same int64
		err := tx.QueryRow(ctx, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN LOWER(name) = LOWER($2) THEN 1 ELSE 0 END), 0) FROM shop_carrier WHERE channel = $1", channel, c.Name).Scan(&count, &same)
		if err != nil {
			return err
		}
		if same > 0 {
			return ErrCarrierTaken
		}
		if count >= maxCarriers {
			return ErrCarriers
		}
		c.CreatedAt = api.Millis(tx.Millis())
		n, err := tx.Changed(ctx, "INSERT INTO shop_carrier (id, channel, name, link, secret, created) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (channel, name) DO NOTHING",
			c.ID, channel, c.Name, c.Link, secret, tx.Millis())
		if err == nil && n == 0 {
			err = ErrCarrierTaken
		}
		return err
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusCreated, map[string]any{"carrier": c, "secret": secret})
}

// DropCarrier handles DELETE /api/v1/channels/{channel}/carriers/{id}. Parcels
// that travel with it keep its name.
func (s *Shop) DropCarrier(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "DELETE FROM shop_carrier WHERE channel = $1 AND id = $2", channel, r.PathValue("id"))
		if err == nil && n == 0 {
			err = ErrNoCarrier
		}
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// CarrierHook handles POST /hooks/carrier/{id}: a carrier, or a merchant's own
// program, tells what became of a parcel. It is signed as our own messages to
// merchants are (Standard Webhooks); the same webhook-id again changes nothing.
func (s *Shop) CarrierHook(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MaxBody))
	if err != nil {
		return api.Fail(http.StatusRequestEntityTooLarge, "too_large", "The body is too large.").Because(err)
	}
	var channel, name, secret string
	err = s.DB.Read().QueryRowContext(r.Context(), "SELECT channel, name, secret FROM shop_carrier WHERE id = $1", r.PathValue("id")).Scan(&channel, &name, &secret)
	if err != nil {
		return none(err, ErrCarrierHook) // no more is told about carriers than about signatures
	}
	id := r.Header.Get("webhook-id")
	if !signed(r.Header, id, body, secret) {
		return ErrCarrierHook
	}
	var told struct {
		Tracking string `json:"tracking"`
		Checkpoint
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return api.Fail(http.StatusBadRequest, "bad_json", "The body is not the JSON this call expects.").Because(err)
	}
	if told.Tracking == "" {
		return bad("tracking", "is missing")
	}
	var o order
	fresh := false
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		var order string
		err := tx.QueryRow(ctx, "SELECT id FROM shop_order WHERE channel = $1 AND tracking = $2 AND LOWER(carrier) = LOWER($3) ORDER BY id DESC LIMIT 1",
			channel, told.Tracking, name).Scan(&order)
		if err != nil {
			return none(err, ErrNoParcel)
		}
		o, fresh, err = s.note(ctx, tx, order, Told{told.Checkpoint, "hook:" + id}, "hook", "carrier:"+name)
		return err
	})
	if err != nil {
		return err
	}
	if fresh {
		s.announce(o)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signed tells whether a notification is signed with secret, and not minutes ago
// or ahead. It compares in constant time.
func signed(h http.Header, id string, body []byte, secret string) bool {
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	at := time.Unix(seconds, 0)
	if err != nil || id == "" || len(id) > maxMark-len("hook:") || time.Since(at).Abs() > hookTolerance {
		return false
	}
	want, err := handover.Sign(id, at, body, secret)
	ok := false
	for _, got := range strings.Fields(h.Get("webhook-signature")) {
		ok = hmac.Equal([]byte(got), []byte(want)) || ok
	}
	return err == nil && ok
}

// runVoyages asks about parcels until ctx ended.
func (s *Shop) runVoyages(ctx context.Context) error {
	if s.Carrier == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	tick := time.NewTicker(voyageEvery)
	defer tick.Stop()
	for {
		s.unlessEnded(ctx, "ask about parcels", s.askAbout(ctx))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// askAbout asks about the parcels that are due. Several nodes may ask about one:
// what is told twice is written once.
func (s *Shop) askAbout(ctx context.Context) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT order_id FROM shop_voyage WHERE look_at <= $1 ORDER BY look_at LIMIT $2", time.Now().UnixMilli(), voyageBatch)
	due, err := db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
	if err != nil {
		return err
	}
	for _, id := range due {
		if err := s.follow(ctx, id); err != nil && ctx.Err() == nil {
			s.Log.Error("ask about a parcel", "order", id, "err", err) // the others are asked about all the same
		}
	}
	return nil
}

// follow asks about one parcel and writes down what is new.
func (s *Shop) follow(ctx context.Context, id string) error {
	o, err := orderByID(ctx, s.DB.Read(), id)
	if err != nil {
		return err
	}
	from, err := s.sentFrom(ctx, o)
	if err != nil {
		return err
	}
	var to Address
	if err := json.Unmarshal([]byte(o.Address), &to); err != nil {
		return err
	}
	so, again, failed := s.Carrier.Track(ctx, Parcel{Order: o.ID, Tracking: o.Tracking, From: from, To: o.Country, City: to.City, Left: time.UnixMilli(o.Shipped)})
	if failed != nil {
		s.Log.Warn("a carrier does not answer", "order", id, "err", failed)
		again = time.Now().Add(voyageRetry)
	}
	for _, c := range so {
		news := o
		fresh := false
		err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
			news, fresh, err = s.note(ctx, tx, id, c, "carrier", "carrier:"+o.Carrier)
			return err
		})
		if err != nil && !errors.Is(err, ErrNotNow) {
			return err
		}
		if fresh {
			s.announce(news)
		}
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if again.IsZero() {
			_, err := tx.Exec(ctx, "DELETE FROM shop_voyage WHERE order_id = $1", id)
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE shop_voyage SET look_at = $2 WHERE order_id = $1", id, again.UnixMilli())
		return err
	})
}
