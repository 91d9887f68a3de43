package chat_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"souk/chat"
	"souk/chat/client"
)

// raw opens a bare websocket for what the client would never do.
func (h *house) raw(who string) *websocket.Conn {
	h.t.Helper()
	ws, res, err := (&websocket.Dialer{NetDialContext: h.dial}).Dial(h.url+"/ws/tea?token="+who, nil)
	if err != nil {
		h.t.Fatalf("%v (%v)", err, res)
	}
	h.t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return ws
}

// closeCode reads until the end and returns the server's code.
func closeCode(t *testing.T, ws *websocket.Conn) int {
	t.Helper()
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			var c *websocket.CloseError
			if !errors.As(err, &c) {
				t.Fatalf("ended without a code: %v", err)
			}
			return c.Code
		}
	}
}

func TestRefusedAtTheDoor(t *testing.T) {
	h := onTCP(t, &chat.Hub{Origins: []string{"shop.example"}})
	for _, c := range []struct {
		channel, who string
		code         int
	}{
		{"tea", "stranger", chat.CloseBadToken},
		{"nowhere", "", chat.CloseNoChannel},
		{"nowhere", "ana", chat.CloseNoChannel},
	} {
		if code := h.knock(c.channel, c.who, client.Position{}).closed(); code != c.code {
			t.Errorf("%+v: closed with %d", c, code)
		}
	}
	for origin, status := range map[string]int{
		"":                                      http.StatusSwitchingProtocols,
		strings.Replace(h.url, "ws", "http", 1): http.StatusSwitchingProtocols,
		"https://shop.example":                  http.StatusSwitchingProtocols,
		"https://SHOP.example":                  http.StatusSwitchingProtocols,
		"https://evil.example":                  http.StatusForbidden,
		"https://shop.example.evil.example":     http.StatusForbidden,
		"null":                                  http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		ws, res, err := websocket.DefaultDialer.Dial(h.url+"/ws/tea", header)
		if err == nil {
			_ = ws.Close()
		}
		if res == nil || res.StatusCode != status {
			t.Errorf("origin %q: %v, %v; want %d", origin, res, err, status)
		}
	}
	res, err := http.Get(strings.Replace(h.url, "ws", "http", 1) + "/ws/tea")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var problem struct{ Code string }
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || res.StatusCode != 400 || problem.Code != "bad_handshake" {
		t.Errorf("plain HTTP: %d %+v %v", res.StatusCode, problem, err)
	}
}

func TestFramesThatAreNoCommands(t *testing.T) {
	h := onTCP(t, &chat.Hub{})
	ws := h.raw("ana")
	bad := []string{"", "hi", "[]", "null", "7", `{"id":1`, `{"do":7}`, `{"id":{},"do":"say"}`, `{"id":[1],"do":"say"}`,
		`{"id":true,"do":"say"}`, `{"do":"say"}{"do":"say"}`, `{"id":"` + strings.Repeat("x", 80) + `"}`}
	for _, frame := range bad {
		if err := ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
			t.Fatal(err)
		}
		if got := nextReply(t, ws); got != `{"id":null,"ok":false,"code":"bad_json"` {
			t.Errorf("%s: %s", frame, got)
		}
	}
	for id, want := range map[string]string{`"a\"b"`: `{"id":"a\"b","ok":true`, `-1.5e3`: `{"id":-1.5e3,"ok":true`, `null`: `{"id":null,"ok":true`} {
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"id":`+id+`,"do":"react","extra":[]}`))
		if got := nextReply(t, ws); got != want {
			t.Errorf("id %s: %s", id, got)
		}
	}
	for range 16 - len(bad) {
		_ = ws.WriteMessage(websocket.BinaryMessage, []byte("xx"))
	}
	if code := closeCode(t, ws); code != chat.CloseAbuse {
		t.Errorf("closed with %d", code)
	}
}

// nextReply returns the beginning of the next reply's data, up to its sentence.
func nextReply(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	for {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if _, reply, ok := strings.Cut(string(frame), `{"type":"reply","data":`); ok {
			reply, _, _ = strings.Cut(reply, `,"detail"`)
			reply, _, _ = strings.Cut(reply, `}`)
			return reply
		}
	}
}

func TestBrokenFrames(t *testing.T) {
	h := onTCP(t, &chat.Hub{})
	for name, c := range map[string]struct {
		send func(ws *websocket.Conn) error
		code int
	}{
		"too large": {func(ws *websocket.Conn) error {
			return ws.WriteMessage(websocket.TextMessage, []byte(`{"do":"say","text":"`+strings.Repeat("x", 5000)+`"}`))
		}, websocket.CloseMessageTooBig},
		"much too large": {func(ws *websocket.Conn) error {
			return ws.WriteMessage(websocket.TextMessage, make([]byte, 1<<20))
		}, websocket.CloseMessageTooBig},
		"a promise of too much": {func(ws *websocket.Conn) error {
			_, err := ws.NetConn().Write([]byte{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4})
			return err
		}, websocket.CloseMessageTooBig},
		"not masked": {func(ws *websocket.Conn) error {
			_, err := ws.NetConn().Write([]byte{0x81, 2, 'h', 'i'})
			return err
		}, websocket.CloseProtocolError},
		"reserved bits": {func(ws *websocket.Conn) error {
			_, err := ws.NetConn().Write([]byte{0xf1, 0x80, 1, 2, 3, 4})
			return err
		}, websocket.CloseProtocolError},
		"unknown opcode": {func(ws *websocket.Conn) error {
			_, err := ws.NetConn().Write([]byte{0x83, 0x80, 1, 2, 3, 4})
			return err
		}, websocket.CloseProtocolError},
		"not UTF-8": {func(ws *websocket.Conn) error {
			return ws.WriteMessage(websocket.TextMessage, []byte("{\"do\":\"\xff\"}"))
		}, websocket.CloseInvalidFramePayloadData},
	} {
		t.Run(name, func(t *testing.T) {
			ws := h.raw("ana")
			_ = c.send(ws) // it may fail while the server is already closing
			if code := closeCode(t, ws); code != c.code {
				t.Errorf("closed with %d, want %d", code, c.code)
			}
		})
	}
	h.join("ben").must(do("say", "text", "the room lives on"))
}

func TestFlood(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host := h.join("host")
		for range 200 {
			host.must(do("react")) // whoever runs the channel is exempt
		}
		ana := h.join("ana")
		sent := 0
		for ; sent < 100; sent++ { // each waits for its reply: she floods, but is not slow
			if _, err := ana.Do(t.Context(), do("react")); err != nil {
				break
			}
		}
		if code := ana.closed(); code != chat.CloseAbuse || sent != 60+15 {
			t.Errorf("closed with %d after %d commands", code, sent)
		}
	})
}

func TestSlowReaderIsClosedAndComesBack(t *testing.T) {
	h := onTCP(t, &chat.Hub{SendBuffer: 16 << 10})
	slowDial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(16 << 10) // else the kernel takes it all for us
		}
		return c, err
	}
	ws, _, err := (&websocket.Dialer{NetDialContext: slowDial}).Dial(h.url+"/ws/tea?token=ana", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	ben := h.join("ben")

	// Ana stops reading; frames of the size of a pin fill the sockets' buffers, then the ring.
	pin := strings.Repeat("x", 16<<10)
	const n = 400
	for i := range n {
		h.hub.Tell("tea", chat.Event{Type: "pinned", Data: pin})
		if e := ben.next("pinned"); e.Seq != int64(i+1) {
			t.Fatalf("ben got number %d, want %d", e.Seq, i+1)
		}
	}
	if n := h.hub.Stats().Slow; n != 1 {
		t.Fatalf("%d slow readers found, want Ana", n)
	}
	if got := h.hub.Viewers("tea"); got != 1 {
		t.Errorf("%d viewers left, want 1", got)
	}

	// She reads again: whole frames in order, and the reason at the end.
	at := client.Position{}
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	for {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			if !websocket.IsCloseError(err, chat.CloseSlow) {
				t.Errorf("closed with %v", err)
			}
			break
		}
		for _, e := range decode[[]client.Incoming](t, frame) {
			if e.Type == "welcome" {
				at = client.Position{Epoch: e.Epoch, Seq: e.Seq}
			} else if e.Seq > 0 {
				if at.Seq++; e.Seq != at.Seq {
					t.Fatalf("number %d, want %d", e.Seq, at.Seq)
				}
			}
		}
	}
	if at.Seq == 0 || at.Seq >= n {
		t.Errorf("closed after number %d of %d", at.Seq, n)
	}
	back := h.joinAt("ana", at)
	if !back.hello().Resumed {
		t.Fatal("not resumed")
	}
	h.hub.Tell("tea", chat.Event{Type: "sold", Data: nil})
	for e := back.next("pinned", "sold"); e.Type != "sold"; e = back.next("pinned", "sold") {
		at.Seq = e.Seq
	}
	if at.Seq != n {
		t.Errorf("the pins end at %d, want %d", at.Seq, n)
	}
}

// deafConn is a peer that is gone without a word: bytes to it vanish, none come.
type deafConn struct {
	net.Conn
	deaf chan struct{}
}

func (c deafConn) Write(b []byte) (int, error) {
	select {
	case <-c.deaf:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}

type deafListener struct {
	net.Listener
	deaf chan struct{}
}

func (l deafListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return deafConn{c, l.deaf}, err
}

func TestDeadPeerIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemNet()
		deaf := make(chan struct{})
		h := open(t, &chat.Hub{}, deafListener{m, deaf})
		h.dial = m.dial
		defer h.stop()
		ana := h.join("ana")
		time.Sleep(5 * time.Minute)
		if n := h.hub.Viewers("tea"); n != 1 {
			t.Fatalf("%d viewers: a live one that only reads was given up", n)
		}
		close(deaf) // pings do not arrive any more
		time.Sleep(30 * time.Second)
		if n, s := h.hub.Viewers("tea"), h.hub.Stats().Sockets; n != 0 || s != 0 {
			t.Errorf("after 30 s: %d viewers, %d sockets", n, s)
		}
		_ = ana.Drop()
	})
}

// A peer that takes nothing at all (a pipe has no buffer) holds up nobody.
func TestStuckPeerHoldsUpNobody(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		h.raw("ana") // never reads
		host, ben := h.join("host"), h.join("ben")
		start := time.Now()
		for i := range 100 {
			host.must(do("say", "text", fmt.Sprint(i)))
			ben.next("message")
		}
		if d := time.Since(start); d > 100*50*time.Millisecond {
			t.Errorf("a hundred messages took %s", d)
		}
		time.Sleep(15 * time.Second)
		if n, slow := h.hub.Viewers("tea"), h.hub.Stats().Slow; n != 2 || slow != 1 {
			t.Errorf("%d viewers, %d slow: the write deadline has passed", n, slow)
		}
	})
}

// Whoever lags gets everything once the socket takes it: frames in order, and
// no whisper is lost behind them.
func TestLaggingViewerMissesNothing(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ws := h.raw("ana")
		_, _, _ = ws.ReadMessage() // the welcome; a pipe takes nothing more until it reads
		const n = 50
		for i := range n {
			h.hub.Tell("tea", chat.Event{Type: "pinned", Data: strings.Repeat("x", 4<<10)})
			if i%10 == 0 {
				h.hub.Whisper("tea", chat.To{Person: "ana"}, chat.Event{Type: "order", Data: i})
			}
			time.Sleep(50 * time.Millisecond)
		}
		var orders []string
		var last int64
		for last < n || len(orders) < 5 {
			_, frame, err := ws.ReadMessage()
			if err != nil {
				t.Fatalf("after number %d and the orders %v: %v", last, orders, err)
			}
			for _, e := range decode[[]client.Incoming](t, frame) {
				switch {
				case e.Type == "order":
					orders = append(orders, string(e.Data))
				case e.Type == "pinned" && e.Seq != last+1:
					t.Fatalf("number %d after %d", e.Seq, last)
				case e.Type == "pinned":
					last = e.Seq
				}
			}
		}
		if fmt.Sprint(orders) != "[0 10 20 30 40]" {
			t.Errorf("orders are %v", orders)
		}
	})
}

// Whispers are bounded too.
func TestTooManyWhispersForASlowViewer(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		_, _, _ = h.raw("ana").ReadMessage()
		whisper := func() {
			h.hub.Whisper("tea", chat.To{Person: "ana"}, chat.Event{Type: "order", Data: nil})
			synctest.Wait()
		}
		synctest.Wait() // the welcome is through
		whisper()       // on its way, and stuck there
		for range 64 {
			whisper()
		}
		if s := h.hub.Stats(); s.Slow != 0 {
			t.Errorf("dropped while there was room for whispers: %+v", s)
		}
		whisper()
		if s := h.hub.Stats(); s.Slow != 1 || h.hub.Viewers("tea") != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRestartClosesEverybody(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, stuck := h.join("ana"), h.raw("ben")
		_ = stuck
		h.hub.Tell("tea", chat.Event{Type: "ended", Data: nil})
		start := time.Now()
		h.stop()
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("stopping took %s", d)
		}
		ana.next("ended") // what was told before the end still arrives
		if code := ana.closed(); code != chat.CloseRestart {
			t.Errorf("closed with %d", code)
		}
		if s := h.hub.Stats(); s.Sockets != 0 || s.Rooms != 0 {
			t.Errorf("left over: %+v", s)
		}
		h.hub.Tell("tea", chat.Event{Type: "notice", Data: "to nobody"})
	})
}

// The server answers a client's close and pings.
func TestCloseAndPingAreAnswered(t *testing.T) {
	h := onTCP(t, &chat.Hub{})
	ws := h.raw("ana")
	pong := make(chan string, 1)
	ws.SetPongHandler(func(s string) error { pong <- s; return nil })
	if err := ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if code := closeCode(t, ws); code != websocket.CloseGoingAway {
		t.Errorf("close answered with %d", code)
	}
	if got := <-pong; got != "are you there" {
		t.Errorf("pong says %q", got)
	}
}

// panicky panics at the door.
type panicky struct{ people }

func (p panicky) Join(r *http.Request, channel string) (chat.Person, error) {
	if r.URL.Query().Get("token") == "boom" {
		panic("boom")
	}
	return p.people.Join(r, channel)
}

func TestPanicEndsOneRoomOnly(t *testing.T) {
	in(t, &chat.Hub{Who: panicky{teaPeople}}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		ana.must(do("say", "text", "before"))
		other := h.knock("silk", "", client.Position{})
		other.next("welcome")
		epoch := ana.welcome.Epoch
		h.hub.PanicIn("tea")
		if code := ana.closed(); code != chat.CloseRestart {
			t.Errorf("closed with %d", code)
		}
		ana = h.joinAt("ana", ana.Position())
		if w := ana.hello(); w.Resumed || ana.welcome.Epoch == epoch || fmt.Sprint(w.texts(t)) != "[before]" {
			t.Errorf("after the accident: %+v %+v", ana.welcome, w)
		}
		h.hub.Tell("silk", chat.Event{Type: "notice", Data: 1})
		other.next("notice")

		if _, err := h.tryToken("boom"); err == nil {
			t.Error("a panic at the door went through")
		}
		synctest.Wait() // until those who left are counted out
		if s := h.hub.Stats(); s.Panics != 1 || s.Sockets != 2 {
			t.Errorf("%+v", s) // net/http has counted the one at the door
		}
	})
}

func (h *house) tryToken(token string) (*client.Client, error) {
	d := h.address("tea")
	d.Token = token
	return client.Connect(context.Background(), d)
}

// The server's own frames are read with the eyes of RFC 6455: final, not
// masked, shortest length.
func TestServerFrames(t *testing.T) {
	h := onTCP(t, &chat.Hub{})
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET /ws/tea HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	welcome := serverFrame(t, in) // whoever has it is in the room and gets what follows
	if len(welcome) == 0 || welcome[0].Type != "welcome" {
		t.Fatalf("the first frame is %+v", welcome)
	}
	for _, size := range []int{0, 1, 100, 200, 70_000} {
		h.hub.Tell("tea", chat.Event{Type: "notice", Data: strings.Repeat("x", size)})
	}
	for seen := 0; seen < 5; {
		for _, e := range serverFrame(t, in) {
			if e.Type == "notice" {
				seen++
			}
		}
	}
}

// serverFrame reads one frame by hand and returns its events; none for a ping.
func serverFrame(t *testing.T, in io.Reader) []client.Incoming {
	t.Helper()
	read := func(n uint64) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	head := read(2)
	if head[0] == 0x89 && head[1] == 0 {
		return nil
	}
	n := uint64(head[1])
	if head[0] != 0x81 || n > 127 {
		t.Fatalf("frame begins with % x", head)
	}
	switch n {
	case 126:
		if n = uint64(binary.BigEndian.Uint16(read(2))); n < 126 {
			t.Errorf("length %d in two bytes", n)
		}
	case 127:
		if n = binary.BigEndian.Uint64(read(8)); n < 1<<16 {
			t.Errorf("length %d in eight bytes", n)
		}
	}
	return decode[[]client.Incoming](t, read(n))
}
