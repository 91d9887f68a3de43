package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/yutopp/go-rtmp"

	"souk/hls"
)

// ErrUnknownKey is what Keys answers for a key that opens no channel.
var ErrUnknownKey = errors.New("ingest: unknown stream key")

// Keys finds the channel that a stream key opens.
type Keys interface {
	// ChannelForKey returns the slug of the channel, or ErrUnknownKey. It
	// should not tell by its timing how much of a key is right.
	ChannelForKey(ctx context.Context, key string) (channel string, err error)
}

// How long the world outside may keep a publisher waiting.
const (
	keyTimeout   = 5 * time.Second // one look-up of a key, or of a policy
	stateTimeout = 5 * time.Second // one call of OnState
)

// Back-off of the accept loop while the system is out of something.
const (
	acceptPause    = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

var errShutdown = errors.New("ingest: the server is shutting down")

// Server is the RTMP side of souk. Set the fields, then call Serve, once per
// listener.
type Server struct {
	// configuration
	Keys   Keys
	Origin *hls.Origin

	// OnState is told when a channel gets a publisher and when the last one
	// has left. It is called with true for every publisher that is about to be
	// accepted, also when it takes over from another, so true may follow true;
	// by its return Origin must have a stream for the channel. An error with
	// true refuses the publisher, who gets to see its text. Calls for one
	// channel do not overlap; they should return when ctx ends.
	OnState func(ctx context.Context, channel string, on bool) error

	// OnHealth is told when what there is to say about a publisher changes: when
	// a fault of it begins or ends, at most once a second, and when it was thrown
	// out for what it sends. Calls for one publisher do not overlap and are over
	// when it has gone.
	OnHealth func(channel string, p Publisher)

	// Policy is what encoders of a channel should send; nil is DefaultPolicy for
	// all.
	Policy func(ctx context.Context, channel string) Policy

	// Endpoints are the addresses that ClientConfiguration gives to encoders,
	// such as "rtmp://example.com/live"; without, they keep the one they have.
	Endpoints func(r *http.Request) []string

	Log            *slog.Logger // nil discards
	MaxConnections int          // at a time; 0 is DefaultConnections
	MaxPerAddress  int          // of those; 0 is DefaultPerAddress

	// HandshakeTimeout is how long a connection may take until the RTMP
	// handshake is through, TLS included; 0 is 10 s.
	HandshakeTimeout time.Duration

	// Proxies are who may, and must, say with a PROXY header whom a connection
	// is from (versions 1 and 2); nobody by default.
	Proxies []netip.Prefix

	// state
	gate    gate
	air     air
	strikes strikes // of encoders
	callers strikes // of ClientConfiguration
	tally   tally
}

// Serve accepts encoders until ctx ends or the listener fails for good. It
// closes the listener, cuts all its connections and waits for them, so that
// afterwards every publisher has left and every OnState call has returned. The
// error is ctx's, or the listener's.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(ctx, func() { ln.Close() })

	var arrivals, sessions, library sync.WaitGroup
	feed := newFeed(ln.Addr())
	server := rtmp.NewServer(&rtmp.ServerConfig{OnConnect: s.configure})
	library.Go(func() { server.Serve(feed) })

	arrive := func(socket net.Conn, from net.Addr) {
		if s.strikes.barred(addressOf(from), time.Now()) {
			s.tally.barred.Add(1)
			socket.Close()
			return
		}
		sessions.Add(1)
		se := s.newSession(ctx, socket, from, sessions.Done)
		if !s.admit(se) {
			se.Close()
			return
		}
		arrivals.Go(func() {
			if err := se.Greeted(); err != nil {
				se.log.Debug("connection closed before its handshake", "cause", err)
				se.Close()
			} else if !feed.put(ctx, se) {
				se.Close()
			}
		})
	}
	err := s.accept(ctx, ln, func(socket net.Conn) {
		s.tally.accepted.Add(1)
		if s.viaProxy(socket) {
			arrivals.Go(func() { s.welcome(ctx, socket, arrive) })
		} else {
			arrive(socket, socket.RemoteAddr())
		}
	})
	stop() // cuts the sessions
	arrivals.Wait()
	server.Close()
	feed.Close()
	library.Wait()
	sessions.Wait()
	return err
}

// welcome has a proxy introduce a connection.
func (s *Server) welcome(ctx context.Context, socket net.Conn, arrive func(net.Conn, net.Addr)) {
	unhook := context.AfterFunc(ctx, func() { socket.Close() })
	from, err := introduced(socket)
	if !unhook() || err != nil {
		s.log().Warn("a proxy did not say whom a connection is from", "proxy", socket.RemoteAddr(), "err", err)
		socket.Close()
		return
	}
	arrive(socket, from)
}

// accept calls take for each connection.
func (s *Server) accept(ctx context.Context, ln net.Listener, take func(net.Conn)) error {
	pause := time.Duration(0)
	for {
		socket, err := ln.Accept()
		switch {
		case err == nil:
			if pause > 0 {
				s.log().Info("accepting connections again")
			}
			pause = 0
			take(socket)
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return err
		}
		// Out of file descriptors, most likely; they come back as connections
		// time out. The library would try again without pause.
		if pause == 0 {
			s.log().Warn("cannot accept connections for now", "err", err)
		}
		pause = min(max(2*pause, acceptPause), acceptPauseMax)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// configure is where the library asks about a connection from the feed.
func (s *Server) configure(c net.Conn) (io.ReadWriteCloser, *rtmp.ConnConfig) {
	se := c.(*session)
	return se, &rtmp.ConnConfig{
		Handler: se,
		// The echo proves nothing, and some hardware gets it wrong.
		SkipHandshakeVerification: true,
		// What trails a deleteStream is no reason to hang up.
		IgnoreMessagesOnNotExistStream:          true,
		IgnoreMessagesOnNotExistStreamThreshold: 100,
		ControlState: rtmp.StreamControlStateConfig{
			MaxChunkStreams:   8, // the guard uses one
			MaxMessageStreams: 4, // the control stream, and some for clients that ask twice
		},
		Logger:  silence,
		RPreset: greeting{},
	}
}

// silence takes the library's log, which would show stream keys.
var silence = func() *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetLevel(logrus.PanicLevel)
	return l
}()

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// feed is the listener that the library accepts from: it yields sessions that
// were admitted.
type feed struct {
	addr   net.Addr
	ready  chan *session
	once   sync.Once
	closed chan struct{}
}

func newFeed(addr net.Addr) *feed {
	return &feed{addr: addr, ready: make(chan *session), closed: make(chan struct{})}
}

// put hands a session over; false means that nobody will take it any more.
func (f *feed) put(ctx context.Context, se *session) bool {
	select {
	case f.ready <- se:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *feed) Accept() (net.Conn, error) {
	select {
	case se := <-f.ready:
		return se, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

func (f *feed) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

func (f *feed) Addr() net.Addr { return f.addr }
