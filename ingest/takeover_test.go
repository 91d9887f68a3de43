package ingest

import (
	"strings"
	"testing"

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

func TestTwoEncodersOnOneKeyAreNoticed(t *testing.T) {
	h := open(t, nil)
	for i := range contestTakeovers + 1 {
		rtmptest.Dial(t, h.address).Publish("key-of-tea")
		p, _ := h.Publisher("tea")
		noticed := len(p.Advice) > 0 && strings.HasPrefix(p.Advice[0], "Two encoders")
		if noticed != (i == contestTakeovers) {
			t.Errorf("after %d takeovers: %q", i, p.Advice)
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
