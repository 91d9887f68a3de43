package chat

import (
	"math/rand/v2"
	"sort"
	"time"
)

// Every node stores what began on it. One that dies between the line and the log
// leaves a gap in the log that no other node would ever notice. So each node says
// from time to time up to which of its parcels it has stored everything, and what
// a node does not say so of, another one stores for it, once, and says so in its
// stead.
const (
	keptWait  = 6 * time.Second // after that it is stored by somebody else
	keptApart = 3 * time.Second // spread, so that mostly one node does it
	maxOwed   = 4096            // parcels of a node whose storing is awaited; older ones are believed
)

// kept is what a room knows of who has stored what.
type kept struct {
	due   int64 // serial of this node's last parcel with something to store
	said  int64 // up to which serial the others were told
	busy  bool  // the log is being asked
	after time.Duration
	owed  map[string][]owed // by node, in the order of serials
}

// owed is what a node has not said to have stored.
type owed struct {
	serial int64
	since  time.Time
	seqs   []int64
	facts  Batch
}

func newKept() kept {
	return kept{after: keptWait + rand.N(keptApart), owed: map[string][]owed{}}
}

// owe takes note of what is to be stored of a parcel whose first number is
// first, and of what it says about others.
func (r *room) owe(p Parcel, acts []act, mine bool) {
	o := owed{serial: p.Serial, since: time.Now()}
	seq := p.First
	for _, a := range acts {
		switch {
		case a.Entry != nil:
			o.seqs = append(o.seqs, seq)
			seq++
		case a.Fact != nil:
			o.facts.join(*a.Fact)
		}
		for node, serial := range a.Kept {
			r.believe(node, serial)
		}
	}
	switch {
	case len(o.seqs) == 0 && o.facts.empty():
	case mine:
		r.kept.due = p.Serial
	default:
		list := append(r.kept.owed[p.Node], o)
		r.kept.owed[p.Node] = list[max(0, len(list)-maxOwed):]
	}
}

// believe forgets what a node has stored.
func (r *room) believe(node string, serial int64) {
	list := r.kept.owed[node]
	i := sort.Search(len(list), func(i int) bool { return list[i].serial > serial })
	if list = list[i:]; len(list) == 0 {
		delete(r.kept.owed, node)
	} else {
		r.kept.owed[node] = list
	}
}

// recount gives every node its time anew: nothing was heard meanwhile.
func (r *room) recount(anew bool) {
	if anew {
		clear(r.kept.owed)
	}
	now := time.Now()
	for _, list := range r.kept.owed {
		for i := range list {
			list[i].since = now
		}
	}
}

// vow tells the others what is stored, and stores what somebody else should
// have.
func (r *room) vow(now time.Time) {
	if r.line == nil || r.apart || r.hushed || r.kept.busy {
		return
	}
	told := map[string]int64{}
	if r.kept.due > r.kept.said {
		told[r.line.node] = r.kept.due
	}
	for node, list := range r.kept.owed {
		for _, o := range list {
			if now.Sub(o.since) < r.kept.after || r.scribe.behind() >= maxBacklog/2 {
				break
			}
			r.storeFor(o)
			told[node] = o.serial
		}
	}
	if len(told) == 0 {
		return
	}
	r.kept.busy = true
	r.awaiting = append(r.awaiting, awaiting{ticket: r.scribe.await(), done: func() {
		r.kept.busy = false
		for node, serial := range told {
			if node == r.line.node {
				r.kept.said = serial
			} else {
				r.believe(node, serial)
			}
		}
		r.share(act{Kept: told})
	}})
}

// storeFor stores what another node should have, as it stands now: what came
// later in the line counts.
func (r *room) storeFor(o owed) {
	for _, seq := range o.seqs {
		all := r.ring.entries
		i := sort.Search(len(all), func(i int) bool { return all[i].Seq >= seq })
		if i < len(all) && all[i].Seq == seq {
			r.scribe.entry(all[i])
			r.hub.count.filled.Add(1)
		}
	}
	b := Batch{Deeds: o.facts.Deeds, Cleared: o.facts.Cleared}
	if o.facts.Settings != nil {
		set := r.law.set
		b.Settings = &set
	}
	for _, s := range o.facts.Sanctions {
		if now, is := r.sanctions[s.Person]; is {
			b.Sanctions = append(b.Sanctions, now)
		} else {
			b.Sanctions = append(b.Sanctions, Sanction{Person: s.Person, Lifted: true})
		}
	}
	for _, q := range o.facts.Questions {
		if _, open := r.questions[q.ID]; open || q.State != QuestionOpen {
			b.Questions = append(b.Questions, q)
		}
	}
	for _, l := range o.facts.Letters {
		if _, waits := r.letters[l.ID]; waits || l.Taken {
			b.Letters = append(b.Letters, l)
		}
	}
	for _, h := range o.facts.Held {
		if _, waits := r.held[h.ID]; waits || h.State != heldOpen {
			b.Held = append(b.Held, h)
		}
	}
	if !b.empty() {
		r.note(b)
	}
}
