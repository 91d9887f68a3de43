package chat

// ring is a room's recent past: numbered entries for those who come back, and
// the shared frames in which they left for those who lag. The room owns it.
type ring struct {
	entries []Entry          // consecutive numbers, oldest first
	message map[string]int64 // id of a message or question -> its number
	last    int64            // highest number given out
	base    int64            // nothing up to here can be replayed

	frames [][]byte
	first  uint64 // the position of frames[0]
	bytes  int    // of all frames
}

func newRing(s State) ring {
	g := ring{message: map[string]int64{}, last: s.Last(), base: s.Last()}
	from := len(s.Entries)
	for from > 0 && s.Entries[from-1].Seq == g.base {
		from--
		g.base--
	}
	g.entries = append(g.entries, s.Entries[from:]...)
	for _, e := range g.entries {
		if e.Message != "" {
			g.message[e.Message] = e.Seq
		}
	}
	return g
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
		delete(g.message, g.entries[0].Message)
		g.entries[0] = Entry{} // let go of its text
		g.entries = g.entries[1:]
		g.base++
	}
	return e
}

// after returns the entries above seq, or false when the ring does not hold them all.
func (g *ring) after(seq int64) ([]Entry, bool) {
	if seq < g.base || seq > g.last {
		return nil, false
	}
	return g.entries[seq-g.base:], true
}

// find returns the entry of a message or question that was not deleted.
func (g *ring) find(message string) (*Entry, bool) {
	seq, ok := g.message[message]
	if !ok {
		return nil, false
	}
	return &g.entries[seq-g.base-1], true
}

// next is the position of the frame that comes next.
func (g *ring) next() uint64 { return g.first + uint64(len(g.frames)) }

// pushFrame keeps a frame for those who lag and lets the oldest go.
func (g *ring) pushFrame(b []byte) {
	g.frames = append(g.frames, b)
	g.bytes += len(b)
	for len(g.frames) > framesLen || g.bytes > framesBytes && len(g.frames) > 1 {
		g.bytes -= len(g.frames[0])
		g.frames[0] = nil
		g.frames = g.frames[1:]
		g.first++
	}
}

// framesFrom returns the frames from position next on, or false when some of them are gone.
func (g *ring) framesFrom(next uint64) ([][]byte, bool) {
	if next < g.first {
		return nil, false
	}
	return g.frames[next-g.first:], true
}
