package chat

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"souk/internal/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the goose files of this package, for [db.DB.Migrate] as "chat".
func Migrations() fs.FS { return db.Folder(migrations, "migrations") }

// SQLLog is the [Log] on the database.
type SQLLog struct{ DB *db.DB }

const unsealed = -1

// Open implements [Log].
func (l *SQLLog) Open(ctx context.Context, channel string) (State, error) {
	var s State
	err := l.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		s = State{}
		if s.Entries, err = lastEntries(ctx, tx, channel); err != nil {
			return fmt.Errorf("entries: %w", err)
		}
		if s.Sanctions, err = sanctions(ctx, tx, channel); err != nil {
			return fmt.Errorf("sanctions: %w", err)
		}
		if err = openFacts(ctx, tx, channel, &s); err != nil {
			return err
		}
		var sealed int64
		var settings string
		err = tx.QueryRow(ctx, "SELECT epoch, sealed, settings FROM chat_room WHERE channel = $1", channel).
			Scan(&s.Epoch, &sealed, &settings)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err != nil || sealed != s.Last() {
			s.Epoch = NewEpoch()
		}
		if s.Settings, err = readSettings(settings); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO chat_room (channel, epoch, sealed) VALUES ($1, $2, $3)
			ON CONFLICT (channel) DO UPDATE SET epoch = excluded.epoch, sealed = excluded.sealed`,
			channel, s.Epoch, unsealed)
		return err
	})
	if err != nil {
		return State{}, fmt.Errorf("open the log of %s: %w", channel, err)
	}
	return s, nil
}

func lastEntries(ctx context.Context, on db.Reader, channel string) ([]Entry, error) {
	rows, err := on.QueryContext(ctx, `
		SELECT seq, at, type, media_at, message, person, data FROM chat_entry
		WHERE channel = $1 ORDER BY seq DESC LIMIT $2`, channel, EntriesKept)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries []Entry
	for rows.Next() {
		var e Entry
		var at, mediaAt int64
		var data string
		if err := rows.Scan(&e.Seq, &at, &e.Type, &mediaAt, &e.Message, &e.Person, &data); err != nil {
			return nil, err
		}
		e.At, e.MediaAt, e.Data = fromMillis(at), fromMillis(mediaAt), json.RawMessage(data)
		entries = append(entries, e)
	}
	slices.Reverse(entries)
	return entries, rows.Err()
}

func sanctions(ctx context.Context, tx *db.Tx, channel string) ([]Sanction, error) {
	// What is over needs no memory.
	if _, err := tx.Exec(ctx, "DELETE FROM chat_sanction WHERE channel = $1 AND until > 0 AND until <= $2",
		channel, tx.Millis()); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT person, name, kind, at, until, moderator, note, devices, network, network_until
		FROM chat_sanction WHERE channel = $1 ORDER BY person`, channel)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Sanction
	for rows.Next() {
		var s Sanction
		var at, until, networkUntil int64
		var devices string
		if err := rows.Scan(&s.Person, &s.Name, &s.Kind, &at, &until, &s.By, &s.Note, &devices, &s.Network, &networkUntil); err != nil {
			return nil, err
		}
		s.At, s.Until, s.NetworkUntil = fromMillis(at), fromMillis(until), fromMillis(networkUntil)
		if devices != "" {
			s.Devices = strings.Fields(devices)
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// Append implements [Log].
func (l *SQLLog) Append(ctx context.Context, channel string, b Batch) error {
	err := l.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, c := range b.Cleared {
			if _, err := tx.Exec(ctx, clearEntries+" AND channel = $2 AND seq <= $3 AND message <> ''", c.Person, channel, c.Until); err != nil {
				return err
			}
		}
		for _, e := range b.Entries {
			if _, err := tx.Exec(ctx, `
				INSERT INTO chat_entry (channel, seq, at, type, media_at, message, person, data)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (channel, seq) DO UPDATE SET at = excluded.at, type = excluded.type,
					media_at = excluded.media_at, message = excluded.message, person = excluded.person, data = excluded.data
				WHERE chat_entry.type <> 'deleted'`, // another node may store the original after its removal
				channel, e.Seq, millis(e.At), e.Type, millis(e.MediaAt), e.Message, e.Person, string(e.Data)); err != nil {
				return err
			}
		}
		for _, s := range b.Sanctions {
			if err := store(ctx, tx, channel, s); err != nil {
				return err
			}
		}
		return storeFacts(ctx, tx, channel, b)
	})
	if err != nil {
		return fmt.Errorf("append to the log of %s: %w", channel, err)
	}
	return nil
}

// clearEntries leaves of what $1 said only that it is gone.
const clearEntries = `UPDATE chat_entry SET type = 'deleted', data = '{"message":"' || message || '"}', message = '', person = '' WHERE person = $1`

func store(ctx context.Context, tx *db.Tx, channel string, s Sanction) error {
	if s.Lifted {
		_, err := tx.Exec(ctx, "DELETE FROM chat_sanction WHERE channel = $1 AND person = $2", channel, s.Person)
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO chat_sanction (channel, person, name, kind, at, until, moderator, note, devices, network, network_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (channel, person) DO UPDATE SET name = excluded.name, kind = excluded.kind, at = excluded.at, until = excluded.until,
			moderator = excluded.moderator, note = excluded.note, devices = excluded.devices,
			network = excluded.network, network_until = excluded.network_until`,
		channel, s.Person, s.Name, s.Kind, millis(s.At), millis(s.Until), s.By, s.Note, strings.Join(s.Devices, " "), s.Network, millis(s.NetworkUntil))
	return err
}

// Seal implements [Log].
func (l *SQLLog) Seal(ctx context.Context, channel string, seq int64) error {
	err := l.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE chat_room SET sealed = $1 WHERE channel = $2", seq, channel)
		return err
	})
	if err != nil {
		return fmt.Errorf("seal the log of %s: %w", channel, err)
	}
	return nil
}
