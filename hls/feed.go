package hls

import (
	"log/slog"
	"time"
)

// feed turns what one publisher sends into runs of media that lanes can cut. The session's lock guards it.
//
// A session starts by probing: frames are held until both media were seen or enough time went by, because the media of
// a run cannot change. After that every frame goes to the current run, which is replaced
//   - at the next key frame, when parameters changed or a medium came or went,
//   - at once, when the clock jumped or a lane gave up; frames up to the next key frame are dropped then.
//
// Renditions come and go within a run: one joins at its key frame, and leaves when it falls silent or its lane fails.
type feed struct {
	// configuration
	timeline *timeline
	log      *slog.Logger

	// state
	clock    clock
	video    [maxTracks]*videoParams // as last announced
	audio    *audioParams            // likewise
	media    [2]medium               // by Kind; video is all tracks together
	tracks   [maxTracks]medium       // of video
	probing  bool
	held     []Frame
	heldSize int
	run      *run
	former   *run // lanes of the run before that wait for the key frame which ends them, or nil
	stale    bool // replace the run at the next key frame
	playable bool // something of this session is in the window
	counts   counts
}

// medium is what is known of one kind of frames, or one track of them.
type medium struct {
	alive bool          // frames are coming
	last  time.Duration // of the newest frame
	timed bool          // last is set
	since time.Duration // how far the others were when the newest frame came
}

// counts is what the closing log line tells.
type counts struct{ frames, dropped, refused, runs int }

func (f *feed) setVideo(track int, p *videoParams) {
	if old := f.video[track]; old != nil && old.equal(p.VideoConfig) {
		return
	}
	f.video[track] = p
	if f.run != nil && f.run.video && f.run.lanes[track] != nil {
		f.stale = true
	}
}

func (f *feed) setAudio(p *audioParams) {
	if f.audio != nil && f.audio.equal(p.AudioConfig) {
		return
	}
	f.audio = p
	if f.run != nil && f.run.audio != nil {
		f.stale = true
	}
}

// take is the way of every frame.
func (f *feed) take(fr Frame) {
	f.counts.frames++
	if !f.acceptable(fr) {
		f.counts.dropped++
		return
	}
	if f.jumped(fr) {
		f.log.Warn("publisher's clock jumped", "kind", fr.Kind, "track", fr.Track, "to", fr.DTS)
		f.endRun()
		f.clock = clock{}
		f.media[Video].timed, f.media[Audio].timed = false, false
		for i := range f.tracks {
			f.tracks[i].timed = false
		}
		f.held, f.heldSize = nil, 0
	}
	f.clock.see(fr.PTS, fr.Arrived)
	f.progress(fr)
	if f.probing {
		f.probe(fr)
		return
	}
	f.deliver(fr)
}

// acceptable reports whether a frame is of a known kind and, for audio, of some length.
func (f *feed) acceptable(fr Frame) bool {
	switch fr.Kind {
	case Video:
		return fr.Track >= 0 && fr.Track < maxTracks
	case Audio:
		return fr.Track == 0 && len(fr.Units) > 0 && len(fr.Units[0]) > 0 &&
			(f.audio == nil || f.audio.samples(fr.Units[0]) > 0)
	}
	return false
}

// jumped reports a step of the publisher's clock that no run would survive.
func (f *feed) jumped(fr Frame) bool {
	m := f.media[Audio]
	if fr.Kind == Video {
		m = f.tracks[fr.Track]
	}
	if m.timed && fr.DTS < m.last-jumpBackward {
		return true
	}
	if fr.Kind == Video && m.timed && f.run != nil && f.run.video && f.run.lanes[fr.Track] != nil && fr.DTS > m.last+longestFrame {
		return true // one sample would last as long
	}
	newest, known := time.Duration(0), false
	for _, m := range f.media {
		if m.timed && (!known || m.last > newest) {
			newest, known = m.last, true
		}
	}
	return known && fr.DTS > newest+jumpForward
}

// progress takes note of what a frame tells about which media and tracks are coming.
func (f *feed) progress(fr Frame) {
	m, other := &f.media[fr.Kind], &f.media[1-fr.Kind]
	if !m.timed {
		other.since = fr.DTS
		m.last = fr.DTS
	}
	m.alive, m.last, m.timed, m.since = true, max(m.last, fr.DTS), true, other.last
	f.missOther(fr.Kind)
	if fr.Kind == Video {
		f.tracks[fr.Track] = medium{alive: true, last: fr.DTS, timed: true, since: m.last}
		f.missTracks()
	}
}

// missOther notices that the other medium stopped coming. How far apart the two media's times are does not matter.
func (f *feed) missOther(kind Kind) {
	limit := lostAudio
	if kind == Audio {
		limit = lostVideo
	}
	if other := &f.media[1-kind]; other.alive && other.timed && f.media[kind].last-other.since > limit {
		other.alive = false
		f.log.Warn("publisher stopped one medium", "still", kind)
	}
}

// missTracks notices renditions that stopped while others go on.
func (f *feed) missTracks() {
	for i := range f.tracks {
		if t := &f.tracks[i]; t.alive && t.timed && f.media[Video].last-t.since > lostTrack {
			t.alive = false
			f.log.Warn("publisher stopped a rendition", "track", i)
			f.endLane(i)
		}
	}
}

// probe holds a frame, and delivers all that were held once the media can be chosen.
func (f *feed) probe(fr Frame) {
	f.held = append(f.held, fr.clone())
	for _, u := range fr.Units {
		f.heldSize += len(u)
	}
	if !f.probed() {
		return
	}
	held := f.held
	f.probing, f.held = false, nil
	for _, h := range held {
		f.deliver(h)
	}
}

// probed reports whether the media can be chosen.
func (f *feed) probed() bool {
	if f.media[Video].alive && f.media[Audio].alive || len(f.held) >= probeFrames || f.heldSize >= probeBytes {
		return true
	}
	wait := probeSpan
	if !f.media[Video].alive {
		for _, p := range f.video {
			if p != nil {
				wait = probeSpanDeclared
			}
		}
	}
	return f.held[len(f.held)-1].DTS-f.held[0].DTS >= wait
}

// inspect cleans a video frame and takes note of the parameter sets in it. Video that nobody announced may be H.264
// that brings its own.
func (f *feed) inspect(fr Frame) picture {
	known := VideoConfig{Codec: H264}
	if p := f.video[fr.Track]; p != nil {
		known = p.VideoConfig
	}
	pic := clean(known.Codec, fr.Units)
	if now := known.over(pic.inBand); !now.equal(known) {
		if p, err := now.parse(); err == nil {
			f.setVideo(fr.Track, p)
		}
	}
	return pic
}
