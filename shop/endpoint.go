package shop

import (
	"context"
	"database/sql"
	"net/http"
	"time"

	"souk/internal/api"
	"souk/internal/db"
	"souk/shop/handover"
)

// endpoint is a row of shop_endpoint: where a merchant's program wants to hear
// about orders.
type endpoint struct {
	ID, Channel, URL  string
	Secret, OldSecret string
	OldUntil, Created int64
	Failing, Disabled int64
	Reason            string
}

const endpointColumns = "id, channel, url, secret, old_secret, old_until, created, failing, disabled, reason"

func scanEndpoint(row interface{ Scan(...any) error }) (e endpoint, err error) {
	return e, row.Scan(&e.ID, &e.Channel, &e.URL, &e.Secret, &e.OldSecret, &e.OldUntil, &e.Created, &e.Failing, &e.Disabled, &e.Reason)
}

func endpointByID(ctx context.Context, from db.Reader, channel, id string) (endpoint, error) {
	e, err := scanEndpoint(from.QueryRowContext(ctx, "SELECT "+endpointColumns+" FROM shop_endpoint WHERE channel = $1 AND id = $2", channel, id))
	return e, none(err, ErrNoEndpoint)
}

// secrets are those that sign now: the newest first.
func (e endpoint) secrets(now time.Time) []string {
	if e.OldSecret != "" && now.UnixMilli() < e.OldUntil {
		return []string{e.Secret, e.OldSecret}
	}
	return []string{e.Secret}
}

// Endpoint is an endpoint as its merchant sees it. The secret is shown once.
type Endpoint struct {
	ID             string       `json:"id"`
	URL            string       `json:"url"`
	CreatedAt      api.Time     `json:"created_at"`
	FailingSince   api.Time     `json:"failing_since,omitzero"`
	OldSecretUntil api.Time     `json:"old_secret_until,omitzero"`
	Disabled       *EndpointOff `json:"disabled"`
}

// EndpointOff is since when and why an endpoint gets nothing: "gone" (it
// answered 410), "failing" (nothing arrived for days) or "merchant".
type EndpointOff struct {
	At     api.Time `json:"at"`
	Reason string   `json:"reason"`
}

func (e endpoint) view() Endpoint {
	v := Endpoint{ID: e.ID, URL: e.URL, CreatedAt: api.Millis(e.Created)}
	if e.Failing > 0 {
		v.FailingSince = api.Millis(e.Failing)
	}
	if e.OldUntil > time.Now().UnixMilli() {
		v.OldSecretUntil = api.Millis(e.OldUntil)
	}
	if e.Disabled > 0 {
		v.Disabled = &EndpointOff{api.Millis(e.Disabled), e.Reason}
	}
	return v
}

// ListEndpoints handles GET /api/v1/channels/{channel}/endpoints.
func (s *Shop) ListEndpoints(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, r.PathValue("channel"), treasury); err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(r.Context(), "SELECT "+endpointColumns+" FROM shop_endpoint WHERE channel = $1 ORDER BY id", r.PathValue("channel"))
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (Endpoint, error) {
		e, err := scanEndpoint(rows)
		return e.view(), err
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"endpoints": all})
}

// AddEndpoint handles POST /api/v1/channels/{channel}/endpoints. The answer has
// the secret; no later one has.
func (s *Shop) AddEndpoint(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	var body struct {
		URL string `json:"url"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if !s.Poster.CheckURL(body.URL) {
		return errEndpointURL()
	}
	e := endpoint{ID: newID(), Channel: channel, URL: body.URL, Secret: handover.NewSecret()}
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		var count int64
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_endpoint WHERE channel = $1", channel).Scan(&count); err != nil {
			return err
		}
		if count >= maxEndpoints {
			return ErrEndpoints
		}
		e.Created = tx.Millis()
		_, err := tx.Exec(ctx, "INSERT INTO shop_endpoint (id, channel, url, secret, created) VALUES ($1, $2, $3, $4, $5)", e.ID, e.Channel, e.URL, e.Secret, e.Created)
		return err
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusCreated, map[string]any{"endpoint": e.view(), "secret": e.Secret})
}

func errEndpointURL() error {
	return bad("url", "must be an https address on the public internet, of at most 500 characters")
}

// EditEndpoint handles PATCH /api/v1/channels/{channel}/endpoints/{id}: only
// what the body names changes. Rotating makes a new secret, which the answer
// has; the old one signs as well for a day.
func (s *Shop) EditEndpoint(w http.ResponseWriter, r *http.Request) error {
	channel, id := r.PathValue("channel"), r.PathValue("id")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	var body struct {
		URL     *string `json:"url"`
		Enabled *bool   `json:"enabled"`
		Rotate  bool    `json:"rotate"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if body.URL != nil && !s.Poster.CheckURL(*body.URL) {
		return errEndpointURL()
	}
	var e endpoint
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		// Holds the row until the commit, so that two who rotate at once lose no secret.
		if _, err = tx.Exec(ctx, "UPDATE shop_endpoint SET url = url WHERE id = $1", id); err != nil {
			return err
		}
		if e, err = endpointByID(ctx, tx, channel, id); err != nil {
			return err
		}
		if body.URL != nil {
			e.URL = *body.URL
		}
		if body.Rotate {
			e.Secret, e.OldSecret, e.OldUntil = handover.NewSecret(), e.Secret, tx.Now.Add(oldSecretLasts).UnixMilli()
		}
		switch {
		case body.Enabled == nil:
		case *body.Enabled:
			e.Disabled, e.Reason, e.Failing = 0, "", 0
		case e.Disabled == 0:
			e.Disabled, e.Reason = tx.Millis(), "merchant"
		}
		_, err = tx.Exec(ctx, "UPDATE shop_endpoint SET url = $2, secret = $3, old_secret = $4, old_until = $5, failing = $6, disabled = $7, reason = $8 WHERE id = $1",
			e.ID, e.URL, e.Secret, e.OldSecret, e.OldUntil, e.Failing, e.Disabled, e.Reason)
		return err
	})
	if err != nil {
		return err
	}
	s.lanes.works(id)
	doc := map[string]any{"endpoint": e.view()}
	if body.Rotate {
		doc["secret"] = e.Secret
	}
	return api.Write(w, http.StatusOK, doc)
}

// DropEndpoint handles DELETE /api/v1/channels/{channel}/endpoints/{id}, with
// everything that was or would be delivered to it.
func (s *Shop) DropEndpoint(w http.ResponseWriter, r *http.Request) error {
	channel, id := r.PathValue("channel"), r.PathValue("id")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "DELETE FROM shop_endpoint WHERE channel = $1 AND id = $2", channel, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNoEndpoint
		}
		_, err = tx.Exec(ctx, "DELETE FROM shop_delivery WHERE endpoint = $1", id)
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Delivery is one message on its way to an endpoint, as its merchant sees it.
type Delivery struct {
	ID        string   `json:"id"` // webhook-id
	Type      string   `json:"type"`
	Order     string   `json:"order"`
	State     string   `json:"state"` // waiting, delivered, failed
	Tries     int64    `json:"tries"`
	Status    int64    `json:"status,omitempty"`
	Error     string   `json:"error,omitempty"`
	CreatedAt api.Time `json:"created_at"`
	NextAt    api.Time `json:"next_at,omitzero"`
	EndedAt   api.Time `json:"ended_at,omitzero"`
}

const deliveryQuery = `SELECT m.id, m.kind, m.order_id, d.state, d.tries, d.status, d.error, m.at, d.next_at, d.ended
	FROM shop_delivery d JOIN shop_outbox m ON m.id = d.event WHERE d.endpoint = $1 `

func scanDelivery(row interface{ Scan(...any) error }) (d Delivery, err error) {
	var at, next, ended int64
	err = row.Scan(&d.ID, &d.Type, &d.Order, &d.State, &d.Tries, &d.Status, &d.Error, &at, &next, &ended)
	d.CreatedAt = api.Millis(at)
	if next > 0 && d.State == "waiting" {
		d.NextAt = api.Millis(next)
	}
	if ended > 0 {
		d.EndedAt = api.Millis(ended)
	}
	return d, err
}

// ListDeliveries handles GET /api/v1/channels/{channel}/endpoints/{id}/deliveries:
// newest first, 50 at a time; ?after= continues after a delivery's id.
func (s *Shop) ListDeliveries(w http.ResponseWriter, r *http.Request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(r.Context(), deliveryQuery+"AND ($2 = '' OR d.event < $2) ORDER BY d.event DESC LIMIT $3",
		e.ID, r.URL.Query().Get("after"), pageDeliveries)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (Delivery, error) { return scanDelivery(rows) })
	if err != nil {
		return err
	}
	doc := map[string]any{"deliveries": all}
	if len(all) == pageDeliveries {
		doc["after"] = all[len(all)-1].ID
	}
	return api.Write(w, http.StatusOK, doc)
}

// endpointOf is the endpoint of the request, for those who may see it.
func (s *Shop) endpointOf(r *http.Request) (endpoint, error) {
	if _, err := s.require(r, r.PathValue("channel"), treasury); err != nil {
		return endpoint{}, err
	}
	return endpointByID(r.Context(), s.DB.Read(), r.PathValue("channel"), r.PathValue("id"))
}

// Replay handles POST /api/v1/channels/{channel}/endpoints/{id}/deliveries/{delivery}/replay:
// the message is sent again now, under its own id, as if it were new. One that
// is being sent stays as it is.
func (s *Shop) Replay(w http.ResponseWriter, r *http.Request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	if e.Disabled > 0 {
		return ErrEndpointOff
	}
	var d Delivery
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE shop_delivery SET state = 'waiting', tries = 0, next_at = $3, status = 0, error = '', ended = 0
			WHERE endpoint = $1 AND event = $2 AND (state <> 'waiting' OR next_at > $4)`, e.ID, r.PathValue("delivery"), tx.Millis(), tx.Now.Add(claimed).UnixMilli())
		if err != nil {
			return err
		}
		d, err = scanDelivery(tx.QueryRow(ctx, deliveryQuery+"AND d.event = $2", e.ID, r.PathValue("delivery")))
		return none(err, ErrNoDelivery)
	})
	if err != nil {
		return err
	}
	s.lanes.works(e.ID)
	nudge(s.lanes.wake)
	return api.Write(w, http.StatusAccepted, map[string]any{"delivery": d})
}
