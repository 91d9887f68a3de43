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

// params are the codec parameters of a run; video or audio may be nil.
type params struct {
	video *videoParams
	audio *audioParams
}

// run is a stretch of media that one init section describes: one muxer, written and read back by one goroutine.
type run struct {
	params
	base time.Duration // publisher's time of the muxer's time zero

	muxer        *gohlslib.Muxer
	videoTrack   *gohlslib.Track
	audioTrack   *gohlslib.Track
	grid         grid
	counter      counter
	head         *head
	tap          tap
	opened       chan error // one value once the tap has found the first segment, or never will
	reading      bool       // opened was received
	tries        int
	begun        bool          // pieces were read
	shift        time.Duration // from the publisher's time to the muxer's output
	firstWritten time.Duration // of the leading track, on the muxer's input clock
	written      bool
	nextCut      time.Duration // no part can end before this
}

// newRun starts a muxer whose first frame is the given one.
func newRun(p params, first Frame) (*run, error) {
	r := &run{params: p, base: first.PTS, opened: make(chan error, 1), head: &head{video: p.video != nil}}
	r.muxer = &gohlslib.Muxer{
		Variant:            gohlslib.MuxerVariantLowLatency,
		SegmentCount:       7, // the least it takes; parts are read at once
		SegmentMinDuration: segmentMin,
		PartMinDuration:    partMin,
		SegmentMaxSize:     segmentMaxBytes,
		OnEncodeError:      func(error) {}, // tells of part durations, which the timeline announces as constant
	}
	if v := p.video; v != nil {
		r.videoTrack = v.track()
		r.muxer.Tracks = append(r.muxer.Tracks, r.videoTrack)
		r.head.width, r.head.height = v.width, v.height
		if v.num > 0 {
			r.grid.num, r.grid.den = v.num, v.den
			r.head.frameRate = float64(v.num) / float64(v.den)
			r.muxer.PartMinDuration = wholeFrames(time.Duration(int64(time.Second) * v.den / v.num))
		}
	}
	if a := p.audio; a != nil {
		r.counter.rate = a.rate
		r.audioTrack = a.track()
		r.muxer.Tracks = append(r.muxer.Tracks, r.audioTrack)
		if p.video == nil {
			r.muxer.SegmentMinDuration = audioSegmentMin
			r.muxer.PartMinDuration = wholeFrames(span(a.samples(first.Units[0]), a.rate))
		}
	}
	if err := r.muxer.Start(); err != nil {
		return nil, err
	}
	r.tap = tap{src: r.muxer, prefix: "/"}
	go r.open()
	return r, nil
}

// open waits for the muxer's first segment, or for its end.
func (r *run) open() {
	var err error
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("hls: muxer panicked: %v", p)
		}
		r.opened <- err
	}()
	err = r.tap.open()
}

// wholeFrames is partMin, or less when the smallest number of frames that lasts so long would exceed partTarget.
func wholeFrames(frame time.Duration) time.Duration {
	if frame <= 0 || frame > partTarget {
		return partMin
	}
	return min(partMin, partTarget/frame*frame)
}

// writeVideo hands one access unit to the muxer. at is its date.
func (r *run) writeVideo(pts time.Duration, p picture, at time.Time) error {
	t := r.grid.snap(pts - r.base)
	err := r.video.write(r.muxer, r.videoTrack, at, t, p.withParams(r.video.VideoConfig))
	if err == nil && p.key {
		r.note(span(t, videoRate))
	}
	return err
}

// writeAudio hands one access unit to the muxer.
func (r *run) writeAudio(pts time.Duration, unit []byte, at time.Time) error {
	t := r.counter.take(pts-r.base, r.audio.samples(unit))
	err := r.audio.write(r.muxer, r.audioTrack, at, t, unit)
	if err == nil && r.video == nil {
		r.note(span(t, r.counter.rate))
	}
	return err
}

// note remembers the muxer's first sample: its clock starts there.
func (r *run) note(ts time.Duration) {
	if !r.written {
		r.written, r.firstWritten = true, ts
	}
}

// read returns the pieces that the frame just written has completed, on the publisher's clock. pts is that frame's
// time, key whether a segment could end in front of it.
func (r *run) read(pts time.Duration, key bool) ([]piece, error) {
	if !r.reading {
		if err := r.await(pts, key); err != nil || !r.reading {
			return nil, err
		}
	}
	if !key && pts < r.nextCut {
		return nil, nil
	}
	pieces, err := r.tap.read()
	if len(pieces) == 0 {
		return nil, err
	}
	if !r.begun {
		r.begun = true
		r.shift = pieces[0].present - r.firstWritten - r.base
		r.head.codecs = r.tap.codecs
	}
	for i := range pieces {
		pieces[i].decode -= r.shift
		pieces[i].present -= r.shift
	}
	newest := pieces[len(pieces)-1]
	r.nextCut = newest.decode + newest.duration + r.muxer.PartMinDuration - time.Millisecond
	return pieces, err
}

// await looks whether the tap has found the muxer's first segment. When that must just have been completed it waits
// a moment, so that an encoder faster than real time cannot overtake the tap.
func (r *run) await(pts time.Duration, key bool) error {
	patience := time.Duration(0)
	if key && pts-r.base >= r.muxer.SegmentMinDuration && r.tries < firstSegmentTries {
		r.tries++
		patience = firstSegmentWait
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-r.opened:
		r.reading = err == nil
		return err
	case <-timer.C:
		return nil
	}
}

// close ends the muxer and with it the tap's wait.
func (r *run) close() { r.muxer.Close() }
