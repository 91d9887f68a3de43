package ingest

import (
	"bytes"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"souk/ingest/amf"
	"souk/ingest/rtmptest"
)

// Two thousand sockets that send one byte and wait get no answer, are gone once
// the time for the handshake is over, cost little until then, and a publisher
// next to them loses no frame.
func TestHalfOpenConnections(t *testing.T) {
	const crowd, wait, allowed = 2000, 5 * time.Second, 50 << 20
	const slack = 4 * time.Second // for a busy machine to close so many
	h := open(t, func(s *Server) {
		s.MaxConnections, s.MaxPerAddress, s.HandshakeTimeout = 2*crowd, 2*crowd, wait
	})
	s := h.steadily()
	eventually(t, "frames", func() bool { return h.frames("steady") > 10 })
	debug.FreeOSMemory() // garbage does not count
	goroutines, memory := runtime.NumGoroutine(), rss(t, "self")
	conns := make([]net.Conn, crowd)
	for i := range conns {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte{3})
		conns[i] = conn
	}
	start := time.Now()
	eventually(t, "all of them", func() bool { return h.Stats().Connections == crowd+1 })
	debug.FreeOSMemory()
	more := rss(t, "self") - memory
	t.Logf("%d MB more, %d goroutines", more>>20, runtime.NumGoroutine()-goroutines)
	if more > allowed && !underRace {
		t.Errorf("%d MB more", more>>20)
	}
	rtmptest.Dial(t, h.address).Publish("key-of-tea")
	eventually(t, "the end of them", func() bool { return h.Stats().Connections == 2 })
	if took := time.Since(start); took > wait+slack {
		t.Errorf("the last one was there for %v", took)
	}
	for _, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Fatalf("a connection is open: %v", err)
		}
	}
	// The publisher "tea" has some of its own.
	eventually(t, "the goroutines", func() bool { return runtime.NumGoroutine() <= goroutines+8 })
	s.finish()
}

// Messages that claim to be huge, or would be once decoded, take no memory.
func TestBombsTakeNoMemory(t *testing.T) {
	const allowed = 16 << 20 // bytes, of all allocations together
	array := []byte{0x0a, 0x7f, 0xff, 0xff, 0xff}
	nested := bytes.Repeat([]byte{3, 0, 1, 'a'}, 15_000)
	command := func(name string, tail []byte) []byte {
		return rtmptest.Message{Kind: rtmptest.Command, ChunkSize: 0xffffff, Body: append(amf.Append(nil, name, 1.0), tail...)}.Bytes()
	}
	big := rtmptest.ChunkSizeOf(0xffffff)
	for what, in := range map[string][]byte{
		"array in connect":          rtmptest.Join(big, command("connect", array)),
		"array in unknown command":  rtmptest.Join(big, command("hello", array)),
		"nested objects in connect": rtmptest.Join(big, command("connect", nested)),
		"claims": rtmptest.Join(big, bytes.Repeat(rtmptest.Join(
			rtmptest.Message{ChunkStream: 5, Kind: rtmptest.Video}.Header(8<<20)), 1)),
	} {
		h := open(t, nil)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := rtmptest.Dial(t, h.address)
		c.Try(in)
		if !strings.Contains(what, "claims") {
			c.Closed()
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > allowed {
			t.Errorf("%s: %d MB were allocated", what, took>>20)
		}
	}
}
