package shop

import (
	"sync"
	"time"
)

// maxLimited bounds the people a limiter remembers; past it half of them are
// forgotten, which only ever errs towards letting people in.
const maxLimited = 50_000

// limiter is a token bucket per person. It charges an idempotency key once: a
// finger that hammers one button spends one token.
type limiter struct {
	burst int
	every time.Duration // one token comes back

	mu      sync.Mutex // guards buckets
	buckets map[string]bucket
}

// bucket is the moment at which it will be full again, and the keys paid for
// since it last was.
type bucket struct {
	full time.Time
	keys map[string]struct{}
}

// take spends a token of person for key, or says how long until there is one.
// An empty key always costs.
func (l *limiter) take(person, key string) (wait time.Duration, ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil || len(l.buckets) >= maxLimited {
		l.forget(now)
	}
	b := l.buckets[person]
	if !b.full.After(now) {
		b = bucket{full: now}
	}
	if _, paid := b.keys[key]; paid && key != "" {
		return 0, true
	}
	full := b.full.Add(l.every)
	if over := full.Sub(now) - time.Duration(l.burst)*l.every; over > 0 {
		return over, false
	}
	b.full = full
	if key != "" {
		if b.keys == nil {
			b.keys = map[string]struct{}{}
		}
		if len(b.keys) < 16*l.burst {
			b.keys[key] = struct{}{}
		}
	}
	l.buckets[person] = b
	return 0, true
}

func (l *limiter) forget(now time.Time) {
	kept := map[string]bucket{}
	for person, b := range l.buckets {
		if b.full.After(now) && len(kept) < maxLimited/2 {
			kept[person] = b
		}
	}
	l.buckets = kept
}

// tooFast is the refusal with the time to wait, in milliseconds.
func tooFast(wait time.Duration) error {
	return ErrTooFast.With("retry_ms", wait.Milliseconds()+1)
}
