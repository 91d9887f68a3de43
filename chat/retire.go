package chat

import "time"

// A room in which nothing happens takes memory all the same: its last events,
// its frames. After roomIdle without a socket and without anybody asking for it
// the room ends as at a shutdown, and opens again from the log when somebody
// comes.

// retireIfIdle ends the room if nobody needs it. With other nodes it stays: it
// is one end of their line.
func (r *room) retireIfIdle(now time.Time) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if len(r.sockets) > 0 || len(r.members) > 0 || r.line != nil {
		r.used = now
		return
	}
	// Whoever asked for the room has long been through with it by now: no call
	// keeps a room for as long as roomIdle before it has spoken to it.
	if r.hub.closed || r.retired || now.Sub(r.used) < roomIdle {
		return
	}
	r.retired = true
	close(r.stop)
}

// forgets tells whether the room ends with values that only it knows: those that
// others refreshed. Who comes back with a position cannot be given them, and must
// not be told that nothing is missing.
func (r *room) forgets() bool {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if !r.retired {
		return false
	}
	for k := range r.latest {
		switch k.typ {
		case "slow", "rules", "pinned_notice": // from the log
		default:
			return true
		}
	}
	return false
}
