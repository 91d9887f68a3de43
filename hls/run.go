package hls

import (
	"fmt"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

const (
	firstSegmentWait  = 100 * time.Millisecond // for the tap's goroutine to notice the muxer's first segment
	firstSegmentTries = 3
)

// params are the codec parameters of a run; video or audio may be absent.
type params struct {
	sps, pps []byte
	asc      *mpeg4audio.AudioSpecificConfig
}

func (p params) video() bool { return p.sps != nil }
func (p params) audio() bool { return p.asc != nil }

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

// newRun starts a muxer whose first frame has the given time.
func newRun(p params, base time.Duration) (*run, error) {
	r := &run{params: p, base: base, opened: make(chan error, 1), head: &head{video: p.video()}}
	r.muxer = &gohlslib.Muxer{
		Variant:            gohlslib.MuxerVariantLowLatency,
		SegmentCount:       7, // the least it takes; parts are read at once
		SegmentMinDuration: segmentMin,
		PartMinDuration:    partMin,
		SegmentMaxSize:     segmentMaxBytes,
		OnEncodeError:      func(error) {}, // tells of part durations, which the timeline announces as constant
	}
	if p.video() {
		r.videoTrack = &gohlslib.Track{Codec: &codecs.H264{SPS: p.sps, PPS: p.pps}, ClockRate: videoRate}
		r.muxer.Tracks = append(r.muxer.Tracks, r.videoTrack)
		r.describe()
		if r.grid.num > 0 {
			r.muxer.PartMinDuration = wholeFrames(time.Duration(int64(time.Second) * r.grid.den / r.grid.num))
		}
	}
	if p.audio() {
		r.counter.rate = int64(p.asc.SampleRate)
		r.audioTrack = &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: *p.asc}, ClockRate: p.asc.SampleRate}
		r.muxer.Tracks = append(r.muxer.Tracks, r.audioTrack)
		if !p.video() {
			r.muxer.SegmentMinDuration = audioSegmentMin
			r.muxer.PartMinDuration = wholeFrames(span(aacFrameSize, r.counter.rate))
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

// describe takes from the SPS what the multivariant playlist says, and the frame rate.
func (r *run) describe() {
	var sps h264.SPS
	if sps.Unmarshal(r.sps) != nil {
		return // the muxer will refuse the frames
	}
	r.head.width, r.head.height = sps.Width(), sps.Height()
	if sps.VUI == nil || sps.VUI.TimingInfo == nil {
		return
	}
	num, den := int64(sps.VUI.TimingInfo.TimeScale), 2*int64(sps.VUI.TimingInfo.NumUnitsInTick)
	if den > 0 && num >= den && num/den <= 240 {
		r.grid.num, r.grid.den = num, den
		r.head.frameRate = float64(num) / float64(den)
	}
}

// writeVideo hands one access unit to the muxer. at is its date.
func (r *run) writeVideo(pts time.Duration, p picture, at time.Time) error {
	t := r.grid.snap(pts - r.base)
	err := r.muxer.WriteH264(r.videoTrack, at, t, p.withParams(r.sps, r.pps))
	if err == nil && p.key {
		r.note(span(t, videoRate))
	}
	return err
}

// writeAudio hands one AAC access unit to the muxer.
func (r *run) writeAudio(pts time.Duration, unit []byte, at time.Time) error {
	t := r.counter.take(pts - r.base)
	err := r.muxer.WriteMPEG4Audio(r.audioTrack, at, t, [][]byte{unit})
	if err == nil && !r.video() {
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
