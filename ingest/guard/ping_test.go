package guard

import (
	"bufio"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"souk/ingest/amf"
	"souk/ingest/rtmptest"
)

// A publisher is pinged now and then; its answers, some of them late and some
// made up, tell the round trip.
func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		encoder, socket := net.Pipe()
		c := New(socket, 0)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			lib := newLibrary(c)
			lib.handshake()
			for err := error(nil); err == nil; {
				_, err = lib.next()
			}
		}()
		// What the peer gets: pings, which it answers after delay.
		pings := make(chan []byte, 100)
		go func() {
			in := newAssembler(bufio.NewReader(encoder))
			in.room = func(byte) (int, bool) { return maxControl, true }
			for m, err := in.next(); err == nil; m, err = in.next() {
				pings <- m.body
			}
		}()
		answer := func(ping []byte, after time.Duration) {
			<-time.After(after)
			body := append([]byte{0, 7}, ping[2:]...)
			encoder.Write(rtmptest.Message{ChunkStream: 2, Kind: rtmptest.UserControl, Body: body}.Bytes())
			synctest.Wait()
		}
		send := func(n int) {
			for range n {
				<-time.After(100 * time.Millisecond)
				encoder.Write(audio(1, "x").Bytes())
				synctest.Wait()
			}
		}
		encoder.Write(rtmptest.Join(rtmptest.Handshake(), publishing))
		send(9)
		if len(pings) != 0 || c.RTT() != 0 {
			t.Fatalf("%d pings in the first second, RTT %v", len(pings), c.RTT())
		}
		send(10)
		first := <-pings
		if first[1] != 6 {
			t.Fatalf("not a ping: %x", first)
		}
		answer(first, 130*time.Millisecond)
		if got := c.RTT(); got != 130*time.Millisecond+900*time.Millisecond {
			t.Errorf("RTT %v", got)
		}
		answer([]byte{0, 6, 9, 9, 9, 9}, 0)
		if got := c.RTT(); got != 1030*time.Millisecond {
			t.Errorf("RTT %v after an answer to nothing", got)
		}
		send(600)
		if n := len(pings); n < 11 || n > 12 {
			t.Errorf("%d pings in a minute", n)
		}
		encoder.Close()
		<-ended
	})
}

func TestOffer(t *testing.T) {
	for what, tc := range map[string]struct {
		connect amf.Object
		codes   []string
		caps    int
	}{
		"nothing":     {amf.Object{{Name: "app", Value: "live"}}, nil, 0},
		"FFmpeg":      {amf.Object{{Name: "fourCcList", Value: amf.Array{"av01", "hvc1"}}}, []string{"av01", "hvc1"}, 0},
		"anything":    {amf.Object{{Name: "fourCcList", Value: amf.Array{"*"}}, {Name: "capsEx", Value: 7.0}}, []string{"*"}, 7},
		"a map":       {amf.Object{{Name: "videoFourCcInfoMap", Value: amf.Object{{Name: "av01", Value: 6.0}}}, {Name: "capsEx", Value: 2.0}}, []string{"av01"}, CapMultitrack},
		"wrong types": {amf.Object{{Name: "fourCcList", Value: amf.Array{1.0, "hevc-main", nil}}, {Name: "capsEx", Value: "2"}}, nil, 0},
		"a long list": {amf.Object{{Name: "fourCcList", Value: slices.Repeat(amf.Array{"av01"}, 1000)}}, slices.Repeat([]string{"av01"}, maxFourCCs), 0},
	} {
		socket := &script{in: io.MultiReader()}
		c := New(socket, 0)
		_, _, err := c.command(message{kind: kindCommand, body: amf.Append(nil, "connect", 1.0, tc.connect)})
		if o := c.Offer(); err != nil || !slices.Equal(o.FourCCs, tc.codes) || o.Caps != tc.caps {
			t.Errorf("%s: %+v, %v", what, o, err)
		}
	}
}

// What nobody has read yet is told, in the socket as well as in the guard.
func TestBacklog(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	encoder, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	socket, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := New(socket, 0)
	defer c.Close()
	encoder.Write(rtmptest.Join(rtmptest.Handshake(), publishing))
	lib := newLibrary(c)
	if err := lib.handshake(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := lib.next(); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Backlog(); n != 0 {
		t.Errorf("%d bytes before anything was sent", n)
	}
	if d := c.RTT(); d <= 0 || d > time.Second {
		t.Errorf("the system estimates %v", d)
	}
	v := video(0, 50_000)
	encoder.Write(rtmptest.Join(v.Bytes(), v.Bytes()))
	if _, err := lib.next(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); c.Backlog() < len(v.Bytes()); {
		if time.Now().After(end) {
			t.Fatalf("%d bytes of %d", c.Backlog(), len(v.Bytes()))
		}
	}
}
