package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A key that is taken over this often is in use twice: two encoders push each
// other out, and no viewer sees a whole minute. From then on the one on air
// stays there for a while.
const (
	contestTakeovers = 3
	contestSpan      = time.Minute
	contestCooling   = time.Minute
	// contestAlive is how long a publisher may be quiet and still count as one
	// that is on air.
	contestAlive = 2 * time.Second
)

// refusalShown is how long the host of a channel without a publisher reads what
// the last one was thrown out for.
const refusalShown = 10 * time.Minute

var errNoStream = errors.New("ingest: no stream for the channel")

// air is who publishes where.
type air struct {
	mu    sync.Mutex       // guards seats, and the holder of each
	seats map[string]*seat // by channel; one per channel that ever had a key, so never removed
}

// seat is a channel's place for one publisher.
type seat struct {
	turn   sync.Mutex // held while its holder changes, which orders OnState
	holder *publisher // nil when the channel is off

	// what the last publisher was thrown out for, and when; guarded by air.mu
	refusal   string
	refusedAt time.Time

	// state of contests, guarded by turn
	takeovers []time.Time // from publishers that were alive, within contestSpan
	cooling   time.Time   // until then the holder stays
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

// holders lists who is on air.
func (a *air) holders() []*publisher {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []*publisher
	for _, s := range a.seats {
		if s.holder != nil {
			all = append(all, s.holder)
		}
	}
	return all
}

// occupy makes p the holder. It is ready to be described.
func (a *air) occupy(s *seat, p *publisher) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.holder = p
}

// vacate frees the seat. A sentence is what its holder was thrown out for.
func (a *air) vacate(s *seat, sentence string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.holder, s.refusal, s.refusedAt = nil, sentence, time.Now()
}

// refusal is what a channel's last publisher was thrown out for, if that is
// news.
func (a *air) refusal(channel string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.seats[channel]; s != nil && s.holder == nil && time.Since(s.refusedAt) < refusalShown {
		return s.refusal
	}
	return ""
}

// contest decides whether p may take over from old, who holds the seat. The
// caller holds the seat's turn.
func (s *seat) contest(old, p *publisher, now time.Time) error {
	if old == nil || old.health.quiet(now) > contestAlive {
		return nil
	}
	s.takeovers = slices.DeleteFunc(s.takeovers, func(t time.Time) bool { return now.Sub(t) > contestSpan })
	if len(s.takeovers) == contestTakeovers-1 && now.After(s.cooling) {
		s.takeovers = nil
		s.cooling = now.Add(contestCooling)
	}
	if left := s.cooling.Sub(now); left > 0 {
		old.health.contest(p.health.remote, s.cooling)
		return &contested{left}
	}
	s.takeovers = append(s.takeovers, now)
	return nil
}

// contested refuses a publisher because two encoders use one key.
type contested struct{ left time.Duration }

func (e *contested) Error() string {
	return fmt.Sprintf("Another encoder is on air with this stream key. Stop one of the two; this one may take over in %.0f s.", max(1, e.left.Seconds()))
}

// goOnAir seats p on its channel, and cuts whoever sat there.
func (s *Server) goOnAir(ctx context.Context, p *publisher) error {
	seat := s.air.seat(p.channel)
	seat.turn.Lock()
	defer seat.turn.Unlock()
	if err := seat.contest(s.air.holder(p.channel), p, time.Now()); err != nil {
		s.tally.contested.Add(1)
		return err
	}
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
	s.tally.published.Add(1)
	if old := s.air.holder(p.channel); old != nil {
		s.tally.takeovers.Add(1)
		old.session.Cut(&ending{denied, "Another encoder has taken over with the same stream key."})
	}
	p.media = stream.Publish()
	p.stop = s.startWatch(p)
	s.air.occupy(seat, p)
	return nil
}

// goOffAir closes p's media, and the channel unless somebody else holds it. The
// host gets to read why, when p was thrown out for what it sends: encoders show
// such a sentence badly or not at all.
func (s *Server) goOffAir(ctx context.Context, p *publisher, cause error) {
	seat := s.air.seat(p.channel)
	seat.turn.Lock()
	defer seat.turn.Unlock()
	p.stop()
	p.media.Close()
	if s.air.holder(p.channel) != p {
		return
	}
	var why *ending
	sentence := ""
	if errors.As(cause, &why) && why.code == rejected {
		sentence = why.sentence
	}
	s.air.vacate(seat, sentence)
	s.off(ctx, p.channel)
	if sentence != "" && s.OnHealth != nil {
		s.OnHealth(p.channel, absent(sentence))
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
// reports false, and a Publisher that says so, with what the last one was thrown
// out for as advice.
func (s *Server) Publisher(channel string) (Publisher, bool) {
	p := s.air.holder(channel)
	if p == nil {
		return absent(s.air.refusal(channel)), false
	}
	return p.snapshot(time.Now()), true
}
