package ingest

import (
	"runtime/debug"
	"slices"
	"time"
)

// watchEvery is how often a publisher is judged.
const watchEvery = time.Second

// watch judges a publisher once a second and tells OnHealth when its faults are
// others than before. It returns when stop is closed.
func (s *Server) watch(p *publisher, stop <-chan struct{}) {
	defer func() {
		if v := recover(); v != nil {
			s.tally.panics.Add(1)
			s.log().Error("panic in a watch", "channel", p.channel, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var told []fault
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			snapshot := p.snapshot(now)
			if !slices.EqualFunc(snapshot.faults, told, func(a, b fault) bool { return a.kind == b.kind }) {
				told = snapshot.faults
				s.OnHealth(p.channel, snapshot)
			}
		}
	}
}

// startWatch starts watching a publisher; calling what it returns ends that.
func (s *Server) startWatch(p *publisher) (end func()) {
	if s.OnHealth == nil {
		return func() {}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.watch(p, stop)
	}()
	return func() {
		close(stop)
		<-done
	}
}
