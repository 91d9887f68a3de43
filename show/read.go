package show

import (
	"context"
	"database/sql"
	"errors"
	"souk/internal/api"
)

const columns = "id, channel, state, started, until, ended, viewers_peak"

func scan(row interface{ Scan(...any) error }) (s Show, err error) {
	var started, until, ended int64
	err = row.Scan(&s.ID, &s.Channel, &s.State, &started, &until, &ended, &s.ViewersPeak)
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
