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
