package ingest

import (
	"sync/atomic"
	"time"
)

// Stats are counts for an operator's graph: since the start, where the name
// does not say otherwise.
type Stats struct {
	Connections int // open now
	Publishers  int // of these, accepted

	Accepted  int64 // connections taken from listeners
	Crowded   int64 // of these, closed because the server or their address has too many
	Barred    int64 // closed because their address sent too many wrong keys
	Refused   int64 // publishes, whatever the reason
	WrongKeys int64 // of these, for the key
	Contested int64 // of these, because another encoder holds the channel
	Published int64 // publishes that were let in
	Takeovers int64 // of these, from a publisher that was still there
	Panics    int64 // recovered

	Bytes       int64 // of audio and video messages
	VideoFrames int64
	AudioFrames int64
	Late        int64 // frames that came far behind their time
	Repaired    int64 // frames whose timestamps made no sense
	Dropped     int64 // messages that made no sense
}

// tally is what Stats are read from.
type tally struct {
	accepted, crowded, barred, refused, wrongKeys, contested, published, takeovers, panics atomic.Int64

	bytes, videoFrames, audioFrames, late, repaired, dropped atomic.Int64
}

// Stats counts.
func (s *Server) Stats() Stats {
	n, publishers := s.gate.count()
	t := &s.tally
	return Stats{
		Connections: n,
		Publishers:  publishers,
		Accepted:    t.accepted.Load(),
		Crowded:     t.crowded.Load(),
		Barred:      t.barred.Load(),
		Refused:     t.refused.Load(),
		WrongKeys:   t.wrongKeys.Load(),
		Contested:   t.contested.Load(),
		Published:   t.published.Load(),
		Takeovers:   t.takeovers.Load(),
		Panics:      t.panics.Load(),
		Bytes:       t.bytes.Load(),
		VideoFrames: t.videoFrames.Load(),
		AudioFrames: t.audioFrames.Load(),
		Late:        t.late.Load(),
		Repaired:    t.repaired.Load(),
		Dropped:     t.dropped.Load(),
	}
}

// Publishers describes everybody who publishes now, by channel.
func (s *Server) Publishers() map[string]Publisher {
	all := make(map[string]Publisher)
	for _, p := range s.air.holders() {
		all[p.channel] = p.snapshot(time.Now())
	}
	return all
}
