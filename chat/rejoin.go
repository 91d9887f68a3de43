package chat

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// maxRenewals bounds how often a snapshot is taken again that was overtaken.
const maxRenewals = 10

// What the line tells its room.
type (
	// arrived are parcels, in the order of the line.
	arrived []Parcel
	// rejoin is where the line stands after an outage, or at the beginning.
	rejoin struct {
		joined Joined
		state  *State // of the log, if the line could not tell all; its entries only
	}
	// part is the word that the bus is away and somebody is waiting to be heard.
	part struct{ snap Snapshot }
	// counted is how many people there are on all nodes.
	counted int
	// fresh is a snapshot that renew asked for.
	fresh struct {
		snap Snapshot
		told int64
		try  int
	}
)

func (m counted) deliver(r *room) { r.total.Store(int64(m)) }

func (m part) deliver(r *room) { r.part(m.snap) }

// part goes on alone: what this node's people do is numbered here, under an
// epoch of this node's own, until the line is back and says where in the order
// it belongs.
func (r *room) part(snap Snapshot) {
	if r.apart {
		return
	}
	complete := !r.hushed
	if r.hushed {
		r.hushed = false
		r.flushed, r.historyJSON = r.ring.last, nil
	}
	r.flushNow()
	r.apart, r.fork = true, r.ring.last
	r.alone.Store(true)
	r.epoch = NewEpoch()
	r.hub.count.apart.Add(1)
	r.hub.count.forks.Add(1)
	r.hub.Logger.Warn("a room goes on without the other nodes", "channel", r.channel)
	r.welcomeAll(snap, complete)
	for _, a := range r.line.pending() {
		if a.Entry != nil {
			r.append(*a.Entry, false)
		}
	}
	r.flushSoon(0)
}

func (m arrived) deliver(r *room) {
	for _, p := range m {
		r.arrive1(p)
	}
	r.flushSoon(r.tick())
}

// arrive1 does what is in a parcel.
func (r *room) arrive1(p Parcel) {
	o, mine := r.line.came(p)
	if p.Numbers > 0 && p.First != r.ring.last+1 {
		panic("a parcel does not follow the one before")
	}
	urgent := false
	acts := r.acts(p)
	r.owe(p, acts, mine)
	for _, a := range acts {
		r.perform(a, mine)
		urgent = urgent || !a.spoken() && a.Tally == nil && a.Kept == nil && a.Fresh == 0
	}
	if mine && r.hushed && o.serial >= r.releaseAt {
		r.release()
	}
	if urgent {
		r.flushSoon(r.urgentGap())
	}
}

// acts reads a parcel. One that cannot be read leaves its numbers empty: it
// comes from a node of another version.
func (r *room) acts(p Parcel) []act {
	var acts []act
	err := json.Unmarshal(p.Data, &acts)
	if err == nil && numbers(acts) == p.Numbers {
		return acts
	}
	r.hub.Logger.Error("a parcel of another node cannot be read", "channel", r.channel, "node", p.Node, "err", err)
	acts = nil
	for range p.Numbers {
		acts = append(acts, act{Entry: &Entry{At: time.Now().UTC(), Type: "deleted", Data: json.RawMessage(`{"message":""}`)}})
	}
	return acts
}

func (m rejoin) deliver(r *room) {
	j := m.joined
	was := r.apart
	if was {
		r.apart = false
		r.alone.Store(false)
		r.hub.count.apart.Add(-1)
		r.hub.Logger.Info("a room is joined to the other nodes again", "channel", r.channel)
		if r.ring.last != r.fork {
			r.ring.cut(r.fork)
		}
		r.flushed, r.historyJSON = min(r.flushed, r.fork), nil
	}
	anew := m.state != nil
	if anew || was {
		r.hushed = true
	}
	r.epoch = j.Epoch
	r.recount(anew)
	if anew {
		r.rebuild(m.state, j)
		r.adopt(m.state.facts())
	}
	for _, p := range j.Parcels {
		if anew {
			r.relive(p)
		} else {
			r.arrive1(p)
		}
	}
	r.releaseAt = 0
	if was {
		until, late := r.line.shown()
		r.releaseAt, r.late = until, r.late || late
	}
	switch {
	case !r.hushed:
		r.flushSoon(0)
	case r.releaseAt == 0:
		r.release()
	}
	r.line.nudge()
}

// rebuild puts together what there is to replay: what the room has, what the log has, what
// is still in the line. What the log lacks it is given: its writer may have died.
func (r *room) rebuild(s *State, j Joined) {
	all := map[int64]Entry{}
	for _, e := range r.ring.entries {
		all[e.Seq] = e
	}
	for _, e := range s.Entries {
		all[e.Seq] = e
	}
	for _, p := range j.Parcels {
		seq := p.First
		for _, a := range r.acts(p) {
			switch {
			case a.Entry != nil:
				e := *a.Entry
				if e.Seq = seq; all[seq].Seq == 0 {
					all[seq] = e
					r.scribe.entry(e)
				}
				seq++
			case a.Erase != "":
				for n, e := range all {
					if e.Message == a.Erase {
						all[n] = tombstone(e)
						r.scribe.entry(all[n])
					}
				}
			case a.Clear != "":
				for n, e := range all {
					if e.Person == a.Clear && e.Message != "" {
						all[n] = tombstone(e)
						r.scribe.entry(all[n])
					}
				}
			}
		}
	}
	entries := make([]Entry, 0, len(all))
	for _, seq := range slices.Sorted(maps.Keys(all)) {
		entries = append(entries, all[seq])
	}
	entries = entries[max(0, len(entries)-ringLen):]
	r.ring.refill(entries)
	if r.ring.last != j.Last {
		r.ring.skip(j.Last)
	}
	r.flushed, r.historyJSON = r.ring.last, nil
}

// relive does what is in a parcel whose entries rebuild has taken.
func (r *room) relive(p Parcel) {
	_, mine := r.line.came(p)
	acts := r.acts(p)
	r.owe(p, acts, mine)
	for _, a := range acts {
		if a.Entry == nil && a.Erase == "" {
			r.perform(a, mine)
		}
	}
}

// release ends the time in which viewers are shown nothing: everybody gets the
// conversation as all nodes have it.
func (r *room) release() {
	r.releaseAt = 0
	r.flushed, r.historyJSON = r.ring.last, nil
	if r.late { // pins and prices of this node come late to the others
		r.late = false
		r.share(act{Renew: true})
	}
	if reread := r.hub.Reread; reread != nil {
		for _, k := range r.latestOrder {
			reread(r.channel, k.typ, k.key)
		}
	}
	if len(r.sockets) == 0 {
		r.hushed = false
		return
	}
	r.snap(1)
}

// renew gives everybody the snapshot of now: facts may have come in another
// order than they happened.
func (r *room) renew() {
	if !r.renewing && len(r.sockets) > 0 {
		r.snap(1)
	}
}

// snap takes a snapshot on a goroutine of its own.
func (r *room) snap(try int) {
	r.renewing = true
	r.hub.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), joinWait)
		defer cancel()
		s, told, err := r.snapshot.get(ctx, r)
		if err != nil {
			s = r.snapshot.former()
		}
		select {
		case r.inbox <- fresh{s, told, try}:
		case <-r.done:
		}
	})
}

func (m fresh) deliver(r *room) {
	r.renewing = false
	switch {
	case r.hushed && r.releaseAt != 0: // it parted and joined meanwhile
	case r.hushed: // what was told since the snapshot follows as an event
		r.hushed = false
		r.welcomeAll(m.snap, false)
		r.flushSoon(0)
	case m.told != r.told.Load() && m.try < maxRenewals:
		r.snap(m.try + 1)
	default:
		r.flushNow()
		r.welcomeAll(m.snap, true)
	}
}

// welcomeAll welcomes everybody who is here again, after all frames so far.
// complete tells that they have seen everything; then only the numbers begin
// anew. Else the history replaces what is on their screens.
func (r *room) welcomeAll(snap Snapshot, complete bool) {
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		v := r.sockets[i]
		resumed := complete && v.next == r.ring.next() && v.first == nil
		v.next = r.ring.next()
		v.first = textFrame(r.welcome(join{v: v, snap: snap, from: position{r.epoch, r.flushed}}, resumed))
		r.feed(v)
	}
}
