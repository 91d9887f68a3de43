package chat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// notedLog notes what it is given and fails as often as told.
type notedLog struct {
	MemLog
	mu       sync.Mutex // guards what follows
	batches  []Batch
	answered []uint64
	fail     int
	sealed   int
}

func (l *notedLog) Append(ctx context.Context, channel string, b Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail > 0 {
		l.fail--
		return errors.New("not now")
	}
	l.batches = append(l.batches, b)
	return l.MemLog.Append(ctx, channel, b)
}

func (l *notedLog) Seal(ctx context.Context, channel string, seq int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed++
	return l.MemLog.Seal(ctx, channel, seq)
}

func (l *notedLog) failNext(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = n
}

// look waits until the scribe rests and returns what came so far.
func (l *notedLog) look() (batches []Batch, answered []uint64) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.batches), slices.Clone(l.answered)
}

// withScribe runs a scribe in a bubble; stop ends its run.
func withScribe(t *testing.T, story func(t *testing.T, s *scribe, log *notedLog, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		log := &notedLog{}
		s := newScribe(log, "tea", slog.New(slog.DiscardHandler), func(ticket uint64) {
			log.mu.Lock()
			defer log.mu.Unlock()
			log.answered = append(log.answered, ticket)
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.run(ctx); close(done) }()
		stop := func() { cancel(); <-done }
		defer stop()
		story(t, s, log, stop)
	})
}

func entries(s *scribe, from, to int64) {
	for seq := from; seq <= to; seq++ {
		s.entry(Entry{Seq: seq})
	}
}

func TestScribeStoresAtOnceThenInBatches(t *testing.T) {
	withScribe(t, func(t *testing.T, s *scribe, log *notedLog, stop func()) {
		start := time.Now()
		entries(s, 1, 1)
		if batches, _ := log.look(); len(batches) != 1 || !time.Now().Equal(start) {
			t.Fatalf("%d batches at once, want 1", len(batches))
		}
		entries(s, 2, 9)
		s.fact(func(b *Batch) { b.Sanctions = []Sanction{{Person: "ana"}} })
		s.fact(func(b *Batch) { b.Settings = &Settings{Slow: 1} })
		s.await()
		time.Sleep(storeEvery)
		batches, answered := log.look()
		if len(batches) != 2 || len(batches[1].Entries) != 8 || len(answered) != 1 || s.behind() != 0 {
			t.Errorf("%d batches, answered %v, %d behind", len(batches), answered, s.behind())
		}
	})
}

func TestScribeRepeatsInOrder(t *testing.T) {
	withScribe(t, func(t *testing.T, s *scribe, log *notedLog, stop func()) {
		log.failNext(3)
		entries(s, 1, 2)
		synctest.Wait()
		entries(s, 3, 4)
		ticket := s.await()
		time.Sleep(time.Second)
		if _, answered := log.look(); len(answered) != 0 {
			t.Fatal("answered before it is stored")
		}
		time.Sleep(time.Second)
		batches, answered := log.look()
		var got []int64
		for _, b := range batches {
			for _, e := range b.Entries {
				got = append(got, e.Seq)
			}
		}
		if len(got) != 4 || got[0] != 1 || got[3] != 4 || len(answered) != 1 || answered[0] < ticket {
			t.Errorf("stored %v, answered %v, want ticket %d", got, answered, ticket)
		}
	})
}

// Nobody's reply comes before all of a large batch is stored.
func TestScribeSplitsWhatIsLarge(t *testing.T) {
	withScribe(t, func(t *testing.T, s *scribe, log *notedLog, stop func()) {
		entries(s, 1, 3*maxStored)
		s.fact(func(b *Batch) { b.Sanctions = []Sanction{{Person: "ana"}} })
		s.await()
		batches, answered := log.look()
		if n := len(batches[0].Entries); n > maxStored || len(answered) != 0 {
			t.Errorf("%d entries in one commit, answered %v", n, answered)
		}
		time.Sleep(time.Second)
		batches, answered = log.look()
		last := batches[len(batches)-1]
		if s.behind() != 0 || len(answered) != 1 || len(last.Sanctions) != 1 {
			t.Errorf("%d behind, answered %v, last batch %+v", s.behind(), answered, last)
		}
	})
}

func TestScribeStoresTheRest(t *testing.T) {
	withScribe(t, func(t *testing.T, s *scribe, log *notedLog, stop func()) {
		log.failNext(1)
		entries(s, 1, 2)
		s.fact(func(b *Batch) { b.Settings = &Settings{Slow: 60} })
		synctest.Wait() // it waits to try again
		entries(s, 3, 3+maxStored)
		stop()
		if !s.rest(t.Context()) {
			t.Fatal("the rest is not stored")
		}
		s.seal(t.Context(), 3+maxStored)
		state, err := log.Open(t.Context(), "tea")
		if err != nil || int64(len(state.Entries)) != 3+maxStored || state.Settings.Slow != 60 || log.sealed != 1 {
			t.Errorf("stored %d entries, slow %d, %d seals", len(state.Entries), state.Settings.Slow, log.sealed)
		}
	})
}

// A log with a hole is never sealed, however well the rest goes.
func TestScribeGivesUpBeyondItsLimit(t *testing.T) {
	withScribe(t, func(t *testing.T, s *scribe, log *notedLog, stop func()) {
		log.failNext(2)
		entries(s, 1, 1)
		synctest.Wait()
		entries(s, 2, maxBehind+10)
		if n := s.behind(); n != maxBehind {
			t.Errorf("%d entries kept, want %d", n, maxBehind)
		}
		time.Sleep(time.Minute)
		entries(s, maxBehind+11, maxBehind+11)
		stop()
		if !s.rest(t.Context()) || s.behind() != 0 {
			t.Errorf("%d still behind", s.behind())
		}
		s.seal(t.Context(), maxBehind+11)
		if log.sealed != 0 {
			t.Error("sealed over a hole")
		}
		// What follows the hole is what a room starts with.
		state, _ := log.Open(t.Context(), "tea")
		g := newRing(state)
		if again, ok := g.after(g.base); !ok || len(again) != 1 || g.last != maxBehind+11 || g.base != maxBehind+10 {
			t.Errorf("%d entries to replay, base %d, last %d", len(again), g.base, g.last)
		}
	})
}
