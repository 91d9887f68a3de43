package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"souk/chat"
	"souk/chat/redisbus"
)

// joinNodes joins this server with others over one database and one Redis. It
// does nothing without --redis.
func (s *souk) joinNodes() error {
	if s.cfg.Redis == "" {
		return nil
	}
	bus, err := redisbus.Open(s.cfg.Redis, s.log)
	if err != nil {
		return fmt.Errorf("%w: --redis: %v", errUsage, err)
	}
	s.bus, s.streams = bus, bus.Streams()
	s.hub.Bus = bus
	s.hub.Reread = func(channel, typ, key string) {
		if typ == stockType {
			s.shop.ShowStock(channel, key)
		}
	}
	s.shop.OnStock(func(channel, product string) { s.hub.Stale(channel, stockType, product) })
	s.board.Elsewhere = s.streams.Elsewhere
	s.streams.Lost = func(channel string) {
		s.board.Forget(channel)
		s.cutPublisher(channel)
	}
	s.joinPeers()
	return nil
}

// stockType is the event by which rooms show stock.
const stockType = "stock"

// nodeParts run as long as the server does.
func (s *souk) nodeParts() []part {
	if s.bus == nil {
		return nil
	}
	return []part{s.bus.Run, s.streams.Run, s.peers.Run, s.followOthers}
}

// holdStream tells the other nodes who has the channel's publisher.
func (s *souk) holdStream(ctx context.Context, channel string, on bool) {
	switch {
	case s.streams == nil:
	case on:
		s.streams.Hold(ctx, channel)
	default:
		s.streams.Release(ctx, channel)
	}
}

// apart says what /readyz adds when rooms do without the other nodes: they
// serve, so this node stays in service.
func (s *souk) apart(w http.ResponseWriter) {
	if s.bus != nil && !s.bus.Up() {
		w.Header().Set("Souk-Degraded", "redis")
	}
}

// nodeMetrics counts what several nodes add.
func (s *souk) nodeMetrics(reg *prometheus.Registry) {
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "souk", Name: name, Help: help}, value))
	}
	gauge("redis_up", "1 while Redis is heard, 0 while each node is for itself; absent without --redis.", func() float64 {
		if s.bus.Up() {
			return 1
		}
		return 0
	})
	gauge("rooms_apart", "Rooms that go on without the other nodes.", func() float64 { return float64(s.hub.Stats().Apart) })
	for name, c := range map[string]struct {
		help  string
		value func(chat.Stats) int64
	}{
		"room_forks":        {"How often a room went on without the other nodes.", func(n chat.Stats) int64 { return n.Forks }},
		"unshared_messages": {"Messages that never reached the other nodes, because Redis was away for too long.", func(n chat.Stats) int64 { return n.Unshared }},
	} {
		reg.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Namespace: "souk", Name: name + "_total", Help: c.help},
			func() float64 { return float64(c.value(s.hub.Stats())) }))
	}
}
