//go:build unix

package chat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"souk/chat"
)

// BenchmarkFanOut compares a room with the usual loop: a channel and a writing
// goroutine per viewer. Both run as fast as their viewers read, over TCP in
// one process, so that the readers' CPU is in both figures and the ratio is
// less than that of the servers alone.
func BenchmarkFanOut(b *testing.B) {
	const viewers = 500
	// About the size of a message on the wire. The mark counts events.
	said := json.RawMessage(`{"id":"0193-4f2a-7c3e","from":{"id":"0193-aaaa","name":"Mira","badges":["buyer"]},"text":"is it blue? ~"}`)

	b.Run("room", func(b *testing.B) {
		h := &chat.Hub{Who: teaPeople, Log: &chat.MemLog{}, Logger: slog.New(slog.DiscardHandler)}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /ws/{channel}", h.Serve)
		server := httptest.NewServer(mux)
		defer server.Close()
		ended := make(chan error, 1)
		ctx, stop := context.WithCancel(b.Context())
		go func() { ended <- h.Run(ctx) }()
		defer func() { stop(); <-ended }()
		fanOut(b, server.URL, viewers, func() { h.Tell("tea", chat.Event{Type: "message", Data: said}) })
	})
	b.Run("naive", func(b *testing.B) {
		n := &naive{}
		server := httptest.NewServer(n)
		defer server.Close()
		frame := []byte(`[{"type":"message","seq":123456,"at":"2026-11-20T19:00:00.120Z","data":` + string(said) + `}]`)
		fanOut(b, server.URL, viewers, func() { n.tell(frame) })
	})
}

// fanOut lets viewers read what tell says b.N times and reports the rate.
func fanOut(b *testing.B, url string, viewers int, tell func()) {
	var seen atomic.Int64
	for range viewers {
		ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(url, "http", "ws", 1)+"/ws/tea", nil)
		if err != nil {
			b.Fatal(err)
		}
		defer ws.Close()
		go countMarks(ws.NetConn(), &seen)
	}
	wait := func(n int) {
		for deadline := time.Now().Add(time.Minute); seen.Load() < int64(n); time.Sleep(50 * time.Microsecond) {
			if time.Now().After(deadline) {
				b.Fatalf("%d of %d deliveries", seen.Load(), n)
			}
		}
	}
	const window = 128 // events on their way; a naive viewer's channel holds more
	before := cpu()
	b.ResetTimer()
	for i := range b.N {
		tell()
		wait((i + 1 - window) * viewers)
	}
	wait(b.N * viewers)
	b.StopTimer()
	deliveries := float64(b.N * viewers)
	b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric((cpu()-before).Seconds()/deliveries*1e6, "cpu-s/M")
}

func countMarks(r io.Reader, seen *atomic.Int64) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		seen.Add(int64(bytes.Count(buf[:n], []byte("~"))))
		if err != nil {
			return
		}
	}
}

// cpu is what the process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// naive is the loop of many a chat example.
type naive struct {
	mu      sync.Mutex // guards viewers
	viewers []chan []byte
	up      websocket.Upgrader
}

func (n *naive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	queue := make(chan []byte, 256)
	n.mu.Lock()
	n.viewers = append(n.viewers, queue)
	n.mu.Unlock()
	ws, err := n.up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	for b := range queue {
		if ws.WriteMessage(websocket.TextMessage, b) != nil {
			return
		}
	}
}

func (n *naive) tell(b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, v := range n.viewers {
		v <- b
	}
}
