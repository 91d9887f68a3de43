package guard

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"souk/ingest/rtmptest"
)

// BenchmarkConn relays a second of 12 Mbit/s video over and over. Reported are
// bytes of the socket. There is no allocation.
func BenchmarkConn(b *testing.B) {
	for _, size := range []int{128, 4096, 65536} {
		b.Run(fmt.Sprintf("chunk=%d", size), func(b *testing.B) {
			start := rtmptest.Join(rtmptest.Handshake(), publishing, rtmptest.ChunkSizeOf(uint32(size)))
			var second []byte
			const messages = 60
			for i := range messages {
				m := audio(uint32(i*16), string(make([]byte, 400)))
				if i%2 == 0 {
					m = video(uint32(i*16), 50_000)
				}
				m.ChunkSize = size
				second = append(second, m.Bytes()...)
			}
			c := New(&script{in: io.MultiReader(bytes.NewReader(start), &endless{data: second})}, 0)
			lib := newLibrary(c)
			if err := lib.handshake(); err != nil {
				b.Fatal(err)
			}
			for range 3 {
				if _, err := lib.next(); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(second) / messages))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := lib.next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// endless repeats data.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}
