package hls

import (
	"fmt"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/codecparams"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// Track ids of an init section and the fragments that go with it.
const (
	leadingTrack = 1
	audioTrack   = 2
)

// lane is one rendition within a run: the rendition's video and the run's audio, cut into parts of their own. Whichever
// goes into track 1 leads.
type lane struct {
	// configuration
	run   *run
	track int
	video *videoParams // nil when the run is audio alone
	audio *audioParams // nil when the run has none
	head  *head
	init  []byte

	// state
	grid    grid
	counter counter
	cutter  *cutter
	begun   bool // pieces were read
	refused int  // leading frames in a row that were not taken
}

// newLane starts with the given frame.
func newLane(r *run, track int, video *videoParams, first Frame) (*lane, error) {
	l := &lane{run: r, track: track, video: video, audio: r.audio, head: &head{video: video != nil}}
	rate, soundRate := int64(videoRate), int64(0)
	segment, part := segmentMin, partMin
	var tracks []*fmp4.InitTrack
	if v := l.video; v != nil {
		l.head.width, l.head.height = v.width, v.height
		if v.num > 0 {
			l.grid.num, l.grid.den = v.num, v.den
			l.head.frameRate = float64(v.num) / float64(v.den)
			part = wholeFrames(time.Duration(int64(time.Second) * v.den / v.num))
		}
		tracks = append(tracks, &fmp4.InitTrack{ID: leadingTrack, TimeScale: videoRate, Codec: v.boxed()})
		l.head.codecs = append(l.head.codecs, codecparams.Marshal(v.codec()))
	}
	if a := l.audio; a != nil {
		l.counter.rate = a.rate
		soundRate = a.rate
		if video == nil {
			rate, segment = a.rate, audioSegmentMin
			part = wholeFrames(span(a.samples(first.Units[0]), a.rate))
		}
		tracks = append(tracks, &fmp4.InitTrack{ID: len(tracks) + 1, TimeScale: uint32(a.rate), Codec: a.boxed()})
		l.head.codecs = append(l.head.codecs, codecparams.Marshal(a.codec()))
	}
	var w seekablebuffer.Buffer
	if err := (&fmp4.Init{Tracks: tracks}).Marshal(&w); err != nil {
		return nil, fmt.Errorf("hls: init section: %w", err)
	}
	l.init = w.Bytes()
	l.cutter = newCutter(rate, soundRate, segment, part)
	return l, nil
}

// wholeFrames is partMin, or less when the smallest number of frames that lasts so long would exceed partTarget.
func wholeFrames(frame time.Duration) time.Duration {
	if frame <= 0 || frame > partTarget {
		return partMin
	}
	return min(partMin, partTarget/frame*frame)
}

// writeVideo takes one access unit and returns the parts that it completes, on the publisher's clock.
func (l *lane) writeVideo(fr Frame, p picture) ([]piece, error) {
	s := sample{at: l.grid.snap(fr.DTS - l.run.base), key: p.key, duration: uint32(l.grid.frame())}
	s.offset = int32(l.grid.whole(fr.PTS - fr.DTS))
	units := p.withParams(l.video.VideoConfig)
	return l.pieces(l.cutter.lead(s, func(b []byte) []byte {
		if l.video.Codec == AV1 {
			return appendOBUs(b, units)
		}
		return appendUnits(b, units)
	}))
}

// writeAudio does the same for audio, which completes parts only where it leads.
func (l *lane) writeAudio(fr Frame) ([]piece, error) {
	unit := fr.Units[0]
	n := l.audio.samples(unit)
	s := sample{at: l.counter.take(fr.PTS-l.run.base, n), duration: uint32(n), key: true}
	write := func(b []byte) []byte { return append(b, unit...) }
	if l.video != nil {
		return nil, l.cutter.sound(s, write)
	}
	return l.pieces(l.cutter.lead(s, write))
}

// finish returns what is left at the end of the lane, or in front of the key frame that starts its successor.
func (l *lane) finish(next *Frame) []piece {
	end := int64(0)
	if next != nil {
		end = ticks(next.DTS-l.run.base, l.cutter.leading.rate)
	}
	pieces, _ := l.pieces(l.cutter.finish(end, next != nil), nil)
	return pieces
}

// pieces puts pieces on the publisher's clock.
func (l *lane) pieces(list []piece, err error) ([]piece, error) {
	for i := range list {
		list[i].decode += l.run.base
		list[i].present += l.run.base
	}
	return list, err
}
