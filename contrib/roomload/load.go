//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"
)

// After the last message a server has tail without progress, tailLimit at
// most, to deliver what is on its way. Then loss is counted.
const (
	tail      = 2 * time.Second
	tailLimit = 20 * time.Second
)

// load is one run.
type load struct {
	Kind, URL, Channel, Token string
	Viewers, Sources          int
	Rate                      float64
	Window                    int
	Urgent                    bool
	Size                      int
	Span, Settle, Storm       time.Duration
	Dead, Receive             int
	Deflate                   bool
	Product                   string
	PID                       int

	name uint64 // of the run, in its stamps
}

// report is what a run has found. Durations are in the unit that the name says.
type report struct {
	Kind           string  `json:"kind"`
	Viewers        int     `json:"viewers"`
	ConnectSeconds float64 `json:"connect_seconds"`
	ConnectCPU     float64 `json:"connect_server_cpu_us_per_viewer,omitempty"`
	BytesPerViewer int64   `json:"server_bytes_per_idle_viewer,omitempty"`

	Said       int64   `json:"said"`
	Refused    int64   `json:"refused"`
	Expected   int64   `json:"expected"` // deliveries, from the first message to the last
	Received   int64   `json:"received"`
	Lost       int64   `json:"lost"`
	Doubled    int64   `json:"doubled_or_disordered"`
	Gaps       int64   `json:"gap_events"`
	Closed     int64   `json:"closed_by_server"`
	PerSecond  float64 `json:"deliveries_per_second"`
	PerFrame   float64 `json:"messages_per_frame"`
	MegaBytes  float64 `json:"mb_per_second"`
	P50        float64 `json:"lag_ms_p50"`
	P99        float64 `json:"lag_ms_p99"`
	Worst      float64 `json:"lag_ms_worst"`
	TalkerLate float64 `json:"talker_late_ms"`

	CPUPerMillion float64 `json:"server_cpu_seconds_per_million,omitempty"`
	CPUPerFrame   float64 `json:"server_cpu_us_per_frame,omitempty"`
	Cores         float64 `json:"server_cores,omitempty"`
	RSS           int64   `json:"server_rss,omitempty"`

	StormSeconds float64 `json:"storm_seconds,omitempty"`
	NotResumed   int64   `json:"not_resumed,omitempty"`

	StockChanges int64   `json:"stock_changes,omitempty"`
	StockP50     float64 `json:"stock_ms_p50,omitempty"`
	StockP99     float64 `json:"stock_ms_p99,omitempty"`
	StockWorst   float64 `json:"stock_ms_worst,omitempty"`
}

// run does it. Viewers that cannot come in, and a talker that is cut, are errors.
func (l *load) run() (*report, error) {
	if dialects[l.Kind] == nil {
		return nil, fmt.Errorf("no such kind of server: %s", l.Kind)
	}
	if err := enoughFiles(l.Viewers); err != nil {
		return nil, err
	}
	l.name = newRun()
	c, err := gather(l)
	if err != nil {
		return nil, err
	}
	defer c.end()
	r := &report{Kind: l.Kind, Viewers: l.Viewers}
	before, err := used(l.PID)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := c.enter(); err != nil {
		return nil, err
	}
	r.ConnectSeconds = time.Since(start).Seconds()
	time.Sleep(l.Settle)
	idle, err := used(l.PID)
	if err != nil {
		return nil, err
	}
	r.BytesPerViewer = (idle.rss - before.rss) / int64(l.Viewers)
	r.ConnectCPU = float64((idle.cpu - before.cpu).Microseconds()) / float64(l.Viewers)
	if l.Span == 0 {
		return r, nil
	}
	return r, l.measure(c, r)
}

func (l *load) measure(c *crowd, r *report) error {
	t, err := newTalker(c)
	if err != nil {
		return err
	}
	go t.run()
	var stock *stockTalk
	if l.Product != "" {
		stock = startStock(c)
	}
	time.Sleep(l.Settle)
	t.late.Store(0)
	before, err := used(l.PID)
	if err != nil {
		return err
	}
	received, start := c.received.Load(), time.Now()
	c.measuring.Store(true)
	if l.Storm > 0 {
		time.Sleep(l.Storm)
		c.drop()
		back := time.Now()
		if err := c.enter(); err != nil {
			return fmt.Errorf("after the storm: %w", err)
		}
		r.StormSeconds = time.Since(back).Seconds()
	}
	time.Sleep(time.Until(start.Add(l.Span)))
	after, err := used(l.PID)
	if err != nil {
		return err
	}
	c.measuring.Store(false)
	took, deliveries := time.Since(start).Seconds(), c.received.Load()-received
	t.stop.Store(true)
	<-t.done
	if stock != nil {
		if err := stock.end(); err != nil {
			return err
		}
	}
	c.rest((t.said.Load() - t.refused.Load()) * int64(l.Viewers-l.Dead))

	c.mu.Lock()
	defer c.mu.Unlock()
	y := &c.tally
	r.Said, r.Refused = t.said.Load(), t.refused.Load()
	r.Expected, r.Received = (r.Said-r.Refused)*int64(l.Viewers-l.Dead), c.received.Load()
	r.Lost, r.Doubled, r.Gaps, r.Closed, r.NotResumed = y.lost, y.doubled, y.gaps, y.closed, y.fresh
	for _, v := range c.viewers { // whose last messages never came
		if v.nth >= l.Dead && r.Refused == 0 {
			r.Lost += r.Said - 1 - v.last
		}
	}
	r.PerSecond, r.MegaBytes = float64(deliveries)/took, float64(y.bytes)/took/1e6
	r.PerFrame = float64(y.lag.n) / float64(max(1, y.frames))
	r.P50, r.P99, r.Worst = y.lag.at(.5), y.lag.at(.99), ms(time.Duration(y.lag.worst))
	r.TalkerLate = ms(time.Duration(t.late.Load()))
	if cpu := after.cpu - before.cpu; l.PID != 0 {
		r.CPUPerMillion = cpu.Seconds() / float64(max(1, deliveries)) * 1e6
		r.CPUPerFrame = float64(cpu.Microseconds()) / float64(max(1, y.frames))
		r.Cores, r.RSS = cpu.Seconds()/took, after.rss
	}
	if stock != nil {
		r.StockChanges = stock.changes()
		h := &c.stock.lag
		r.StockP50, r.StockP99, r.StockWorst = h.at(.5), h.at(.99), ms(time.Duration(h.worst))
	}
	return errors.Join(t.err, c.failed)
}

// rest waits until everything expected is there or nothing more comes.
func (c *crowd) rest(expected int64) {
	last, since, end := c.received.Load(), time.Now(), time.Now().Add(tailLimit)
	for now := since; last < expected && now.Before(end) && now.Sub(since) < tail; now = time.Now() {
		time.Sleep(tail / 20)
		if n := c.received.Load(); n != last {
			last, since = n, now
		}
	}
}
