package hls

// deliver gives a frame to the lanes it belongs to.
func (f *feed) deliver(fr Frame) {
	if fr.Kind == Video {
		f.deliverVideo(fr)
	} else {
		f.deliverAudio(fr)
	}
}

func (f *feed) deliverVideo(fr Frame) {
	pic := f.inspect(fr)
	if !pic.coded || f.video[fr.Track] == nil {
		f.counts.dropped++
		return
	}
	if pic.key {
		f.enter(fr)
	}
	l := f.laneOf(fr.Track)
	if l == nil || l.video == nil {
		f.counts.dropped++
		return
	}
	pieces, err := l.writeVideo(fr, pic)
	f.written(l, fr.Kind, pieces, err)
}

// enter prepares for a key frame: the only place where a run with video may start, and a track may join one.
func (f *feed) enter(fr Frame) {
	if f.outdated() {
		f.openRun(fr)
	}
	if f.former != nil {
		if l := f.former.lanes[fr.Track]; l != nil {
			f.publish(l, l.finish(&fr))
			f.former.lanes[fr.Track] = nil
		}
	}
	if f.run != nil && f.run.video && f.run.lanes[fr.Track] == nil && !f.run.unfit[fr.Track] {
		f.openLane(fr, f.video[fr.Track])
	}
}

// laneOf is where the frames of a track go: the former run's until its key frame came.
func (f *feed) laneOf(track int) *lane {
	if f.former != nil && f.former.lanes[track] != nil {
		return f.former.lanes[track]
	}
	if f.run == nil {
		return nil
	}
	return f.run.lanes[track]
}

func (f *feed) deliverAudio(fr Frame) {
	if f.audio == nil {
		f.counts.dropped++
		return
	}
	if f.outdated() && !f.wantsVideo() {
		f.openRun(fr)
		f.openLane(fr, nil)
	}
	if f.run == nil || f.run.audio == nil || f.run.audio != f.audio {
		f.counts.dropped++
		return
	}
	for _, l := range f.run.lanes {
		if l != nil && f.run != nil { // a write may end the run
			pieces, err := l.writeAudio(fr)
			f.written(l, fr.Kind, pieces, err)
		}
	}
}

// wantsVideo reports whether a run that opens now should have video.
func (f *feed) wantsVideo() bool {
	if !f.media[Video].alive {
		return false
	}
	for i, p := range f.video {
		if p != nil && f.tracks[i].alive {
			return true
		}
	}
	return false
}

// wantsAudio is the same for audio.
func (f *feed) wantsAudio() bool { return f.media[Audio].alive && f.audio != nil }

// outdated reports whether the run should be replaced as soon as a frame allows it.
func (f *feed) outdated() bool {
	return f.run == nil || f.stale || f.wantsVideo() != f.run.video || f.wantsAudio() != (f.run.audio != nil)
}

// openRun replaces the run by one that starts with this frame. Lanes with video stay until their own key frame.
func (f *feed) openRun(fr Frame) {
	f.finish(f.former)
	video := f.wantsVideo()
	if f.former = f.run; f.former != nil && !(f.former.video && video) {
		f.finish(f.former)
		f.former = nil
	}
	f.run, f.stale = &run{base: fr.PTS, video: video}, false
	if f.wantsAudio() {
		f.run.audio = f.audio
	}
	f.counts.runs++
}

// openLane has a track join the run at this frame.
func (f *feed) openLane(fr Frame, video *videoParams) {
	l, err := newLane(f.run, fr.Track, video, fr)
	if err != nil {
		f.log.Warn("these tracks cannot be packaged", "track", fr.Track, "err", err)
		return
	}
	f.run.lanes[fr.Track] = l
}

// endLane takes a track out of the run.
func (f *feed) endLane(track int) {
	if f.former != nil {
		f.former.lanes[track] = nil
	}
	if f.run == nil || f.run.lanes[track] == nil {
		return
	}
	f.run.lanes[track] = nil
	if f.run.begun {
		f.timeline.drop(track)
	}
}

// finish publishes what the lanes of a run still hold, unless it has nothing to show so far. r may be nil.
func (f *feed) finish(r *run) {
	if r == nil || !r.begun {
		return
	}
	for i, l := range r.lanes {
		if l != nil {
			f.publish(l, l.finish(nil))
			r.lanes[i] = nil
		}
	}
}

// endRun ends what there is, with all that was sent.
func (f *feed) endRun() {
	former, current := f.former, f.run
	f.former = nil
	f.finish(former)
	f.finish(current)
	f.run = nil
}

// written takes the outcome of a write and passes on what it completed.
func (f *feed) written(l *lane, kind Kind, pieces []piece, err error) {
	f.publish(l, pieces)
	leading := kind == Video || l.video == nil // only the leading track completes parts
	if err == nil {
		if leading {
			l.refused = 0
		}
		return
	}
	f.counts.refused++
	if leading {
		l.refused++
	}
	if l.refused == maxWriteErrors {
		f.log.Warn("video or audio cannot be packaged", "kind", kind, "track", l.track, "err", err)
		f.fail(l)
	}
}

// fail ends what a broken lane belongs to: itself when it is a further rendition, or else the run.
func (f *feed) fail(l *lane) {
	switch {
	case l.run != f.run:
		l.run.lanes[l.track] = nil
	case l.run.alone(l.track) || l.track == l.run.lead():
		f.endRun()
	default:
		l.run.unfit[l.track] = true
		f.endLane(l.track)
	}
}

// publish dates the pieces and puts them on the timeline.
func (f *feed) publish(l *lane, pieces []piece) {
	if len(pieces) == 0 {
		return
	}
	if !l.run.begun {
		l.run.begun = true
		if former := f.former; former != nil && l.run == f.run {
			f.former = nil
			f.finish(former) // their key frames will not come any more
		}
		f.clock.fix(pieces[0].present, f.timeline.end())
		f.timeline.begin(l.run.lead(), f.due(l.run))
	}
	if !l.begun {
		l.begun = true
		f.timeline.open(l.track, l.head, l.init)
	}
	parts := make([]dated, len(pieces))
	for i, p := range pieces {
		parts[i] = dated{piece: p, at: f.clock.at(p.present)}
	}
	if f.timeline.add(l.track, parts) {
		f.playable = true
	}
}

// due are the tracks that a run has or is about to have.
func (f *feed) due(r *run) (tracks [maxTracks]bool) {
	for i, l := range r.lanes {
		tracks[i] = l != nil || r.video && f.video[i] != nil && f.tracks[i].alive && !r.unfit[i]
	}
	return tracks
}

// stop ends the session's media.
func (f *feed) stop() {
	f.endRun()
	f.held = nil
}
