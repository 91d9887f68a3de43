package hls

// follower is a viewer who is sent the parts of a rendition: a position in it and nothing else, so that one who is slow
// costs nobody anything. It is used by one goroutine.
type follower struct {
	msn     uint64 // of the next part
	part    int    // likewise in its segment
	skipped bool   // parts were left out: nothing can be decoded before an independent one
}

// newest returns where the newest independent part is.
func (v *view) newest() (msn uint64, part int, ok bool) {
	if k := lastIndependent(v.tail.parts); k >= 0 {
		return v.tail.msn, k, true
	}
	for i := len(v.segments) - 1; i >= 0; i-- {
		if k := lastIndependent(v.segments[i].parts); k >= 0 {
			return v.segments[i].msn, k, true
		}
	}
	return 0, 0, false
}

func lastIndependent(parts []*part) int {
	for k := len(parts) - 1; k >= 0; k-- {
		if parts[k].independent {
			return k
		}
	}
	return -1
}

// start goes to the newest independent part. It reports false while there is none.
func (f *follower) start(v *view) (ok bool) {
	f.msn, f.part, ok = v.newest()
	return ok
}

// next returns the part that follows, with the init section it needs, or nil when it is still to come.
func (f *follower) next(v *view) (*part, *head) {
	for f.msn <= v.tail.msn {
		h, parts, known := v.partsOf(f.msn)
		if !known { // so slow that it is forgotten
			if !f.start(v) {
				return nil, nil
			}
			f.skipped = true
			continue
		}
		for f.part < len(parts) {
			p := parts[f.part]
			f.part++
			if !f.skipped || p.independent {
				f.skipped = false
				return p, h
			}
		}
		if f.msn == v.tail.msn {
			break
		}
		f.msn, f.part = f.msn+1, 0
	}
	return nil, nil
}

// drop leaves out what waits in front of the newest independent part, or of the next one that comes. It reports false
// when nothing waits.
func (f *follower) drop(v *view) bool {
	behind := *f
	if p, _ := behind.next(v); p == nil {
		return false
	}
	msn, part, ok := v.newest()
	if ok && (msn > f.msn || msn == f.msn && part >= f.part) {
		f.msn, f.part = msn, part
	}
	f.skipped = true
	return true
}

// partsOf returns the parts of a segment, complete or not. A gap has none.
func (v *view) partsOf(msn uint64) (h *head, parts []*part, known bool) {
	if msn == v.tail.msn {
		return v.tail.head, v.tail.parts, true
	}
	if s := v.segment(msn); s != nil {
		return s.head, s.parts, true
	}
	return nil, nil, false
}
