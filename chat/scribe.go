package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Pace of storing.
const (
	storeEvery = 50 * time.Millisecond // between two commits of a busy room; the first is made at once
	storeWait  = 5 * time.Second       // for one commit
	storeRetry = 500 * time.Millisecond
	sealWait   = 3 * time.Second // for all that is left when the room ends
	maxStored  = 512             // entries in one commit: others wait for the same writer
	maxBehind  = 4 * maxBacklog  // entries kept for a log that cannot be written; more are never stored
)

// scribe stores what a room did, one batch at a time and in order, on a
// goroutine of its own. What happens while a batch is being stored becomes the
// next batch.
type scribe struct {
	// configuration
	log     Log
	channel string
	logger  *slog.Logger
	// stored is called on the scribe's goroutine after each batch for which
	// somebody waits, with its ticket. It may block.
	stored func(ticket uint64)

	// state
	mu      sync.Mutex // guards what follows
	next    Batch
	ticket  uint64 // of next
	awaited bool   // somebody waits for next
	backlog int    // entries handed over and not yet stored
	torn    bool   // an entry was given up: the log has a hole

	// channels
	wake chan struct{} // capacity 1
}

func newScribe(log Log, channel string, logger *slog.Logger, stored func(uint64)) *scribe {
	return &scribe{log: log, channel: channel, logger: logger, stored: stored, ticket: 1, wake: make(chan struct{}, 1)}
}

// entry hands over an entry. It never waits.
func (s *scribe) entry(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlog >= maxBehind {
		s.torn = true
		return
	}
	s.backlog++
	s.next.Entries = append(s.next.Entries, e)
	s.nudge()
}

// fact hands over what is no entry: change adds it to the next batch. It never
// waits.
func (s *scribe) fact(change func(next *Batch)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.next)
	s.nudge()
}

// await returns the ticket of everything noted so far; stored will be called
// with it or a later one.
func (s *scribe) await() uint64 {
	s.mu.Lock()
	s.awaited = true
	ticket := s.ticket
	s.mu.Unlock()
	s.nudge()
	return ticket
}

// behind returns how many entries are not yet stored.
func (s *scribe) behind() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backlog
}

func (s *scribe) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.next.empty()
}

func (s *scribe) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run stores until ctx ends, and then what is left.
func (s *scribe) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		b, ticket, awaited := s.take()
		if !s.store(ctx, b) {
			s.putBack(b)
			return
		}
		s.mu.Lock()
		s.backlog -= len(b.Entries)
		s.mu.Unlock()
		if awaited {
			s.stored(ticket)
		}
		pause(ctx, storeEvery)
	}
}

// store repeats until b is stored, or returns false when ctx ended first.
func (s *scribe) store(ctx context.Context, b Batch) bool {
	if b.empty() {
		return true
	}
	for failures := 0; ; failures++ {
		try, cancel := context.WithTimeout(ctx, storeWait)
		err := s.log.Append(try, s.channel, b)
		cancel()
		if err == nil {
			if failures > 0 {
				s.logger.Info("the room's log is written again", "channel", s.channel, "failures", failures)
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if failures == 0 {
			s.logger.Error("the room's log cannot be written; trying again", "channel", s.channel, "err", err)
		}
		pause(ctx, storeRetry)
	}
}

// rest stores what is left after run returned, or returns false when it cannot.
func (s *scribe) rest(ctx context.Context) bool {
	for s.pending() {
		b, _, _ := s.take()
		if !s.store(ctx, b) {
			s.logger.Error("the room's last entries are lost", "channel", s.channel, "entries", s.behind())
			return false
		}
		s.mu.Lock()
		s.backlog -= len(b.Entries)
		s.mu.Unlock()
	}
	return true
}

// seal closes the log after rest: last is the last number given out. If it
// cannot, the log stays unsealed and the next room begins a new epoch.
func (s *scribe) seal(ctx context.Context, last int64) {
	s.mu.Lock()
	torn := s.torn
	s.mu.Unlock()
	if torn {
		s.logger.Error("the room's log has a hole and stays unsealed", "channel", s.channel)
		return
	}
	if err := s.log.Seal(ctx, s.channel, last); err != nil {
		s.logger.Error("the room's log stays unsealed", "channel", s.channel, "err", err)
	}
}

// take returns what is to be stored next. Of very many entries it returns the
// first, and the rest of the batch stays for later.
func (s *scribe) take() (b Batch, ticket uint64, awaited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := s.next.Entries; len(all) > maxStored {
		s.next.Entries = all[maxStored:]
		s.nudge()
		return Batch{Entries: all[:maxStored:maxStored]}, 0, false
	}
	b, ticket, awaited = s.next, s.ticket, s.awaited
	s.next, s.awaited = Batch{}, false
	s.ticket++
	return b, ticket, awaited
}

// putBack returns a batch that was not stored to the front.
func (s *scribe) putBack(b Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.join(s.next)
	s.next = b
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
