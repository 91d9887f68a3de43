package hls

import (
	"fmt"
	"time"

	"github.com/bluenviron/gohlslib/v2"
)

const (
	firstSegmentWait  = 100 * time.Millisecond // for the tap's goroutine to notice the muxer's first segment
	firstSegmentTries = 3
)

// lane is one rendition within a run: one muxer with the rendition's video and the run's audio, written and read back
// by one goroutine.
type lane struct {
	// configuration
	run   *run
	track int
	video *videoParams // nil when the run is audio alone
	audio *audioParams // nil when the run has none

	muxer      *gohlslib.Muxer
	videoTrack *gohlslib.Track
	audioTrack *gohlslib.Track
	head       *head

	// state
	grid         grid
	counter      counter
	tap          tap
	opened       chan error // one value once the tap has found the first segment, or never will
	reading      bool       // opened was received
	tries        int
	start        time.Duration // publisher's time of the first frame
	begun        bool          // pieces were read
	shift        time.Duration // from the publisher's time to the muxer's output
	firstWritten time.Duration // of the leading track, on the muxer's input clock
	written      bool
	nextCut      time.Duration // no part can end before this
	refused      int           // leading frames in a row that the muxer did not take
}

// newLane starts a muxer whose first frame is the given one.
func newLane(r *run, track int, video *videoParams, first Frame) (*lane, error) {
	l := &lane{run: r, track: track, video: video, audio: r.audio, start: first.PTS, opened: make(chan error, 1), head: &head{video: video != nil}}
	l.muxer = &gohlslib.Muxer{
		Variant:            gohlslib.MuxerVariantLowLatency,
		SegmentCount:       7, // the least it takes; parts are read at once
		SegmentMinDuration: segmentMin,
		PartMinDuration:    partMin,
		SegmentMaxSize:     segmentMaxBytes,
		OnEncodeError:      func(error) {}, // tells of part durations, which the timeline announces as constant
	}
	if v := l.video; v != nil {
		l.videoTrack = v.track()
		l.muxer.Tracks = append(l.muxer.Tracks, l.videoTrack)
		l.head.width, l.head.height = v.width, v.height
		if v.num > 0 {
			l.grid.num, l.grid.den = v.num, v.den
			l.head.frameRate = float64(v.num) / float64(v.den)
			l.muxer.PartMinDuration = wholeFrames(time.Duration(int64(time.Second) * v.den / v.num))
		}
	}
	if a := l.audio; a != nil {
		l.counter.rate = a.rate
		l.audioTrack = a.track()
		l.muxer.Tracks = append(l.muxer.Tracks, l.audioTrack)
		if video == nil {
			l.muxer.SegmentMinDuration = audioSegmentMin
			l.muxer.PartMinDuration = wholeFrames(span(a.samples(first.Units[0]), a.rate))
		}
	}
	if err := l.muxer.Start(); err != nil {
		return nil, err
	}
	l.tap = tap{src: l.muxer, prefix: "/"}
	go l.open()
	return l, nil
}

// open waits for the muxer's first segment, or for its end.
func (l *lane) open() {
	var err error
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("hls: muxer panicked: %v", p)
		}
		l.opened <- err
	}()
	err = l.tap.open()
}

// wholeFrames is partMin, or less when the smallest number of frames that lasts so long would exceed partTarget.
func wholeFrames(frame time.Duration) time.Duration {
	if frame <= 0 || frame > partTarget {
		return partMin
	}
	return min(partMin, partTarget/frame*frame)
}

// writeVideo hands one access unit to the muxer. at is its date.
func (l *lane) writeVideo(pts time.Duration, p picture, at time.Time) error {
	t := l.grid.snap(pts - l.run.base)
	err := l.video.write(l.muxer, l.videoTrack, at, t, p.withParams(l.video.VideoConfig))
	if err == nil && p.key {
		l.note(span(t, videoRate))
	}
	return err
}

// writeAudio hands one access unit to the muxer.
func (l *lane) writeAudio(pts time.Duration, unit []byte, at time.Time) error {
	t := l.counter.take(pts-l.run.base, l.audio.samples(unit))
	err := l.audio.write(l.muxer, l.audioTrack, at, t, unit)
	if err == nil && l.video == nil {
		l.note(span(t, l.counter.rate))
	}
	return err
}

// note remembers the muxer's first sample: its clock starts there.
func (l *lane) note(ts time.Duration) {
	if !l.written {
		l.written, l.firstWritten = true, ts
	}
}

// read returns the pieces that the frame just written has completed, on the publisher's clock. pts is that frame's
// time, key whether a segment could end in front of it.
func (l *lane) read(pts time.Duration, key bool) ([]piece, error) {
	if !l.reading {
		if err := l.await(pts, key); err != nil || !l.reading {
			return nil, err
		}
	}
	if !key && pts < l.nextCut {
		return nil, nil
	}
	pieces, err := l.tap.read()
	if len(pieces) == 0 {
		return nil, err
	}
	if !l.begun {
		l.begun = true
		l.shift = pieces[0].present - l.firstWritten - l.run.base
		l.head.codecs = l.tap.codecs
	}
	for i := range pieces {
		pieces[i].decode -= l.shift
		pieces[i].present -= l.shift
	}
	newest := pieces[len(pieces)-1]
	l.nextCut = newest.decode + newest.duration + l.muxer.PartMinDuration - time.Millisecond
	return pieces, err
}

// await looks whether the tap has found the muxer's first segment. When that must just have been completed it waits
// a moment, so that an encoder faster than real time cannot overtake the tap.
func (l *lane) await(pts time.Duration, key bool) error {
	patience := time.Duration(0)
	if key && pts-l.start >= l.muxer.SegmentMinDuration && l.tries < firstSegmentTries {
		l.tries++
		patience = firstSegmentWait
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-l.opened:
		l.reading = err == nil
		return err
	case <-timer.C:
		return nil
	}
}

// close ends the muxer and with it the tap's wait.
func (l *lane) close() { l.muxer.Close() }
