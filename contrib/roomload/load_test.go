//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"souk/chat"
)

// TestMain is also the server of these tests, in a process of its own: its
// memory must not be the load's.
func TestMain(m *testing.M) {
	switch os.Getenv("ROOMLOAD_TEST") {
	case "bare":
		panic(bareMain(nil))
	case "room":
		panic(serveRoom())
	}
	os.Exit(m.Run())
}

// hosts lets everybody with a token talk without limits.
type hosts struct{}

func (hosts) Join(r *http.Request, _ string) (chat.Person, error) {
	if r.URL.Query().Get("token") == "" {
		return chat.Person{}, nil
	}
	return chat.Person{ID: "host", Name: "Host", Roles: []string{"owner"}, Badges: []string{"host"}}, nil
}

func serveRoom() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	hub := &chat.Hub{Who: hosts{}, Log: &chat.MemLog{}, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), SendBuffer: 16 << 10}
	go func() { _ = hub.Run(context.Background()) }()
	go func() {
		for range time.Tick(200 * time.Millisecond) {
			debug.FreeOSMemory() // what is measured is what is held, not what the handshakes left behind
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/{channel}", hub.Serve)
	fmt.Println("http://" + ln.Addr().String())
	return http.Serve(ln, mux)
}

// start runs this binary as a server.
func start(t *testing.T, what string) *server {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startAs(t, what, self)
}

// startAs does it with another build of this test.
func startAs(t *testing.T, what, self string) *server {
	t.Helper()
	t.Setenv("ROOMLOAD_TEST", what)
	kind := map[string]string{"room": "souk", "bare": "bare"}[what]
	s, err := plain(kind, self)
	if err != nil {
		t.Fatal(err)
	}
	s.token = "host"
	t.Cleanup(func() { _ = s.run.Process.Kill(); _ = s.run.Wait() })
	return s
}

func (s *server) load(t *testing.T, l load) *report {
	t.Helper()
	l = s.fill(l)
	r, err := l.run()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// whole checks that everything came, in order and once.
func whole(t *testing.T, r *report) {
	t.Helper()
	if r.Received != r.Expected || r.Lost != 0 || r.Doubled != 0 || r.Refused != 0 || r.Closed != 0 || r.Said < 10 {
		t.Errorf("not whole: %+v", r)
	}
}

func TestCrowdHearsEverythingOnce(t *testing.T) {
	room := start(t, "room")
	for _, deflate := range []bool{false, true} {
		r := room.load(t, load{Viewers: 300, Rate: 200, Size: 100, Span: time.Second, Settle: 300 * time.Millisecond, Deflate: deflate})
		whole(t, r)
		// 300 viewers or more have a tick of 10 ms at least, in which two messages
		// come at 200 a second; the slower the machine, the more.
		if r.PerFrame < 1.3 {
			t.Errorf("%.1f messages in a frame: they do not share frames", r.PerFrame)
		}
		if deflate && r.MegaBytes*1e6 > 250*r.PerSecond {
			t.Errorf("%.0f bytes for a message: nothing is compressed", r.MegaBytes*1e6/r.PerSecond)
		}
	}
	r := room.load(t, load{Viewers: 100, Window: 64, Size: 300, Span: time.Second})
	whole(t, r)
}

func TestMemoryOfIdleViewers(t *testing.T) {
	// The race detector takes eight times as much for itself: the server is built without it.
	plain := filepath.Join(t.TempDir(), "server.test")
	build := exec.Command("go", "test", "-c", "-o", plain, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	room := startAs(t, "room", plain)
	room.load(t, load{Viewers: 50, Settle: 100 * time.Millisecond}) // what is needed once
	r := room.load(t, load{Viewers: 2000, Settle: time.Second})
	if r.BytesPerViewer > goalBytes || r.BytesPerViewer < 1000 {
		t.Errorf("%d bytes of an idle viewer, want at most %d", r.BytesPerViewer, goalBytes)
	}
	t.Logf("%d bytes", r.BytesPerViewer)
}

func TestEverybodyDropsAndComesBack(t *testing.T) {
	room := start(t, "room")
	r := room.load(t, load{Viewers: 500, Rate: 20, Size: 100, Span: 2 * time.Second, Storm: 500 * time.Millisecond})
	whole(t, r)
	if r.NotResumed != 0 || r.StormSeconds == 0 {
		t.Errorf("%d were not given what they missed: %+v", r.NotResumed, r)
	}
}

func TestAFifthDoesNotRead(t *testing.T) {
	room := start(t, "room")
	r := room.load(t, load{Viewers: 200, Dead: 40, Receive: 4 << 10, Rate: 100, Size: 300, Span: 2 * time.Second})
	whole(t, r)
}

// The load finds what a server does wrong: the bare reference gives nobody what was missed.
func TestLossIsFound(t *testing.T) {
	bare := start(t, "bare")
	whole(t, bare.load(t, load{Viewers: 50, Rate: 50, Size: 100, Span: time.Second}))
	r := bare.load(t, load{Viewers: 50, Rate: 100, Size: 100, Span: 2 * time.Second, Storm: 500 * time.Millisecond})
	if r.Lost == 0 {
		t.Errorf("nothing was lost where much must be: %+v", r)
	}
}
