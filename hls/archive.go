package hls

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	sweepRecordings = time.Minute
	goneSuffix      = ".gone" // of folders that are being removed
)

// Errors of an archive.
var (
	ErrNoRecording = errors.New("hls: no such recording")
	ErrStillOnAir  = errors.New("hls: the show is still being recorded")
)

// Archive keeps the recordings of shows, each in a folder of its own: media files, a journal of what is in them and,
// once the show has ended, the playlists of its replay. Such a folder can be served by any web server.
//
// Set the fields, call Load, then Run. Its methods are safe from any goroutine.
type Archive struct {
	// configuration
	Log      *slog.Logger
	Keep     func(channel string) time.Duration // how long ended shows are kept, 0 for ever; nil for ever
	MaxBytes int64                              // of all recordings, 0 for no limit; ended shows go first and the oldest of them
	MinFree  int64                              // bytes of the disk that recordings leave alone
	// OnState is told when a recording starts, stops for a reason other than its end, or goes on. It must not block.
	OnState func(channel, show string, s RecordingState)
	// OnReplay is told when a show can be watched again, and by a zero Replay when it cannot any more. No locks are held.
	OnReplay func(show string, r Replay)

	root *os.Root
	free func(folder string) (bytes int64, known bool) // of the disk; tests have small ones

	mu     sync.Mutex // guards the rest but for the counters
	all    map[string]*recording
	closed bool

	recorders sync.WaitGroup
	wake      chan struct{} // a show is over

	skipped, failed, removed atomic.Int64
}

// recording is one show's. The archive's lock guards its state.
type recording struct {
	show showLine

	hold sync.Mutex // held by who has the deck

	// state
	recorder *recorder     // nil while nobody records
	over     bool          // the show has ended
	final    chan struct{} // closed when the replay is there
	ended    *endedLine    // nil until then
}

// ArchiveStats are counters, for operators.
type ArchiveStats struct {
	Recordings        int
	Bytes             int64
	Stopped           int   // shows on air that should be recorded and are not
	Skipped           int64 // segments that were not kept
	Failures, Removed int64
}

// OpenArchive opens a folder of recordings and makes it if need be.
func OpenArchive(folder string) (*Archive, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	return &Archive{root: root, free: freeBytes, all: map[string]*recording{}, wake: make(chan struct{}, 1)}, nil
}

// Load looks what former processes left, and cuts off what they left unfinished. over tells whether a show has ended
// meanwhile: its recording becomes a replay. Call it once, before anything else. What cannot be read is logged and
// left alone.
func (a *Archive) Load(over func(show string) bool) error {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	list, err := fs.ReadDir(a.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range list {
		switch name := e.Name(); {
		case strings.HasSuffix(name, goneSuffix):
			err = a.root.RemoveAll(name)
		case e.IsDir() && isShow(name):
			err = a.loadOne(name, over)
		}
		if err != nil {
			a.Log.Error("recording not loaded", "folder", e.Name(), "err", err)
		}
	}
	return nil
}

func (a *Archive) loadOne(id string, over func(string) bool) error {
	r := &recording{show: showLine{ID: id}, final: make(chan struct{})}
	show, ended, err := a.ends(id)
	switch {
	case err != nil:
		return err
	case ended != nil:
		r.show, r.over, r.ended = show, true, ended
		close(r.final)
	default:
		d, err := openDeck(a.root, showLine{ID: id})
		if err != nil {
			return err
		}
		r.show = d.tape.show
		d.close()
		r.over = over(id)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[id] = r
	return nil
}

// ends reads the first and the last line of a journal.
func (a *Archive) ends(id string) (showLine, *endedLine, error) {
	f, err := a.root.Open(id + "/" + journalName)
	if errors.Is(err, fs.ErrNotExist) {
		return showLine{}, nil, nil
	}
	if err != nil {
		return showLine{}, nil, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.NewSectionReader(f, 0, maxLine))
	if err != nil {
		return showLine{}, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return showLine{}, nil, err
	}
	from := max(0, info.Size()-maxLine)
	tail, err := io.ReadAll(io.NewSectionReader(f, from, maxLine))
	if err != nil {
		return showLine{}, nil, err
	}
	var first, last line
	top, _, _ := bytes.Cut(head, []byte("\n"))
	tail = tail[:max(0, bytes.LastIndexByte(tail, '\n'))]
	bottom := tail[bytes.LastIndexByte(tail, '\n')+1:]
	if json.Unmarshal(top, &first) != nil || json.Unmarshal(bottom, &last) != nil || first.Show == nil {
		return showLine{}, nil, nil // a reading from the start tells more
	}
	return *first.Show, last.Ended, nil
}

// record starts to record a stream; nil means that it is too late for that.
func (a *Archive) record(st *Stream) *recorder {
	if !isShow(st.show.ID) {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	rec := a.all[st.show.ID]
	if rec == nil {
		rec = &recording{show: showLine{ID: st.show.ID, Channel: st.channel, Started: st.show.StartedAt.UTC()}, final: make(chan struct{})}
		a.all[st.show.ID] = rec
	}
	r := &recorder{archive: a, stream: st, log: st.log, woken: make(chan struct{}, 1), over: make(chan struct{})}
	r.state.Store(&RecordingState{})
	rec.recorder = r
	a.recorders.Go(func() {
		rec.hold.Lock() // of the same show's former stream, until that has put everything away
		defer rec.hold.Unlock()
		r.run()
		a.left(rec, r)
	})
	return r
}

// left takes note that a recorder has ended.
func (a *Archive) left(rec *recording, r *recorder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rec.recorder == r {
		rec.recorder = nil
	}
}

// open gives a recorder its deck.
func (a *Archive) open(st *Stream) (*deck, error) {
	return openDeck(a.root, showLine{ID: st.show.ID, Channel: st.channel, Started: st.show.StartedAt.UTC()})
}

// space fails when keeping so many bytes more would take what recordings must leave alone. A recording that stopped
// needs a quarter more to go on, or else it would stop again at once.
func (a *Archive) space(size int64, stopped bool) error {
	if a.MinFree <= 0 {
		return nil
	}
	need := a.MinFree + size
	if stopped {
		need += a.MinFree / 4
	}
	if free, ok := a.free(a.root.Name()); ok && free < need {
		return fmt.Errorf("%w: %d bytes free, %d needed", errNoSpace, free, need)
	}
	return nil
}

// Mark keeps a date range, or its end, with the recording of a show, whether or not an encoder is on.
func (a *Archive) Mark(show string, d DateRange) error {
	a.mu.Lock()
	rec := a.all[show]
	if rec == nil || rec.over {
		a.mu.Unlock()
		return nil
	}
	if rec.recorder != nil && !rec.recorder.isOver() {
		defer a.mu.Unlock()
		rec.recorder.mark(d)
		return nil
	}
	a.mu.Unlock()
	rec.hold.Lock()
	defer rec.hold.Unlock()
	k, err := openDeck(a.root, rec.show)
	if err != nil {
		return err
	}
	defer k.close()
	return k.mark(d)
}

// End says that a show has ended. Its recording becomes a replay as soon as everything is on disk.
func (a *Archive) End(show string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rec := a.all[show]; rec != nil {
		rec.over = true
		select {
		case a.wake <- struct{}{}:
		default: // a wake-up is already waiting
		}
	}
}

// finish makes a replay of what a deck has, or removes the folder if that is nothing. The caller holds the recording.
func (a *Archive) finish(d *deck, at time.Time) error {
	id := d.tape.show.ID
	if len(d.tape.shots) == 0 {
		a.mu.Lock()
		delete(a.all, id)
		a.mu.Unlock()
		return a.root.RemoveAll(id)
	}
	if err := d.finish(at); err != nil {
		return err
	}
	a.mu.Lock()
	if rec := a.all[id]; rec != nil && rec.ended == nil {
		rec.over, rec.ended = true, d.tape.ended
		close(rec.final)
	}
	a.mu.Unlock()
	a.tell(id)
	return nil
}

// tell lets know what can be watched of a show now.
func (a *Archive) tell(show string) {
	if a.OnReplay != nil {
		r, _ := a.Replay(show)
		a.OnReplay(show, r)
	}
}

// Shows are those that have a recording here: replays, and those of which it is not known yet that they are over.
func (a *Archive) Shows() (replays, unfinished []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, rec := range a.all {
		switch {
		case rec.ended != nil:
			replays = append(replays, id)
		case !rec.over:
			unfinished = append(unfinished, id)
		}
	}
	return replays, unfinished
}

// finishOver makes replays of shows that ended while nobody recorded them.
func (a *Archive) finishOver() {
	a.mu.Lock()
	var due []*recording
	for _, rec := range a.all {
		if rec.over && rec.ended == nil && rec.recorder == nil {
			due = append(due, rec)
		}
	}
	a.mu.Unlock()
	for _, rec := range due {
		if err := a.finishOne(rec); err != nil {
			a.Log.Error("no replay of a recording", "show", rec.show.ID, "err", err)
		}
	}
}

func (a *Archive) finishOne(rec *recording) error {
	rec.hold.Lock()
	defer rec.hold.Unlock()
	d, err := openDeck(a.root, rec.show)
	if errors.Is(err, errOver) {
		return nil // somebody was faster
	}
	if err != nil {
		return err
	}
	defer d.close()
	return a.finish(d, time.Now())
}

// Run finishes the recordings of ended shows and removes those that are not to be kept, until the context ends. It
// returns when all recorders have put away what they have.
func (a *Archive) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepRecordings)
	defer tick.Stop()
	for {
		a.finishOver()
		a.sweep(time.Now())
		select {
		case <-tick.C:
		case <-a.wake:
		case <-ctx.Done():
			a.close()
			return context.Cause(ctx)
		}
	}
}

// close waits for the recorders, whose streams end with their origin.
func (a *Archive) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.recorders.Wait()
}

// Stats returns the counters.
func (a *Archive) Stats() ArchiveStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := ArchiveStats{Recordings: len(a.all), Skipped: a.skipped.Load(), Failures: a.failed.Load(), Removed: a.removed.Load()}
	for _, rec := range a.all {
		s.Bytes += rec.bytes()
		if r := rec.recorder; r != nil && r.state.Load().Reason != "" {
			s.Stopped++
		}
	}
	return s
}

// has reports whether a show's recording is here, finished or not.
func (a *Archive) has(show string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[show] != nil
}

// bytes of the recording's media.
func (rec *recording) bytes() int64 {
	if rec.ended != nil {
		return rec.ended.Bytes
	}
	if rec.recorder != nil {
		if now := rec.recorder.now.Load(); now != nil {
			return now.bytes
		}
	}
	return 0
}

// reasonOf is the stable word for an error of a recording.
func reasonOf(err error) string {
	for word, causes := range map[string][]error{
		"disk_full": {errNoSpace, syscall.ENOSPC, syscall.EDQUOT},
		"too_long":  {errTooLong},
		"ended":     {errOver},
		"damaged":   {errDamaged},
	} {
		for _, cause := range causes {
			if errors.Is(err, cause) {
				return word
			}
		}
	}
	return "failed"
}
