package redisbus

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/chat"
)

// Times of the registry of streams.
const (
	claimFor   = 6 * time.Second // without being renewed: the node is gone
	claimEvery = 2 * time.Second
	claimWait  = 500 * time.Millisecond // for one call
)

// Streams is the registry of which node has which channel's publisher. A node
// has those it holds; they are renewed by Run, and expire when it dies.
type Streams struct {
	// URL is where other nodes reach this one; set it before the first Hold.
	URL string
	// Lost, if set, is called when another node took a stream over.
	Lost func(channel string)

	bus  *Bus
	node string

	mu   sync.Mutex // guards held
	held map[string]bool
}

// Streams returns the registry as this node sees it.
func (b *Bus) Streams() *Streams {
	return &Streams{bus: b, node: chat.NewEpoch(), held: map[string]bool{}}
}

func (s *Streams) claim() string { return s.node + " " + s.URL }

// Hold says that this node has the channel's publisher from now on: whoever
// says so last has it. When Redis is away it holds as soon as it is back.
func (s *Streams) Hold(ctx context.Context, channel string) {
	s.mu.Lock()
	s.held[channel] = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	if err := hold.Run(ctx, s.bus.client, []string{key(channel, "stream")}, s.claim(), claimFor.Milliseconds()).Err(); err != nil {
		s.bus.log.Warn("a stream is not registered yet", "channel", channel, "err", err)
	}
}

// Release says that the publisher is gone from this node.
func (s *Streams) Release(ctx context.Context, channel string) {
	s.mu.Lock()
	delete(s.held, channel)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	_ = release.Run(ctx, s.bus.client, []string{key(channel, "stream")}, s.claim()).Err() // else it expires
}

// Where returns the URL of the node that has the channel's publisher; false
// when none has, or when Redis does not say.
func (s *Streams) Where(ctx context.Context, channel string) (url string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	claim, err := s.bus.client.Get(ctx, key(channel, "stream")).Result()
	if err != nil {
		if !errors.Is(err, redis.Nil) {
			s.bus.log.Debug("nobody tells who has a stream", "channel", channel, "err", err)
		}
		return "", false
	}
	_, url, ok = strings.Cut(claim, " ")
	return url, ok
}

// Elsewhere tells whether another node has the channel's publisher, or may
// have it: Redis does not say.
func (s *Streams) Elsewhere(ctx context.Context, channel string) bool {
	s.mu.Lock()
	ours := s.held[channel]
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	claim, err := s.bus.client.Get(ctx, key(channel, "stream")).Result()
	if err != nil {
		return !ours && !errors.Is(err, redis.Nil)
	}
	return claim != s.claim()
}

// Run renews until ctx ends, and then gives everything up.
func (s *Streams) Run(ctx context.Context) error {
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, channel := range s.holding() {
				s.Release(context.WithoutCancel(ctx), channel)
			}
			return context.Cause(ctx)
		case <-tick.C:
			for _, channel := range s.holding() {
				s.renew(ctx, channel)
			}
		}
	}
}

func (s *Streams) renew(ctx context.Context, channel string) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	ours, err := renew.Run(ctx, s.bus.client, []string{key(channel, "stream")}, s.claim(), claimFor.Milliseconds()).Int()
	if err != nil || ours == 1 {
		return // Redis away: the next time
	}
	s.mu.Lock()
	delete(s.held, channel)
	s.mu.Unlock()
	if s.Lost != nil {
		s.Lost(channel)
	}
}

func (s *Streams) holding() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for channel := range s.held {
		all = append(all, channel)
	}
	return all
}
