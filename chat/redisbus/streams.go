package redisbus

import (
	"context"
	"errors"
	"slices"
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
	lateFor    = 10 * time.Minute       // how long it is known who had a stream last
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

	mu     sync.Mutex // guards the rest
	held   map[string]bool
	others []string // URLs of the other nodes, as of the last renewal
}

// Streams returns the registry as this node sees it.
func (b *Bus) Streams() *Streams {
	return &Streams{bus: b, node: chat.NewEpoch(), held: map[string]bool{}}
}

func (s *Streams) claim() string { return s.node + " " + s.URL }

// claims are the keys of who has a channel's publisher, and who had it last.
func claims(channel string) []string {
	return []string{key(channel, "stream"), key(channel, "lately")}
}

// Hold says that this node has the channel's publisher from now on: whoever
// says so last has it. When Redis is away it holds as soon as it is back.
func (s *Streams) Hold(ctx context.Context, channel string) {
	s.mu.Lock()
	s.held[channel] = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	if err := hold.Run(ctx, s.bus.client, claims(channel), s.claim(), claimFor.Milliseconds(), lateFor.Milliseconds()).Err(); err != nil {
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

// Where returns the URL of the node that has the channel's publisher, or had it
// last; "" for this one, and where none is known.
func (s *Streams) Where(ctx context.Context, channel string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	said, err := s.bus.client.MGet(ctx, claims(channel)...).Result()
	if err != nil {
		return "", err
	}
	for _, claim := range said {
		if claim, ok := claim.(string); ok {
			node, url, _ := strings.Cut(claim, " ")
			if node == s.node || url == s.URL {
				return "", nil
			}
			return url, nil
		}
	}
	return "", nil
}

// Others returns the URLs of the other nodes that are there.
func (s *Streams) Others() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.others
}

// attend says that this node is there, and learns who else is. The list of
// before stays while Redis is away.
func (s *Streams) attend(ctx context.Context, span time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	all, err := attend.Run(ctx, s.bus.client, []string{prefix + "nodes"}, s.URL, span.Milliseconds()).StringSlice()
	if err != nil {
		return
	}
	all = slices.DeleteFunc(all, func(url string) bool { return url == s.URL })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others = all
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
	s.attend(ctx, claimFor)
	for {
		select {
		case <-ctx.Done():
			for _, channel := range s.holding() {
				s.Release(context.WithoutCancel(ctx), channel)
			}
			s.attend(context.WithoutCancel(ctx), 0)
			return context.Cause(ctx)
		case <-tick.C:
			s.attend(ctx, claimFor)
			for _, channel := range s.holding() {
				s.renew(ctx, channel)
			}
		}
	}
}

func (s *Streams) renew(ctx context.Context, channel string) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	ours, err := renew.Run(ctx, s.bus.client, claims(channel), s.claim(), claimFor.Milliseconds(), lateFor.Milliseconds()).Int()
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
