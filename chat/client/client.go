// Package client speaks the websocket protocol of docs/protocol.md from the
// other side: it is what tests and `souk rehearse` visit rooms with. It shares no
// code with the server, so that whatever the two agree on is in the document.
//
// [Connect] is one connection. [Follow] is what a page does: it comes back with
// its position until it is told to stay away. Both check the server's promise
// that numbers are consecutive.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Limits, and what docs/protocol.md says about time and about closing.
const (
	buffer     = 1024             // events that wait for Events; then the client stops reading
	maxFrame   = 8 << 20          // bytes of one server frame
	silence    = 40 * time.Second // a live room is never silent for that long
	writeWait  = 10 * time.Second
	backoffMin = 500 * time.Millisecond
	backoffMax = 20 * time.Second
	stayAway   = 4100 // the first of a hundred close codes that mean it
)

// Incoming is an event as a client gets it.
type Incoming struct {
	Type    string          `json:"type"`
	Epoch   string          `json:"epoch"`
	Seq     int64           `json:"seq"`
	At      time.Time       `json:"at"`
	MediaAt time.Time       `json:"media_at"`
	Data    json.RawMessage `json:"data"`
}

// Reply is the answer to a command.
type Reply struct {
	ID      int64  `json:"id"`
	OK      bool   `json:"ok"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	RetryMS int64  `json:"retry_ms"`
	Message string `json:"message"`
}

// Position is where a client stands in a room. The zero Position is nowhere.
type Position struct {
	Epoch string
	Seq   int64
}

// Dial says how to reach a room.
type Dial struct {
	URL    string // ws://host/ws/{channel}
	Token  string // "" reads only, unless Header brings a cookie
	From   Position
	Header http.Header
	// NetDial replaces the network, for tests. nil: TCP.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client is one connection to a room. Its methods are safe from any goroutine.
type Client struct {
	ws      *websocket.Conn
	events  chan Incoming
	done    chan struct{} // closed when nothing more comes
	drop    func()        // closes dropped, once
	dropped chan struct{}

	writing sync.Mutex // one writer at a time, as gorilla demands

	mu      sync.Mutex // guards what follows
	at      Position
	nextID  int64
	replies map[int64]chan Reply
	err     error
}

// Gap is the data of an event that tells of numbers that are left out on
// purpose: messages of people, for which this connection is too slow.
type Gap struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// ErrGap is what [Client.Err] wraps when the server left out or repeated a
// number: a defect of the server.
var ErrGap = errors.New("numbers are not consecutive")

// Connect opens the connection. ctx bounds the handshake only.
func Connect(ctx context.Context, d Dial) (*Client, error) {
	u, err := url.Parse(d.URL)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	if d.Token != "" {
		q.Set("token", d.Token)
	}
	if d.From.Epoch != "" {
		q.Set("epoch", d.From.Epoch)
		q.Set("since", strconv.FormatInt(d.From.Seq, 10))
	}
	u.RawQuery = q.Encode()
	dialer := websocket.Dialer{NetDialContext: d.NetDial}
	ws, res, err := dialer.DialContext(ctx, u.String(), d.Header)
	if err != nil {
		if res != nil {
			return nil, fmt.Errorf("open a room: %w (status %d)", err, res.StatusCode)
		}
		return nil, fmt.Errorf("open a room: %w", err)
	}
	ws.SetReadLimit(maxFrame)
	c := &Client{
		ws:      ws,
		events:  make(chan Incoming, buffer),
		done:    make(chan struct{}),
		at:      d.From,
		replies: map[int64]chan Reply{},
		dropped: make(chan struct{}),
	}
	c.drop = sync.OnceFunc(func() { close(c.dropped) })
	go c.read()
	return c, nil
}

// Events returns everything but replies, in order. It is closed when the
// connection has ended; [Client.Err] says why.
func (c *Client) Events() <-chan Incoming { return c.events }

// Err returns why the connection ended, after Events was closed: a
// *websocket.CloseError with the server's code, or a network error.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Position returns where to come back to.
func (c *Client) Position() Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Close says goodbye and ends the connection.
func (c *Client) Close() error {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	return c.Drop()
}

// Drop ends the connection without a word, as a lost network does.
func (c *Client) Drop() error {
	c.drop()
	return c.ws.Close()
}

// Say says text. A refusal is a Reply with OK false, not an error.
func (c *Client) Say(ctx context.Context, text string) (Reply, error) {
	return c.Do(ctx, map[string]any{"do": "say", "text": text})
}

// Do sends a command and waits for its reply. It sets the command's id.
func (c *Client) Do(ctx context.Context, command map[string]any) (Reply, error) {
	answer := make(chan Reply, 1)
	c.mu.Lock()
	c.nextID++
	id := c.nextID
	c.replies[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.replies, id)
		c.mu.Unlock()
	}()
	command["id"] = id
	if err := c.Send(command); err != nil {
		return Reply{}, err
	}
	select {
	case r := <-answer:
		return r, nil
	case <-c.done:
		return Reply{}, fmt.Errorf("no reply: %w", c.Err())
	case <-ctx.Done():
		return Reply{}, ctx.Err()
	}
}

// Send sends any JSON value and waits for nothing.
func (c *Client) Send(v any) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(writeWait))
	return c.ws.WriteJSON(v)
}

// Ping sends a ping; the server's answer keeps the connection alive and is not
// shown.
func (c *Client) Ping(text string) error {
	return c.ws.WriteControl(websocket.PingMessage, []byte(text), time.Now().Add(writeWait))
}

// read takes frames apart until the connection ends.
func (c *Client) read() {
	err := c.readAll()
	_ = c.ws.Close()
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	close(c.done)
	close(c.events)
}

func (c *Client) readAll() error {
	for {
		_ = c.ws.SetReadDeadline(time.Now().Add(silence))
		_, frame, err := c.ws.ReadMessage()
		if err != nil {
			return err
		}
		var events []Incoming
		if err := json.Unmarshal(frame, &events); err != nil {
			return fmt.Errorf("a frame that is no array of events: %w", err)
		}
		for _, e := range events {
			if e.Type == "reply" {
				c.reply(e)
				continue
			}
			before, err := c.move(e)
			if err != nil {
				return err
			}
			select {
			case c.events <- e:
			case <-c.dropped:
				c.moveBack(before) // nobody has seen e
				return net.ErrClosed
			}
		}
	}
}

func (c *Client) reply(e Incoming) {
	var r Reply
	if json.Unmarshal(e.Data, &r) != nil {
		return // not one of ours: Do numbers its commands
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer := c.replies[r.ID]; answer != nil {
		answer <- r
		delete(c.replies, r.ID)
	}
}

// move follows the numbers, checks the server's first promise, and returns the
// position before e.
func (c *Client) move(e Incoming) (before Position, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.at
	switch {
	case e.Type == "welcome":
		c.at = Position{Epoch: e.Epoch, Seq: e.Seq}
	case e.Type == "gap":
		var g Gap
		if err := json.Unmarshal(e.Data, &g); err != nil || g.From != c.at.Seq+1 || g.To < g.From {
			return before, fmt.Errorf("%w: a gap of %s after %d", ErrGap, e.Data, c.at.Seq)
		}
		c.at.Seq = g.To
	case e.Seq == 0:
	case e.Seq != c.at.Seq+1:
		err = fmt.Errorf("%w: %d after %d", ErrGap, e.Seq, c.at.Seq)
	default:
		c.at.Seq = e.Seq
	}
	return before, err
}

func (c *Client) moveBack(at Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// CloseCode returns the code with which the server ended a connection, 0 when
// it did not.
func CloseCode(err error) int {
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		return 0
	}
	return closed.Code
}

// StayAway tells whether err is the server's word not to come back.
func StayAway(err error) bool {
	code := CloseCode(err)
	return code >= stayAway && code < stayAway+100
}

// Follow stays in a room until ctx ends, the server says to stay away, or a
// number is missing: it comes back with its position after every other end. each gets all events of
// all connections, and the client to speak with, on one goroutine.
func Follow(ctx context.Context, d Dial, each func(*Client, Incoming)) error {
	wait := backoffMin
	for {
		c, err := Connect(ctx, d)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			for e := range c.Events() {
				each(c, e)
				wait = backoffMin
			}
			stop()
			d.From = c.Position()
			err = c.Err()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if StayAway(err) || errors.Is(err, ErrGap) {
			return err
		}
		pause(ctx, rand.N(wait)) // full jitter: a restart must not bring everybody back at once
		wait = min(2*wait, backoffMax)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
