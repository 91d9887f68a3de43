package guard

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Message type ids, sections 5.4 and 7.1.
const (
	kindSetChunkSize = 1
	kindAbort        = 2
	kindAck          = 3
	kindUserControl  = 4
	kindWindow       = 5
	kindBandwidth    = 6
	kindAudio        = 8
	kindVideo        = 9
	kindDataAMF3     = 15
	kindCommandAMF3  = 17
	kindData         = 18
	kindCommand      = 20
	kindAggregate    = 22
)

// message is one whole RTMP message.
type message struct {
	kind   byte
	stream uint32 // message stream id
	time   uint32 // milliseconds, modulo 2^32
	body   []byte // nil when the message was skipped
}

// assembler puts chunks together into messages. It belongs to one goroutine.
type assembler struct {
	// configuration
	src    *bufio.Reader
	budget uint64 // bytes that may be received in all; 0 is no limit
	hold   int    // bytes of memory that unfinished messages may take

	// room tells how long a message of a kind may be, and whether its body is
	// wanted at all; an unwanted one is read without being stored.
	room func(kind byte) (size int, wanted bool)

	// state
	chunkSize int
	streams   map[uint32]*chunkStream
	held      int
	received  uint64 // bytes
	lent      []byte // body of the media message that was returned last,
	spare     []byte // and memory for one to come
}

// chunkStream is what later chunks of one chunk stream refer back to.
type chunkStream struct {
	head     message
	length   int
	delta    uint32
	extended bool   // the last header carried an extended timestamp,
	extValue uint32 // which was this

	unfinished bool
	wanted     bool
	left       int // bytes of the body still to come
}

func newAssembler(src *bufio.Reader) *assembler {
	return &assembler{
		src:       src,
		budget:    beforePublish,
		hold:      maxHeldBefore,
		chunkSize: minChunkSize, // the default too, section 5.4.1
		streams:   make(map[uint32]*chunkStream),
	}
}

// next returns the next whole message. Chunk sizes and aborts are applied on
// the way. An empty message is returned like any other. The body of audio and
// video is good until the next call: its memory is used again.
func (a *assembler) next() (message, error) {
	a.takeBack()
	for {
		cs, err := a.header()
		if err != nil {
			return message{}, err
		}
		if err := a.payload(cs); err != nil {
			return message{}, err
		}
		if cs.left > 0 {
			continue
		}
		m := cs.head
		a.drop(cs)
		switch m.kind {
		case kindSetChunkSize:
			err = a.setChunkSize(m.body)
		case kindAbort:
			a.abort(m.body)
		case kindAudio, kindVideo, kindAggregate:
			a.lent = m.body
			return m, nil
		default:
			return m, nil
		}
		if err != nil {
			return message{}, err
		}
	}
}

// header reads the basic header and the message header of one chunk (section
// 5.3.1), and begins a message when there is one to begin.
func (a *assembler) header() (*chunkStream, error) {
	format, cs, err := a.basicHeader()
	if err != nil {
		return nil, err
	}
	if format == 3 {
		if err := a.repeatedTimestamp(cs); err != nil {
			return nil, err
		}
		if cs.unfinished {
			return cs, nil
		}
		cs.head.time += cs.delta
		return cs, a.begin(cs)
	}

	a.drop(cs) // a new header in mid-message: the rest is not coming
	b, err := a.take([3]int{11, 7, 3}[format])
	if err != nil {
		return nil, err
	}
	cs.delta = uint24(b)
	if format <= 1 {
		cs.length = int(uint24(b[3:]))
		cs.head.kind = b[6]
	}
	if format == 0 {
		cs.head.stream = binary.LittleEndian.Uint32(b[7:])
		cs.head.time = 0
	}
	cs.extended = cs.delta == 0xffffff
	if cs.extended {
		if b, err = a.take(4); err != nil {
			return nil, err
		}
		cs.extValue = binary.BigEndian.Uint32(b)
		cs.delta = cs.extValue
	}
	// In format 0 the field is the time itself, and the delta that a format 3
	// header would repeat (section 5.3.1.2.4).
	cs.head.time += cs.delta
	return cs, a.begin(cs)
}

// basicHeader reads one to three bytes, section 5.3.1.1.
func (a *assembler) basicHeader() (format byte, cs *chunkStream, err error) {
	b, err := a.take(1)
	if err != nil {
		return 0, nil, err
	}
	format = b[0] >> 6
	id := uint32(b[0] & 0x3f)
	if id < 2 {
		if b, err = a.take(int(id) + 1); err != nil {
			return 0, nil, err
		}
		if id == 0 {
			id = uint32(b[0]) + 64
		} else {
			id = uint32(b[0]) + uint32(b[1])<<8 + 64
		}
	}
	if cs = a.streams[id]; cs != nil {
		return format, cs, nil
	}
	// librtmp opens a chunk stream with format 1 for a ping, so that is fine.
	if format >= 2 {
		return 0, nil, errHeader
	}
	if len(a.streams) == maxChunkStreams {
		return 0, nil, errStreams
	}
	cs = new(chunkStream)
	a.streams[id] = cs
	return format, cs, nil
}

// repeatedTimestamp skips the copy of the extended timestamp that a format 3
// header should carry. Encoders disagree (OBS up to 30.0 leaves it out), so the
// next four bytes are looked at. Should less than four be left of the message,
// this waits for the chunk that follows, which in a live stream is on its way.
func (a *assembler) repeatedTimestamp(cs *chunkStream) error {
	if !cs.extended {
		return nil
	}
	b, err := a.src.Peek(4)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b) != cs.extValue {
		return nil
	}
	_, err = a.take(4)
	return err
}

// begin opens the message that cs describes.
func (a *assembler) begin(cs *chunkStream) error {
	size, wanted := a.room(cs.head.kind)
	if cs.length > size {
		return errTooLarge
	}
	cs.unfinished = true
	cs.wanted = wanted
	cs.left = cs.length
	if !wanted {
		return nil
	}
	return a.grow(cs)
}

// grow gives the body of cs more memory: at first what an earlier message left,
// or up to firstGrab, then all.
func (a *assembler) grow(cs *chunkStream) error {
	size := cs.length
	if cs.head.body == nil {
		if size <= cap(a.spare) && a.held+cap(a.spare) <= a.hold {
			a.held += cap(a.spare)
			cs.head.body, a.spare = a.spare[:0], nil
			return nil
		}
		size = min(size, firstGrab)
	}
	more := size - cap(cs.head.body)
	if a.held+more > a.hold {
		return errHeld
	}
	a.held += more
	body := make([]byte, len(cs.head.body), size)
	copy(body, cs.head.body)
	cs.head.body = body
	return nil
}

// takeBack keeps the larger one of the body that was lent and the spare one.
func (a *assembler) takeBack() {
	if n := cap(a.lent); n > cap(a.spare) && n <= maxSpare {
		a.spare = a.lent
	}
	a.lent = nil
}

// payload reads the payload of one chunk.
func (a *assembler) payload(cs *chunkStream) error {
	n := min(cs.left, a.chunkSize)
	a.received += uint64(n)
	if a.budget > 0 && a.received > a.budget {
		return errBudget
	}
	cs.left -= n
	if !cs.wanted {
		_, err := a.src.Discard(n)
		return err
	}
	for n > 0 {
		body := cs.head.body
		if len(body) == cap(body) {
			if err := a.grow(cs); err != nil {
				return err
			}
			body = cs.head.body
		}
		step := min(n, cap(body)-len(body))
		if _, err := io.ReadFull(a.src, body[len(body):len(body)+step]); err != nil {
			return err
		}
		cs.head.body = body[:len(body)+step]
		n -= step
	}
	return nil
}

// drop forgets the message that cs was working on, finished or not.
func (a *assembler) drop(cs *chunkStream) {
	a.held -= cap(cs.head.body)
	cs.head.body = nil
	cs.unfinished = false
	cs.left = 0
}

// setChunkSize applies section 5.4.1. The smallest size is the default: less
// has no use but to make us work.
func (a *assembler) setChunkSize(b []byte) error {
	if len(b) < 4 {
		return errChunkSize
	}
	size := binary.BigEndian.Uint32(b) & 0x7fffffff
	if size < minChunkSize {
		return errChunkSize
	}
	a.chunkSize = int(min(size, maxChunkSize))
	return nil
}

// abort applies section 5.4.2.
func (a *assembler) abort(b []byte) {
	if len(b) < 4 {
		return
	}
	if cs := a.streams[binary.BigEndian.Uint32(b)]; cs != nil {
		a.drop(cs)
	}
}

// take returns the next n bytes, at most a header's worth, valid until the
// next read.
func (a *assembler) take(n int) ([]byte, error) {
	b, err := a.src.Peek(n)
	if err != nil {
		return nil, err
	}
	a.received += uint64(n)
	_, err = a.src.Discard(n)
	return b, err
}

func uint24(b []byte) uint32 {
	return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
}
