package chat

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Hub holds the rooms of all channels. A room opens with its first visitor or
// event and stays until Run ends or nothing has happened in it for long. All methods are safe from any goroutine.
type Hub struct {
	// configuration, set before the first call

	Who Who
	Log Log
	// Bus joins the rooms of this hub with those of hubs on other nodes, over one
	// Log. nil: there are none.
	Bus Bus
	// Reread is told which value another node's [Hub.Stale] was about; it should
	// read the value and Refresh it. It must not wait.
	Reread func(channel, typ, key string)
	// Snapshot returns what a joiner must know. It may read a database, and may be
	// called by many at once. nil: not live, nothing pinned.
	Snapshot func(ctx context.Context, channel string) Snapshot
	Logger   *slog.Logger
	// Outside returns how many people watch the channel without being in its
	// room, as a player without a page does. It is asked often and must not wait.
	// nil: nobody.
	Outside func(channel string) int
	// Origins are the hosts ("shop.example", "localhost:5173"), beside the
	// server's own, whose pages may open a websocket.
	Origins []string
	// PerAddress is how many sockets one client address (IPv6: a /64) may have
	// open. The server's own machine is not limited. 0: 2000.
	PerAddress int
	// SendBuffer is the SO_SNDBUF of a socket in bytes. 0: 64 KiB.
	SendBuffer int

	// state

	mu       sync.Mutex // guards rooms, closed, from and sessions
	rooms    map[string]*room
	closed   bool
	from     map[netip.Prefix]int // sockets by client address
	sessions map[string]int       // sockets by session of an account
	node     string               // see nodeName
	wg       sync.WaitGroup       // rooms, readers, draining goroutines
	count    counters
}

// Stats are counts since the hub began, but Rooms, Sockets and Apart, which are now.
type Stats struct {
	Rooms, Sockets                   int64
	Events, Frames, Deliveries       int64 // numbered or refreshed; encoded; frames handed to sockets
	Refused, Slow, Banned, Resumed   int64 // commands; closed sockets; joins
	Panics, UnprovableResumes, Stale int64 // rooms and sockets that ended so; fresh welcomes instead of a resume; events nobody took in time
	Thinned                          int64 // times that a slow viewer was not sent all that people said
	Apart, Forks, Unshared           int64 // rooms without the bus, now; how often one went on alone; messages other nodes never got
	Filled                           int64 // entries stored for a node that had not
}

type counters struct {
	sockets, events, frames, deliveries, refused, slow, banned, resumed, panics, unprovable, stale, thinned, apart, forks, unshared, filled atomic.Int64
}

// Stats returns the counts.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	rooms := int64(len(h.rooms))
	h.mu.Unlock()
	c := &h.count
	return Stats{
		Rooms: rooms, Sockets: c.sockets.Load(),
		Events: c.events.Load(), Frames: c.frames.Load(), Deliveries: c.deliveries.Load(),
		Refused: c.refused.Load(), Slow: c.slow.Load(), Banned: c.banned.Load(), Resumed: c.resumed.Load(),
		Panics: c.panics.Load(), UnprovableResumes: c.unprovable.Load(), Stale: c.stale.Load(),
		Thinned: c.thinned.Load(),
		Apart:   c.apart.Load(), Forks: c.forks.Load(), Unshared: c.unshared.Load(), Filled: c.filled.Load(),
	}
}

// Run serves until ctx ends. Then every room hands out what is pending, closes
// its viewers with [CloseRestart] and stores what is left; Run returns when all
// goroutines of the hub have ended. The database must run longer than the hub.
func (h *Hub) Run(ctx context.Context) error {
	<-ctx.Done()
	h.mu.Lock()
	h.closed = true
	for _, r := range h.rooms {
		if !r.retired {
			close(r.stop)
		}
	}
	h.mu.Unlock()
	h.wg.Wait()
	return context.Cause(ctx)
}

// Tell gives a numbered event to everybody in the room, now and later: it is
// stored and replayed. It waits only for a room that is overwhelmed, and not
// longer than 2 s; then the event is given up and logged.
func (h *Hub) Tell(channel string, e Event) {
	if data, ok := h.encode(channel, e); ok {
		h.post(channel, tell{typ: e.Type, mediaAt: e.MediaAt, data: data})
	}
}

// Refresh gives everybody on this node the newest value of (e.Type, e.Key), and
// to those who join later. Values in between may be skipped. Waits like Tell.
// Other nodes read the value themselves, see [Hub.Stale].
func (h *Hub) Refresh(channel string, e Event) {
	if data, ok := h.encode(channel, e); ok {
		h.post(channel, refresh{key: latestKey{e.Type, e.Key}, mediaAt: e.MediaAt, data: data})
	}
}

// Whisper gives e to those in the room whom to includes, and to nobody later.
// Waits like Tell.
func (h *Hub) Whisper(channel string, to To, e Event) {
	if data, ok := h.encode(channel, e); ok {
		h.post(channel, whisper{to: to, event: appendEvent(nil, e.Type, stamp{mediaAt: e.MediaAt}, data)})
	}
}

// Stale tells the channel's rooms on other nodes that the value they show by
// (typ, key) has changed. The value itself does not travel: of two nodes that
// read it at the same time, the one with the older value might be heard last.
// Waits like Tell.
func (h *Hub) Stale(channel, typ, key string) {
	if h.Bus != nil {
		h.post(channel, inRoom(func(r *room) { r.share(act{Stale: &staleValue{typ, key}}) }))
	}
}

// Viewers returns how many people watch: those in the room, on all nodes, where
// a reader without credentials counts once per socket, and those outside.
func (h *Hub) Viewers(channel string) int {
	h.mu.Lock()
	r := h.rooms[channel]
	h.mu.Unlock()
	if r == nil {
		return h.outside(channel)
	}
	return int(r.audience())
}

// outside is how many people watch this node without being in a room.
func (h *Hub) outside(channel string) int {
	if h.Outside == nil {
		return 0
	}
	return h.Outside(channel)
}

func (h *Hub) encode(channel string, e Event) (json.RawMessage, bool) {
	if !word(e.Type) {
		h.Logger.Error("not an event type", "channel", channel, "type", e.Type)
		return nil, false
	}
	data, err := encode(e.Data)
	if err != nil {
		h.Logger.Error("an event cannot be encoded", "channel", channel, "type", e.Type, "err", err)
		return nil, false
	}
	return data, true
}

func word(s string) bool {
	for _, r := range s {
		if r != '_' && (r < 'a' || r > 'z') {
			return false
		}
	}
	return s != ""
}

func (h *Hub) post(channel string, m message) {
	t := time.NewTimer(tellWait)
	defer t.Stop()
	for {
		r := h.room(channel)
		if r == nil {
			return // shutting down: nobody is left to hear it
		}
		select {
		case r.inbox <- m:
			return
		case <-r.done: // it panicked; there is a new one
		case <-t.C:
			h.count.stale.Add(1)
			h.Logger.Error("a room does not take events; one is lost", "channel", channel)
			return
		}
	}
}

// room returns the channel's room and opens it if need be; nil when the hub is
// closed.
func (h *Hub) room(channel string) *room {
	h.mu.Lock()
	for h.rooms[channel] != nil && h.rooms[channel].retired && !h.closed {
		leaving := h.rooms[channel] // its log must be at rest before the next one opens it
		h.mu.Unlock()
		<-leaving.done
		h.mu.Lock()
	}
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	if r := h.rooms[channel]; r != nil {
		r.used = time.Now()
		return r
	}
	if h.rooms == nil {
		h.rooms = map[string]*room{}
	}
	r := newRoom(h, channel)
	r.used = time.Now()
	h.rooms[channel] = r
	h.wg.Go(func() { h.keep(r) })
	return r
}

// keep runs a room. A panic ends this one room: its viewers come back with
// their position to a new one.
func (h *Hub) keep(r *room) {
	defer func() {
		if p := recover(); p != nil {
			h.count.panics.Add(1)
			h.Logger.Error("a room panicked", "channel", r.channel, "panic", p, "stack", string(debug.Stack()))
		}
		h.mu.Lock()
		if h.rooms[r.channel] == r {
			delete(h.rooms, r.channel)
		}
		h.mu.Unlock()
		close(r.done)
		r.closeAll(CloseRestart, "restart")
	}()
	r.run()
}
