package chat

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// room is the conversation of one channel. Everything but the first group
// belongs to the goroutine in run; the others send it messages.
type room struct {
	// configuration
	hub     *Hub
	channel string

	// used by any goroutine
	viewers  atomic.Int64 // people on this node
	total    atomic.Int64 // people on all nodes, as last counted
	alone    atomic.Bool  // total is of no account
	told     atomic.Int64 // how often the room was told something; see arrive
	snapshot snapshots

	// guarded by the hub's mutex
	used    time.Time // when somebody last asked for the room
	retired bool      // it ends, as nobody did for long

	// state
	epoch     string
	ring      ring
	flushed   int64           // the last number that is in a frame
	line      *lineEnd        // to the other nodes; nil: there are none
	fork      int64           // the number after which a room that is apart counts alone
	apart     bool            // the bus is away
	hushed    bool            // no frame is made until releaseAt has come back and everybody is welcomed anew
	releaseAt int64           // a serial; 0: nothing is awaited
	late      bool            // facts of this node come late to the others
	renewing  bool            // a snapshot is on its way
	kept      kept            // who has stored what
	gone      map[string]bool // seats that were left since the last count
	sanctions map[string]Sanction
	law       law
	scribe    *scribe
	awaiting  []awaiting

	questions   map[string]Question // open ones, by message
	letters     map[string]Letter
	held        map[string]Held // what waits for a moderator, by message
	letterOrder []string        // oldest first

	sockets []*viewer
	members map[string]*member // by person
	joins   int
	sweeps  int

	latest      map[latestKey][]byte
	latestOrder []latestKey // by first appearance, for eviction
	latestJSON  []byte      // all latest values, comma separated; nil: to be made
	historyJSON []byte      // nil: to be made

	pending     []latestKey    // refreshed since the last frame
	tally       map[string]int // reactions since the last frame
	sayViewers  bool           // the next frame carries the count
	lastFrame   time.Time
	lastViewers time.Time
	sentViewers int64
	writeCost   time.Duration // of one write, on average
	ahead       int           // viewers that the pass under way has not come to
	served      int           // in sockets, whom it came to last
	copies      [2]joinedCopy // plain and packed
	processors  int
	due         time.Time // when the timer fires; zero: it is not set
	timer       *time.Timer

	// channels
	inbox chan message
	stop  chan struct{} // closed by the hub: end cleanly
	done  chan struct{} // closed when run returned
}

type latestKey struct{ typ, key string }

// message is what a room's inbox takes.
type message interface{ deliver(*room) }

type (
	tell struct {
		typ     string
		mediaAt time.Time
		data    json.RawMessage
	}
	refresh struct {
		key     latestKey
		mediaAt time.Time
		data    json.RawMessage
	}
	whisper struct {
		to    To
		event []byte
	}
	leave    struct{ v *viewer }
	writable struct{ v *viewer } // its socket takes data again
	stored   struct{ ticket uint64 }
)

// awaiting is a reply that waits until its effect is stored.
type awaiting struct {
	ticket uint64
	v      *viewer
	reply  []byte
	done   func() // instead of v and reply
}

func newRoom(h *Hub, channel string) *room {
	r := &room{
		hub:        h,
		channel:    channel,
		sanctions:  map[string]Sanction{},
		members:    map[string]*member{},
		latest:     map[latestKey][]byte{},
		tally:      map[string]int{},
		gone:       map[string]bool{},
		questions:  map[string]Question{},
		letters:    map[string]Letter{},
		held:       map[string]Held{},
		law:        newLaw(),
		kept:       newKept(),
		processors: runtime.GOMAXPROCS(0),
		snapshot:   snapshots{turn: make(chan struct{}, 1)},
		inbox:      make(chan message, maxInbox),
		stop:       make(chan struct{}),
		done:       make(chan struct{}),
	}
	return r
}

// run opens the log and handles messages until the hub stops the room.
func (r *room) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	state, ok := r.open(ctx)
	if !ok {
		return
	}
	r.begin(state)
	r.scribe = newScribe(r.hub.Log, r.channel, r.hub.Logger, func(ticket uint64) {
		select {
		case r.inbox <- stored{ticket}:
		case <-ctx.Done():
		}
	})
	var wg sync.WaitGroup
	wg.Go(func() { r.scribe.run(ctx) })
	if r.hub.Bus != nil {
		r.line = newLineEnd(r.hub.Bus, r, r.hub.nodeName(), r.ring.last)
		joined, ok := r.line.first(ctx)
		wg.Go(func() { r.line.run(ctx, joined, ok) })
	}
	clean := false
	// Also after a panic, as the next room of this channel must find the log at
	// rest; but only an orderly end may seal it.
	defer func() {
		cancel()
		wg.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), sealWait)
		defer cancel()
		if r.scribe.rest(ctx) && clean {
			r.seal(ctx)
		}
	}()
	r.loop()
	r.finishLine()
	r.flushNow()
	r.closeAll(CloseRestart, "restart")
	clean = !r.forgets()
}

// open waits until the log answers. Without it the room knows neither its
// numbers nor who is banned.
func (r *room) open(ctx context.Context) (State, bool) {
	for failures := 0; ; failures++ {
		try, cancel := context.WithTimeout(ctx, storeWait)
		state, err := r.hub.Log.Open(try, r.channel)
		cancel()
		if err == nil {
			return state, true
		}
		if failures == 0 {
			r.hub.Logger.Error("a room cannot open its log; trying again", "channel", r.channel, "err", err)
		}
		t := time.NewTimer(storeRetry)
		select {
		case <-r.stop:
			t.Stop()
			return State{}, false
		case <-t.C:
		}
	}
}

func (r *room) begin(s State) {
	r.epoch = s.Epoch
	r.ring = newRing(s)
	r.flushed = r.ring.last
	for _, one := range s.Sanctions {
		r.sanctions[one.Person] = one
	}
	r.indexTraces()
	r.apply(s.Settings)
	for _, q := range s.Questions {
		r.questions[q.ID] = q
	}
	for _, l := range s.Letters {
		r.letters[l.ID] = l
		r.letterOrder = append(r.letterOrder, l.ID)
	}
	for _, h := range s.Held {
		r.held[h.ID] = h
	}
	r.lastViewers = time.Now()
	r.timer = time.NewTimer(time.Hour)
	r.timer.Stop()
}

func (r *room) loop() {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	defer r.timer.Stop()
	for {
		if r.ahead > 0 {
			r.feedSome()
		}
		if r.ahead > 0 && r.takeSome(sweep.C) {
			continue
		}
		select {
		case m := <-r.inbox:
			m.deliver(r)
		case <-r.timer.C:
			r.due = time.Time{}
			r.flush()
		case now := <-sweep.C:
			r.sweep(now)
		case <-r.stop:
			for { // what was sent before the stop still counts
				select {
				case m := <-r.inbox:
					m.deliver(r)
				default:
					return
				}
			}
		}
	}
}

// takeSome does some of what waits while a pass is under way. It returns false
// when the room is to stop.
func (r *room) takeSome(sweep <-chan time.Time) bool {
	for range takeBetween {
		select {
		case m := <-r.inbox:
			m.deliver(r)
		case <-r.timer.C:
			r.due = time.Time{}
			r.flush()
		case now := <-sweep:
			r.sweep(now)
		case <-r.stop:
			return false
		default:
			return true
		}
	}
	return true
}

func (m tell) deliver(r *room) {
	r.number(Entry{Type: m.typ, MediaAt: m.mediaAt, Data: m.data})
	r.flushSoon(r.urgentGap())
}

func (m refresh) deliver(r *room) {
	r.hub.count.events.Add(1)
	event := appendEvent(nil, m.key.typ, stamp{mediaAt: m.mediaAt}, m.data)
	if _, known := r.latest[m.key]; !known {
		if len(r.latest) >= maxLatest {
			delete(r.latest, r.latestOrder[0])
			r.latestOrder = r.latestOrder[1:]
		}
		r.latestOrder = append(r.latestOrder, m.key)
	}
	r.latest[m.key] = event
	r.latestJSON = nil
	r.pend(m.key)
	r.flushSoon(r.urgentGap())
}

// pend puts the value into the next frame, once.
func (r *room) pend(k latestKey) {
	for _, p := range r.pending {
		if p == k {
			return
		}
	}
	r.pending = append(r.pending, k)
}

func (m whisper) deliver(r *room) {
	r.share(act{Whisper: &whispered{m.to, m.event}})
	m.show(r)
}

// show gives the event to those who are on this node.
func (m whisper) show(r *room) {
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		if v := r.sockets[i]; m.to.includes(v.person) {
			r.whisper(v, m.event)
		}
	}
}

func (m leave) deliver(r *room) { r.remove(m.v) }

func (m writable) deliver(r *room) { r.feed(m.v) }

func (m stored) deliver(r *room) {
	for len(r.awaiting) > 0 && r.awaiting[0].ticket <= m.ticket {
		first := r.awaiting[0]
		r.awaiting = r.awaiting[1:]
		if first.done != nil {
			first.done()
		} else {
			r.whisper(first.v, first.reply)
		}
	}
}

// number gives an event its time and its number, keeps it, and has it stored. With
// other nodes it does so when the event has found its place among theirs.
func (r *room) number(e Entry) {
	e.At = time.Now().UTC().Truncate(time.Millisecond)
	r.share(act{Entry: &e})
	if r.line == nil || r.apart {
		r.append(e, r.line == nil)
	}
}

// overwrite replaces what is kept at e's number, in memory and in the log.
func (r *room) overwrite(old *Entry, e Entry) {
	if r.line != nil {
		r.line.scrub(old.Message)
	}
	r.share(act{Erase: old.Message})
	if !r.apart || old.Seq <= r.fork {
		r.scribe.entry(e)
	}
	delete(r.ring.message, old.Message)
	*old = e
	r.historyJSON = nil
}

func (r *room) sweep(now time.Time) {
	r.sweeps++
	for _, v := range r.sockets {
		if v.phase == r.sweeps%pingPhases {
			v.out.ping()
		}
	}
	r.forget(now)
	r.tidySpeech(now)
	r.dropHeld(now)
	r.endRaid(now)
	r.attend()
	r.vow(now)
	changed := r.audience() != r.sentViewers && now.Sub(r.lastViewers) >= viewersEvery
	quiet := len(r.sockets) > 0 && now.Sub(r.lastFrame) >= quietLimit
	if changed || quiet {
		r.sayViewers = true
		r.flushSoon(r.tick())
	}
	r.retireIfIdle(now)
}
