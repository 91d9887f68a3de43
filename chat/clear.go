package chat

// clear is the command by which everything that a person said is taken off
// every screen, out of the history and out of the log.
func (r *room) clear(v *viewer, c command) (outcome, *refusal) {
	if no := r.mayAct(v, c.User); no != nil {
		return outcome{}, no
	}
	name := ""
	if who, ok := r.lastOf(c.User); ok {
		name = who.Name
	}
	r.takeAll(v.person, c.User, name)
	return outcome{durable: true}, nil
}

// takeAll does it. One event says so; each message's number stays and becomes
// the news that it is gone, as with [room.takeBack].
func (r *room) takeAll(by Person, person, name string) {
	r.record(by, Deed{Did: "clear", Person: person, PersonName: name})
	for _, q := range r.questions {
		if q.Person == person {
			r.unask(q.ID)
		}
	}
	r.unhold(person)
	if r.line != nil {
		for _, a := range r.line.pending() {
			if a.Entry != nil && a.Entry.Person == person && a.Entry.Message != "" {
				r.line.scrub(a.Entry.Message)
			}
		}
	}
	r.share(act{Clear: person})
	r.wipe(person, true)
	until := r.ring.last
	if r.apart {
		until = r.fork
	}
	r.fact(Batch{Cleared: []Cleared{{person, until}}})
	r.number(Entry{Type: "cleared", Data: mustEncode(map[string]string{"user": person})})
	r.flushSoon(r.urgentGap())
}

// wipe leaves of what a person said only that it is gone. mine: this node has
// it stored.
func (r *room) wipe(person string, mine bool) {
	for i, e := range r.ring.entries {
		if e.Person != person || e.Message == "" {
			continue
		}
		gone := tombstone(e)
		delete(r.ring.message, e.Message)
		r.ring.entries[i] = gone
		r.historyJSON = nil
		if mine && (!r.apart || e.Seq <= r.fork) {
			r.scribe.entry(gone)
		}
	}
}
