package ingest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"souk/ingest/rtmptest"
)

// Five hours of a show, one picture a second. On the way the chunk headers run
// out of bits for the time.
func TestFiveHours(t *testing.T) {
	const hours = 5
	film := video(t, "64x36", plainH264)
	h := open(t, nil)
	c := rtmptest.Dial(t, h.address)
	c.Publish("key-of-tea")
	c.Send(messageOf(film.Legacy(7)[0]).Bytes())
	key := messageOf(film.Legacy(7)[1])
	for second := range uint32(hours * 3600) {
		key.Time = second * 1000
		c.Send(key.Bytes())
	}
	eventually(t, "all pictures", func() bool { return h.frames("tea") == hours*3600 })
	if p, _ := h.Publisher("tea"); p.Repaired != 0 || p.Dropped != 0 || p.Video.KeyframeInterval != 1 {
		t.Errorf("%+v %+v", p, p.Video)
	}
	c.Close()
	h.state("tea on")
	h.state("tea off")
	eventually(t, "the end of it", func() bool { return strings.Contains(h.logged.String(), "publisher session closed") })
	if log := h.logged.String(); !strings.Contains(log, "runs=1") {
		t.Error("the packager started over")
	}
}

// A server that runs out of file descriptors waits for them without burning
// time, and goes on by itself.
func TestFewDescriptors(t *testing.T) {
	const idle, crowded = 100, 3 * time.Second
	o := openOutside(t, nil, "ulimit -n 64 &&")
	if o == nil {
		return
	}
	conns := make([]net.Conn, idle)
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", o.address); err != nil {
			t.Fatalf("%q: %v", o.address, err)
		}
		defer conns[i].Close()
	}
	<-time.After(crowded)
	for _, c := range conns {
		c.Close()
	}
	c := rtmptest.Dial(t, o.address)
	c.Publish("key-of-tea")
	used, log := o.close()
	if used > time.Second {
		t.Errorf("%v of processor time", used)
	}
	if !strings.Contains(log, "cannot accept connections for now") {
		t.Error("there were enough descriptors")
	}
}

// Publishers that send nothing, or only sound, cost little beside the window of
// media that viewers are given.
func TestMemoryOfIdlePublishers(t *testing.T) {
	const publishers, allowed = 50, 2 << 20
	const window = 12 * time.Second // of sound, the segment that is being filled included
	o := openOutside(t, func(s *Server) { s.MaxPerAddress = 2 * publishers }, "")
	if o == nil {
		return
	}
	before := o.rss()
	clients := make([]*rtmptest.Client, publishers)
	for i := range clients {
		clients[i] = rtmptest.Dial(t, o.address)
		clients[i].Publish(fmt.Sprint("key-of-tea", i))
	}
	silent := (o.rss() - before) / publishers
	sound := audio(t, asAAC).Legacy(0xaf)
	media := 0
	for turn := range 10 {
		for _, c := range clients {
			for _, tag := range later(sound, uint32(turn)*3000) {
				c.Send(messageOf(tag).Bytes())
				media += len(tag.Body)
			}
		}
	}
	for _, c := range clients { // an answer says that all before it was taken in
		c.Send(rtmptest.CreateStream())
		if _, err := c.Reply(); err != nil {
			t.Fatal(err)
		}
	}
	media = int(float64(media) / publishers * window.Seconds() / 30)
	idle := (o.rss() - before) / publishers
	t.Logf("%d KiB without media, %d KiB with sound, of which %d KiB are what viewers may ask for", silent>>10, idle>>10, media>>10)
	if !underRace && (silent > allowed || idle-media > allowed) {
		t.Errorf("%d and %d bytes a publisher", silent, idle-media)
	}
	o.close()
}
