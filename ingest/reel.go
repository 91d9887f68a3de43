package ingest

import (
	"iter"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"souk/ingest/flv"
)

// reel is a clip made ready to be pushed, once or round and round.
type reel struct {
	metadata []byte    // body of the script tag; nil without
	headers  []flv.Tag // decoder configurations
	video    strip
	audio    strip
	length   time.Duration // of one turn
}

// strip is the frames of one medium.
type strip struct {
	frames []flv.Tag
	start  time.Duration // of the first frame
	pace   time.Duration // from one frame to the next, on average
}

func newReel(clip []byte) (*reel, error) {
	tags, err := flv.Tags(clip)
	if err != nil {
		return nil, ErrClip
	}
	r := new(reel)
	var audioPace time.Duration
	for _, tag := range tags {
		switch tag.Kind {
		case flv.KindData:
			if r.metadata == nil {
				r.metadata = tag.Body
			}
		case flv.KindVideo:
			if p, err := flv.ParseVideo(tag.Body); err != nil {
				return nil, ErrClip
			} else {
				r.add(&r.video, tag, p)
			}
		case flv.KindAudio:
			p, err := flv.ParseAudio(tag.Body)
			if err != nil {
				return nil, ErrClip
			}
			if p.Type == flv.Config {
				audioPace = aacPace(p.Data)
			}
			r.add(&r.audio, tag, p)
		}
	}
	if len(r.video.frames)+len(r.audio.frames) == 0 {
		return nil, ErrClip
	}
	r.video.measure()
	r.audio.measure()
	if audioPace > 0 {
		r.audio.pace = audioPace
	}
	r.length = r.video.length()
	if r.length == 0 {
		r.length = r.audio.length()
	}
	return r, nil
}

func (r *reel) add(s *strip, tag flv.Tag, p flv.Packet) {
	switch {
	case p.Type == flv.Frame:
		s.frames = append(s.frames, tag)
	case p.Type == flv.Config && len(s.frames) == 0:
		tag.Time = 0
		r.headers = append(r.headers, tag)
	}
}

// aacPace is how long an AAC frame lasts, more exactly than milliseconds tell.
func aacPace(asc []byte) time.Duration {
	var c mpeg4audio.AudioSpecificConfig
	if c.Unmarshal(asc) != nil || c.SampleRate <= 0 {
		return 0
	}
	return mpeg4audio.SamplesPerAccessUnit * time.Second / time.Duration(c.SampleRate)
}

// measure finds the start and the pace.
func (s *strip) measure() {
	n := len(s.frames)
	if n == 0 {
		return
	}
	s.start = millis(s.frames[0].Time)
	s.pace = 40 * time.Millisecond // of a single frame
	if n > 1 {
		s.pace = (millis(s.frames[n-1].Time) - s.start) / time.Duration(n-1)
	}
}

// length is how long the strip lasts, in whole milliseconds: until the frame
// after its last one would come.
func (s *strip) length() time.Duration {
	return (time.Duration(len(s.frames)) * s.pace).Round(time.Millisecond)
}

func millis(ms uint32) time.Duration { return time.Duration(ms) * time.Millisecond }

// scheduled is a tag and when it is due, counted from the start.
type scheduled struct {
	flv.Tag
	due time.Duration
}

// play yields the frames in the order they are due, with times to match.
//
// Turns are as long as the video, which goes on at its pace. Sound does not fit
// into that by whole frames, so it keeps a grid of its own that knows no turns:
// its frames come one after the other for ever, each time the one that belongs
// to that moment of the picture. Where the turns meet, a frame is heard twice or
// not at all; no clock jumps, and picture and sound never drift apart.
func (r *reel) play(loop bool) iter.Seq[scheduled] {
	start := r.video.start
	if len(r.video.frames) == 0 || len(r.audio.frames) > 0 && r.audio.start < start {
		start = r.audio.start
	}
	return func(yield func(scheduled) bool) {
		v, a := 0, 0
		for {
			video, more := r.videoFrame(v, loop)
			audio, sound := r.audioFrame(a, loop)
			if !more && !sound {
				return
			}
			next := video
			if !more || sound && audio.due < video.due {
				next = audio
				a++
			} else {
				v++
			}
			if next.Body == nil {
				continue // a moment without sound
			}
			next.due -= start
			next.Time = uint32(next.due.Round(time.Millisecond) / time.Millisecond)
			if !yield(next) {
				return
			}
		}
	}
}

// videoFrame is the nth frame to show; ok is false after the last.
func (r *reel) videoFrame(n int, loop bool) (f scheduled, ok bool) {
	count := len(r.video.frames)
	if count == 0 || n >= count && !loop {
		return f, false
	}
	tag := r.video.frames[n%count]
	return scheduled{tag, millis(tag.Time) + time.Duration(n/count)*r.length}, true
}

// audioFrame is the nth frame to hear, without a body when the clip's sound is
// over before its picture; ok is false after the last.
func (r *reel) audioFrame(n int, loop bool) (f scheduled, ok bool) {
	count := len(r.audio.frames)
	if count == 0 || n >= count && !loop {
		return f, false
	}
	at := time.Duration(n) * r.audio.pace
	i := n
	if loop {
		i = int(at % r.length / r.audio.pace)
	}
	f.due = r.audio.start + at
	switch {
	case i < count:
		f.Tag = r.audio.frames[i]
	case i == count:
		f.Tag = r.audio.frames[count-1]
	}
	return f, true
}
