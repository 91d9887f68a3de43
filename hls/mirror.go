package hls

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// mirror is one channel that an edge follows: its multivariant playlist, and a relay for each rendition that is
// watched. Its goroutine ends once nobody has asked for a while.
type mirror struct {
	usage

	// configuration
	edge    *Edge
	channel string
	log     *slog.Logger

	first  chan struct{} // closed once index or refused is there
	index  atomic.Pointer[copied]
	relays [maxTracks]atomic.Pointer[relay]

	mu      sync.Mutex // guards everything below
	refused *refusal   // there is nothing to follow
	stream  *Stream    // what viewers see of the epoch, nil before
	epoch   string
	former  string
}

// copied is a playlist as the origin rendered it.
type copied struct {
	*text
	cache  []string
	listed [maxTracks]*head // what it says of each rendition, nil for none
}

// mirror returns the channel's and counts one user more. It is nil when there are too many.
func (e *Edge) mirror(channel string) *mirror {
	for {
		if m, ok := e.mirrors.Load(channel); ok {
			if m := m.(*mirror); m.enter() {
				return m
			}
		} else if e.count.mirrors.Load() >= edgeChannels {
			return nil
		}
		m := &mirror{edge: e, channel: channel, first: make(chan struct{}), log: e.Log.With("channel", channel)}
		m.enter()
		if old, loaded := e.mirrors.LoadOrStore(channel, m); loaded {
			if old.(*mirror).users.Load() < 0 { // it has retired and is about to go
				e.mirrors.CompareAndDelete(channel, old)
			}
			continue
		}
		e.count.mirrors.Add(1)
		if !e.spawn(func() { m.run(e.ctx) }) {
			return nil
		}
		return m
	}
}

// await waits for the first answer of the origin.
func (m *mirror) await(ctx context.Context) *refusal {
	if !happened(ctx, m.first) {
		return originAway
	}
	return m.refusal()
}

// happened waits for what a closed channel says, as long as a player waits.
func happened(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
	}
	timer := time.NewTimer(firstWait + edgeSlack)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// run keeps the multivariant playlist up to date.
func (m *mirror) run(ctx context.Context) {
	defer m.edge.count.mirrors.Add(-1)
	defer m.forget()
	m.refuse(m.load(ctx))
	close(m.first)
	tick := time.NewTicker(indexMaxAge)
	defer tick.Stop()
	seen := time.Now()
	for m.refusal() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if m.retire(edgeIdle) {
			return
		}
		// An origin that is away comes back. One that has lost the show is probably starting, and gets it back with
		// the encoder: players are better off with what they know than with an error.
		switch no := m.load(ctx); {
		case no == nil || no == originAway:
			seen = time.Now()
		case time.Since(seen) > edgePatience || m.over():
			m.refuse(no)
		}
	}
	pause(ctx, edgeRefusal) // for those who ask again at once
}

func (m *mirror) refuse(no *refusal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = no
}

func (m *mirror) refusal() *refusal {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused
}

// over reports whether the show has ended.
func (m *mirror) over() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stream == nil {
		return true
	}
	for track := range maxTracks {
		if v := m.stream.timeline.look(track); v != nil && v.ended {
			return true
		}
	}
	return false
}

// forget takes the channel off the edge.
func (m *mirror) forget() {
	m.edge.mirrors.CompareAndDelete(m.channel, m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stream != nil {
		m.edge.local.streams.CompareAndDelete(m.channel, m.stream)
	}
}

// load asks for the multivariant playlist. What was known stays when there is no new one.
func (m *mirror) load(ctx context.Context) *refusal {
	old, header := m.index.Load(), http.Header{}
	if old != nil {
		header["If-None-Match"] = old.plainTag
	}
	m.edge.count.playlists.Add(1)
	a, err := m.edge.get(ctx, "/hls/"+m.channel+"/"+indexName, firstWait+edgeSlack, header)
	switch {
	case err != nil:
		return originAway
	case a.status == http.StatusNotModified && old != nil: // it may be good for longer than before
		m.index.Store(&copied{text: old.text, cache: a.header["Cache-Control"], listed: old.listed})
		return nil
	case a.status != http.StatusOK:
		return a.refusal()
	}
	m.index.Store(&copied{text: newText(a.body, a.tag()), cache: a.header["Cache-Control"], listed: readIndex(a.body)})
	return nil
}

// lists reports whether the origin offers a rendition.
func (m *mirror) lists(track int) bool {
	index := m.index.Load()
	return index != nil && index.listed[track] != nil
}

// refusal is the origin's, as one of ours.
func (a *answer) refusal() *refusal {
	for _, no := range []*refusal{noStream, notPlayable, noFile, loop} {
		if a.status == no.status && string(bytes.TrimSpace(a.body)) == no.word {
			return no
		}
	}
	return noStream
}

// tag is the origin's entity tag without its quotes.
func (a *answer) tag() string {
	return strings.Trim(strings.TrimPrefix(a.header.Get("Etag"), "W/"), `"`)
}

// of returns the stream that shows an epoch. A new one replaces that of another epoch: the origin was restarted, or
// began another show. Who waits for the former keeps what it was. It is nil for the one before, of which another relay
// may still have an answer.
func (m *mirror) of(epoch string) *Stream {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.stream != nil && m.epoch == epoch:
		return m.stream
	case epoch == m.former:
		return nil
	}
	local := &m.edge.local
	st := &Stream{
		channel: m.channel, show: Show{ID: epoch}, log: m.log, audience: newAudience(),
		timeline: newTimeline(time.Time{}, time.Now(), local.closing),
	}
	st.timeline.name(epoch)
	st.timeline.renditions[0].show(m.absent())
	m.stream, m.epoch, m.former = st, epoch, m.epoch
	local.streams.Store(m.channel, st)
	return st
}

// absent is the view of a rendition that nobody watches.
func (m *mirror) absent() *view {
	v := &view{off: true, publisher: true, next: make(chan struct{})}
	if index := m.index.Load(); index != nil {
		v.index = index.text
	}
	return v
}

// show makes a view the newest one.
func (r *rendition) show(v *view) {
	if old := r.view.Swap(v); old != nil {
		close(old.next)
	}
}

// relay returns the one of a rendition and counts one user more. It is nil when the origin has no such rendition.
func (m *mirror) relay(track int) *relay {
	at := &m.relays[track]
	for {
		old := at.Load()
		if old != nil && old.enter() {
			return old
		}
		if !m.lists(track) {
			return nil
		}
		l := &relay{mirror: m, track: track, first: make(chan struct{}), log: m.log.With("track", track)}
		l.enter()
		if !at.CompareAndSwap(old, l) {
			continue
		}
		m.users.Add(1) // as long as a rendition is followed, so is the channel
		m.edge.count.relays.Add(1)
		run := func() {
			defer m.leave()
			defer m.edge.count.relays.Add(-1)
			l.run(m.edge.ctx)
		}
		if !m.edge.spawn(run) {
			return nil
		}
		return l
	}
}
