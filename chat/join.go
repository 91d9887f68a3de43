package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"
)

// maxSnapshotTries bounds how often a joiner asks again because the room was
// told something meanwhile. In the end any snapshot is only a start: what
// follows is numbered.
const maxSnapshotTries = 3

var errGone = errors.New("the room has ended")

// position is where a client stood when it left.
type position struct {
	epoch string
	seq   int64
}

// snapshotAge is how long a snapshot serves further joiners, as long as the
// room is told nothing.
const snapshotAge = time.Second

// join asks the room to take a viewer in.
type join struct {
	v      *viewer
	from   position // zero: a newcomer
	snap   Snapshot
	told   int64 // what the room had been told when snap was taken
	insist bool  // take snap as it is
	answer chan error
}

// errStale: the room was told something since the snapshot was taken.
var errStale = errors.New("stale snapshot")

// closing is an error that closes the socket with a code.
type closing struct {
	code   int
	reason string
}

func (c closing) Error() string { return c.reason }

// arrive brings v into the room: its first frame has been handed over when
// arrive returns nil. Any goroutine; it waits for the snapshot and for the
// room's log to be open.
//
// A snapshot that is older than what the room was told would leave the joiner
// with a pin that is off air and no event to come that says so. The room
// refuses it, and the joiner takes another. (One that is newer does no harm:
// the event follows.)
func (r *room) arrive(ctx context.Context, v *viewer, from position) error {
	ctx, cancel := context.WithTimeout(ctx, joinWait)
	defer cancel()
	for try := 1; ; try++ {
		j := join{v: v, from: from, insist: try >= maxSnapshotTries, answer: make(chan error, 1)}
		var err error
		if j.snap, j.told, err = r.snapshot.get(ctx, r); err != nil {
			return err
		}
		select {
		case r.inbox <- j:
		case <-r.done:
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-j.answer:
			if !errors.Is(err, errStale) {
				return err
			}
		case <-r.done:
			return errGone
		case <-ctx.Done():
			// The room may still take v in; its reader, which ends at once, takes it out.
			return ctx.Err()
		}
	}
}

func (j join) deliver(r *room) { j.answer <- r.admit(j) }

func (r *room) admit(j join) error {
	v := j.v
	if !j.insist && j.told != r.told.Load() {
		return errStale
	}
	if s, is := r.barred(v.person); is {
		r.hub.count.banned.Add(1)
		v.out.send(textFrame(s.told()))
		return closing{CloseBanned, "banned"}
	}
	if m := r.members[v.person.ID]; m != nil && m.sockets >= maxPersonSockets {
		return closing{CloseAbuse, "abuse"}
	}
	r.greet(&v.person)
	r.add(v)
	missed, resumed := r.missed(j.from)
	first := [][]byte{r.welcome(j, resumed)}
	if latest := r.latestValues(); len(latest) > 0 {
		first = append(first, latest)
	}
	first = append(first, r.viewersEvent())
	for _, e := range missed {
		first = append(first, e.appendTo(nil))
	}
	first = append(first, r.waiting(v.person.ID)...)
	v.out.send(textFrame(first...)) // refused only if the peer has left: then its reader says so
	return nil
}

// snapshots shares one snapshot among those who join at the same time: after a
// restart everybody does.
type snapshots struct {
	turn chan struct{} // capacity 1; whoever holds it owns the rest
	last Snapshot
	told int64
	at   time.Time
}

// get returns a snapshot and what the room had been told before it was taken.
func (s *snapshots) get(ctx context.Context, r *room) (Snapshot, int64, error) {
	if r.hub.Snapshot == nil {
		return Snapshot{}, r.told.Load(), nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return Snapshot{}, 0, ctx.Err()
	}
	told := r.told.Load()
	if s.told == told && !s.at.IsZero() && time.Since(s.at) < snapshotAge {
		return s.last, told, nil
	}
	taken := r.hub.Snapshot(ctx, r.channel)
	if err := ctx.Err(); err != nil {
		return Snapshot{}, 0, err // perhaps half of it
	}
	if taken.Pin != nil && !json.Valid(taken.Pin) {
		r.hub.Logger.Error("the pin of a snapshot is not JSON", "channel", r.channel)
		taken.Pin = nil
	}
	s.last, s.told, s.at = taken, told, time.Now()
	return taken, told, nil
}

// missed returns what a client at from has not seen of the frames so far, or
// false when the room cannot prove that this is all of it.
func (r *room) missed(from position) ([]Entry, bool) {
	if from.epoch == "" {
		return nil, false
	}
	entries, ok := r.ring.after(from.seq)
	if from.epoch != r.epoch || from.seq > r.flushed || !ok {
		r.hub.count.unprovable.Add(1)
		return nil, false
	}
	r.hub.count.resumed.Add(1)
	return entries[:r.flushed-from.seq], true // the rest is in the next frame
}

// former returns the last snapshot that was taken, however old.
func (s *snapshots) former() Snapshot {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return s.last
}

// welcome is the data of the first event, but for `history`, which is ready-made.
type welcome struct {
	You     you             `json:"you"`
	Live    bool            `json:"live"`
	Pin     json.RawMessage `json:"pin"`
	Slow    int64           `json:"slow"` // seconds
	Rules   rules           `json:"rules"`
	Notice  *Notice         `json:"notice"`
	Resumed bool            `json:"resumed"`
}

type you struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Roles  []string `json:"roles"`
	Badges []string `json:"badges"`
	Known  bool     `json:"known"`
}

func (r *room) welcome(j join, resumed bool) []byte {
	p := j.v.person
	w := welcome{
		You:     youAre(p),
		Live:    j.snap.Live,
		Pin:     j.snap.Pin,
		Slow:    int64(r.slowness() / time.Second),
		Rules:   r.rules(),
		Notice:  r.law.set.Notice,
		Resumed: resumed,
	}
	s, history := stamp{epoch: r.epoch, seq: r.flushed}, r.history()
	if resumed {
		s.seq, history = j.from.seq, []byte("[]")
	}
	data := bytes.TrimSuffix(mustEncode(w), []byte("}"))
	data = append(append(append(data, `,"history":`...), history...), '}')
	return appendEvent(nil, "welcome", s, data)
}

func youAre(p Person) you {
	return you{ID: p.ID, Name: p.Name, Roles: list(p.Roles), Badges: list(p.Badges), Known: p.ID != "" && p.known(time.Now())}
}

// list makes an empty list of a nil one: clients need not know of null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// history returns the last conversation as a JSON array. It is made once for
// all who join until it changes.
func (r *room) history() []byte {
	if r.historyJSON != nil {
		return r.historyJSON
	}
	shown := r.ring.entries[:len(r.ring.entries)-int(r.ring.last-r.flushed)]
	var chosen []Entry
	for i := len(shown) - 1; i >= 0 && len(chosen) < historyLen; i-- {
		switch shown[i].Type {
		case "message", "question", "notice", "answered":
			chosen = append(chosen, shown[i])
		}
	}
	b := []byte{'['}
	for i := len(chosen) - 1; i >= 0; i-- {
		b = chosen[i].appendTo(b)
		if i > 0 {
			b = append(b, ',')
		}
	}
	r.historyJSON = append(b, ']')
	return r.historyJSON
}

// latestValues returns all latest values, comma separated.
func (r *room) latestValues() []byte {
	if r.latestJSON == nil {
		r.latestJSON = []byte{}
		for i, k := range r.latestOrder {
			if i > 0 {
				r.latestJSON = append(r.latestJSON, ',')
			}
			r.latestJSON = append(r.latestJSON, r.latest[k]...)
		}
	}
	return r.latestJSON
}
