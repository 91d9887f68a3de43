package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"path"
	"strings"
	"time"
)

var (
	// ErrRefused means that the server said no. It is wrapped with the sentence
	// that came with it.
	ErrRefused = errors.New("the server refused the stream")
	// ErrClip means that a clip cannot be pushed.
	ErrClip = errors.New("not an FLV file with H.264, HEVC or AV1 video, or AAC, Opus or MP3 audio")
	// ErrAddress means that a URL names no place to publish to.
	ErrAddress = errors.New("the address is not of the form rtmp://host/app/key")
)

// Waiting times between two attempts.
const (
	retryPause    = time.Second
	retryPauseMax = 15 * time.Second
	// A connection that lasted this long was a good one: the next attempt
	// comes soon.
	retryReset = 30 * time.Second
)

// Encoder pushes a clip to an RTMP server. The tags of the clip go out as they
// are, so Enhanced RTMP and several video tracks to a message do too.
type Encoder struct {
	URL     string // rtmp:// or rtmps://, host, app and stream key
	Clip    []byte // an FLV file
	Loop    bool   // for ever: the clip from the beginning, a lost connection anew
	FlatOut bool   // as fast as the server takes it, not in real time
	Log     *slog.Logger
}

// Run pushes until the clip or ctx ends, and then takes leave of the server.
// With Loop it connects again after errors, except after ErrRefused: a server
// that says no, at first or later, means it. Other errors are ErrClip,
// ErrAddress, ctx's, and those of the network. None contains the stream key.
func (e *Encoder) Run(ctx context.Context) error {
	log := e.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	to, err := parseTarget(e.URL)
	if err != nil {
		return err
	}
	reel, err := newReel(e.Clip)
	if err != nil {
		return err
	}
	pause := retryPause
	for {
		began := time.Now()
		err := e.push(ctx, to, reel, log)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || !e.Loop || errors.Is(err, ErrRefused) {
			return err
		}
		if time.Since(began) > retryReset {
			pause = retryPause
		}
		log.Warn("connection lost, trying again", "err", err, "in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, retryPauseMax)
	}
}

// target is where to publish.
type target struct {
	secure  bool
	address string // host:port
	host    string
	app     string
	key     string // with its query
}

// parseTarget takes a URL apart. Its errors do not quote the URL, which ends in
// a secret.
func parseTarget(s string) (target, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return target{}, ErrAddress
	}
	t := target{host: u.Hostname()}
	port := u.Port()
	switch u.Scheme {
	case "rtmp":
		port = defaultTo(port, "1935")
	case "rtmps":
		port = defaultTo(port, "443")
		t.secure = true
	default:
		return target{}, ErrAddress
	}
	t.address = net.JoinHostPort(t.host, port)
	dir, key := path.Split(u.EscapedPath())
	t.app = strings.Trim(dir, "/")
	if t.app == "" || key == "" {
		return target{}, ErrAddress
	}
	if u.RawQuery != "" {
		key += "?" + u.RawQuery
	}
	t.key = key
	return t, nil
}

func defaultTo(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// url is the address without the key, as a connect command carries it.
func (t target) url() string {
	scheme := "rtmp"
	if t.secure {
		scheme = "rtmps"
	}
	return scheme + "://" + t.address + "/" + t.app
}
