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
		f.enter(fr, pic)
	}
	l := f.laneOf(fr.Track)
	if l == nil || l.video == nil {
		f.counts.dropped++
		return
	}
	f.written(l, fr, pic.key, l.writeVideo(fr.PTS, pic, f.clock.at(fr.PTS)))
}

// enter prepares for a key frame: the only place where a run with video may start, and a track may join one.
func (f *feed) enter(fr Frame, pic picture) {
	if f.outdated() {
		f.openRun(fr)
	}
	if f.former != nil {
		if l := f.former.lanes[fr.Track]; l != nil {
			if l.video.Codec == f.video[fr.Track].Codec {
				// The muxer completes a segment when it sees the key frame that starts the next one.
				f.written(l, fr, true, l.writeVideo(fr.PTS, pic, f.clock.at(fr.PTS)))
			}
			f.former.end(fr.Track)
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
			f.written(l, fr, l.video == nil, l.writeAudio(fr.PTS, fr.Units[0], f.clock.at(fr.PTS)))
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
	if f.former != nil {
		f.former.close()
	}
	video := f.wantsVideo()
	if f.former = f.run; f.former != nil && !(f.former.video && video) {
		f.former.close()
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
		f.log.Warn("no muxer for these tracks", "track", fr.Track, "err", err)
		return
	}
	f.run.lanes[fr.Track] = l
}

// endLane takes a track out of the run.
func (f *feed) endLane(track int) {
	if f.former != nil {
		f.former.end(track)
	}
	if f.run == nil || f.run.lanes[track] == nil {
		return
	}
	f.run.end(track)
	if f.run.begun {
		f.timeline.drop(track)
	}
}

func (f *feed) endRun() {
	for _, r := range []*run{f.former, f.run} {
		if r != nil {
			r.close()
		}
	}
	f.former, f.run = nil, nil
}

// abandonRun gives up runs after a panic of a muxer. That may have happened under the muxer's own lock, so nobody
// waits for it to close.
func (f *feed) abandonRun() {
	for _, r := range []*run{f.former, f.run} {
		if r == nil {
			continue
		}
		for _, l := range r.lanes {
			if l == nil {
				continue
			}
			go func() {
				defer func() { _ = recover() }() // the first panic was reported; a second one says nothing new
				l.close()
			}()
		}
	}
	f.former, f.run = nil, nil
}

// written takes the outcome of a write and passes on what it completed. cut says that a segment may have ended.
func (f *feed) written(l *lane, fr Frame, cut bool, err error) {
	leading := fr.Kind == Video || l.video == nil // only the leading track completes parts
	if err != nil {
		f.counts.refused++
		if leading {
			l.refused++
		}
		if l.refused == maxWriteErrors {
			f.log.Warn("muxer refuses the video or audio", "kind", fr.Kind, "track", l.track, "err", err)
			f.fail(l)
		}
		return
	}
	if !leading {
		return
	}
	l.refused = 0
	fresh := !l.begun
	pieces, err := l.read(fr.PTS, cut)
	if len(pieces) > 0 {
		f.publish(l, pieces, fresh)
	}
	if err != nil {
		f.log.Warn("muxer's output lost", "track", l.track, "err", err)
		f.fail(l)
	}
}

// fail ends what a broken lane belongs to: itself when it is a further rendition, or else the run.
func (f *feed) fail(l *lane) {
	switch {
	case l.run != f.run:
		l.run.end(l.track)
	case l.run.alone(l.track) || l.track == l.run.lead():
		f.endRun()
	default:
		l.run.unfit[l.track] = true
		f.endLane(l.track)
	}
}

// publish dates the pieces and puts them on the timeline.
func (f *feed) publish(l *lane, pieces []piece, fresh bool) {
	if !l.run.begun {
		l.run.begun = true
		if l.run == f.run && f.former != nil {
			f.former.close() // their key frames will not come any more
			f.former = nil
		}
		f.clock.fix(pieces[0].present, f.timeline.end())
		f.timeline.begin(l.run.lead(), l.run.tracks())
	}
	if fresh {
		f.timeline.open(l.track, l.head, l.tap.init)
	}
	parts := make([]dated, len(pieces))
	for i, p := range pieces {
		parts[i] = dated{piece: p, at: f.clock.at(p.present)}
	}
	if f.timeline.add(l.track, parts) {
		f.playable = true
	}
}

// stop ends the session's media.
func (f *feed) stop() {
	f.endRun()
	f.held = nil
}
