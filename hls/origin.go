package hls

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Origin holds the streams of all channels and serves them. Its zero value works; set the fields before use.
type Origin struct {
	// configuration
	Log        *slog.Logger
	Archive    *Archive             // keeps what is shown; nil for nothing
	OnPlayable func(channel string) // the first playable piece of a publisher session is in the window; no locks are held

	once    sync.Once
	closing chan struct{} // closed by Close; ends every wait of a viewer

	streams sync.Map   // channel → *Stream; read by every request, without a lock
	mu      sync.Mutex // serialises changes of streams and guards closed
	closed  bool
}

// Show is one live event, as far as media is concerned.
type Show struct {
	ID        string
	StartedAt time.Time // kept over restarts of the process: sequence numbers go on from it
	Record    bool      // keep it in the archive
}

func (o *Origin) init() {
	o.once.Do(func() {
		o.closing = make(chan struct{})
		if o.Log == nil {
			o.Log = slog.New(slog.DiscardHandler)
		}
	})
}

// Start returns the stream of a channel's show and makes it if need be. The same show again is the same stream;
// another one ends the former.
func (o *Origin) Start(channel string, s Show) *Stream {
	o.init()
	o.mu.Lock()
	former, _ := o.Stream(channel)
	if former != nil && former.show.ID == s.ID && former.endedAt.Load() == 0 {
		o.mu.Unlock()
		return former
	}
	st := &Stream{
		channel: channel, show: s, onAir: o.OnPlayable,
		log:      o.Log.With("channel", channel, "show", s.ID),
		timeline: newTimeline(s.StartedAt, time.Now(), o.closing),
		audience: newAudience(),
	}
	if o.closed {
		st.ended = true
	} else if o.Archive != nil && s.Record {
		st.recorder = o.Archive.record(st)
	}
	o.streams.Store(channel, st)
	o.mu.Unlock()
	if former != nil {
		former.end()
	}
	return st
}

// Stream returns the stream of the channel's newest show, also for a while after its end.
func (o *Origin) Stream(channel string) (*Stream, bool) {
	o.init()
	st, ok := o.streams.Load(channel)
	if !ok {
		return nil, false
	}
	return st.(*Stream), true
}

// End ends the channel's show, if there is one: its playlist becomes final and stays readable for a while.
func (o *Origin) End(channel string) {
	if st, ok := o.Stream(channel); ok {
		st.end()
	}
}

// Run forgets ended shows until the context ends, then closes the origin.
func (o *Origin) Run(ctx context.Context) error {
	o.init()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			o.sweep(now)
		case <-ctx.Done():
			o.Close()
			return ctx.Err()
		}
	}
}

func (o *Origin) sweep(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for channel, st := range o.all() {
		if at := st.endedAt.Load(); at != 0 && now.Sub(time.Unix(0, at)) > endedReadable {
			o.streams.Delete(channel)
		}
	}
}

// Close ends every publisher session and every wait. Shows are not ended by it: their playlists stay without ENDLIST,
// so that players try again and find the next process.
func (o *Origin) Close() {
	o.init()
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return
	}
	o.closed = true
	close(o.closing)
	o.mu.Unlock()
	for _, st := range o.all() {
		st.shut()
	}
}

// all are the streams by channel.
func (o *Origin) all() map[string]*Stream {
	streams := map[string]*Stream{}
	o.streams.Range(func(channel, st any) bool {
		streams[channel.(string)] = st.(*Stream)
		return true
	})
	return streams
}
