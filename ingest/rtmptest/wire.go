package rtmptest

import (
	"bytes"
	"encoding/binary"

	"souk/ingest/amf"
)

// Message type ids.
const (
	SetChunkSize = 1
	Abort        = 2
	Ack          = 3
	UserControl  = 4
	WindowSize   = 5
	Bandwidth    = 6
	Audio        = 8
	Video        = 9
	DataAMF3     = 15
	CommandAMF3  = 17
	Data         = 18
	Command      = 20
	Aggregate    = 22
)

// Message is one RTMP message and how to cut it into chunks.
type Message struct {
	ChunkStream int // 0 is taken as 3
	Kind        byte
	Stream      uint32
	Time        uint32
	Body        []byte

	ChunkSize int  // 0 is taken as 128
	Bare      bool // leave the extended timestamp out of format 3 headers, as OBS up to 30.0
}

// Bytes is m as a chunk with a full header, and as many format 3 ones as it
// takes.
func (m Message) Bytes() []byte {
	b := m.Header(len(m.Body))
	size := m.ChunkSize
	if size == 0 {
		size = 128
	}
	for body := m.Body; ; {
		n := min(size, len(body))
		b = append(b, body[:n]...)
		if body = body[n:]; len(body) == 0 {
			return b
		}
		b = append(b, Basic(3, m.chunkStream())...)
		if m.Time >= 0xffffff && !m.Bare {
			b = binary.BigEndian.AppendUint32(b, m.Time)
		}
	}
}

// Header is the format 0 header of m, claiming a body of length bytes.
func (m Message) Header(length int) []byte {
	b := Basic(0, m.chunkStream())
	b = append(b, uint24(min(m.Time, 0xffffff))...)
	b = append(b, uint24(uint32(length))...)
	b = append(b, m.Kind)
	b = binary.LittleEndian.AppendUint32(b, m.Stream)
	if m.Time >= 0xffffff {
		b = binary.BigEndian.AppendUint32(b, m.Time)
	}
	return b
}

// Delta is m as one format 1 chunk, delta milliseconds after the message before
// it on the same chunk stream.
func (m Message) Delta(delta uint32) []byte {
	b := Basic(1, m.chunkStream())
	b = append(b, uint24(min(delta, 0xffffff))...)
	b = append(b, uint24(uint32(len(m.Body)))...)
	b = append(b, m.Kind)
	if delta >= 0xffffff {
		b = binary.BigEndian.AppendUint32(b, delta)
	}
	return append(b, m.Body...)
}

func (m Message) chunkStream() int {
	if m.ChunkStream == 0 {
		return 3
	}
	return m.ChunkStream
}

// Basic is the basic header of a chunk, in the shortest form.
func Basic(format byte, chunkStream int) []byte {
	switch {
	case chunkStream < 64:
		return []byte{format<<6 | byte(chunkStream)}
	case chunkStream < 320:
		return []byte{format << 6, byte(chunkStream - 64)}
	}
	return []byte{format<<6 | 1, byte(chunkStream - 64), byte((chunkStream - 64) >> 8)}
}

// ChunkSizeOf is the message that announces a chunk size.
func ChunkSizeOf(n uint32) []byte {
	return Message{ChunkStream: 2, Kind: SetChunkSize, Body: binary.BigEndian.AppendUint32(nil, n)}.Bytes()
}

// Invoke is a command message on a stream, on chunk stream 3.
func Invoke(stream uint32, name string, transaction float64, args ...any) []byte {
	return Message{Kind: Command, Stream: stream, Body: CommandBody(name, transaction, args...)}.Bytes()
}

// CommandBody is the body of a command message.
func CommandBody(name string, transaction float64, args ...any) []byte {
	return amf.Append(amf.Append(nil, name, transaction), args...)
}

// Connect, CreateStream and Publish are the three commands a publish takes.
func Connect(app string) []byte {
	return Invoke(0, "connect", 1, amf.Object{
		{Name: "app", Value: app},
		{Name: "type", Value: "nonprivate"},
		{Name: "flashVer", Value: "FMLE/3.0 (compatible; FMSc/1.0)"},
		{Name: "tcUrl", Value: "rtmp://127.0.0.1/" + app},
	})
}

// CreateStream asks for a message stream.
func CreateStream() []byte { return Invoke(0, "createStream", 4, nil) }

// Publish asks to publish on message stream 1.
func Publish(name string) []byte { return Invoke(1, "publish", 5, nil, name, "live") }

// Tag is one part of an aggregate message.
type Tag struct {
	Kind byte
	Time uint32
	Body []byte
}

// AggregateBody is the body of an aggregate message.
func AggregateBody(tags ...Tag) []byte {
	var b []byte
	for _, t := range tags {
		b = append(b, t.Kind)
		b = append(b, uint24(uint32(len(t.Body)))...)
		b = append(b, uint24(t.Time&0xffffff)...)
		b = append(b, byte(t.Time>>24), 0, 0, 0)
		b = append(b, t.Body...)
		b = binary.BigEndian.AppendUint32(b, uint32(11+len(t.Body)))
	}
	return b
}

// Join concatenates.
func Join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Handshake is all a client sends before its first chunk, the echo of the
// server's random bytes being wrong.
func Handshake() []byte {
	return Join([]byte{3}, make([]byte, 2*1536))
}

func uint24(v uint32) []byte { return []byte{byte(v >> 16), byte(v >> 8), byte(v)} }
