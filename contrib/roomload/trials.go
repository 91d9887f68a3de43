//go:build linux

package main

import (
	"fmt"
	"time"
)

func cpuPerMillion(r *report) float64 { return r.CPUPerMillion }

func cpuPerFrame(r *report) float64 { return r.CPUPerFrame }

func (b *bench) idle() error {
	l := load{Viewers: b.viewers(10_000), Settle: 4 * time.Second}
	souk, err := b.one("souk", l)
	if err != nil {
		return err
	}
	centrifuge, err := b.one("centrifuge", l)
	if err != nil {
		return err
	}
	b.most("memory of an idle viewer at 10,000", float64(souk.BytesPerViewer), goalBytes, " B")
	b.note("… on centrifuge", float64(centrifuge.BytesPerViewer), " B")
	return nil
}

func (b *bench) single() error {
	l := load{Viewers: b.viewers(5000), Rate: 10, Size: 100, Urgent: true, Span: span, Settle: 2 * time.Second}
	m, err := b.inTurn([]string{"bare", "souk", "centrifuge"}, l, cpuPerFrame)
	if err != nil {
		return err
	}
	b.note("CPU of one write, 5,000 × 10/s", m["souk"], " µs")
	b.most("… against bare writes", m["souk"]/m["bare"], goalBare, "")
	b.most("… against centrifuge", m["souk"]/m["centrifuge"], goalCentrifuge, "")
	return nil
}

func (b *bench) busy() error {
	l := load{Viewers: b.viewers(1000), Rate: 200, Size: 100, Span: span, Settle: 2 * time.Second}
	m, err := b.inTurn([]string{"souk", "centrifuge"}, l, cpuPerMillion)
	if err != nil {
		return err
	}
	b.note("CPU s per million, 1,000 × 200/s", m["souk"], "")
	b.most("… against centrifuge", m["souk"]/m["centrifuge"], goalBusy, "")
	return nil
}

func (b *bench) large() error {
	s, err := b.start("souk")
	if err != nil {
		return err
	}
	defer s.end()
	l := s.fill(load{Viewers: b.viewers(10_000), Rate: 20, Size: 100, Span: span, Settle: 4 * time.Second})
	late, failed := lateness{}, make(chan error, 1)
	time.AfterFunc(3*l.Settle, func() {
		var err error
		late, err = s.sleeper(span / 2)
		failed <- err
	})
	r, err := l.run()
	if err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	b.whole("10,000 × 20/s", r)
	b.most("… p99", r.P99, goalLag, " ms")
	b.note("… CPU s per million", r.CPUPerMillion, "")
	b.most("… a sleeper of 1 ms in the process, p99 late", late.P99, goalLate, " ms")
	return nil
}

func (b *bench) peak() error {
	for _, c := range []struct {
		viewers, window int
		goal            float64
	}{{1000, 512, goalPeak}, {10_000, 256, goalPeakLarge}} {
		r, err := b.one("souk", load{Viewers: b.viewers(c.viewers), Window: c.window, Size: 100, Span: span, Settle: 3 * time.Second})
		if err != nil {
			return err
		}
		b.least(fmt.Sprintf("most deliveries a second at %d", c.viewers), r.PerSecond, c.goal, "")
		b.whole("…", r)
		b.note("… p99", r.P99, " ms")
	}
	return nil
}

func (b *bench) storm() error {
	l := load{Viewers: b.viewers(10_000), Rate: 10, Size: 100, Span: 12 * time.Second, Settle: 3 * time.Second, Storm: 2 * time.Second}
	souk, err := b.one("souk", l)
	if err != nil {
		return err
	}
	centrifuge, err := b.one("centrifuge", l, "-history", "4096")
	if err != nil {
		return err
	}
	b.most("10,000 drop and are back after", souk.StormSeconds, goalStorm, " s")
	b.whole("…", souk)
	b.most("… not given what they missed", float64(souk.NotResumed), 0, "")
	b.note("… on centrifuge", centrifuge.StormSeconds, " s")
	return nil
}

func (b *bench) dead() error {
	l := load{Viewers: b.viewers(1000), Rate: 100, Size: 300, Span: span, Settle: 2 * time.Second}
	alive, err := b.one("souk", l)
	if err != nil {
		return err
	}
	l.Dead, l.Receive = l.Viewers/5, 4<<10
	dead, err := b.one("souk", l)
	if err != nil {
		return err
	}
	b.most("a fifth do not read: p99 of the rest, against none", dead.P99/alive.P99, goalDead, "")
	b.whole("…", dead)
	return nil
}

func (b *bench) stock() error {
	s, err := b.start("souk")
	if err != nil {
		return err
	}
	defer s.end()
	l := s.fill(load{Viewers: b.viewers(5000), Rate: 200, Size: 100, Span: span, Settle: 3 * time.Second})
	l.Product = s.product
	r, err := l.run()
	if err != nil {
		return err
	}
	b.most("a change of stock beside 200/s at 5,000, p99", r.StockP99, goalStock, " ms")
	b.whole("…", r)
	b.note("… p99 of the talk", r.P99, " ms")
	return nil
}
