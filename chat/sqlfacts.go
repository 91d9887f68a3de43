package chat

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"souk/internal/db"
)

// What a room remembers beside its entries, in the database.

func readSettings(text string) (Settings, error) {
	set := DefaultSettings()
	if text == "" {
		return set, nil
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return set, fmt.Errorf("settings: %w", err)
	}
	return set, nil
}

// openFacts reads the questions that are open and the letters that wait. A hash
// of a network that counts no more is forgotten.
func openFacts(ctx context.Context, tx *db.Tx, channel string, s *State) (err error) {
	if s.Questions, err = questions(ctx, tx, "channel = $1 AND state = $2 ORDER BY id LIMIT $3", channel, QuestionOpen, maxQuestions); err != nil {
		return fmt.Errorf("questions: %w", err)
	}
	s.Letters, err = letters(ctx, tx, "channel = $1 AND until > $2 ORDER BY id LIMIT $3", channel, tx.Millis(), maxLetters)
	if err != nil {
		return fmt.Errorf("letters: %w", err)
	}
	s.Held, err = heldOnes(ctx, tx, "channel = $1 AND until > $2 ORDER BY id LIMIT $3", channel, tx.Millis(), maxHeld)
	if err != nil {
		return fmt.Errorf("held: %w", err)
	}
	return nil
}

func questions(ctx context.Context, on db.Reader, where string, args ...any) ([]Question, error) {
	rows, err := on.QueryContext(ctx, "SELECT id, at, person, name, text, product, state, answer, settled FROM chat_question WHERE "+where, args...)
	return orNil(db.Collect(rows, err, func(rows *sql.Rows) (q Question, err error) {
		var at, settled int64
		err = rows.Scan(&q.ID, &at, &q.Person, &q.Name, &q.Text, &q.Product, &q.State, &q.Answer, &settled)
		q.At, q.Settled = fromMillis(at), fromMillis(settled)
		return q, err
	}))
}

func letters(ctx context.Context, on db.Reader, where string, args ...any) ([]Letter, error) {
	rows, err := on.QueryContext(ctx, "SELECT id, person, at, until, type, data FROM chat_letter WHERE "+where, args...)
	return orNil(db.Collect(rows, err, func(rows *sql.Rows) (l Letter, err error) {
		var at, until int64
		var data string
		err = rows.Scan(&l.ID, &l.Person, &at, &until, &l.Type, &data)
		l.At, l.Until, l.Data = fromMillis(at), fromMillis(until), json.RawMessage(data)
		return l, err
	}))
}

func heldOnes(ctx context.Context, on db.Reader, where string, args ...any) ([]Held, error) {
	rows, err := on.QueryContext(ctx, "SELECT id, at, until, person, name, badges, type, text, product, why FROM chat_held WHERE "+where, args...)
	return orNil(db.Collect(rows, err, func(rows *sql.Rows) (h Held, err error) {
		var at, until int64
		var badges string
		err = rows.Scan(&h.ID, &at, &until, &h.Person, &h.Name, &badges, &h.Type, &h.Text, &h.Product, &h.Why)
		h.At, h.Until, h.State, h.Badges = fromMillis(at), fromMillis(until), heldOpen, list(strings.Fields(badges))
		return h, err
	}))
}

// orNil makes an empty list nil, as it is in a State that was not stored.
func orNil[T any](list []T, err error) ([]T, error) {
	if len(list) == 0 {
		list = nil
	}
	return list, err
}

// storeFacts writes the facts of a batch. Writing one again changes nothing.
func storeFacts(ctx context.Context, tx *db.Tx, channel string, b Batch) error {
	put := func(query string, args ...any) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}
	if b.Settings != nil {
		text := string(mustEncode(b.Settings))
		if err := put("UPDATE chat_room SET settings = $1 WHERE channel = $2", text, channel); err != nil {
			return err
		}
	}
	for _, v := range b.Visits {
		if err := put("INSERT INTO chat_visit (channel, person, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			channel, v.Person, millis(v.Since)); err != nil {
			return err
		}
	}
	for _, d := range b.Deeds {
		if err := put(`
			INSERT INTO chat_deed (channel, id, at, actor, actor_name, did, person, person_name, message, detail)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			channel, d.ID, millis(d.At), d.Actor, d.ActorName, d.Did, d.Person, d.PersonName, d.Message, string(d.Detail)); err != nil {
			return err
		}
	}
	for _, q := range b.Questions {
		if err := put(`
			INSERT INTO chat_question (channel, id, at, person, name, text, product, state, answer, settled)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (channel, id) DO UPDATE SET person = excluded.person, name = excluded.name, text = excluded.text,
				state = excluded.state, answer = excluded.answer, settled = excluded.settled`,
			channel, q.ID, millis(q.At), q.Person, q.Name, q.Text, q.Product, q.State, q.Answer, millis(q.Settled)); err != nil {
			return err
		}
	}
	for _, l := range b.Letters {
		query, args := `
			INSERT INTO chat_letter (channel, id, person, at, until, type, data) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT DO NOTHING`, []any{channel, l.ID, l.Person, millis(l.At), millis(l.Until), l.Type, string(l.Data)}
		if l.Taken {
			query, args = "DELETE FROM chat_letter WHERE channel = $1 AND id = $2", []any{channel, l.ID}
		}
		if err := put(query, args...); err != nil {
			return err
		}
	}
	for _, h := range b.Held {
		query, args := `
			INSERT INTO chat_held (channel, id, at, until, person, name, badges, type, text, product, why)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
			[]any{channel, h.ID, millis(h.At), millis(h.Until), h.Person, h.Name, strings.Join(h.Badges, " "), h.Type, h.Text, h.Product, h.Why}
		if h.State != heldOpen {
			query, args = "DELETE FROM chat_held WHERE channel = $1 AND id = $2", []any{channel, h.ID}
		}
		if err := put(query, args...); err != nil {
			return err
		}
	}
	return nil
}
