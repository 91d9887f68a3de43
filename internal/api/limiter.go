package api

import (
	"net/http"
	"sync"
	"time"
)

// Limits of a Limiter.
const (
	maxLimited  = 50_000 // keys remembered; past it half are forgotten, which errs towards letting people in
	maxPaidFold = 16     // idempotency keys remembered per key, as a multiple of its burst
)

// ErrTooFast is the refusal of somebody over a limit; see [TooFast].
var ErrTooFast = Fail(http.StatusTooManyRequests, "too_fast", "Too many tries. Wait a moment.")

// TooFast is ErrTooFast with the time to wait, in milliseconds.
func TooFast(wait time.Duration) error {
	return ErrTooFast.With("retry_ms", wait.Milliseconds()+1)
}

// Limiter is a token bucket per key. Burst and Every are set before use; its
// method is safe from any goroutine.
type Limiter[K comparable] struct {
	Burst int           // tokens of a full bucket
	Every time.Duration // one token comes back

	mu      sync.Mutex // guards buckets
	buckets map[K]bucket
}

// bucket is the moment at which it will be full again, and what was paid for
// since it last was.
type bucket struct {
	full time.Time
	paid map[string]struct{}
}

// Take spends a token of key, or says how long until there is one. The same
// once spends only once while the bucket is not full: a finger that hammers one
// button pays for one tap. An empty once always spends.
func (l *Limiter[K]) Take(key K, once string) (wait time.Duration, ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil || len(l.buckets) >= maxLimited {
		l.forget(now)
	}
	b := l.buckets[key]
	if !b.full.After(now) {
		b = bucket{full: now}
	}
	if _, paid := b.paid[once]; paid && once != "" {
		return 0, true
	}
	full := b.full.Add(l.Every)
	if over := full.Sub(now) - time.Duration(l.Burst)*l.Every; over > 0 {
		return over, false
	}
	b.full = full
	if once != "" && len(b.paid) < maxPaidFold*l.Burst {
		if b.paid == nil {
			b.paid = map[string]struct{}{}
		}
		b.paid[once] = struct{}{}
	}
	l.buckets[key] = b
	return 0, true
}

func (l *Limiter[K]) forget(now time.Time) {
	kept := map[K]bucket{}
	for key, b := range l.buckets {
		if b.full.After(now) && len(kept) < maxLimited/2 {
			kept[key] = b
		}
	}
	l.buckets = kept
}

// Back returns the token that the last [Limiter.Take] of key spent: it turned
// out to be no try after all.
func (l *Limiter[K]) Back(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[key]; ok {
		b.full = b.full.Add(-l.Every)
		l.buckets[key] = b
	}
}
