package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is an encoder's connection as the RTMP library may see it. The library
// reads from and writes to it as if it were the socket.
type Conn struct {
	net.Conn // the socket; its Read, Write and Close are replaced
	opened   time.Time

	// read state, owned by the goroutine that calls Read
	hello      []byte // what Greeted has read
	in         *assembler
	handshake  int       // handshake bytes the peer still owes
	chunk      []byte    // the message being handed to the library,
	out        []byte    // and what it has yet to read of that
	split      []message // what is left of an aggregate message
	body       []byte    // media body the stand-in of which was handed out
	connected  bool
	creates    int
	publishing bool
	stream     uint32 // message stream of the accepted publish
	ackWindow  uint64
	acked      uint64
	ignored    uint64
	offer      Offer
	expected   time.Time // when the deadline for media was moved last
	pinged     time.Time // when the last ping went out,
	pingDue    time.Time // and when the next one may
	timeout    error     // what a read deadline that passes now means

	roundTrip atomic.Int64 // nanoseconds

	writing sync.Mutex // one chunk at a time
	lingers bool       // set before Close by the goroutine that calls it

	mu    sync.Mutex // guards cause, and the deadlines against Cut
	cause error
}

// Panic is the error of a Conn that panicked: a mistake of this package.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("guard: panic: %v", p.Value) }

// handshakeBytes is C0, C1 and C2 (section 5.2).
const handshakeBytes = 1 + 1536 + 1536

// New guards a socket that was accepted just now. The peer has the given time
// for its handshake; 0 is HandshakeTimeout.
func New(socket net.Conn, handshake time.Duration) *Conn {
	if handshake == 0 {
		handshake = HandshakeTimeout
	}
	c := &Conn{
		Conn:      socket,
		opened:    time.Now(),
		in:        newAssembler(nil),
		handshake: handshakeBytes,
		ackWindow: defaultWindow / 2,
	}
	c.in.room = c.room
	c.readUntil(c.opened.Add(handshake), errHandshake)
	return c
}

// Greeted waits for the first half of the peer's handshake, without which there
// is no need for the library and for much memory. It is called before Read, if
// at all.
func (c *Conn) Greeted() error {
	const version, rest = 1, 1536
	err := c.greet(version)
	if err == nil && c.hello[0] != 3 {
		err = errNotRTMP
	}
	if err == nil {
		err = c.greet(rest)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = c.timeout
	}
	if err != nil {
		return c.end(err)
	}
	return nil
}

// greet reads n bytes.
func (c *Conn) greet(n int) error {
	b := make([]byte, n)
	_, err := io.ReadFull(c.Conn, b)
	c.hello = append(c.hello, b...)
	return err
}

// resumed is a socket some of which has been read.
type resumed struct {
	head   []byte
	socket net.Conn
}

func (r *resumed) Read(p []byte) (int, error) {
	if len(r.head) == 0 {
		return r.socket.Read(p)
	}
	n := copy(p, r.head)
	r.head = r.head[n:]
	return n, nil
}

// Read gives the library the handshake as it came and then one message after
// the other. The first error stays: a Conn that failed once is over.
func (c *Conn) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{v, debug.Stack()}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = c.timeout
		}
		if err != nil {
			err = c.end(err)
		}
	}()
	if err := c.Err(); err != nil {
		return 0, err
	}
	if c.in.src == nil {
		c.in.src = bufio.NewReaderSize(&resumed{c.hello, c.Conn}, readBuffer)
		c.hello = nil
	}
	if c.handshake > 0 {
		return c.readHandshake(p)
	}
	for len(c.out) == 0 {
		m, err := c.next()
		if err != nil {
			return 0, err
		}
		if m, ok, err := c.judge(m); err != nil {
			return 0, err
		} else if ok {
			c.chunk = appendChunk(c.chunk[:0], m)
			c.out = c.chunk
		} else {
			c.ignored++
		}
	}
	n = copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

func (c *Conn) readHandshake(p []byte) (int, error) {
	first, err := c.in.src.Peek(1)
	if err != nil {
		return 0, err
	}
	if c.handshake == handshakeBytes && first[0] != 3 {
		return 0, errNotRTMP
	}
	n, err := c.in.src.Read(p[:min(len(p), c.handshake)])
	c.handshake -= n
	if c.handshake == 0 {
		c.readUntil(c.opened.Add(publishTimeout), errNoPublish)
		c.out = appendChunk(nil, message{kind: kindSetChunkSize, body: []byte{0, 0xff, 0xff, 0xff}})
	}
	return n, err
}

// next returns the next message of the peer, aggregates taken apart.
func (c *Conn) next() (message, error) {
	for {
		if len(c.split) > 0 {
			m := c.split[0]
			c.split = c.split[1:]
			return m, nil
		}
		m, err := c.in.next()
		if err != nil {
			return message{}, err
		}
		if err := c.acknowledge(); err != nil {
			return message{}, err
		}
		if m.kind != kindAggregate {
			return m, nil
		}
		if c.split = splitAggregate(m); len(c.split) == 0 {
			c.ignored++
		}
	}
}

// Publishing lets audio and video of the peer through from now on, as of the
// given message stream, and replaces the deadline to publish by the one for
// media. Only the reading goroutine may call it, that is, a library callback.
func (c *Conn) Publishing(stream uint32) {
	c.publishing, c.stream = true, stream
	c.in.budget, c.in.hold = 0, maxHeld
	c.in.src = bufio.NewReaderSize(c.in.src, mediaBuffer)
	now := time.Now()
	c.pingDue = now.Add(pingFirst)
	c.expectMedia(now)
}

// expectMedia gives the peer time for its next message. Moving the deadline of
// a socket is dear, so it is moved once a second and lies that much further off.
func (c *Conn) expectMedia(now time.Time) {
	if now.Sub(c.expected) >= mediaStep {
		c.expected = now
		c.readUntil(now.Add(mediaTimeout+mediaStep), errSilent)
	}
}

// Retire is for a peer that has stopped publishing: nothing more is let through
// but what it says to take its leave, for which it has farewellTimeout. Hanging
// up at once would look like an error to some. Only the reading goroutine may
// call it. Err is cause when the peer does not hang up itself.
func (c *Conn) Retire(cause error) {
	c.publishing = false
	c.in.budget = c.in.received + beforePublish
	c.readUntil(time.Now().Add(farewellTimeout), cause)
}

// Body is the body of the audio or video message that the library is calling
// back about. Its memory is used again once the callback returns. Only the
// reading goroutine may call it.
func (c *Conn) Body() []byte {
	b := c.body
	c.body = nil
	return b
}

// Received is how many bytes of chunks have come in; Ignored how many messages
// the library was spared. Both are for the reading goroutine.
func (c *Conn) Received() uint64 { return c.in.received }
func (c *Conn) Ignored() uint64  { return c.ignored }

// Cut ends the connection from any goroutine: the read that waits now and every
// later one fail with cause, and what is written from now on has to get through
// within farewellTimeout. The first cause stays.
func (c *Conn) Cut(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return
	}
	c.cause = cause
	c.Conn.SetReadDeadline(time.Unix(1, 0))
	c.Conn.SetWriteDeadline(time.Now().Add(farewellTimeout))
}

// Err is why the connection was cut or first failed, io.EOF when the peer went
// away, nil while it lasts.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// end records err as the end of the connection, unless that has another cause
// already, and returns the cause.
func (c *Conn) end(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = err
	}
	return c.cause
}

func (c *Conn) readUntil(t time.Time, meaning error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.timeout = meaning
		c.Conn.SetReadDeadline(t)
	}
}

// Write sends p, which holds one chunk or a piece of the handshake. Failing to
// ends the connection for the reader too.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	timeout := writeTimeout
	if c.Err() != nil {
		timeout = farewellTimeout
	}
	err := c.Conn.SetWriteDeadline(time.Now().Add(timeout))
	n := 0
	if err == nil {
		n, err = c.Conn.Write(p)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errUnread
	}
	if err != nil {
		c.end(err)
	}
	return n, err
}

// Linger makes the Close to come wait until the peer has had the chance to read
// what was written last. Only the goroutine that will call Close may call it.
func (c *Conn) Linger() { c.lingers = true }

// Close closes the socket. Input that nobody read would turn a plain close into
// a reset, which can overtake the last status, so a lingering one says that
// nothing more will come and reads on for a moment.
func (c *Conn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers {
		if half.CloseWrite() == nil {
			c.Conn.SetReadDeadline(time.Now().Add(lingerTimeout))
			io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	return c.Conn.Close()
}
