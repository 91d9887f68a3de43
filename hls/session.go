package hls

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed means that the session was replaced, its show ended or it was closed.
var ErrClosed = errors.New("hls: session closed")

// Session is one publisher of a stream. One goroutine writes; Close may be called from any.
type Session struct {
	// configuration
	stream *Stream
	log    *slog.Logger
	done   chan struct{}

	mu sync.Mutex // guards everything below but newest

	// state
	feed   feed
	closed bool

	newest atomic.Int64 // date of the newest frame in Unix nanoseconds, 0 before the first
}

// SetVideo announces a video track or other parameters of one: track 0 is the source, 1 and up are further renditions
// of it. Other parameters than before start a new init section, with a discontinuity, at the next key frame. It fails
// with ErrTrack, ErrBadVideo, or ErrCodec for a codec that cannot be carried; what was announced before stays then.
func (s *Session) SetVideo(track int, c VideoConfig) error {
	if track < 0 || track >= maxTracks {
		return ErrTrack
	}
	p, err := c.parse()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed.setVideo(track, p)
	return nil
}

// SetAudio is the same for the audio. It fails with ErrBadAudio or ErrCodec.
func (s *Session) SetAudio(c AudioConfig) error {
	p, err := c.parse()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed.setAudio(p)
	return nil
}

// Offers reports whether the multivariant playlist lists a video track now. A further rendition is not before its key
// frames were found to come with those of track 0. Any goroutine may call it.
func (s *Session) Offers(track int) bool {
	v := s.stream.timeline.look(track)
	return v != nil && !v.off
}

// Write takes the next frame. Its bytes are copied, some of them changed in place: the caller may use the memory again,
// but not what it held. Write is called by one goroutine, in the order of arrival.
// What cannot be packaged is dropped and counted; the only error is that the session is over (ErrClosed) or broken by
// its input.
func (s *Session) Write(f Frame) error {
	if f.Arrived.IsZero() {
		f.Arrived = time.Now()
	}
	playable, err := s.write(f)
	if err != nil && !errors.Is(err, ErrClosed) {
		s.Close()
	}
	if playable {
		s.stream.playable()
	}
	return err
}

func (s *Session) write(f Frame) (playable bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, ErrClosed
	}
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("session panicked", "panic", p, "stack", string(debug.Stack()))
			s.feed.run, s.feed.former = nil, nil
			err = fmt.Errorf("hls: broken by its input: %v", p)
		}
	}()
	was := s.feed.playable
	s.feed.take(f)
	if at := s.feed.clock.at(s.feed.clock.newest); s.feed.clock.known {
		s.newest.Store(at.UnixNano())
	}
	return s.feed.playable && !was, nil
}

// Close says that the publisher is gone. What it left of a segment is committed; the stream waits for the next one.
func (s *Session) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.feed.stop()
	c := s.feed.counts
	s.mu.Unlock()

	s.stream.left(s)
	s.log.Info("publisher session closed", "frames", c.frames, "dropped", c.dropped, "refused", c.refused, "runs", c.runs)
	close(s.done)
}

// Done is closed when the session is over: closed, replaced, ended with its show, or broken.
func (s *Session) Done() <-chan struct{} { return s.done }
