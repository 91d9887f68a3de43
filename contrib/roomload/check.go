//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
)

// frames remembers what it has read in frames: a broadcast is the same for
// everybody, so each is read once and only compared afterwards.
type frames [256]*content

// content is what a frame holds.
type content struct {
	raw, plain  []byte
	stamps      []stamp
	consecutive bool // the numbers of stamps
	ready       bool
	fresh       bool
	gaps        int64
	stock       []int64
	position    position // zero members: says nothing of it
}

func (f *frames) read(c *crowd, raw []byte, compressed bool) *content {
	key := uint64(len(raw))
	if len(raw) >= 48 {
		key += binary.LittleEndian.Uint64(raw[24:]) ^ binary.LittleEndian.Uint64(raw[len(raw)-20:])
	}
	at := &f[(key*0x9e3779b97f4a7c15)>>56]
	if *at != nil && bytes.Equal((*at).raw, raw) {
		return *at
	}
	p := &content{raw: bytes.Clone(raw), consecutive: true}
	*at = p
	p.plain = p.raw
	if compressed {
		var err error
		if p.plain, err = inflate(raw); err != nil {
			c.failed = err
		}
	}
	p.stamps = stamps(c.load.name, p.plain)
	for i := 1; i < len(p.stamps); i++ {
		p.consecutive = p.consecutive && p.stamps[i].number == p.stamps[i-1].number+1
	}
	d := c.speak
	p.ready = d.ready != "" && bytes.Contains(p.plain, []byte(d.ready))
	p.fresh = p.ready && d.noResumed != "" && bytes.Contains(p.plain, []byte(d.noResumed))
	p.gaps = int64(bytes.Count(p.plain, []byte(`"type":"gap"`)))
	if c.load.Product != "" {
		p.stock = stockIn(p.plain)
	}
	if i := bytes.LastIndex(p.plain, []byte(d.seq)); i >= 0 {
		p.position.seq = number(p.plain[i+len(d.seq):])
	}
	if p.ready && d.epoch != "" {
		if _, rest, ok := bytes.Cut(p.plain, []byte(d.epoch)); ok {
			epoch, _, _ := bytes.Cut(rest, []byte{'"'})
			p.position.epoch = string(epoch)
		}
	}
	return p
}

// frame takes one frame of a viewer. It needs mu.
func (c *crowd) frame(v *viewer, raw []byte, compressed bool, now int64) {
	if c.speak.ping != "" && string(bytes.TrimSpace(raw)) == c.speak.ping {
		_ = send(v.fd, masked(opText, []byte(c.speak.ping)))
		return
	}
	p := c.seen.read(c, raw, compressed)
	if p.ready && !v.in {
		c.arrived(v)
		if v.back && p.fresh {
			c.tally.fresh++
		}
	}
	if p.position.epoch != "" {
		v.at.epoch = p.position.epoch
	}
	if p.position.seq > 0 {
		v.at.seq = p.position.seq
	}
	c.tally.gaps += p.gaps
	measuring := c.measuring.Load()
	if measuring {
		for _, k := range p.stock {
			c.stock.seen(k, now)
		}
	}
	if len(p.stamps) == 0 {
		return
	}
	c.received.Add(int64(len(p.stamps)))
	c.order(v, p)
	if !measuring {
		return
	}
	c.tally.frames++
	for _, s := range p.stamps {
		c.tally.lag.add(now - s.at)
	}
}

// order holds what came against the numbers of the talker. It needs mu.
func (c *crowd) order(v *viewer, p *content) {
	if p.consecutive && (p.stamps[0].number == v.last+1 || v.last < 0) {
		v.last = p.stamps[len(p.stamps)-1].number
		return
	}
	for _, s := range p.stamps {
		switch {
		case s.number <= v.last:
			c.tally.doubled++
			continue
		case v.last >= 0:
			c.tally.lost += s.number - v.last - 1
		}
		v.last = s.number
	}
}
