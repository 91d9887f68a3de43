package hls

import "time"

// run is a stretch of media without a discontinuity: all its renditions count time from one base and carry the same
// audio. When any of them changes its parameters, all go on in a new run, for players may switch between renditions
// only where their timestamps match.
type run struct {
	base  time.Duration // publisher's time of its time zero
	video bool
	audio *audioParams // nil for none
	lanes [maxTracks]*lane
	unfit [maxTracks]bool // tracks whose lane gave up
	begun bool            // something of it is on the timeline
}

// lead is the lowest track in the run, whose key frames cut the segments of all.
func (r *run) lead() int {
	for i, l := range r.lanes {
		if l != nil {
			return i
		}
	}
	return 0
}

// alone reports whether no track but this one has a lane.
func (r *run) alone(track int) bool {
	for i, l := range r.lanes {
		if l != nil && i != track {
			return false
		}
	}
	return true
}
