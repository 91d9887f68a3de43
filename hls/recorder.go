package hls

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	retryRecording = 10 * time.Second // after a failure; a new session is tried at once
	maxMarksHeld   = 256              // date ranges that wait for the disk
)

// recorder keeps a show's media while it is on air: one goroutine that follows what viewers see, like a viewer. The
// encoder never waits for it. A disk that cannot keep up, or is full, costs the recording some segments and the show
// nothing.
//
// One rendition is kept: the source, or while that is away the best that viewers have.
type recorder struct {
	// configuration
	archive *Archive
	stream  *Stream
	log     *slog.Logger

	mu    sync.Mutex // guards held
	held  []DateRange
	woken chan struct{} // something is held
	over  chan struct{} // closed once nothing more can come

	// state, of the goroutine
	deck    *deck // nil while the recording cannot be opened
	next    uint64
	refused *head     // of the newest segment that could not be kept, nil while all is well
	again   time.Time // when to try again
	reels   reelMaker

	now   atomic.Pointer[reel] // what the DVR playlist is made of; nil before the first segment
	state atomic.Pointer[RecordingState]
}

// RecordingState tells how a show's recording is doing.
type RecordingState struct {
	On      bool      // segments are being kept
	Reason  string    // why not: disk_full, too_long, damaged, ended or failed
	Since   time.Time // of this state
	Skipped int64     // segments that were not kept
}

// run follows the stream until it is over.
func (r *recorder) run() {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("recorder panicked", "panic", p, "stack", string(debug.Stack()))
			r.fail(fmt.Errorf("hls: recorder panicked: %v", p), nil)
		}
		if r.deck != nil {
			r.deck.close()
		}
	}()
	retry := time.NewTicker(retryRecording)
	defer retry.Stop()
	if err := r.load(); err != nil {
		r.fail(err, nil)
	}
	for {
		over := r.isOver() // before looking: then what is seen is all
		v := r.look()
		r.marks()
		r.follow(v)
		if over {
			break
		}
		select {
		case <-v.next:
		case <-r.woken:
		case <-r.over:
		case <-retry.C:
		}
	}
	if r.look().ended {
		r.finish()
	}
}

func (r *recorder) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// look returns the view of the best rendition that viewers have.
func (r *recorder) look() *view {
	t := r.stream.timeline
	for i := range t.renditions {
		if v := t.look(i); v != nil && !v.off {
			return v
		}
	}
	return t.look(0)
}

// load opens the recording, which goes on where a former process or stream of the show left it.
func (r *recorder) load() (err error) {
	if r.deck == nil {
		if r.deck, err = r.archive.open(r.stream); err == nil {
			r.show()
		}
	}
	return err
}

// follow keeps the segments that are new. After a failure not each of them is tried, but for those of a new session.
func (r *recorder) follow(v *view) {
	for _, s := range v.segments {
		if s.msn < r.next {
			continue
		}
		r.next = s.msn + 1
		if s.gap || r.refused == s.head && time.Now().Before(r.again) {
			r.skip(s)
			continue
		}
		if err := r.keep(s, v); err != nil {
			r.skip(s)
			r.fail(err, s.head)
			continue
		}
		r.recover()
		r.show()
	}
}

func (r *recorder) keep(s *segment, v *view) error {
	if err := r.load(); err != nil {
		return err
	}
	if err := r.archive.space(int64(s.size), r.refused != nil); err != nil {
		return err
	}
	prefix, _, _ := strings.Cut(s.object.name, "/")
	return r.deck.add(s, prefix, int(v.target/time.Second))
}

// skip takes note of a segment that is not kept.
func (r *recorder) skip(s *segment) {
	if !s.gap {
		now := *r.state.Load()
		now.Skipped++
		r.state.Store(&now)
		r.archive.skipped.Add(1)
	}
	if r.deck != nil {
		r.deck.rest()
	}
}

// fail takes note that nothing is kept for now. The first failure is told.
func (r *recorder) fail(err error, h *head) {
	r.refused, r.again = h, time.Now().Add(retryRecording)
	r.archive.failed.Add(1)
	now := *r.state.Load()
	if reason := reasonOf(err); now.On || now.Reason != reason {
		r.log.Error("recording stopped, the show goes on", "reason", reason, "err", err)
		r.tell(RecordingState{Reason: reason, Since: time.Now(), Skipped: now.Skipped})
	}
}

// recover takes note that a segment was kept.
func (r *recorder) recover() {
	r.refused = nil
	if now := *r.state.Load(); !now.On {
		r.log.Info("recording")
		r.tell(RecordingState{On: true, Since: time.Now(), Skipped: now.Skipped})
	}
}

func (r *recorder) tell(s RecordingState) {
	r.state.Store(&s)
	if f := r.archive.OnState; f != nil {
		f(r.stream.channel, r.stream.show.ID, s)
	}
}

// mark hands over a date range. It never waits.
func (r *recorder) mark(d DateRange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) < maxMarksHeld {
		r.held = append(r.held, d)
	}
	select {
	case r.woken <- struct{}{}:
	default: // a wake-up is already waiting
	}
}

// marks keeps the date ranges that were handed over. Those that the disk does not take are tried again.
func (r *recorder) marks() {
	r.mu.Lock()
	held := r.held
	r.held = nil
	r.mu.Unlock()
	if len(held) == 0 || r.deck == nil {
		r.hold(held)
		return
	}
	for i, d := range held {
		if err := r.deck.mark(d); err != nil {
			r.fail(err, r.refused)
			r.hold(held[i:])
			break
		}
	}
	r.show()
}

func (r *recorder) hold(marks []DateRange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = append(marks, r.held...)
}

// show gives viewers of the DVR playlist what is there now.
func (r *recorder) show() {
	if len(r.deck.tape.shots) > 0 {
		r.now.Store(r.reels.make(&r.deck.tape, false))
	}
}

// finish makes a replay of the recording.
func (r *recorder) finish() {
	err := r.load()
	if err == nil {
		err = r.archive.finish(r.deck, time.Now())
	}
	if err != nil {
		r.fail(err, nil) // the archive tries again
		return
	}
	if len(r.deck.tape.shots) > 0 {
		r.now.Store(r.reels.make(&r.deck.tape, true))
	}
}

// Show is the id of the stream's show.
func (st *Stream) Show() string { return st.show.ID }

// Recording tells how the recording of the stream is doing; ok is false when nobody wants one.
func (st *Stream) Recording() (now RecordingState, ok bool) {
	if st.recorder == nil {
		return now, false
	}
	return *st.recorder.state.Load(), true
}
