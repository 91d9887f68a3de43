package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"souk/internal/db"
)

type event struct {
	ID         string    `json:"id"`
	Object     string    `json:"object"`
	APIVersion string    `json:"api_version"`
	Created    int64     `json:"created"`
	Data       eventData `json:"data"`
	Livemode   bool      `json:"livemode"`
	Pending    int       `json:"pending_webhooks"`
	Request    struct {
		ID  *string `json:"id"`
		Key *string `json:"idempotency_key"`
	} `json:"request"`
	Type string `json:"type"`
}

type eventData struct {
	Object   any            `json:"object"`
	Previous map[string]any `json:"previous_attributes,omitempty"`
}

// emit writes an event down, in the commit of what it tells about.
func (c *call) emit(kind string, about any) error { return c.emitWas(kind, about, nil) }

// emitWas is emit with what the object's members were before.
func (c *call) emitWas(kind string, about any, was map[string]any) error {
	e := event{ID: newID("evt"), Object: "event", APIVersion: apiVersion, Created: c.tx.Now.Unix(), Data: eventData{about, was}, Pending: 1, Type: kind}
	e.Request.Key = optional(c.key)
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	c.events = true
	_, err = c.tx.Exec(c, "INSERT INTO sandbox_event (id, type, body, created, next_at) VALUES ($1, $2, $3, $4, $5)",
		e.ID, kind, string(body), e.Created, c.tx.Millis())
	return err
}

func (c *call) event(id string) (json.RawMessage, error) {
	var body string
	err := c.tx.QueryRow(c, "SELECT body FROM sandbox_event WHERE id = $1", id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, missing("event", id)
	}
	return json.RawMessage(body), err
}

func retrieveEvent(c *call) (any, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	return c.event(c.id)
}

// listEvents answers events, newest first; type may end in .* and types[] names
// up to twenty.
func listEvents(c *call) (any, error) {
	if err := c.only(append([]string{"type", "types"}, windowParams...)...); err != nil {
		return nil, err
	}
	w, err := c.window(func(id string) error { _, err := c.event(id); return err })
	if err != nil {
		return nil, err
	}
	types := c.list("types")
	if one := c.params.Get("type"); one != "" {
		if len(types) > 0 {
			return nil, wrong("types", "You may only specify one of these parameters: type, types.")
		}
		types = []string{one}
	}
	if len(types) > maxEventTypes {
		return nil, wrong("types", "At most 20 types can be named.")
	}
	args := []any{w.since, w.until}
	var any []string
	for _, kind := range types {
		args = append(args, strings.ReplaceAll(kind, "*", "%"))
		any = append(any, fmt.Sprintf("type LIKE $%d", len(args)))
	}
	query := "SELECT body FROM sandbox_event WHERE created >= $1 AND created <= $2"
	if len(any) > 0 {
		query += " AND (" + strings.Join(any, " OR ") + ")"
	}
	return c.pageOf(w, "id", query, args...)
}

// Run delivers events until ctx ends: soon after they happen, and again, less
// and less often, until the receiver takes them.
func (s *Sandbox) Run(ctx context.Context) error {
	tick := time.NewTicker(deliverEvery)
	defer tick.Stop()
	swept := time.Time{}
	for {
		n, err := s.deliver(ctx)
		if err == nil && time.Since(swept) > time.Hour {
			swept, err = time.Now(), s.forget(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Error("sandbox events", "err", err)
		}
		if n == deliverLimit && ctx.Err() == nil {
			continue // there are more
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.wake:
		case <-tick.C:
		}
	}
}

func (s *Sandbox) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

type delivery struct {
	id, kind, body string
	tries          int64
}

// deliver sends what is due and returns how many that were.
func (s *Sandbox) deliver(ctx context.Context) (int, error) {
	to, err := s.receivers(ctx)
	if err != nil || len(to) == 0 {
		return 0, err
	}
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT id, type, body, tries FROM sandbox_event WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2", time.Now().UnixMilli(), deliverLimit)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var due []delivery
	for rows.Next() {
		var d delivery
		if err := rows.Scan(&d.id, &d.kind, &d.body, &d.tries); err != nil {
			return 0, err
		}
		due = append(due, d)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	rows.Close()
	s.Chaos.shuffle(due)
	var group errgroup.Group
	group.SetLimit(4)
	for _, d := range due {
		group.Go(func() error { return s.attempt(ctx, to, d) })
	}
	return len(due), group.Wait()
}

// attempt sends one event and notes what came of it.
func (s *Sandbox) attempt(ctx context.Context, to []receiver, d delivery) error {
	if happens(s.Chaos.Delay) {
		return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE sandbox_event SET next_at = $2 WHERE id = $1", d.id, tx.Millis()+rand.Int64N(chaosDelay.Milliseconds()))
			return err
		})
	}
	var sent error
	for _, r := range to {
		if !r.wants(d.kind) {
			continue
		}
		times := 1
		if happens(s.Chaos.Duplicate) {
			times = 2
		}
		for ; times > 0 && !happens(s.Chaos.Drop); times-- {
			sent = errors.Join(sent, s.post(ctx, r, []byte(d.body)))
		}
	}
	if ctx.Err() != nil {
		return nil // shutting down; the next start sends it again
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		var again sql.NullInt64
		if sent != nil && d.tries+1 < maxTries {
			again = sql.NullInt64{Int64: tx.Now.Add(backoff(d.tries)).UnixMilli(), Valid: true}
		}
		_, err := tx.Exec(ctx, "UPDATE sandbox_event SET tries = tries + 1, next_at = $2 WHERE id = $1", d.id, again)
		return err
	})
}

// backoff doubles from two seconds: the fourteenth try is some nine hours after
// the first.
func backoff(tries int64) time.Duration { return 2 * time.Second << min(tries, 13) }

func (s *Sandbox) post(ctx context.Context, to receiver, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, deliverWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Stripe-Signature", Sign(body, to.Secret, time.Now()))
	client := s.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // lets the connection be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("receiver answered %d", resp.StatusCode)
	}
	return nil
}

// Sign is the Stripe-Signature header of a payload sent at a moment.
func Sign(payload []byte, secret string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(payload)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// forget drops what Stripe would have forgotten too.
func (s *Sandbox) forget(ctx context.Context) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sandbox_idem WHERE at < $1", tx.Now.Add(-keepIdem).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM sandbox_event WHERE created < $1", tx.Now.Add(-keepEvents).Unix())
		return err
	})
}
