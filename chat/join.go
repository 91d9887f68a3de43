package chat

import (
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
		j := join{v: v, from: from, told: r.told.Load(), insist: try >= maxSnapshotTries, answer: make(chan error, 1)}
		if r.hub.Snapshot != nil {
			j.snap = r.hub.Snapshot(ctx, r.channel)
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
	if s, ok := r.sanctions[v.person.ID]; ok && s.Until.IsZero() && !v.person.runs() {
		r.hub.count.banned.Add(1)
		return closing{CloseBanned, "banned"}
	}
	if m := r.members[v.person.ID]; m != nil && m.sockets >= maxPersonSockets {
		return closing{CloseAbuse, "abuse"}
	}
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
	v.out.send(textFrame(first...)) // refused only if the peer has left: then its reader says so
	return nil
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

type welcome struct {
	You     you             `json:"you"`
	Live    bool            `json:"live"`
	Pin     json.RawMessage `json:"pin"`
	Slow    int64           `json:"slow"` // seconds
	Resumed bool            `json:"resumed"`
	History json.RawMessage `json:"history"`
}

type you struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Roles  []string `json:"roles"`
	Badges []string `json:"badges"`
}

func (r *room) welcome(j join, resumed bool) []byte {
	p := j.v.person
	w := welcome{
		You:     you{ID: p.ID, Name: p.Name, Roles: list(p.Roles), Badges: list(p.Badges)},
		Live:    j.snap.Live,
		Pin:     j.snap.Pin,
		Slow:    int64(r.slow / time.Second),
		Resumed: resumed,
		History: json.RawMessage("[]"),
	}
	s := stamp{epoch: r.epoch, seq: r.flushed}
	if resumed {
		s.seq = j.from.seq
	} else {
		w.History = r.history()
	}
	return appendEvent(nil, "welcome", s, mustEncode(w))
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
func (r *room) history() json.RawMessage {
	if r.historyJSON != nil {
		return r.historyJSON
	}
	shown := r.ring.entries[:len(r.ring.entries)-int(r.ring.last-r.flushed)]
	var chosen []Entry
	for i := len(shown) - 1; i >= 0 && len(chosen) < historyLen; i-- {
		switch shown[i].Type {
		case "message", "question", "notice":
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
