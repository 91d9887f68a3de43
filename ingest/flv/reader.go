package flv

import "time"

// reader takes bytes from the front. After running out it gives zeros and
// failed reports true.
type reader struct{ b []byte }

// exhausted marks a reader that was asked for more than it had.
var exhausted = []byte(nil)

func (r *reader) failed() bool { return r.b == nil }

func (r *reader) take(n int) []byte {
	if r.b == nil || n > len(r.b) {
		r.b = exhausted
		return make([]byte, min(n, 4))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) uint16() int {
	b := r.take(2)
	return int(b[0])<<8 | int(b[1])
}

func (r *reader) uint24() int {
	b := r.take(3)
	return int(b[0])<<16 | int(b[1])<<8 | int(b[2])
}

// offset reads a composition time: signed, 24 bits, milliseconds.
func (r *reader) offset() time.Duration {
	v := int32(r.uint24()<<8) >> 8
	return time.Duration(v) * time.Millisecond
}

// modifiers skips the prefixes of a ModEx packet and returns the packet type
// behind them, with the nanoseconds that they add to the presentation time.
func (r *reader) modifiers(kind byte) (byte, time.Duration) {
	const nanosecondOffset = 0
	var shift time.Duration
	for kind == modEx && !r.failed() {
		size := int(r.byte()) + 1
		if size == 256 {
			size = r.uint16() + 1
		}
		data := reader{r.take(size)}
		next := r.byte()
		if next>>4 == nanosecondOffset && size >= 3 && !r.failed() {
			shift = time.Duration(data.uint24())
		}
		kind = next & 15
	}
	return kind, shift
}

// track reads the codec, and in a multitrack packet finds track 0, leaving just
// its body in r. ok is false when the packet is about other tracks only.
func (r *reader) track(kind, multitrack byte) (fourCC string, inner byte, ok bool) {
	const oneTrack, manyCodecs = 0, 2
	if kind != multitrack {
		return string(r.take(4)), kind, true
	}
	head := r.byte()
	form, inner := head>>4, head&15
	if inner == multitrack { // forbidden, and a way to recurse
		r.b = exhausted
		return "", 0, false
	}
	if form != manyCodecs {
		fourCC = string(r.take(4))
	}
	for len(r.b) > 0 {
		if form == manyCodecs {
			fourCC = string(r.take(4))
		}
		id := r.byte()
		if form == oneTrack {
			return fourCC, inner, id == 0
		}
		body := r.take(r.uint24())
		if id == 0 && !r.failed() {
			r.b = body
			return fourCC, inner, true
		}
	}
	return "", 0, false
}
