package ingest

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"souk/ingest/amf"
	"souk/ingest/rtmptest"
)

// Each of these once killed or stalled a server that ran the RTMP library bare,
// or cut a publisher that did nothing wrong. A publisher next to it must not
// lose a frame, and the connection has to be over when it says so.
func TestHostileInput(t *testing.T) {
	bomb := []byte{0x0a, 0x7f, 0xff, 0xff, 0xff}
	command := func(parts ...[]byte) []byte {
		return rtmptest.Message{Kind: rtmptest.Command, Body: rtmptest.Join(parts...)}.Bytes()
	}
	noise := make([]byte, 100_000)
	rand.Read(noise)
	connect := rtmptest.Connect("live")
	publish := rtmptest.Join(connect, rtmptest.CreateStream(), rtmptest.Publish("key-of-tea"))

	var unfinished []byte
	for id := range 300 {
		m := rtmptest.Message{ChunkStream: 64 + id, Kind: rtmptest.Video}
		unfinished = append(append(unfinished, m.Header(1<<20)...), make([]byte, 128)...)
	}
	for _, tc := range []struct {
		what string
		in   []byte
	}{
		{"noise", rtmptest.Join(rtmptest.Handshake(), noise)},
		{"noise after connect", rtmptest.Join(rtmptest.Handshake(), connect, noise)},
		{"http", []byte("GET / HTTP/1.1\r\nHost: souk\r\n\r\n")},
		{"tls", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")},
		{"array bomb in connect", rtmptest.Join(rtmptest.Handshake(), command(amf.Append(nil, "connect", 1.0), bomb))},
		{"array bomb in an unknown command", rtmptest.Join(rtmptest.Handshake(), command(amf.Append(nil, "hello", 1.0), bomb))},
		{"nested objects", rtmptest.Join(rtmptest.Handshake(), rtmptest.ChunkSizeOf(0xffffff), command(amf.Append(nil, "connect", 1.0), bytes.Repeat([]byte{3, 0, 1, 'a'}, 15_000)))},
		{"16 MB of nested objects", rtmptest.Join(rtmptest.Handshake(), rtmptest.ChunkSizeOf(0xffffff), rtmptest.Message{Kind: rtmptest.Command}.Header(0xffffff), bytes.Repeat([]byte{3, 0, 1, 'a'}, 100_000))},
		{"300 unfinished messages", rtmptest.Join(rtmptest.Handshake(), unfinished)},
		{"createStream flood", rtmptest.Join(rtmptest.Handshake(), connect, bytes.Repeat(rtmptest.CreateStream(), 20_000))},
		{"chunk size 1", rtmptest.Join(rtmptest.Handshake(), rtmptest.ChunkSizeOf(1))},
		{"format 3 first", rtmptest.Join(rtmptest.Handshake(), rtmptest.Basic(3, 9))},
		{"flood before publish", rtmptest.Join(rtmptest.Handshake(), connect, bytes.Repeat(rtmptest.Message{Kind: rtmptest.Video, Body: make([]byte, 1000)}.Bytes(), 1000))},
		{"33 chunk streams while publishing", rtmptest.Join(rtmptest.Handshake(), publish, unfinished)},
	} {
		t.Run(tc.what, func(t *testing.T) {
			h := open(t, nil)
			s := h.steadily()
			conn, err := net.Dial("tcp", h.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			conn.Write(tc.in)
			for buf := make([]byte, 4096); err == nil; {
				_, err = conn.Read(buf)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open")
			}
			s.finish()
		})
	}
}

// What real encoders send that is out of the ordinary: publishing goes on, and
// the frame behind it arrives.
func TestOddInputIsSurvived(t *testing.T) {
	control := func(kind byte, body ...byte) []byte {
		return rtmptest.Message{ChunkStream: 2, Kind: kind, Body: body}.Bytes()
	}
	bomb := append(amf.Append(nil, "onMetaData"), 0x0a, 0x7f, 0xff, 0xff, 0xff)
	frame := rtmptest.Message{ChunkStream: 4, Kind: rtmptest.Video, Stream: 1, Body: []byte("\x27\x01\x00\x00\x00\x00\x00\x00\x02\x41\x9a")}
	at := func(ms uint32, bare bool) []byte {
		m := frame
		m.Time, m.Bare = ms, bare
		m.Body = append([]byte("\x27\x01\x00\x00\x00\x00\x00\x01\x2c"), make([]byte, 300)...)
		return m.Bytes()
	}
	for what, tc := range map[string]struct {
		in     []byte
		frames int
	}{
		"empty audio":                      {control(rtmptest.Audio), 0},
		"empty video":                      {control(rtmptest.Video), 0},
		"video of one byte":                {control(rtmptest.Video, 0x17), 0},
		"frame with a wrong length":        {control(rtmptest.Video, 0x17, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1), 0},
		"bad configuration":                {control(rtmptest.Video, 0x17, 0, 0, 0, 0, 1, 2, 3), 0},
		"bad parameter sets":               {control(rtmptest.Video, 0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 2, 0x67, 0xff, 1, 0, 1, 0x68), 0},
		"bad audio configuration":          {control(rtmptest.Audio, 0xaf, 0, 0xff), 0},
		"abort":                            {rtmptest.Join(frame.Header(2000), make([]byte, 128), control(rtmptest.Abort, 0, 0, 0, 4)), 0},
		"header in mid-message":            {rtmptest.Join(frame.Header(2000), make([]byte, 128)), 0},
		"aggregate":                        {rtmptest.Message{Kind: rtmptest.Aggregate, Stream: 1, Body: rtmptest.AggregateBody(rtmptest.Tag{Kind: rtmptest.Video, Body: frame.Body}, rtmptest.Tag{Kind: rtmptest.Video, Time: 40, Body: frame.Body})}.Bytes(), 2},
		"user control 31":                  {control(rtmptest.UserControl, 0, 31, 0, 0, 0, 1), 0},
		"short user control":               {control(rtmptest.UserControl, 0), 0},
		"window of 1":                      {control(rtmptest.WindowSize, 0, 0, 0, 1), 0},
		"bare metadata":                    {rtmptest.Message{Kind: rtmptest.Data, Stream: 1, Body: amf.Append(nil, "onMetaData", amf.Object{})}.Bytes(), 0},
		"data bomb":                        {rtmptest.Message{Kind: rtmptest.Data, Stream: 1, Body: bomb}.Bytes(), 0},
		"data that is not AMF":             {rtmptest.Message{Kind: rtmptest.Data, Stream: 1, Body: []byte("?")}.Bytes(), 0},
		"unknown command":                  {rtmptest.Invoke(1, "setPeerInfo", 9, nil), 0},
		"FCUnpublish on its stream":        {rtmptest.Invoke(1, "FCUnpublish", 9, nil, "key-of-tea"), 0},
		"chunk stream 400":                 {rtmptest.Message{ChunkStream: 400, Kind: rtmptest.Video, Stream: 1, Body: frame.Body}.Bytes(), 1},
		"media of another stream":          {rtmptest.Message{Kind: rtmptest.Video, Stream: 9, Body: frame.Body}.Bytes(), 1},
		"extended timestamp, repeated":     {rtmptest.Join(at(20_000_000, false), at(20_000_040, false)), 2},
		"extended timestamp, not repeated": {rtmptest.Join(at(20_000_000, true), at(20_000_040, true)), 2},
		"timestamp wraps at 2^31":          {rtmptest.Join(at(1<<31-20, false), at(20, false)), 2},
		"timestamp wraps at 2^32":          {rtmptest.Join(at(1<<32-20, false), at(20, false)), 2},
		"end of the track":                 {rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Body: []byte("\x17\x02\x00\x00\x00")}.Bytes(), 0},
		"nanoseconds":                      {rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Body: []byte("\xa7\x02\x00\x01\x00\x01avc1\x00\x00\x01\x00\x00\x00\x01\x41")}.Bytes(), 1},
		"track longer than its message":    {rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Body: []byte("\xa6\x11avc1\x01\xff\xff\xffa")}.Bytes(), 0},
		"AV1 that is none":                 {rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Body: []byte("\x96\x01av01\x01\x32\x7f")}.Bytes(), 0},
		"user control 32":                  {control(rtmptest.UserControl, 0, 32, 0, 0, 0, 1), 0},
		"7.9 MB frame": {rtmptest.Message{ChunkStream: 6, Kind: rtmptest.Video, Stream: 1, ChunkSize: 128,
			Body: append(binary.BigEndian.AppendUint32([]byte("\x27\x01\x00\x00\x00"), 79<<20/10), make([]byte, 79<<20/10)...)}.Bytes(), 1},
		"2 MB frame": {rtmptest.Message{ChunkStream: 6, Kind: rtmptest.Video, Stream: 1,
			Body: append(binary.BigEndian.AppendUint32([]byte("\x27\x01\x00\x00\x00"), 2<<20), make([]byte, 2<<20)...)}.Bytes(), 1},
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, nil)
			s := h.steadily()
			c := rtmptest.Dial(t, h.address)
			c.Publish("key-of-tea")
			c.Send(tc.in, frame.Bytes())
			eventually(t, "the frame behind it", func() bool { return h.frames("tea") == tc.frames+1 })
			s.finish()
		})
	}
}

// Connections that break off in mid-message leave nothing behind.
func TestResetsLeaveNothingBehind(t *testing.T) {
	h := open(t, nil)
	s := h.steadily()
	before := runtime.NumGoroutine()
	for i := range 50 {
		c := rtmptest.Dial(t, h.address)
		c.Publish(fmt.Sprint("key-of-tea", i))
		c.Send(rtmptest.Message{Kind: rtmptest.Video, Stream: 1}.Header(100_000), make([]byte, 100))
		c.Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	eventually(t, "only the steady publisher", func() bool { return h.Stats().Connections == 1 })
	// Each client has one goroutine of its own until the test ends.
	eventually(t, "the goroutines", func() bool { return runtime.NumGoroutine() <= before+50+2 })
	s.finish()
}
