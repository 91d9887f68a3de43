package hls

import (
	"io"
	"strconv"
	"time"
)

// object is a finished, named and immutable body, with its header values ready to be shared by every response.
type object struct {
	name   string
	chunks [][]byte // the body; a segment shares the bytes of its parts
	size   int

	contentType, contentLength, etag []string
}

func newObject(name, contentType string, chunks ...[]byte) *object {
	o := &object{name: name, chunks: chunks, contentType: []string{contentType}}
	for _, c := range chunks {
		o.size += len(c)
	}
	o.contentLength = []string{strconv.Itoa(o.size)}
	o.etag = []string{strconv.Quote(name)} // the name was never given to other bytes and never will be
	return o
}

// WriteTo writes the whole body.
func (o *object) WriteTo(w io.Writer) (n int64, err error) {
	for _, c := range o.chunks {
		m, err := w.Write(c)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// ReadAt makes the chunks one body for byte ranges.
func (o *object) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	for _, c := range o.chunks {
		if off >= int64(len(c)) {
			off -= int64(len(c))
			continue
		}
		n += copy(p[n:], c[off:])
		off = 0
		if n == len(p) {
			return n, nil
		}
	}
	return n, io.EOF
}

// part is one EXT-X-PART.
type part struct {
	*object
	msn         uint64
	number      int       // in its segment
	date        time.Time // program date-time of its first sample
	duration    time.Duration
	independent bool
	frame       frameLead
}

// slot is one media sequence number: the same stretch of time in every rendition. The timeline's lock guards stop and
// closed; the rest never changes.
type slot struct {
	msn           uint64
	run           uint64
	at            time.Duration // publisher's time of the key frame that starts it
	date          time.Time     // program date-time of the same
	breaks        uint64        // discontinuities of the show up to and with its own
	discontinuity bool          // starts with one

	stop   time.Duration // publisher's time of what follows, once closed
	closed bool
}

// before is how many discontinuities the show had in front of the slot's own.
func (s *slot) before() uint64 {
	if s.discontinuity {
		return s.breaks - 1
	}
	return s.breaks
}

// segment is one media segment of a rendition. It is filled under the timeline's lock and never changes once it is in
// a view as complete; while it is the tail, views carry their own length of parts.
type segment struct {
	*object // nil until complete, and for a gap
	*slot
	head  *head
	start time.Time // program date-time of the first sample
	parts []*part

	duration time.Duration
	size     int
	gap      bool // the rendition has no media for the slot
}

// end is the program date-time after the last sample.
func (s *segment) end() time.Time { return s.start.Add(s.duration) }

// head is what the segments of one run have in common: the init section and what the multivariant playlist says.
type head struct {
	*object
	number    uint64
	codecs    []string
	video     bool
	width     int
	height    int
	frameRate float64
	frame     frameLead
}

func (h *head) contentTypeOf() string {
	if h.video {
		return "video/mp4"
	}
	return "audio/mp4"
}
