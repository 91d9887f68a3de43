package chat

import (
	"encoding/json"
)

// act is one thing that a room does and that its channel's rooms on other nodes
// must do too. One member is set.
//
// Only entries wait for their place in the line: their numbers are the order.
// Everything else happens on the node where it began at once, and again when
// its parcel comes back, so that all nodes end with what the line says last.
type act struct {
	Entry   *Entry         `json:"entry,omitempty"` // not numbered yet
	Erase   string         `json:"erase,omitempty"` // a message, taken out
	Clear   string         `json:"clear,omitempty"` // a person: all they said is taken out
	Fresh   int            `json:"fresh,omitempty"` // so many guests came for the first time
	Fact    *Batch         `json:"fact,omitempty"`  // bans, settings and the like
	Whisper *whispered     `json:"whisper,omitempty"`
	Tally   map[string]int `json:"tally,omitempty"`  // reactions
	Stale   *staleValue    `json:"stale,omitempty"`  // every node reads it anew
	Person  *Person        `json:"person,omitempty"` // whose roles or badges changed
	Renew   bool           `json:"renew,omitempty"`  // read the snapshot anew
	// Kept is up to which of its parcels a node's are stored, by node.
	Kept map[string]int64 `json:"kept,omitempty"`
}

type whispered struct {
	To    To              `json:"to"`
	Event json.RawMessage `json:"event"`
}

type staleValue struct {
	Type string `json:"type"`
	Key  string `json:"key"`
}

// spoken tells whether the act is an entry that a person said.
func (a act) spoken() bool { return a.Entry != nil && a.Entry.Message != "" }

// share hands an act to the other nodes, if there are any.
func (r *room) share(a act) {
	if r.line != nil {
		r.line.add(a)
	}
}

// perform does what comes down the line; mine tells that it began on this node.
func (r *room) perform(a act, mine bool) {
	switch {
	case a.Entry != nil:
		r.append(r.once(*a.Entry), mine)
		if m := r.members[a.Entry.Person]; m != nil && !mine && a.Entry.spoken() {
			m.heard(*a.Entry)
		}
	case a.Erase != "":
		if old, ok := r.ring.find(a.Erase); ok {
			gone := tombstone(*old)
			*old = gone
			delete(r.ring.message, a.Erase)
			r.historyJSON = nil
			if mine {
				r.scribe.entry(gone)
			}
		}
	case a.Clear != "":
		r.wipe(a.Clear, mine)
	case a.Fresh > 0:
		r.countFresh(a.Fresh, mine)
	case a.Fact != nil:
		r.adopt(*a.Fact)
	case a.Kept != nil: // see owe
	case a.Renew:
		if !mine {
			r.renew()
		}
	case mine:
	case a.Person != nil:
		r.know(*a.Person)
	case a.Whisper != nil:
		whisper{to: a.Whisper.To, event: a.Whisper.Event}.show(r)
	case a.Tally != nil:
		for kind, n := range a.Tally {
			r.tally[kind] += n
		}
	case a.Stale != nil:
		if reread := r.hub.Reread; reread != nil {
			reread(r.channel, a.Stale.Type, a.Stale.Key)
		}
	}
}

// append gives an entry its number and keeps it. stored: this node writes it
// into the log.
func (r *room) append(e Entry, stored bool) {
	if r.ring.last-r.flushed >= maxPending {
		r.flush()
	}
	e = r.ring.add(e)
	if stored {
		r.scribe.entry(e)
	}
	r.hub.count.events.Add(1)
	if e.Message == "" {
		r.told.Add(1)
	}
}

// once leaves the number of a message empty that has one already: moderators on
// two nodes may approve the same at the same time.
func (r *room) once(e Entry) Entry {
	if _, twice := r.ring.message[e.Message]; e.Message != "" && twice {
		return Entry{At: e.At, Type: "deleted", Data: json.RawMessage(`{"message":""}`)}
	}
	return e
}

// tombstone is what stays of a message that was taken out.
func tombstone(e Entry) Entry {
	return Entry{Seq: e.Seq, At: e.At, Type: "deleted", Data: mustEncode(map[string]string{"message": e.Message})}
}
