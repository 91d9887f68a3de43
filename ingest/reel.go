package ingest

import (
	"iter"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg1audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"souk/ingest/flv"
)

// reel is a clip made ready to be pushed, once or round and round. Its tags go
// out as they are in the file, but for their times.
type reel struct {
	metadata []byte    // body of the script tag; nil without
	headers  []flv.Tag // what comes before the first frame of a medium: its configuration
	video    strip
	audio    strip         // the first track; others are left out
	length   time.Duration // of one turn
}

// strip is the frames of one medium, in video with what else there is between
// them.
type strip struct {
	frames []flv.Tag
	beats  int           // how many of them belong to the first track
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
	var packets []flv.Packet
	for _, tag := range tags {
		switch tag.Kind {
		case flv.KindData:
			if r.metadata == nil {
				r.metadata = tag.Body
			}
		case flv.KindVideo:
			if packets, err = flv.AppendVideo(packets[:0], tag.Body); err != nil {
				return nil, ErrClip
			}
			r.addVideo(tag, packets)
		case flv.KindAudio:
			if packets, err = flv.AppendAudio(packets[:0], tag.Body); err != nil {
				return nil, ErrClip
			}
			if audioPace == 0 {
				audioPace = paceOf(packets)
			}
			r.addAudio(tag, packets)
		}
	}
	if r.video.beats+r.audio.beats == 0 {
		return nil, ErrClip
	}
	r.rewind()
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

// addVideo puts a tag where it belongs. The end of a track is for the end of
// the show, not of every turn.
func (r *reel) addVideo(tag flv.Tag, packets []flv.Packet) {
	s := &r.video
	frame, beat := false, false
	for _, p := range packets {
		if p.Type == flv.End {
			return
		}
		frame = frame || p.Type == flv.Frame
		beat = beat || p.Type == flv.Frame && p.Track == 0
	}
	if beat {
		s.beats++
	}
	if frame || len(s.frames) > 0 {
		s.frames = append(s.frames, tag)
	} else if len(packets) > 0 {
		tag.Time = 0
		r.headers = append(r.headers, tag)
	}
}

// addAudio does the same for sound, of which only the frames of the first track
// and their configuration are kept.
func (r *reel) addAudio(tag flv.Tag, packets []flv.Packet) {
	s := &r.audio
	for _, p := range packets {
		switch {
		case p.Track != 0:
		case p.Type == flv.Frame:
			s.frames = append(s.frames, tag)
			s.beats++
			return
		case p.Type == flv.Config && s.beats == 0:
			tag.Time = 0
			r.headers = append(r.headers, tag)
		}
	}
}

// rewind prepares for turns after the first. When the configuration changes
// within the clip, the first one has to come again at the start of each.
func (r *reel) rewind() {
	changes := false
	var packets []flv.Packet
	for _, tag := range r.video.frames {
		packets, _ = flv.AppendVideo(packets[:0], tag.Body)
		for _, p := range packets {
			changes = changes || p.Type == flv.Config
		}
	}
	if !changes {
		return
	}
	var again []flv.Tag
	for _, tag := range r.headers {
		if tag.Kind == flv.KindVideo {
			tag.Time = r.video.frames[0].Time
			again = append(again, tag)
		}
	}
	r.video.frames = append(again, r.video.frames...)
}

// paceOf is how long a frame of sound lasts, more exactly than milliseconds
// tell; 0 when the packets do not say.
func paceOf(packets []flv.Packet) time.Duration {
	for _, p := range packets {
		samples, rate := 0, 0
		switch {
		case p.Track != 0:
		case p.Codec == flv.AAC && p.Type == flv.Config:
			var c mpeg4audio.AudioSpecificConfig
			if c.Unmarshal(p.Data) == nil {
				samples, rate = mpeg4audio.SamplesPerAccessUnit, c.SampleRate
			}
		case p.Codec == flv.Opus && p.Type == flv.Frame:
			samples, rate = int(opus.PacketDuration2(p.Data)), 48000
		case p.Codec == flv.MP3 && p.Type == flv.Frame:
			var h mpeg1audio.FrameHeader
			if h.Unmarshal(p.Data) == nil {
				samples, rate = h.SampleCount(), h.SampleRate
			}
		}
		if samples > 0 && rate > 0 {
			return time.Duration(samples) * time.Second / time.Duration(rate)
		}
	}
	return 0
}

// measure finds the start and the pace.
func (s *strip) measure() {
	n := len(s.frames)
	if n == 0 {
		return
	}
	s.start = millis(s.frames[0].Time)
	s.pace = 40 * time.Millisecond // of a single frame
	if s.beats > 1 {
		s.pace = (millis(s.frames[n-1].Time) - s.start) / time.Duration(s.beats-1)
	}
}

// length is how long the strip lasts, in whole milliseconds: until the frame
// after its last one would come.
func (s *strip) length() time.Duration {
	return (time.Duration(s.beats) * s.pace).Round(time.Millisecond)
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
