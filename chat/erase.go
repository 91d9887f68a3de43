package chat

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"souk/internal/api"
	"souk/internal/db"
)

// Export is what rooms have kept of a person.
type Export struct {
	Messages  []Said     `json:"messages"` // the newest first, questions too
	Complete  bool       `json:"complete"` // false: there are older ones than these
	Questions []Asked    `json:"questions"`
	Letters   []Mail     `json:"letters"` // those that wait
	Held      []HeldBack `json:"held"`    // what waits for a moderator
	Visits    []Came     `json:"visits"`
	Sanctions []Barred   `json:"sanctions"`
	Deeds     []Done     `json:"deeds"` // what they did as a moderator, and what was done to them
}

// Said is something a person said.
type Said struct {
	Channel string          `json:"channel"`
	At      api.Time        `json:"at"`
	Type    string          `json:"type"`
	Data    json.RawMessage `json:"data"`
}

// HeldBack is something a person said that nobody has seen yet.
type HeldBack struct {
	Type    string   `json:"type"`
	ID      string   `json:"id"`
	At      api.Time `json:"at"`
	From    Someone  `json:"from"`
	Text    string   `json:"text"`
	Product string   `json:"product,omitempty"`
}

// Mail is a letter that waits for its reader.
type Mail struct {
	ID    string          `json:"id"`
	At    api.Time        `json:"at"`
	Until api.Time        `json:"until"`
	Type  string          `json:"type"`
	Data  json.RawMessage `json:"data"`
}

// Came is since when somebody has been coming to a room.
type Came struct {
	Channel string   `json:"channel"`
	Since   api.Time `json:"since"`
}

// Barred is a ban or a timeout. Who is held back without being told is not told
// here either.
type Barred struct {
	Channel string    `json:"channel"`
	Kind    string    `json:"kind"`
	Until   *api.Time `json:"until"` // nil: for good
	Note    string    `json:"note,omitempty"`
}

// Export returns what rooms have kept of a person.
func (a *Archive) Export(ctx context.Context, person string) (e Export, err error) {
	on := a.DB.Read()
	rows, err := on.QueryContext(ctx, `
		SELECT channel, at, type, data FROM chat_entry WHERE person = $1 AND type IN ('message', 'question')
		ORDER BY at DESC, seq DESC LIMIT $2`, person, maxExported+1)
	if e.Messages, err = db.Collect(rows, err, func(rows *sql.Rows) (s Said, err error) {
		var at int64
		var data string
		err = rows.Scan(&s.Channel, &at, &s.Type, &data)
		s.At, s.Data = api.Millis(at), json.RawMessage(data)
		return s, err
	}); err != nil {
		return e, err
	}
	if e.Complete = len(e.Messages) <= maxExported; !e.Complete {
		e.Messages = e.Messages[:maxExported]
	}
	asked, err := questions(ctx, on, "person = $1 ORDER BY id DESC LIMIT $2", person, maxExported)
	if err != nil {
		return e, err
	}
	e.Questions = []Asked{}
	for _, q := range asked {
		e.Questions = append(e.Questions, q.shown())
	}
	waiting, err := letters(ctx, on, "person = $1 ORDER BY id LIMIT $2", person, maxExported)
	if err != nil {
		return e, err
	}
	e.Letters = []Mail{}
	for _, l := range waiting {
		e.Letters = append(e.Letters, Mail{l.ID, api.At(l.At), api.At(l.Until), l.Type, l.Data})
	}
	held, err := heldOnes(ctx, on, "person = $1 ORDER BY id LIMIT $2", person, maxExported)
	if err != nil {
		return e, err
	}
	e.Held = []HeldBack{}
	for _, h := range held {
		e.Held = append(e.Held, HeldBack{h.Type, h.ID, api.At(h.At), Someone{h.Person, h.Name}, h.Text, h.Product})
	}
	rows, err = on.QueryContext(ctx, "SELECT channel, since FROM chat_visit WHERE person = $1 ORDER BY channel", person)
	if e.Visits, err = db.Collect(rows, err, func(rows *sql.Rows) (c Came, err error) {
		var since int64
		err = rows.Scan(&c.Channel, &since)
		c.Since = api.Millis(since)
		return c, err
	}); err != nil {
		return e, err
	}
	rows, err = on.QueryContext(ctx, "SELECT channel, kind, until, note FROM chat_sanction WHERE person = $1 AND kind <> $2 ORDER BY channel", person, Shadow)
	if e.Sanctions, err = db.Collect(rows, err, func(rows *sql.Rows) (b Barred, err error) {
		var until int64
		if err = rows.Scan(&b.Channel, &b.Kind, &until, &b.Note); until > 0 {
			at := api.Millis(until)
			b.Until = &at
		}
		return b, err
	}); err != nil {
		return e, err
	}
	rows, err = on.QueryContext(ctx, deedColumns+" WHERE (actor = $1 OR person = $1) AND did <> 'shadow' ORDER BY at DESC, id DESC LIMIT $2", person, maxExported)
	e.Deeds, err = db.Collect(rows, err, scanDeed)
	return e, err
}

// Forget takes what a person said out of every room and out of the database, as
// if each message had been deleted, and their name out of what else is kept. A
// ban stays: it names nobody but an id.
func (h *Hub) Forget(ctx context.Context, a *Archive, person string) error {
	channels, err := a.channelsOf(ctx, person)
	if err != nil {
		return err
	}
	for _, channel := range h.withOpen(channels) {
		if _, err := ask(ctx, h, channel, func(r *room, answer func(struct{})) {
			r.forgetPerson(person)
			r.awaiting = append(r.awaiting, awaiting{ticket: r.scribe.await(), done: func() { answer(struct{}{}) }})
		}); err != nil {
			return err
		}
	}
	return a.forget(ctx, person)
}

// withOpen adds the channels whose rooms are open: somebody may be there without a
// trace in the database.
func (h *Hub) withOpen(channels []string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for channel := range h.rooms {
		if !slices.Contains(channels, channel) {
			channels = append(channels, channel)
		}
	}
	return channels
}

// forgetPerson takes back what is still in the room.
func (r *room) forgetPerson(person string) {
	var said []string
	for _, e := range r.ring.entries {
		if e.Person == person && e.Message != "" {
			said = append(said, e.Message)
		}
	}
	for _, message := range said {
		if old, ok := r.ring.find(message); ok {
			r.takeBack(old)
		}
	}
	for _, id := range append([]string(nil), r.letterOrder...) {
		if r.letters[id].Person == person {
			r.discard(id)
		}
	}
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		if r.sockets[i].person.ID == person {
			r.drop(r.sockets[i], CloseBadToken, "bad token")
		}
	}
	delete(r.members, person)
}

func (a *Archive) channelsOf(ctx context.Context, person string) ([]string, error) {
	rows, err := a.DB.Read().QueryContext(ctx, `
		SELECT channel FROM chat_entry WHERE person = $1 UNION SELECT channel FROM chat_visit WHERE person = $1
		UNION SELECT channel FROM chat_letter WHERE person = $1 UNION SELECT channel FROM chat_question WHERE person = $1
		UNION SELECT channel FROM chat_held WHERE person = $1`, person)
	return db.Collect(rows, err, func(rows *sql.Rows) (c string, err error) { return c, rows.Scan(&c) })
}

// forget takes a person out of the database.
func (a *Archive) forget(ctx context.Context, person string) error {
	return a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, query := range []string{
			clearEntries,
			"DELETE FROM chat_question WHERE person = $1",
			"DELETE FROM chat_letter WHERE person = $1",
			"DELETE FROM chat_held WHERE person = $1",
			"UPDATE chat_sanction SET name = '' WHERE person = $1",
			"DELETE FROM chat_visit WHERE person = $1",
			"UPDATE chat_deed SET person_name = '' WHERE person = $1",
			"UPDATE chat_deed SET actor_name = '' WHERE actor = $1",
		} {
			if _, err := tx.Exec(ctx, query, person); err != nil {
				return err
			}
		}
		return nil
	})
}
