package show

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"souk/internal/api"
	"souk/internal/db"
)

// DefaultGrace is how long a show waits for a lost encoder.
const DefaultGrace = 60 * time.Second

// lookWait bounds a look at what other nodes run.
const lookWait = 2 * time.Second

// retryEnd is how soon an ending is tried again that the database refused.
const retryEnd = time.Second

// State of a show.
type State string

// The states, as stored and as sent to clients.
const (
	Live   State = "live"
	Paused State = "paused"
	Ended  State = "ended"
)

// ErrNoShow is the answer for a show that does not exist.
var ErrNoShow = api.Fail(http.StatusNotFound, "no_such_show", "There is no such show.")

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the goose files of this package's tables.
func Migrations() fs.FS { return db.Folder(migrations, "migrations") }

// Show is one live event on a channel.
type Show struct {
	ID        string   `json:"id"`
	Channel   string   `json:"channel"`
	State     State    `json:"state"`
	StartedAt api.Time `json:"started_at"`
	Until     api.Time `json:"until,omitzero"`    // paused: the show ends then
	EndedAt   api.Time `json:"ended_at,omitzero"` // ended
	// ViewersPeak is the most people that watched at once.
	ViewersPeak int `json:"viewers_peak"`
	// Recording is what Keep was told last.
	Recording Recording `json:"-"`
}

// Recording is what can be watched again of a show, wherever it lies; zero for
// nothing.
type Recording struct{ DurationMS, Size int64 }

// Board holds the shows that have not ended. Configure it, call Load, then Run.
// Its methods are safe from any goroutine.
type Board struct {
	// configuration
	DB    *db.DB
	Log   *slog.Logger
	Grace time.Duration
	// OnChange is called after each change is stored, in order, on the
	// goroutine that made it. It must not call back into Live, Lost or End.
	OnChange func(Show)
	// Elsewhere tells whether another node over the same database has the
	// channel's publisher. nil: there are no other nodes.
	Elsewhere func(ctx context.Context, channel string) bool

	// state
	mu      sync.Mutex // guards running; held through a change so that changes are in order
	running map[string]Show
	numbers numbers

	// channels
	wake chan struct{} // a deadline was set or lifted
}

// Load reads the shows that a former process left running and gives their
// encoders a grace time to come back. Call it once, before anything else.
func (b *Board) Load(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = map[string]Show{}
	b.wake = make(chan struct{}, 1)
	left, err := b.unended(ctx)
	if err != nil {
		return err
	}
	for _, s := range left {
		if b.Elsewhere != nil && b.Elsewhere(ctx, s.Channel) {
			continue // that node sees to it
		}
		b.running[s.Channel] = s
		if err := b.pause(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// unended reads the shows that have not ended, on all nodes.
func (b *Board) unended(ctx context.Context) ([]Show, error) {
	rows, err := b.DB.Read().QueryContext(ctx, "SELECT "+columns+" FROM show_show WHERE state <> $1", Ended)
	return db.Collect(rows, err, func(rows *sql.Rows) (Show, error) { return scan(rows) })
}

// Live tells that a publisher of the channel was accepted: its paused show goes
// on, or a new one begins.
func (b *Board) Live(ctx context.Context, channel string) (Show, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.running[channel]
	if ok && s.State == Live {
		return s, nil
	}
	if b.Elsewhere != nil { // its encoder may have been on another node meanwhile
		s, ok = b.stored(ctx, channel)
	}
	err := b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if !ok {
			s = Show{ID: uuid.Must(uuid.NewV7()).String(), Channel: channel, StartedAt: api.At(tx.Now)}
			if _, err := tx.Exec(ctx, "INSERT INTO show_show (id, channel, state, started) VALUES ($1, $2, $3, $4)", s.ID, channel, Live, tx.Millis()); err != nil {
				return err
			}
		}
		s.State, s.Until = Live, api.Time{}
		return b.store(ctx, tx, s)
	})
	if err != nil {
		return Show{}, fmt.Errorf("begin or resume a show: %w", err)
	}
	b.changed(s)
	return s, nil
}

// Lost tells that the channel has no publisher any more: its show waits.
func (b *Board) Lost(ctx context.Context, channel string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.running[channel]
	if !ok || s.State != Live || b.taken(ctx, s) {
		return nil
	}
	return b.pause(ctx, s)
}

// End ends the channel's show now.
func (b *Board) End(ctx context.Context, channel string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.running[channel]
	if !ok {
		return nil
	}
	return b.end(ctx, s)
}

// Current returns the channel's show that has not ended.
func (b *Board) Current(channel string) (Show, bool) {
	b.mu.Lock()
	s, ok := b.running[channel]
	b.mu.Unlock()
	if b.Elsewhere != nil && (!ok || s.State == Paused) {
		ctx, cancel := context.WithTimeout(context.Background(), lookWait)
		defer cancel()
		return b.stored(ctx, channel)
	}
	return s, ok
}

// stored returns the show of a channel that has not ended, as whichever node
// runs it has written it down.
func (b *Board) stored(ctx context.Context, channel string) (Show, bool) {
	s, found, err := b.Last(ctx, channel)
	if err != nil {
		b.Log.Error("the show of another node", "channel", channel, "err", err)
	}
	return s, found && err == nil && s.State != Ended
}

// Running returns the shows that have not ended, in no order.
func (b *Board) Running() []Show {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.running))
}

// Watched tells how many people watch the channel's show, and keeps the highest
// of these. Without a running show it does nothing.
func (b *Board) Watched(ctx context.Context, channel string, viewers int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.running[channel]
	if !ok {
		return nil
	}
	b.sample(s.ID, viewers, time.Now())
	if viewers <= s.ViewersPeak {
		return nil
	}
	err := b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE show_show SET viewers_peak = $1 WHERE id = $2", viewers, s.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("peak of a show: %w", err)
	}
	s.ViewersPeak = viewers
	b.running[channel] = s
	return nil
}

// Count returns how many running shows are in a state.
func (b *Board) Count(in State) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, s := range b.running {
		if s.State == in {
			n++
		}
	}
	return n
}

// Run ends shows whose encoder did not come back, until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	var adopting sync.WaitGroup
	adopting.Go(func() { b.adoptOrphans(ctx) })
	defer adopting.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-b.wake:
		case <-timer.C:
		}
		timer.Reset(b.endOverdue(ctx))
	}
}

// endOverdue ends what is due and returns how long until the next deadline.
func (b *Board) endOverdue(ctx context.Context) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := time.Hour
	for _, s := range b.running {
		if s.State != Paused {
			continue
		}
		left := time.Until(s.Until.Std())
		if left <= 0 {
			if b.taken(ctx, s) {
				continue
			}
			if err := b.end(ctx, s); err != nil {
				b.Log.Error("end a show", "show", s.ID, "err", err)
				next = min(next, retryEnd)
			}
			continue
		}
		next = min(next, left)
	}
	return next
}

func (b *Board) pause(ctx context.Context, s Show) error {
	err := b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		s.State, s.Until = Paused, api.At(tx.Now.Add(b.Grace))
		return b.store(ctx, tx, s)
	})
	if err != nil {
		return fmt.Errorf("pause a show: %w", err)
	}
	b.changed(s)
	return nil
}

func (b *Board) end(ctx context.Context, s Show) error {
	err := b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		s.State, s.Until, s.EndedAt = Ended, api.Time{}, api.At(tx.Now)
		return b.store(ctx, tx, s)
	})
	if err != nil {
		return fmt.Errorf("end a show: %w", err)
	}
	b.changed(s)
	return nil
}

// store writes the state of s and its log entry in one commit.
func (b *Board) store(ctx context.Context, tx *db.Tx, s Show) error {
	_, err := tx.Exec(ctx, "UPDATE show_show SET state = $1, until = $2, ended = $3 WHERE id = $4", s.State, millis(s.Until), millis(s.EndedAt), s.ID)
	if err != nil {
		return err
	}
	return add(ctx, tx, s.ID, Entry{Kind: string(s.State), Data: map[string]any{}})
}

func (b *Board) changed(s Show) {
	if s.State == Ended {
		delete(b.running, s.Channel)
	} else {
		b.running[s.Channel] = s
	}
	select {
	case b.wake <- struct{}{}:
	default: // a wake-up is already waiting
	}
	b.Log.Info("show "+string(s.State), "channel", s.Channel, "show", s.ID)
	if b.OnChange != nil {
		b.OnChange(s)
	}
}

func millis(t api.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Std().UnixMilli()
}
