package hls

import (
	"log/slog"
	"time"
)

// feed turns what one publisher sends into runs that the muxer can digest. The session's lock guards it.
//
// A session starts by probing: frames are held until both media were seen or enough time went by, because the tracks
// of a run cannot change. After that every frame goes to the current run, which is replaced
//   - at the next key frame, when parameters changed or a medium came or went,
//   - at once, when the clock jumped or the muxer gave up; frames up to the next key frame are dropped then.
type feed struct {
	// configuration
	timeline *timeline
	log      *slog.Logger

	// state
	clock    clock
	params   params    // as last announced
	media    [2]medium // by Kind
	probing  bool
	held     []Frame
	heldSize int
	run      *run
	stale    bool // replace the run at the next key frame
	refused  int  // leading frames in a row that the muxer did not take
	spoiled  int  // runs replaced because their first segment had a hole
	playable bool // something of this session is in the window
	counts   counts
}

// medium is what is known of one kind of frames.
type medium struct {
	alive bool          // frames are coming
	last  time.Duration // of the newest frame
	timed bool          // last is set
	since time.Duration // the other medium's last when the newest frame came
}

// counts is what the closing log line tells.
type counts struct{ frames, dropped, refused, runs int }

func (f *feed) setVideo(track int, p *videoParams) {
	if track != 0 || f.params.video != nil && f.params.video.equal(p.VideoConfig) {
		return
	}
	f.params.video = p
	f.stale = true
}

func (f *feed) setAudio(p *audioParams) {
	if f.params.audio != nil && f.params.audio.equal(p.AudioConfig) {
		return
	}
	f.params.audio = p
	f.stale = true
}

// take is the way of every frame.
func (f *feed) take(fr Frame) {
	f.counts.frames++
	if fr.Kind != Video && fr.Kind != Audio || fr.Track != 0 {
		f.counts.dropped++
		return
	}
	if fr.Kind == Audio && !f.sounds(fr.Units) {
		f.counts.dropped++
		return
	}
	if f.jumped(fr) {
		f.log.Warn("publisher's clock jumped", "kind", fr.Kind, "to", fr.DTS)
		f.endRun()
		f.clock = clock{}
		f.media[Video].timed, f.media[Audio].timed = false, false
		f.held, f.heldSize = nil, 0
	}
	f.clock.see(fr.PTS, fr.Arrived)
	f.noticeHole(fr)
	m, other := &f.media[fr.Kind], &f.media[1-fr.Kind]
	if !m.timed {
		other.since = fr.DTS
	}
	m.alive, m.last, m.timed, m.since = true, fr.DTS, true, other.last
	f.missOther(fr.Kind)

	if f.probing {
		f.probe(fr)
		return
	}
	f.deliver(fr)
}

// sounds reports whether an audio frame holds an access unit of some length.
func (f *feed) sounds(units [][]byte) bool {
	if len(units) == 0 || len(units[0]) == 0 {
		return false
	}
	return f.params.audio == nil || f.params.audio.samples(units[0]) > 0
}

// probe holds a frame, and delivers all that were held once the tracks can be chosen.
func (f *feed) probe(fr Frame) {
	f.held = append(f.held, fr)
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

// jumped reports a step of the publisher's clock that no muxer would survive.
func (f *feed) jumped(fr Frame) bool {
	m := f.media[fr.Kind]
	if m.timed && fr.DTS < m.last-jumpBackward {
		return true
	}
	if fr.Kind == Video && m.timed && f.run != nil && f.run.video != nil && fr.DTS > m.last+longestFrame {
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

// noticeHole has a run replaced that lost video in its first segment: the muxer derives the length of all its parts
// from the longest frame in there. An encoder whose frames always last so long keeps its run after some attempts.
func (f *feed) noticeHole(fr Frame) {
	m := f.media[Video]
	if fr.Kind != Video || f.run == nil || f.run.video == nil || f.run.begun || !m.timed || !f.run.written {
		return
	}
	if fr.DTS-m.last > partTarget && f.spoiled < maxSpoiled && !f.stale {
		f.spoiled++
		f.stale = true
	}
}

// probed reports whether the tracks can be chosen.
func (f *feed) probed() bool {
	if f.media[Video].alive && f.media[Audio].alive || len(f.held) >= probeFrames || f.heldSize >= probeBytes {
		return true
	}
	span := probeSpan
	if f.params.video != nil && !f.media[Video].alive {
		span = probeSpanDeclared
	}
	return f.held[len(f.held)-1].DTS-f.held[0].DTS >= span
}

// wanted are the parameters a run that opens now should have.
func (f *feed) wanted() params {
	var p params
	if f.media[Video].alive {
		p.video = f.params.video
	}
	if f.media[Audio].alive {
		p.audio = f.params.audio
	}
	return p
}

// deliver gives a frame to the run it belongs to.
func (f *feed) deliver(fr Frame) {
	if fr.Kind == Video {
		f.deliverVideo(fr)
	} else {
		f.deliverAudio(fr)
	}
}

func (f *feed) deliverVideo(fr Frame) {
	pic := f.inspect(fr)
	if !pic.coded || f.params.video == nil {
		f.counts.dropped++
		return
	}
	if pic.key && f.outdated() {
		if f.run != nil && f.run.video != nil {
			// The muxer completes a segment when it sees the key frame that starts the next one.
			f.written(fr, true, f.run.writeVideo(fr.PTS, pic, f.clock.at(fr.PTS)))
		}
		f.openRun(fr)
	}
	if f.run == nil || f.run.video == nil {
		f.counts.dropped++
		return
	}
	f.written(fr, pic.key, f.run.writeVideo(fr.PTS, pic, f.clock.at(fr.PTS)))
}

// inspect cleans a video frame and takes note of the parameter sets in it. Video that nobody announced may be H.264
// that brings its own.
func (f *feed) inspect(fr Frame) picture {
	known := VideoConfig{Codec: H264}
	if p := f.params.video; p != nil {
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

func (f *feed) deliverAudio(fr Frame) {
	if f.params.audio == nil {
		f.counts.dropped++
		return
	}
	if f.outdated() && f.wanted().video == nil {
		f.openRun(fr)
	}
	if f.run == nil || f.run.audio == nil || f.run.audio != f.params.audio {
		f.counts.dropped++
		return
	}
	f.written(fr, f.run.video == nil, f.run.writeAudio(fr.PTS, fr.Units[0], f.clock.at(fr.PTS)))
}

// outdated reports whether the run should be replaced as soon as a frame allows it.
func (f *feed) outdated() bool {
	if f.run == nil || f.stale {
		return true
	}
	want := f.wanted()
	return (want.video == nil) != (f.run.video == nil) || (want.audio == nil) != (f.run.audio == nil)
}

// openRun replaces the run by one that starts with this frame.
func (f *feed) openRun(fr Frame) {
	f.endRun()
	r, err := newRun(f.wanted(), fr)
	if err != nil {
		f.log.Warn("no muxer for these tracks", "err", err)
		return
	}
	f.run, f.stale = r, false
	f.counts.runs++
}

func (f *feed) endRun() {
	if f.run != nil {
		f.run.close()
		f.run = nil
	}
	f.refused = 0
}

// abandonRun gives up a run whose muxer panicked. That may have happened under the muxer's own lock, so nobody waits
// for it to close.
func (f *feed) abandonRun() {
	r := f.run
	f.run = nil
	if r == nil {
		return
	}
	go func() {
		defer func() { _ = recover() }() // the first panic was reported; a second one says nothing new
		r.close()
	}()
}

// written takes the outcome of a write and passes on what it completed. cut says that a segment may have ended.
func (f *feed) written(fr Frame, cut bool, err error) {
	leading := fr.Kind == Video || f.run.video == nil // only the leading track completes parts
	if err != nil {
		f.counts.refused++
		if leading {
			f.refused++
		}
		if f.refused == maxWriteErrors {
			f.log.Warn("muxer refuses the video or audio", "kind", fr.Kind, "err", err)
			f.endRun()
		}
		return
	}
	if !leading {
		return
	}
	f.refused = 0
	fresh := !f.run.begun
	pieces, err := f.run.read(fr.PTS, cut)
	if len(pieces) > 0 {
		f.publish(pieces, fresh)
	}
	if err != nil {
		f.log.Warn("muxer's output lost", "err", err)
		f.endRun()
	}
}

// publish dates the pieces and puts them on the timeline.
func (f *feed) publish(pieces []piece, fresh bool) {
	if fresh {
		f.clock.fix(pieces[0].present, f.timeline.end())
		f.timeline.begin(f.run.head, f.run.tap.init)
	}
	parts := make([]dated, len(pieces))
	for i, p := range pieces {
		parts[i] = dated{piece: p, at: f.clock.at(p.present)}
	}
	if f.timeline.add(parts) {
		f.playable = true
	}
}

// stop ends the session's media.
func (f *feed) stop() {
	f.endRun()
	f.held = nil
}
