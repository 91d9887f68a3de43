package chat

import "sort"

// ring is a room's recent past: numbered entries for those who come back, and
// the shared frames in which they left for those who lag. The room owns it.
type ring struct {
	entries []Entry          // by number, oldest first; consecutive above base
	message map[string]int64 // id of a message or question -> its number
	last    int64            // highest number given out
	base    int64            // nothing up to here can be replayed

	frames []*frame
	first  uint64 // the position of frames[0]
	bytes  int    // of all frames, plain
}

func newRing(s State) ring {
	var g ring
	g.refill(s.Entries)
	return g
}

// refill replaces the entries, but no frames. Those above the last gap in the
// numbers can be replayed.
func (g *ring) refill(entries []Entry) {
	g.entries, g.message = append([]Entry(nil), entries...), map[string]int64{}
	g.last = State{Entries: entries}.Last()
	g.base = g.last
	for i := len(g.entries) - 1; i >= 0 && g.entries[i].Seq == g.base; i-- {
		g.base--
	}
	for _, e := range g.entries {
		if e.Message != "" {
			g.message[e.Message] = e.Seq
		}
	}
}

// add gives e the next number.
func (g *ring) add(e Entry) Entry {
	g.last++
	e.Seq = g.last
	g.entries = append(g.entries, e)
	if e.Message != "" {
		g.message[e.Message] = e.Seq
	}
	if len(g.entries) > ringLen {
		gone := g.entries[0]
		if g.message[gone.Message] == gone.Seq {
			delete(g.message, gone.Message)
		}
		g.entries[0] = Entry{} // let go of its text
		g.entries = g.entries[1:]
		g.base = max(g.base, gone.Seq)
	}
	return e
}

// skip leaves out the numbers up to last. Nothing before can be replayed any
// more; it is still history.
func (g *ring) skip(last int64) { g.last, g.base = last, last }

// cut takes back the numbers above last.
func (g *ring) cut(last int64) {
	for n := len(g.entries); n > 0 && g.entries[n-1].Seq > last; n-- {
		if e := g.entries[n-1]; g.message[e.Message] == e.Seq {
			delete(g.message, e.Message)
		}
		g.entries[n-1] = Entry{}
		g.entries = g.entries[:n-1]
	}
	g.last, g.base = last, min(g.base, last)
}

// after returns the entries above seq, or false when the ring does not hold them all.
func (g *ring) after(seq int64) ([]Entry, bool) {
	if seq < g.base || seq > g.last {
		return nil, false
	}
	return g.entries[len(g.entries)-int(g.last-seq):], true
}

// find returns the entry of a message or question that was not deleted.
func (g *ring) find(message string) (*Entry, bool) {
	seq, ok := g.message[message]
	if !ok {
		return nil, false
	}
	i := sort.Search(len(g.entries), func(i int) bool { return g.entries[i].Seq >= seq })
	return &g.entries[i], true
}

// next is the position of the frame that comes next.
func (g *ring) next() uint64 { return g.first + uint64(len(g.frames)) }

// pushFrame keeps a frame for those who lag and lets the oldest go.
func (g *ring) pushFrame(f *frame) {
	g.frames = append(g.frames, f)
	g.bytes += len(f.plain)
	for len(g.frames) > framesLen || g.bytes > framesBytes && len(g.frames) > 1 {
		g.bytes -= len(g.frames[0].plain)
		g.frames[0] = nil
		g.frames = g.frames[1:]
		g.first++
	}
}

// framesFrom returns the frames from position next on, or false when some of them are gone.
func (g *ring) framesFrom(next uint64) ([]*frame, bool) {
	if next < g.first {
		return nil, false
	}
	return g.frames[next-g.first:], true
}
