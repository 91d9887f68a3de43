package main

import (
	"context"
	"time"
)

// countEvery is how often it is looked whether more people watch a show than
// ever before.
const countEvery = 5 * time.Second

// outside is how many people watch a channel without a page of ours: programs
// that play its playlist, and pushes.
func (s *souk) outside(channel string) int {
	if s.peers != nil {
		return s.peers.Viewers(channel)
	}
	if stream, ok := s.origin.Stream(channel); ok {
		return stream.Viewers()
	}
	return 0
}

// countViewers keeps the peak of every running show until ctx ends.
func (s *souk) countViewers(ctx context.Context) error {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		for _, now := range s.board.Running() {
			if err := s.board.Watched(ctx, now.Channel, s.hub.Viewers(now.Channel)); err != nil && ctx.Err() == nil {
				s.log.Error("viewers", "show", now.ID, "err", err)
			}
		}
	}
}
