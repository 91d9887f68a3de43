package show_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
	"souk/show"
)

// registry tells which of two nodes has the publisher of channel tea.
type registry struct {
	mu  sync.Mutex
	has *show.Board
}

func (r *registry) set(b *show.Board) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.has = b
}

// twoBoards are those of two nodes over one database; kill ends the first
// without a word.
func twoBoards(t *testing.T) (a, b *show.Board, r *registry, kill func()) {
	t.Helper()
	d := dbtest.Open(t, schema)
	r = &registry{}
	var stops []func()
	for range 2 {
		one := &show.Board{DB: d, Log: dbtest.Logger(t), Grace: time.Minute}
		one.Elsewhere = func(context.Context, string) bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.has != nil && r.has != one
		}
		if err := one.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan struct{})
		go func() { defer close(ended); _ = one.Run(ctx) }()
		end := sync.OnceFunc(func() { stop(); <-ended })
		t.Cleanup(end)
		stops = append(stops, end)
		a, b = b, one
	}
	return a, b, r, stops[0]
}

func state(t *testing.T, b *show.Board, id string) show.State {
	t.Helper()
	s, err := b.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s.State
}

// What one node has on air is on air for the other, and a start of the other
// does not end it.
func TestShowOfAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, r, _ := twoBoards(t)
		r.set(a)
		s := live(t, a)
		if now, ok := b.Current("tea"); !ok || now.ID != s.ID || now.State != show.Live {
			t.Errorf("the other node sees %+v", now)
		}
		started := &show.Board{DB: b.DB, Log: b.Log, Grace: b.Grace, Elsewhere: b.Elsewhere}
		if err := started.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		if got := state(t, b, s.ID); got != show.Live {
			t.Errorf("after another node started the show is %s", got)
		}
	})
}

// The encoder comes back to the other node: the show is the same, and the node
// that waited for it does not end it.
func TestEncoderMovesToAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, r, _ := twoBoards(t)
		r.set(a)
		s := live(t, a)
		if err := a.Lost(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		r.set(b)
		if moved := live(t, b); moved.ID != s.ID {
			t.Errorf("another show began: %s", moved.ID)
		}
		time.Sleep(3 * time.Minute)
		if got := state(t, b, s.ID); got != show.Live {
			t.Errorf("the show is %s", got)
		}
		if now, ok := a.Current("tea"); !ok || now.State != show.Live {
			t.Errorf("the first node sees %+v", now)
		}
	})
}

// A node dies with a show on air: another one waits for the encoder, and ends
// the show when it does not come.
func TestNodeDiesWithAShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, r, kill := twoBoards(t)
		r.set(a)
		s := live(t, a)
		kill()
		r.set(nil)
		time.Sleep(30 * time.Second)
		if got := state(t, b, s.ID); got != show.Paused {
			t.Errorf("half a minute later the show is %s", got)
		}
		time.Sleep(time.Minute)
		if got := state(t, b, s.ID); got != show.Ended {
			t.Errorf("after the grace time the show is %s", got)
		}
	})
}
