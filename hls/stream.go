package hls

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Stream is the media of one show of a channel. It outlives the publisher sessions that feed it.
type Stream struct {
	// configuration
	channel  string
	show     Show
	log      *slog.Logger
	timeline *timeline
	onAir    func(channel string)
	recorder *recorder // nil when the show is not recorded
	audience *audience

	mu    sync.Mutex // serialises Publish and end
	ended bool

	session atomic.Pointer[Session] // the publisher that is on, nil for none
	endedAt atomic.Int64            // Unix nanoseconds, 0 while the show goes on
}

// Publish starts a publisher session. An earlier one is closed first and what it left of a segment committed. On a
// stream that has ended the session is born closed.
func (st *Stream) Publish() *Session {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := &Session{stream: st, log: st.log, done: make(chan struct{})}
	s.feed = feed{timeline: st.timeline, log: st.log, probing: true}
	if st.ended {
		s.closed = true
		close(s.done)
		return s
	}
	old := st.session.Swap(s)
	st.timeline.join()
	if old != nil {
		old.Close()
	}
	return s
}

// left takes note that a session is over.
func (st *Stream) left(s *Session) {
	st.timeline.leave(!st.session.CompareAndSwap(s, nil))
}

// MediaNow returns the program date-time of the newest frame taken in: what the host sees now and viewers will see
// when their playing date gets there. While nobody publishes it is the wall clock.
func (st *Stream) MediaNow() time.Time {
	if s := st.session.Load(); s != nil {
		if at := s.newest.Load(); at != 0 {
			return time.Unix(0, at).UTC()
		}
	}
	return time.Now().UTC()
}

// Mark adds a date range to the playlist, or the end to the one that has its ID. Nothing else of a range can change
// once it is there. It reports whether there was news.
func (st *Stream) Mark(r DateRange) bool { return st.timeline.mark(r) }

func (st *Stream) playable() {
	if st.onAir != nil {
		st.onAir(st.channel)
	}
}

// end closes the publisher and makes the playlist final.
func (st *Stream) end() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ended {
		return
	}
	st.ended = true
	if s := st.session.Load(); s != nil {
		s.Close()
	}
	st.timeline.finish()
	st.endedAt.Store(time.Now().UnixNano())
	st.release()
}

// shut closes the publisher for good and leaves the playlist as it is.
func (st *Stream) shut() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ended {
		return
	}
	st.ended = true
	if s := st.session.Load(); s != nil {
		s.Close()
	}
	st.release()
}

// release tells the recorder that nothing more can come.
func (st *Stream) release() {
	if st.recorder != nil {
		close(st.recorder.over)
	}
}
