package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// push runs an encoder for the house and returns how that ended.
func (h *house) push(ctx context.Context, key string, loop bool) <-chan error {
	e := &Encoder{
		URL: "rtmp://" + h.address + "/live/" + key, Clip: tiny(h.t), Loop: loop,
		Log: slog.New(slog.NewTextHandler(h.logged, nil)),
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return ended
}

func TestEncoderPushesOnce(t *testing.T) {
	h := open(t, nil)
	start := time.Now()
	ended := h.push(t.Context(), "key-of-tea?x=1", false)
	h.state("tea on")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < 1900*time.Millisecond {
		t.Errorf("2 s of video in %v", took)
	}
	h.state("tea off")
	eventually(t, "the log of it", func() bool { return strings.Contains(h.logged.String(), "publisher off air") })
	if log := h.logged.String(); !strings.Contains(log, errFinished.Error()) {
		t.Error("it did not take leave")
	}
}

func TestEncoderLoops(t *testing.T) {
	h := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := h.push(ctx, "key-of-tea", true)
	h.state("tea on")
	eventually(t, "a second turn", func() bool { return h.frames("tea") > 75 })
	if p, _ := h.Publisher("tea"); p.Video.FPS != 25 || len(p.Advice) != 0 {
		t.Errorf("%+v, advice %q", p.Video, p.Advice)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	h.state("tea off")
	if strings.Contains(h.logged.String(), "jumped") {
		t.Error("the clock jumped")
	}
}

func TestEncoderIsRefused(t *testing.T) {
	for _, loop := range []bool{false, true} {
		h := open(t, nil)
		err := <-h.push(t.Context(), "wrong-key", loop)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "This stream key is not known.") {
			t.Errorf("loop %v: %v", loop, err)
		}
	}
}

func TestEncoderStaysAwayAfterAKick(t *testing.T) {
	h := open(t, nil)
	ended := h.push(t.Context(), "key-of-tea", true)
	eventually(t, "frames", func() bool { return h.frames("tea") > 10 })
	h.Kick("tea", "Your stream key was changed.")
	if err := <-ended; !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "Your stream key was changed.") {
		t.Error(err)
	}
}

// With Loop a server that went away is waited for.
func TestEncoderComesBack(t *testing.T) {
	h := open(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.Serve(ctx, ln) }()
	first := *h
	first.address = ln.Addr().String()
	whole, stop := context.WithCancel(t.Context())
	ended := first.push(whole, "key-of-tea", true)
	h.state("tea on")
	cancel()
	<-served
	h.state("tea off")

	again, err := net.Listen("tcp", first.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { served <- h.Serve(ctx, again) }()
	h.state("tea on")
	eventually(t, "frames", func() bool { return h.frames("tea") > 10 })
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	cancel()
	<-served
}

func TestEncoderErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	for _, tc := range []struct {
		url, clip string
		want      error
	}{
		{"rtmp://127.0.0.1/live/k-secret", "not a clip", ErrClip},
		{"http://127.0.0.1/live/k-secret", "", ErrAddress},
		{"rtmp://127.0.0.1/k-secret", "", ErrAddress},
		{"rtmp://127.0.0.1/live/", "", ErrAddress},
		{"rtmp:///live/k-secret", "", ErrAddress},
		{"rtmp://127.0.0.1:port/live/k-secret", "", ErrAddress},
		{"rtmp://" + ln.Addr().String() + "/live/k-secret", string(tiny(t)), nil},
	} {
		err := (&Encoder{URL: tc.url, Clip: []byte(tc.clip)}).Run(t.Context())
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.url, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the key is in %q", err)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]target{
		"rtmp://host/live/key":            {false, "host:1935", "host", "live", "key"},
		"rtmp://host:19350/live/key?a=b":  {false, "host:19350", "host", "live", "key?a=b"},
		"rtmps://host/live/key":           {true, "host:443", "host", "live", "key"},
		"rtmp://[::1]:1935/live/sub/key":  {false, "[::1]:1935", "::1", "live/sub", "key"},
		"rtmp://host/live/key%20with%3Fx": {false, "host:1935", "host", "live", "key%20with%3Fx"},
	} {
		if got, err := parseTarget(in); got != want || err != nil {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}
