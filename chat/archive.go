package chat

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits of what is read from the archive.
const (
	pageDeeds    = 50
	pageReplay   = 200
	maxExported  = 10_000 // messages of one person, the newest
	sweepArchive = time.Hour
)

// Archive is what rooms have left in the database: for those who read it later,
// and for those whom it is about.
type Archive struct {
	// configuration
	DB     *db.DB
	Logger *slog.Logger
	Keep   time.Duration // how long conversation and deeds are kept; 0: for ever
}

// Played is an event of a replayed conversation.
type Played struct {
	Type    string          `json:"type"`
	Seq     int64           `json:"seq"`
	At      api.Time        `json:"at"`
	MediaAt api.Time        `json:"media_at"`
	Data    json.RawMessage `json:"data"`
}

// Replay returns what was said in a channel while the video went from one moment
// to another, in order, from the number after on; more tells whether there is
// still more. What was deleted is not there. Media dates come from the server's
// clock, and so do the times of messages: a message belongs to the moment of the
// video that has its time.
func (a *Archive) Replay(ctx context.Context, channel string, from, to time.Time, after int64) (events []Played, more bool, err error) {
	rows, err := a.DB.Read().QueryContext(ctx, `
		SELECT seq, at, type, media_at, data FROM chat_entry
		WHERE channel = $1 AND at >= $2 AND at < $3 AND seq > $4 AND type IN ('message', 'question', 'answered', 'notice')
		ORDER BY seq LIMIT $5`, channel, from.UnixMilli(), to.UnixMilli(), after, pageReplay+1)
	events, err = db.Collect(rows, err, func(rows *sql.Rows) (e Played, err error) {
		var at, media int64
		var data string
		err = rows.Scan(&e.Seq, &at, &e.Type, &media, &data)
		if media == 0 {
			media = at
		}
		e.At, e.MediaAt, e.Data = api.Millis(at), api.Millis(media), json.RawMessage(data)
		return e, err
	})
	if more = len(events) > pageReplay; more {
		events = events[:pageReplay]
	}
	return events, more, err
}

// Done is a deed as the API shows it.
type Done struct {
	ID      string          `json:"id"`
	At      api.Time        `json:"at"`
	By      Someone         `json:"by"` // nobody: the room itself
	Did     string          `json:"did"`
	To      *Someone        `json:"to,omitempty"`
	Message string          `json:"message,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

// Someone is a person as others know them.
type Someone struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Deeds returns what was done in a channel's room, the newest first, from before
// the deed with the id before on ("" for the newest).
func (a *Archive) Deeds(ctx context.Context, channel, before string) (deeds []Done, more bool, err error) {
	rows, err := a.DB.Read().QueryContext(ctx, deedColumns+" WHERE channel = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3",
		channel, before, pageDeeds+1)
	deeds, err = db.Collect(rows, err, scanDeed)
	if more = len(deeds) > pageDeeds; more {
		deeds = deeds[:pageDeeds]
	}
	return deeds, more, err
}

const deedColumns = "SELECT id, at, actor, actor_name, did, person, person_name, message, detail FROM chat_deed"

func scanDeed(rows *sql.Rows) (d Done, err error) {
	var at int64
	var to Someone
	var detail string
	err = rows.Scan(&d.ID, &at, &d.By.ID, &d.By.Name, &d.Did, &to.ID, &to.Name, &d.Message, &detail)
	d.At = api.Millis(at)
	if to.ID != "" {
		d.To = &to
	}
	if detail != "" {
		d.Detail = json.RawMessage(detail)
	}
	return d, err
}

// Asked is a question as the API shows it.
type Asked struct {
	ID      string    `json:"id"`
	At      api.Time  `json:"at"`
	From    Someone   `json:"from"`
	Text    string    `json:"text"`
	Product string    `json:"product,omitempty"`
	State   string    `json:"state"`
	Answer  string    `json:"answer,omitempty"`
	Settled *api.Time `json:"settled_at,omitempty"`
}

// Questions returns the questions of a channel in one state: the open ones from
// the oldest on, the others the newest first, maxQuestions at most.
func (a *Archive) Questions(ctx context.Context, channel, state string) ([]Asked, error) {
	order := "DESC"
	if state == QuestionOpen {
		order = "ASC"
	}
	all, err := questions(ctx, a.DB.Read(), "channel = $1 AND state = $2 AND text <> '' ORDER BY id "+order+" LIMIT $3", channel, state, maxQuestions)
	out := []Asked{}
	for _, q := range all {
		out = append(out, q.shown())
	}
	return out, err
}

func (q Question) shown() Asked {
	a := Asked{ID: q.ID, At: api.At(q.At), From: Someone{q.Person, q.Name}, Text: q.Text, Product: q.Product, State: q.State, Answer: q.Answer}
	if !q.Settled.IsZero() {
		settled := api.At(q.Settled)
		a.Settled = &settled
	}
	return a
}

// Since returns when a guest first came to a channel's room, the zero time for
// never.
func (a *Archive) Since(ctx context.Context, channel, person string) (time.Time, error) {
	var since int64
	err := a.DB.Read().QueryRowContext(ctx, "SELECT since FROM chat_visit WHERE channel = $1 AND person = $2", channel, person).Scan(&since)
	if err == sql.ErrNoRows {
		err = nil
	}
	return fromMillis(since), err
}

// Run forgets what is older than Keep, hour by hour, until ctx ends.
func (a *Archive) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepArchive)
	defer tick.Stop()
	for {
		if err := a.sweep(ctx); err != nil && ctx.Err() == nil {
			a.Logger.Error("sweep the archive of rooms", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// sweep forgets. A channel's last entry stays without what it said: the numbers
// go on from it.
func (a *Archive) sweep(ctx context.Context) error {
	return a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		now := tx.Millis()
		do := func(query string, args ...any) error {
			if _, err := tx.Exec(ctx, query, args...); err != nil {
				return fmt.Errorf("%.40s…: %w", query, err)
			}
			return nil
		}
		if err := do("DELETE FROM chat_letter WHERE until <= $1", now); err != nil {
			return err
		}
		if err := do("DELETE FROM chat_held WHERE until <= $1", now); err != nil {
			return err
		}
		if err := do("UPDATE chat_sanction SET network = '', network_until = 0 WHERE network <> '' AND network_until <= $1", now); err != nil {
			return err
		}
		if a.Keep == 0 {
			return nil
		}
		old := now - a.Keep.Milliseconds()
		for _, query := range []string{
			"DELETE FROM chat_entry WHERE at < $1 AND seq < (SELECT max(last.seq) FROM chat_entry last WHERE last.channel = chat_entry.channel)",
			"UPDATE chat_entry SET type = 'expired', message = '', person = '', data = '{}' WHERE at < $1 AND type <> 'expired'",
			"DELETE FROM chat_deed WHERE at < $1",
			"DELETE FROM chat_question WHERE at < $1",
			"DELETE FROM chat_visit WHERE since < $1",
		} {
			if err := do(query, old); err != nil {
				return err
			}
		}
		return nil
	})
}
