package ingest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"souk/ingest/rtmptest"
)

// The newest publisher wins at once, and the channel is on throughout.
func TestTakeover(t *testing.T) {
	h := open(t, nil)
	first := rtmptest.Dial(t, h.address)
	first.Publish("key-of-tea")
	h.state("tea on")

	second := rtmptest.Dial(t, h.address)
	second.Publish("key-of-tea?again")
	h.state("tea on")
	if code, text, err := first.Status(); code != denied || !strings.Contains(text, "taken over") {
		t.Errorf("%s %q %v", code, text, err)
	}
	if err := first.Closed(); err != nil {
		t.Error(err)
	}
	eventually(t, "the first has gone", func() bool { return h.Stats().Connections == 1 })
	if p, on := h.Publisher("tea"); !on || p.Remote != second.LocalAddr().String() {
		t.Errorf("on air is %+v, want %v", p, second.LocalAddr())
	}
	if len(h.states) != 0 {
		t.Errorf("the channel went %q", <-h.states)
	}
	second.Close()
	h.state("tea off")
}

// A publisher whose machine lost power leaves a connection that says nothing
// any more. Nobody waits for it.
func TestTakeoverFromASilentPublisher(t *testing.T) {
	h := open(t, nil)
	gone := rtmptest.Dial(t, h.address)
	gone.Publish("key-of-tea")
	gone.Send(rtmptest.Message{Kind: rtmptest.Video, Stream: 1}.Header(1 << 20)) // in mid-message
	s := h.steadily()
	back := rtmptest.Dial(t, h.address)
	back.Publish("key-of-tea")
	s.finish()
}

// Two encoders that both come back whenever they are pushed out would leave
// viewers with neither.
func TestTwoEncodersOnOneKey(t *testing.T) {
	h := open(t, nil)
	var on *rtmptest.Client
	for range contestTakeovers {
		on = rtmptest.Dial(t, h.address)
		on.Publish("key-of-tea")
	}
	if p, _ := h.Publisher("tea"); len(p.Advice) > 0 {
		t.Errorf("%q after two takeovers", p.Advice)
	}
	for range 3 {
		c := rtmptest.Dial(t, h.address)
		c.Send(rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Publish("key-of-tea"))
		if code, text, err := c.Status(); code != badName || !strings.Contains(text, "Another encoder is on air") {
			t.Errorf("%s %q %v", code, text, err)
		}
	}
	p, _ := h.Publisher("tea")
	if p.Remote != on.LocalAddr().String() || len(p.Advice) == 0 || !strings.HasPrefix(p.Advice[0], "Another encoder, at 127.0.0.1:") {
		t.Errorf("%+v", p)
	}
	if n := h.Stats(); n.Contested != 3 || n.Refused != 3 || n.Takeovers != 2 || n.Published != 3 {
		t.Errorf("%+v", n)
	}
}

// The rule on its own: who may take over when.
func TestContest(t *testing.T) {
	start := time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for what, tc := range map[string]struct {
		tries   []int // seconds
		silent  bool  // whoever is on air sends nothing
		refused []int
	}{
		"a change now and then":         {[]int{0, 40, 80, 120, 160}, false, nil},
		"a fight":                       {[]int{0, 2, 4, 6, 8}, false, []int{4, 6, 8}},
		"a fight that goes on":          {[]int{0, 2, 4, 40, 63, 65, 66, 67}, false, []int{4, 40, 63, 67}},
		"one that loses its connection": {[]int{0, 10, 20, 30, 40}, true, nil},
	} {
		var s seat
		var refused []int
		old := &publisher{health: newHealth("192.0.2.1:1", at(-10), Policy{})}
		for _, second := range tc.tries {
			if !tc.silent {
				old.health.frame(&old.health.sound.track, at(second), 0, 1, false)
			}
			p := &publisher{health: newHealth("192.0.2.2:1", at(second), Policy{})}
			if err := s.contest(old, p, at(second)); err != nil {
				refused = append(refused, second)
			} else if old = p; tc.silent {
				old.health.since = at(second - 5)
			}
		}
		if !slices.Equal(refused, tc.refused) {
			t.Errorf("%s: refused at %v, want %v", what, refused, tc.refused)
		}
	}
}

func TestKick(t *testing.T) {
	h := open(t, nil)
	if h.Kick("tea", "Nobody there.") {
		t.Error("kicked nobody")
	}
	c := rtmptest.Dial(t, h.address)
	c.Publish("key-of-tea")
	s := h.steadily()
	if !h.Kick("tea", "Your stream key was changed.") {
		t.Error("nobody to kick")
	}
	if code, text, err := c.Status(); code != denied || text != "Your stream key was changed." {
		t.Errorf("%s %q %v", code, text, err)
	}
	if err := c.Closed(); err != nil {
		t.Error(err)
	}
	s.finish()
}
