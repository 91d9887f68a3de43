package guard

import (
	"bytes"
	"testing"

	"souk/ingest/amf"
	"souk/ingest/rtmptest"
)

// FuzzConn feeds arbitrary bytes after a handshake, or after an accepted
// publish. Whatever comes, the library gets well-formed messages of the kinds
// it knows, commands and data made of AMF that decodes, and memory stays bound.
func FuzzConn(f *testing.F) {
	seeds := [][]byte{
		rtmptest.Connect("live"),
		rtmptest.Join(rtmptest.ChunkSizeOf(4096), rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Publish("k"), video(0, 300).Bytes()),
		rtmptest.Message{Kind: rtmptest.Aggregate, Body: rtmptest.AggregateBody(rtmptest.Tag{Kind: 8, Body: []byte{1}})}.Bytes(),
		rtmptest.Join(video(0xffffff, 200).Bytes(), rtmptest.Basic(3, 6)),
		append(rtmptest.Invoke(0, "connect", 1), 0x0a, 0x7f, 0xff, 0xff, 0xff),
		rtmptest.Join(rtmptest.Basic(0, 400), []byte{0, 0, 0, 0, 0, 9, 18}),
	}
	for _, s := range seeds {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, in []byte, published bool) {
		parts := rtmptest.Handshake()
		if published {
			parts = append(parts, publishing...)
		}
		c := New(&script{in: bytes.NewReader(append(parts, in...))}, 0)
		lib := newLibrary(c)
		if err := lib.handshake(); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := lib.next()
			if err != nil {
				break
			}
			if c.in.held < 0 || c.in.held > maxHeld {
				t.Fatalf("%d bytes held", c.in.held)
			}
			switch m.kind {
			case kindAudio, kindVideo:
				if len(m.body) == 0 || !c.publishing {
					t.Fatalf("media of %d bytes, publishing %v", len(m.body), c.publishing)
				}
			case kindCommand, kindData:
				if args, err := amf.Decode(m.body); err != nil || len(args) < 2 {
					t.Fatalf("%x: %v", m.body, err)
				}
			default:
				t.Fatalf("kind %d reached the library", m.kind)
			}
		}
		if c.in.received > uint64(len(parts)+len(in)) && c.Err() == nil {
			t.Fatalf("received %d of %d bytes", c.in.received, len(in))
		}
	})
}
