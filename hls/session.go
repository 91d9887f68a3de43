package hls

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Errors of a session.
var (
	// ErrClosed means that the session was replaced, its show ended or it was closed.
	ErrClosed = errors.New("hls: session closed")

	// ErrBadAudio means that an AudioSpecificConfig cannot be used.
	ErrBadAudio = errors.New("hls: unusable audio configuration")
)

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

// SetH264 gives the parameter sets of the AVCDecoderConfigurationRecord. Other ones than before start a new init
// section, with a discontinuity, at the next key frame.
func (s *Session) SetH264(sps, pps []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(sps) > 0 && len(pps) > 0 {
		s.feed.setH264(sps, pps)
	}
}

// SetAAC gives the AudioSpecificConfig (ISO 14496-3 section 1.6.2.1). It fails with ErrBadAudio.
func (s *Session) SetAAC(asc []byte) error {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(asc); err != nil {
		return fmt.Errorf("%w: %v", ErrBadAudio, err)
	}
	if c.SampleRate <= 0 {
		return fmt.Errorf("%w: no sample rate", ErrBadAudio)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed.setAAC(asc, c)
	return nil
}

// Write takes the next frame; its bytes belong to the package afterwards. It is called by one goroutine, in the order
// of arrival. What cannot be packaged is dropped and counted; the only error is that the session is over (ErrClosed)
// or broken by its input.
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
			s.feed.abandonRun()
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
