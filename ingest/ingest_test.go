package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/hls"
	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

// patience is how long a test waits for something that has to happen.
const patience = 10 * time.Second

// house is a Server on a real socket, with an Origin behind it. The keys are
// "key-of-" and the name of the channel.
type house struct {
	*Server
	t        testing.TB
	scheme   string
	address  string
	stop     context.CancelFunc
	served   chan error // what Serve returned
	playable chan string
	states   chan string // "tea on", "tea off"
	logged   *journal
}

// journal is a log that can be searched while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// open starts a house. Whatever a test does to it, at its end Serve has to
// return, nobody may be left on air, and no key may be in the log.
func open(t testing.TB, change func(*Server)) *house {
	t.Helper()
	return openOn(t, change, func(ln net.Listener) net.Listener { return ln })
}

// openOn is open on what wrap makes of the listener.
func openOn(t testing.TB, change func(*Server), wrap func(net.Listener) net.Listener) *house {
	t.Helper()
	h := &house{
		t: t, scheme: "rtmp", served: make(chan error, 1), playable: make(chan string, 100),
		states: make(chan string, 1000), logged: new(journal),
	}
	log := slog.New(slog.NewTextHandler(h.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	origin := &hls.Origin{Log: log, OnPlayable: func(channel string) { h.playable <- channel }}
	h.Server = &Server{
		Keys:   keys{},
		Origin: origin,
		Log:    log,
		OnState: func(_ context.Context, channel string, on bool) error {
			if on {
				origin.Start(channel, hls.Show{ID: "show-of-" + channel, StartedAt: time.Now()})
				h.states <- channel + " on"
			} else {
				h.states <- channel + " off"
			}
			return nil
		},
	}
	if change != nil {
		change(h.Server)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = ln.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.served <- h.Serve(ctx, wrap(ln)) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-h.served:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Serve returned %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve did not return")
		}
		if n := h.Stats(); n.Connections != 0 || n.Publishers != 0 {
			t.Errorf("%+v are left", n)
		}
		origin.Close()
		log := h.logged.String()
		if strings.Contains(log, "key-of-") || strings.Contains(log, "wrong-key") {
			t.Errorf("a stream key was logged:\n%s", log)
		}
		if t.Failed() {
			t.Log(log)
		}
	})
	return h
}

// keys opens the channel that is part of the key.
type keys struct{}

func (keys) ChannelForKey(_ context.Context, key string) (string, error) {
	channel, ok := strings.CutPrefix(key, "key-of-")
	if !ok {
		return "", ErrUnknownKey
	}
	return channel, nil
}

// state waits for the next OnState call and compares it.
func (h *house) state(want string) {
	h.t.Helper()
	select {
	case got := <-h.states:
		if got != want {
			h.t.Errorf("state %q, want %q", got, want)
		}
	case <-time.After(patience):
		h.t.Errorf("no state, want %q", want)
	}
}

// frames is how many video frames of the channel's publisher were taken.
func (h *house) frames(channel string) int {
	p := h.air.holder(channel)
	if p == nil {
		return 0
	}
	video, _, _ := p.health.counts()
	return video
}

// eventually waits for a fact.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if is() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

// tiny is a clip of 2 s: 64x36 at 25 fps with B-frames, a key frame a second,
// and AAC at 48 kHz. It was made by
//
//	ffmpeg -f lavfi -i testsrc2=size=64x36:rate=25:duration=2 \
//	  -f lavfi -i sine=frequency=440:sample_rate=48000:duration=2 \
//	  -c:v libx264 -preset veryfast -crf 38 -g 25 -bf 2 -pix_fmt yuv420p \
//	  -c:a aac -b:a 16k -ac 1 -f flv tiny.flv
func tiny(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/tiny.flv")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// messageOf is a tag of a clip as OBS would send it: on chunk stream 4.
func messageOf(tag flv.Tag) rtmptest.Message {
	return rtmptest.Message{ChunkStream: 4, Kind: tag.Kind, Stream: 1, Time: tag.Time, Body: tag.Body}
}

// steady is a publisher that must not notice what else happens.
type steady struct {
	h    *house
	stop chan struct{}
	done chan error
	sent int
}

// steadily publishes on the channel "steady" until finish.
func (h *house) steadily() *steady {
	h.t.Helper()
	s := &steady{h: h, stop: make(chan struct{}), done: make(chan error, 1)}
	c := rtmptest.Dial(h.t, h.address)
	c.Publish("key-of-steady")
	r, err := newReel(tiny(h.t))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, tag := range r.headers {
		c.Send(messageOf(tag).Bytes())
	}
	go func() {
		start := time.Now()
		for f := range r.play(true) {
			select {
			case <-s.stop:
				s.done <- nil
				return
			case <-time.After(time.Until(start.Add(f.due))):
			}
			if err := c.Try(messageOf(f.Tag).Bytes()); err != nil {
				s.done <- err
				return
			}
			if f.Kind == flv.KindVideo {
				s.sent++
			}
		}
	}()
	return s
}

// finish checks that every frame arrived.
func (s *steady) finish() {
	s.h.t.Helper()
	close(s.stop)
	if err := <-s.done; err != nil {
		s.h.t.Errorf("the publisher next to it was cut off after %d frames: %v", s.sent, err)
		return
	}
	eventually(s.h.t, fmt.Sprintf("%d frames of the publisher next to it", s.sent), func() bool {
		return s.h.frames("steady") == s.sent
	})
}
