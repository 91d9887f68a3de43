package chat_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"souk/chat"
	"souk/chat/client"
)

// busy joins somebody who talks and does not listen.
func (h *house) busy(who string) *guest {
	g := h.join(who)
	go func() {
		for range g.Events() { // a client that nobody reads is slow
		}
	}()
	return g
}

// told is what a slow viewer is told in the tests here: each class of events.
func told(h *house, host *guest, n int) {
	for i := range n {
		host.must(do("say", "text", fmt.Sprint("line ", i)))
		if i%100 == 50 {
			h.hub.Tell("tea", chat.Event{Type: "pinned", Data: i})
			h.hub.Whisper("tea", chat.To{Person: "ana"}, chat.Event{Type: "order", Data: i})
		}
		h.hub.Refresh("tea", chat.Event{Type: "stock", Key: "cup", Data: i})
		host.must(do("react"))
		time.Sleep(10 * time.Millisecond)
	}
	h.hub.Tell("tea", chat.Event{Type: "ended", Data: nil})
}

// seen is what has come over a raw socket, until the show ended.
type seen struct {
	last               int64
	said, left, hearts int
	facts, orders      []string
	stock              []string
	lastLine           string
}

// read follows the numbers until the show has ended once more and there are as
// many orders. It fails when a number is neither there nor in a gap.
func (s *seen) read(t *testing.T, ws *websocket.Conn, orders int) {
	t.Helper()
	for ended := false; !ended || len(s.orders) < orders; {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("after %+v: %v", *s, err)
		}
		for _, e := range decode[[]client.Incoming](t, frame) {
			switch e.Type {
			case "welcome":
				s.last = e.Seq
				continue
			case "gap":
				g := decode[client.Gap](t, e.Data)
				if g.From != s.last+1 || g.To < g.From {
					t.Fatalf("a gap of %s after number %d", e.Data, s.last)
				}
				s.left += int(g.To - g.From + 1)
				s.last = g.To
			case "reactions":
				s.hearts++
			case "stock":
				s.stock = append(s.stock, string(e.Data))
			case "order":
				s.orders = append(s.orders, string(e.Data))
			case "message":
				s.said++
				s.lastLine = decode[struct{ Text string }](t, e.Data).Text
			case "pinned":
				s.facts = append(s.facts, string(e.Data))
			}
			if e.Seq == 0 {
				continue
			}
			if s.last++; e.Seq != s.last {
				t.Fatalf("number %d where %d was to come", e.Seq, s.last)
			}
			ended = ended || e.Type == "ended"
		}
	}
}

func (s *seen) check(t *testing.T, h *house, lines, facts int) {
	t.Helper()
	if s.said+s.left != lines || s.left == 0 || s.said < 50 {
		t.Errorf("%d messages came and %d were left out, of %d", s.said, s.left, lines)
	}
	if s.lastLine != fmt.Sprint("line ", lines-1) {
		t.Errorf("the last message is %q", s.lastLine)
	}
	if len(s.facts) != facts || len(s.orders) != facts {
		t.Errorf("%d facts and %d orders, want %d: neither is ever left out", len(s.facts), len(s.orders), facts)
	}
	if n := len(s.stock); n == 0 || n == lines || s.stock[n-1] != fmt.Sprint(lines-1) {
		t.Errorf("stock came %d times, last as %v: want the newest, not all", n, s.stock[max(0, n-1):])
	}
	if s.hearts >= lines {
		t.Errorf("%d frames of reactions: they are not made up for", s.hearts)
	}
	if st := h.hub.Stats(); st.Thinned == 0 || st.Slow != 0 {
		t.Errorf("%+v", st)
	}
}

// A pipe takes nothing while nobody reads, so what is thinned is exact.
func TestSlowViewerIsThinned(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host := h.busy("host")
		ws := h.raw("ana")
		synctest.Wait()    // until she is in
		told(h, host, 400) // 4 s, in which Ana reads nothing
		var s seen
		s.read(t, ws, 4)
		s.check(t, h, 400, 4)
		if len(s.stock) > 3 {
			t.Errorf("stock came %d times", len(s.stock))
		}

		// From here on she reads, and misses nothing.
		h.hub.Refresh("tea", chat.Event{Type: "stock", Key: "cup", Data: "fresh"})
		host.must(do("say", "text", "are you with us?"))
		h.hub.Tell("tea", chat.Event{Type: "ended", Data: nil})
		left := s.left
		s.read(t, ws, 4)
		if s.left != left || s.lastLine != "are you with us?" || s.stock[len(s.stock)-1] != `"fresh"` {
			t.Errorf("afterwards: %+v", s)
		}
	})
}

// The same through real sockets, whose buffers are so small that they do not
// hide that she is slow.
func TestSlowViewerIsThinnedOverTCP(t *testing.T) {
	h := onTCP(t, &chat.Hub{SendBuffer: 4 << 10})
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}
	ws, _, err := (&websocket.Dialer{NetDialContext: dial}).Dial(h.url+"/ws/tea?token=ana", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := ws.ReadMessage(); err != nil { // the welcome: she is in
		t.Fatal(err)
	}
	told(h, h.busy("host"), 400)
	var s seen
	s.read(t, ws, 4)
	s.check(t, h, 400, 4)
}

// Whoever was thinned comes back with the number after the gap, and is resumed.
func TestThinnedViewerComesBack(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host := h.busy("host")
		ws := h.raw("ana")
		synctest.Wait() // until she is in
		told(h, host, 300)
		var s seen
		s.read(t, ws, 3)
		_ = ws.Close()
		host.must(do("say", "text", "while you were away"))
		back := h.joinAt("ana", client.Position{Epoch: host.welcome.Epoch, Seq: s.last})
		if !back.hello().Resumed {
			t.Fatal("not resumed")
		}
		back.next("message")
		if at := back.Position(); at.Seq != s.last+1 {
			t.Errorf("at %d after %d", at.Seq, s.last)
		}
	})
}

// What lags for less than two seconds is sent whole, however much it is; and
// what is few is sent whole, however old it is.
func TestLagThatIsNotThinned(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host := h.busy("host")
		for _, c := range []struct {
			n   int
			gap time.Duration
		}{{500, 3 * time.Millisecond}, {40, 200 * time.Millisecond}} {
			ws := h.raw("ana")
			synctest.Wait() // until she is in
			for i := range c.n {
				host.must(do("say", "text", fmt.Sprint("line ", i, strings.Repeat(" x", 100))))
				time.Sleep(c.gap)
			}
			h.hub.Tell("tea", chat.Event{Type: "ended", Data: nil})
			synctest.Wait()
			var s seen
			s.read(t, ws, 0)
			if s.said != c.n || s.left != 0 {
				t.Errorf("%d of %d messages, %d left out", s.said, c.n, s.left)
			}
			_ = ws.Close()
		}
	})
}
