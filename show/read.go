package show

import (
	"context"
	"database/sql"
	"errors"

	"souk/internal/api"
	"souk/internal/db"
)

const columns = "id, channel, state, started, until, ended, viewers_peak, replay_ms, replay_size"

func scan(row interface{ Scan(...any) error }) (s Show, err error) {
	var started, until, ended int64
	err = row.Scan(&s.ID, &s.Channel, &s.State, &started, &until, &ended, &s.ViewersPeak, &s.Recording.DurationMS, &s.Recording.Size)
	s.StartedAt = api.Millis(started)
	if until != 0 {
		s.Until = api.Millis(until)
	}
	if ended != 0 {
		s.EndedAt = api.Millis(ended)
	}
	return s, err
}

// Find returns a show, running or ended, or ErrNoShow.
func (b *Board) Find(ctx context.Context, id string) (Show, error) {
	s, err := scan(b.DB.Read().QueryRowContext(ctx, "SELECT "+columns+" FROM show_show WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoShow
	}
	return s, err
}

// Last returns the newest show of a channel, running or ended; found is false
// before its first.
func (b *Board) Last(ctx context.Context, channel string) (s Show, found bool, err error) {
	s, err = scan(b.DB.Read().QueryRowContext(ctx, "SELECT "+columns+" FROM show_show WHERE channel = $1 ORDER BY started DESC, id DESC LIMIT 1", channel))
	if errors.Is(err, sql.ErrNoRows) {
		return Show{}, false, nil
	}
	return s, err == nil, err
}

// Shows returns at most limit shows of a channel, the newest first: those before
// the show with the id after, or the newest of all. Before no show of the
// channel there is none.
func (b *Board) Shows(ctx context.Context, channel, after string, limit int) ([]Show, error) {
	rows, err := b.DB.Read().QueryContext(ctx, "SELECT "+columns+` FROM show_show WHERE channel = $1
		AND ($2 = '' OR (started, id) < (SELECT started, id FROM show_show WHERE id = $2 AND channel = $1))
		ORDER BY started DESC, id DESC LIMIT $3`, channel, after, limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (Show, error) { return scan(rows) })
}

// Keep writes down what can be watched again of a show, so that all nodes over
// the database know it; nothing once its recording is removed.
func (b *Board) Keep(ctx context.Context, id string, r Recording) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE show_show SET replay_ms = $1, replay_size = $2 WHERE id = $3", r.DurationMS, r.Size, id)
		return err
	})
}
