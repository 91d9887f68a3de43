package chat_test

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"souk/chat"
)

// countingConn counts what is read.
type countingConn struct {
	net.Conn
	read *atomic.Int64
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// packing opens a websocket that offers compression, or does not.
func packing(t *testing.T, h *house, offer bool) (*websocket.Conn, *atomic.Int64) {
	t.Helper()
	read := &atomic.Int64{}
	d := websocket.Dialer{EnableCompression: offer, NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return countingConn{c, read}, err
	}}
	ws, res, err := d.Dial(h.url+"/ws/tea?token=ana", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	if agreed := res.Header.Get("Sec-Websocket-Extensions") != ""; agreed != offer {
		t.Fatalf("offered %v, agreed on %v", offer, agreed)
	}
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return ws, read
}

// Clients that take compressed frames get the same events in fewer bytes.
func TestCompressedFrames(t *testing.T) {
	h := onTCP(t, &chat.Hub{})
	host := h.join("host")
	plain, plainRead := packing(t, h, false)
	packed, packedRead := packing(t, h, true)
	for _, ws := range []*websocket.Conn{plain, packed} {
		_, _, _ = ws.ReadMessage() // the welcome
	}
	plainRead.Store(0)
	packedRead.Store(0)
	for i := range 200 {
		host.must(do("say", "text", fmt.Sprint("is it blue, and how much is number ", i)))
	}
	h.hub.Tell("tea", chat.Event{Type: "pinned", Data: strings.Repeat("x", 70_000)})
	h.hub.Tell("tea", chat.Event{Type: "ended", Data: nil})
	var one, other seen
	one.read(t, plain, 0)
	other.read(t, packed, 0)
	if one.said != 200 || other.said != 200 || len(one.facts) != 1 || other.facts[0] != one.facts[0] {
		t.Errorf("%d and %d messages", one.said, other.said)
	}
	if p, c := plainRead.Load(), packedRead.Load(); c*2 > p {
		t.Errorf("%d bytes compressed, %d plain", c, p)
	}

	// It may compress what it sends, too.
	packed.EnableWriteCompression(true)
	if err := packed.WriteMessage(websocket.TextMessage, []byte(`{"id":1,"do":"say","text":"`+strings.Repeat("yes ", 50)+`"}`)); err != nil {
		t.Fatal(err)
	}
	if got := nextReply(t, packed); got[:18] != `{"id":1,"ok":true,` {
		t.Errorf("a compressed command: %s", got)
	}
}

// A small message that inflates to a large one is too big all the same.
func TestCompressionBomb(t *testing.T) {
	h := onTCP(t, &chat.Hub{})
	ws, _ := packing(t, h, true)
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(make([]byte, 1<<20))
	_ = w.Flush()
	payload := bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
	if len(payload) > 4<<10 {
		t.Fatalf("the bomb is %d bytes long", len(payload))
	}
	frame := append([]byte{0xc1, 0xfe, byte(len(payload) >> 8), byte(len(payload)), 0, 0, 0, 0}, payload...)
	if _, err := ws.NetConn().Write(frame); err != nil {
		t.Fatal(err)
	}
	if code := closeCode(t, ws); code != websocket.CloseMessageTooBig {
		t.Errorf("closed with %d", code)
	}
}

// Offers that cannot be taken as they are get plain frames.
func TestCompressionOffers(t *testing.T) {
	h := onTCP(t, &chat.Hub{})
	for offer, agreed := range map[string]bool{
		"":                   false,
		"permessage-deflate": true,
		"permessage-deflate; client_max_window_bits":                       true,
		"x-webkit-deflate-frame":                                           false,
		"foo, permessage-deflate":                                          true,
		"permessage-deflate; server_max_window_bits=9":                     false,
		"permessage-deflate; server_max_window_bits=9, permessage-deflate": true,
	} {
		header := http.Header{}
		if offer != "" {
			header.Set("Sec-WebSocket-Extensions", offer)
		}
		req, _ := http.NewRequest(http.MethodGet, strings.Replace(h.url, "ws", "http", 1)+"/ws/tea", nil)
		req.Header = header
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Sec-Websocket-Extensions"); (got != "") != agreed || res.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%q: status %d, agreed on %q", offer, res.StatusCode, got)
		}
		_ = res.Body.Close()
	}
}
