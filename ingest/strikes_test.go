package ingest

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"souk/ingest/rtmptest"
)

func TestStrikes(t *testing.T) {
	now := time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC)
	home, other := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	var s strikes
	if s.barred(home, now) {
		t.Error("barred before the first key")
	}
	for i := range strikeBurst {
		if last := s.wrong(home, now); last != (i == strikeBurst-1) {
			t.Fatalf("strike %d: last is %v", i+1, last)
		}
	}
	if !s.barred(home, now) || s.barred(other, now) {
		t.Error("the wrong one is barred")
	}
	now = now.Add(strikeRefill)
	if s.barred(home, now) {
		t.Error("barred for ever")
	}
	if !s.wrong(home, now) {
		t.Error("healed of more than one strike")
	}
	s.right(home, now)
	if s.barred(home, now) || s.wrong(home, now) {
		t.Error("an address with a right key is barred")
	}
	if now = now.Add(strikeTrust); s.barred(home, now) {
		t.Error("strikes do not heal while the address is trusted")
	}
}

// OBS tries a refused key again after 2 s, then with pauses growing by half.
func TestStrikesSpareOBS(t *testing.T) {
	now := time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC)
	var s strikes
	pause := 2 * time.Second
	for try := range 25 {
		if s.barred(netip.Prefix{}, now) {
			t.Fatalf("try %d is barred", try)
		}
		s.wrong(netip.Prefix{}, now)
		now = now.Add(pause)
		pause += pause / 2
	}
}

func TestStrikesAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC)
	var s strikes
	address := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	for i := range 3 * maxStruck {
		s.wrong(address(i), now)
		if n := len(s.addresses); n > maxStruck {
			t.Fatalf("%d addresses are remembered", n)
		}
	}
	now = now.Add(time.Hour)
	for i := range maxStruck {
		s.wrong(address(1<<20+i), now)
	}
	for from, r := range s.addresses {
		if r.at != now {
			t.Fatalf("%v is remembered an hour later", from)
		}
	}
}

// Wrong keys without end are refused ever more cheaply, and the publisher next
// to them notices nothing.
func TestWrongKeysAreThrottled(t *testing.T) {
	h := open(t, func(s *Server) { s.MaxPerAddress = 1000 })
	var text string
	for range strikeBurst {
		c := rtmptest.Dial(t, h.address)
		c.Send(rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Publish("wrong-key"))
		var err error
		if _, text, err = c.Status(); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if !strings.Contains(text, "too many wrong stream keys from your address") {
		t.Errorf("the last refusal says %q", text)
	}
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the address is still answered")
	}
	if n := h.Stats(); n.WrongKeys != strikeBurst || n.Barred != 1 {
		t.Errorf("%+v", n)
	}
}

func TestWrongKeysDoNotBarTheirNeighbour(t *testing.T) {
	h := open(t, func(s *Server) { s.MaxPerAddress = 1000 })
	rtmptest.Dial(t, h.address).Publish("key-of-tea")
	for range strikeBurst + 10 {
		c := rtmptest.Dial(t, h.address)
		c.Send(rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Publish("wrong-key"))
		if code, _, err := c.Status(); code != badName {
			t.Fatal(code, err)
		}
		c.Close()
	}
	rtmptest.Dial(t, h.address).Publish("key-of-tea")
}
