package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// A key that changes hands this often is in use twice.
const (
	contestTakeovers = 3
	contestSpan      = time.Minute
)

var errNoStream = errors.New("ingest: no stream for the channel")

// air is who publishes where.
type air struct {
	mu    sync.Mutex       // guards seats, and the holder and takeovers of each
	seats map[string]*seat // by channel; one per channel that ever had a key, so never removed
}

// seat is a channel's place for one publisher.
type seat struct {
	turn      sync.Mutex // held while its holder changes, which orders OnState
	holder    *publisher // nil when the channel is off
	takeovers []time.Time
}

func (a *air) seat(channel string) *seat {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seats[channel] == nil {
		if a.seats == nil {
			a.seats = make(map[string]*seat)
		}
		a.seats[channel] = new(seat)
	}
	return a.seats[channel]
}

func (a *air) holder(channel string) *publisher {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.seats[channel]; s != nil {
		return s.holder
	}
	return nil
}

// replace makes p the holder, and returns who was.
func (a *air) replace(s *seat, p *publisher) (old *publisher) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old, s.holder = s.holder, p
	if old != nil && p != nil {
		now := time.Now()
		s.takeovers = slices.DeleteFunc(s.takeovers, func(t time.Time) bool { return now.Sub(t) > contestSpan })
		s.takeovers = append(s.takeovers, now)
		s.takeovers = s.takeovers[max(0, len(s.takeovers)-contestTakeovers):]
		p.health.contested = len(s.takeovers) == contestTakeovers
	}
	return old
}

// goOnAir seats p on its channel, and cuts whoever sat there.
func (s *Server) goOnAir(ctx context.Context, p *publisher) error {
	seat := s.air.seat(p.channel)
	seat.turn.Lock()
	defer seat.turn.Unlock()
	if err := s.state(ctx, p.channel, true); err != nil {
		return err
	}
	stream, ok := s.Origin.Stream(p.channel)
	if !ok {
		if s.air.holder(p.channel) == nil {
			s.off(ctx, p.channel)
		}
		return errNoStream
	}
	if old := s.air.replace(seat, p); old != nil {
		old.session.Cut(&ending{denied, "Another encoder has taken over with the same stream key."})
	}
	p.media = stream.Publish()
	return nil
}

// goOffAir closes p's media, and the channel unless somebody else holds it.
func (s *Server) goOffAir(ctx context.Context, p *publisher) {
	seat := s.air.seat(p.channel)
	seat.turn.Lock()
	defer seat.turn.Unlock()
	p.media.Close()
	if s.air.holder(p.channel) == p {
		s.air.replace(seat, nil)
		s.off(ctx, p.channel)
	}
}

// off reports the end of a channel's last publisher, also while shutting down.
func (s *Server) off(ctx context.Context, channel string) {
	if err := s.state(context.WithoutCancel(ctx), channel, false); err != nil {
		s.log().Error("the end of a publisher was not taken note of", "channel", channel, "err", err)
	}
}

func (s *Server) state(ctx context.Context, channel string, on bool) error {
	if s.OnState == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	return s.OnState(ctx, channel, on)
}

// Kick cuts the channel's publisher now and tells it why, in a sentence. It
// reports whether there was one. The encoder may come back at once: whoever
// wants it to stay away changes what Keys answers first.
func (s *Server) Kick(channel, reason string) bool {
	p := s.air.holder(channel)
	if p == nil {
		return false
	}
	p.session.Cut(&ending{denied, reason})
	return true
}

// Publisher describes who publishes on the channel now. Without anybody it
// reports false, and a Publisher that says so.
func (s *Server) Publisher(channel string) (Publisher, bool) {
	p := s.air.holder(channel)
	if p == nil {
		return Publisher{Advice: []string{}}, false
	}
	return p.health.snapshot(time.Now()), true
}
