package chat

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"
)

// Pace of a line to other nodes.
const (
	busWait    = 150 * time.Millisecond // for one call; then the room goes on alone
	forkWait   = 100 * time.Millisecond // for the snapshot of a room that goes on alone
	shipGap    = 5 * time.Millisecond   // between two parcels of a busy room
	countEvery = 3 * time.Second
	rejoinMin  = 250 * time.Millisecond // between two attempts to join again
	rejoinMax  = 2 * time.Second
	stopWait   = time.Second // for the last parcels of a room that ends
)

// Limits of a line.
const (
	maxParcel  = 32 << 10 // bytes of a parcel's acts; one act may be larger
	maxUnsent  = 8192     // acts that wait for a bus that is away; then the oldest talk is given up
	maxArrived = 64       // parcels handed to the room at once
)

// lineEnd is a room's end of the bus. Its goroutine joins, publishes what the
// room did, hands over what all did, and never gives up; the room never waits
// for it. A call that takes longer than busWait counts as an outage: the room
// parts, which is to say that it shows its own people what they do under an
// epoch of its own, and joins again when the bus is back.
type lineEnd struct {
	// configuration
	bus  Bus
	room *room
	node string // a name that no other process has or had

	// state of the goroutine in run
	place Place // of the last parcel handed to the room
	last  int64 // the highest number in them

	mu      sync.Mutex // guards what follows
	open    []act      // not in a parcel yet
	sent    []outgoing // not yet come back, by serial
	unsent  int        // acts in open and sent
	serial  int64      // of the newest in sent
	who     Attendance
	counted bool // who was told to the bus

	// channels
	wake chan struct{} // capacity 1
}

// errCut: the bus cannot prove any more that nothing is missing.
var errCut = errors.New("cut off")

// outgoing is a parcel of this node.
type outgoing struct {
	serial int64
	acts   []act
	data   []byte
	done   bool // shown here while the room was alone
}

func newLineEnd(bus Bus, r *room, node string, last int64) *lineEnd {
	return &lineEnd{bus: bus, room: r, node: node, last: last, counted: true, wake: make(chan struct{}, 1)}
}

// add hands over an act. It never waits.
func (l *lineEnd) add(a act) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Tally != nil && len(l.open) > 0 && l.open[len(l.open)-1].Tally != nil {
		for kind, n := range a.Tally {
			l.open[len(l.open)-1].Tally[kind] += n
		}
		return
	}
	if l.unsent >= maxUnsent {
		l.giveUp()
	}
	l.open = append(l.open, a)
	l.unsent++
	l.nudge()
}

// giveUp lets the oldest talk go. It needs mu.
func (l *lineEnd) giveUp() {
	if i := slices.IndexFunc(l.open, act.spoken); i >= 0 {
		l.open = slices.Delete(l.open, i, i+1)
		l.unsent--
		l.room.hub.count.unshared.Add(1)
	}
}

// scrub takes the text of a message out of what waits.
func (l *lineEnd) scrub(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, a := range l.open {
		if a.Entry != nil && a.Entry.Message == message {
			gone := tombstone(*a.Entry)
			l.open[i].Entry = &gone
		}
	}
}

func (l *lineEnd) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// pending returns the acts that have not come back, in order.
func (l *lineEnd) pending() []act {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []act
	for _, o := range l.sent {
		all = append(all, o.acts...)
	}
	return append(all, l.open...)
}

func (l *lineEnd) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsent == 0
}

// came takes note of a parcel that came down the line: mine tells whether it
// is this node's.
func (l *lineEnd) came(p Parcel) (o outgoing, mine bool) {
	if p.Node != l.node {
		return outgoing{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.sent) > 0 && l.sent[0].serial <= p.Serial {
		o, l.sent = l.sent[0], l.sent[1:]
		l.unsent -= len(o.acts)
	}
	return o, true
}

// shown marks what waits as shown to this node's people, and returns the
// serial after which all of it will have come back; 0 when nothing waits. late
// tells that facts are among it.
func (l *lineEnd) shown() (until int64, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pack(len(l.open))
	for i := range l.sent {
		l.sent[i].done = true
		until = l.sent[i].serial
		late = late || slices.ContainsFunc(l.sent[i].acts, func(a act) bool { return a.Entry != nil && !a.spoken() })
	}
	return until, late
}

// pack makes parcels of the first n open acts. It needs mu.
func (l *lineEnd) pack(n int) {
	for n > 0 {
		size, take := 0, 0
		var encoded []json.RawMessage
		for take < n {
			b := mustEncode(l.open[take])
			if size += len(b); take > 0 && size > maxParcel {
				break
			}
			encoded = append(encoded, b)
			take++
		}
		l.serial++
		l.sent = append(l.sent, outgoing{serial: l.serial, acts: slices.Clone(l.open[:take]), data: mustEncode(encoded)})
		l.open, n = l.open[take:], n-take
	}
	if len(l.open) == 0 {
		l.open = nil
	}
}

// after returns the parcels above serial, with everything that is open.
func (l *lineEnd) after(serial int64) []outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pack(len(l.open))
	i := slices.IndexFunc(l.sent, func(o outgoing) bool { return o.serial > serial })
	if i < 0 {
		return nil
	}
	return slices.Clone(l.sent[i:])
}

// attend notes who is here, for the next count.
func (l *lineEnd) attend(who Attendance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.counted { // those who left since the last count that succeeded
		who.Gone = append(l.who.Gone, who.Gone...)
	}
	l.who, l.counted = who, false
}

// first joins before the room opens, or leaves it alone from the start.
func (l *lineEnd) first(ctx context.Context) (Joined, bool) {
	j, err := l.join(ctx)
	if err != nil {
		l.room.part(Snapshot{})
		return j, false
	}
	rejoin{joined: j, state: &State{}}.deliver(l.room)
	return j, true
}

// run keeps the room on the line until ctx ends.
func (l *lineEnd) run(ctx context.Context, j Joined, joined bool) {
	wait := rejoinMin
	for ctx.Err() == nil {
		if joined {
			began := time.Now()
			err := l.follow(ctx, j)
			l.bus.Leave(l.room.channel)
			if ctx.Err() != nil {
				break
			}
			if time.Since(began) > rejoinMax {
				wait = rejoinMin
			}
			if !errors.Is(err, ErrNewEpoch) && !errors.Is(err, errCut) && !l.idle() {
				l.fork(ctx) // it has waited long enough
			}
		}
		if j, joined = l.again(ctx); joined {
			continue
		}
		if !l.idle() {
			l.fork(ctx)
		}
		l.rest(ctx, wait)
		wait = min(2*wait, rejoinMax)
	}
	l.leave()
}

// rest waits before the next attempt to join; when the room does something
// meanwhile, it first goes on alone.
func (l *lineEnd) rest(ctx context.Context, wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case <-l.wake:
			if !l.idle() {
				l.fork(ctx)
			}
		}
	}
}

func (l *lineEnd) join(ctx context.Context) (Joined, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*busWait)
	defer cancel()
	j, err := l.bus.Join(ctx, l.room.channel, l.place, l.last)
	if err == nil {
		l.place, l.last = Place{Epoch: j.Epoch, Offset: l.offset(j)}, max(l.last, j.Last)
	}
	return j, err
}

// joinSoon is join, but has the room go on alone when somebody has to wait for it.
func (l *lineEnd) joinSoon(ctx context.Context) (j Joined, err error) {
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		j, err = l.join(ctx)
	}()
	grace := time.NewTimer(forkWait)
	defer grace.Stop()
	for soon := true; ; {
		select {
		case <-joined:
			return j, err
		case <-grace.C:
			soon = false
		case <-l.wake:
		}
		if !soon && !l.idle() {
			l.fork(ctx)
		}
	}
}

// offset is where the line stands after j's parcels.
func (l *lineEnd) offset(j Joined) int64 {
	if n := len(j.Parcels); n > 0 {
		return j.Parcels[n-1].Offset
	}
	if l.place.Epoch == j.Epoch {
		return l.place.Offset
	}
	return 0
}

// again joins after an outage, and reads the log if the line cannot tell all
// that was missed.
func (l *lineEnd) again(ctx context.Context) (Joined, bool) {
	before := l.place
	j, err := l.joinSoon(ctx)
	if err != nil {
		return j, false
	}
	m := rejoin{joined: j}
	if !j.Whole {
		try, cancel := context.WithTimeout(ctx, storeWait)
		state, err := l.room.hub.Log.Open(try, l.room.channel)
		cancel()
		if err != nil {
			l.room.hub.Logger.Error("a room cannot read its log to join the others; trying again", "channel", l.room.channel, "err", err)
			l.bus.Leave(l.room.channel)
			l.place = before
			return j, false
		}
		m.state = &state
	}
	return j, l.post(ctx, m)
}

// follow hands over what comes and publishes what the room did, until the bus
// fails.
func (l *lineEnd) follow(ctx context.Context, j Joined) error {
	count := time.NewTicker(countEvery)
	defer count.Stop()
	gap := time.NewTimer(0)
	defer gap.Stop()
	l.count(ctx) // at once: the others want to know who is here
	var shipped int64
	var free = true // the gap is over
	due := true     // something waits for it
	for {
		if due && free {
			var err error
			if shipped, err = l.ship(ctx, j.Epoch, shipped); err != nil {
				return err
			}
			due, free = false, false
			gap.Reset(shipGap)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.wake:
			due = true
		case <-gap.C:
			free = true
		case p, ok := <-j.Rest:
			if !ok {
				return errCut
			}
			l.hand(ctx, p, j.Rest)
		case <-count.C:
			if err := l.count(ctx); err != nil {
				return err
			}
		}
	}
}

// ship publishes the parcels above shipped.
func (l *lineEnd) ship(ctx context.Context, epoch string, shipped int64) (int64, error) {
	for _, o := range l.after(shipped) {
		call, cancel := context.WithTimeout(ctx, busWait)
		err := l.bus.Publish(call, l.room.channel, epoch, Parcel{Node: l.node, Serial: o.serial, Numbers: numbers(o.acts), Data: o.data})
		cancel()
		if err != nil {
			return shipped, err
		}
		shipped = o.serial
	}
	return shipped, nil
}

func numbers(acts []act) int {
	n := 0
	for _, a := range acts {
		if a.Entry != nil {
			n++
		}
	}
	return n
}

// hand gives the room a parcel and those that came with it.
func (l *lineEnd) hand(ctx context.Context, p Parcel, rest <-chan Parcel) {
	m := arrived{p}
	for more := true; more && len(m) < maxArrived; {
		select {
		case p, ok := <-rest:
			if more = ok; ok {
				m = append(m, p)
			}
		default:
			more = false
		}
	}
	p = m[len(m)-1]
	l.place.Offset = p.Offset
	l.last = max(l.last, p.First+int64(p.Numbers)-1)
	l.post(ctx, m)
}

func (l *lineEnd) count(ctx context.Context) error {
	l.mu.Lock()
	who, old := l.who, l.counted
	l.mu.Unlock()
	if old {
		return nil
	}
	call, cancel := context.WithTimeout(ctx, busWait)
	defer cancel()
	n, err := l.bus.Count(call, l.room.channel, who)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.counted = true
	l.mu.Unlock()
	l.post(ctx, counted(n))
	return nil
}

// leave tells the others that nobody is here any more.
func (l *lineEnd) leave() {
	l.mu.Lock()
	who := Attendance{Gone: append(l.who.Gone, l.who.Here...)}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), busWait)
	defer cancel()
	_, _ = l.bus.Count(ctx, l.room.channel, who) // else they expire
	l.bus.Leave(l.room.channel)
}

// fork has the room go on alone.
func (l *lineEnd) fork(ctx context.Context) {
	try, cancel := context.WithTimeout(ctx, forkWait)
	snap, _, err := l.room.snapshot.get(try, l.room)
	cancel()
	if err != nil {
		snap = l.room.snapshot.former()
	}
	l.post(ctx, part{snap})
}

func (l *lineEnd) post(ctx context.Context, m message) bool {
	select {
	case l.room.inbox <- m:
		return true
	case <-ctx.Done():
		return false
	}
}
