package guard

import "encoding/binary"

// libraryChunkStream carries everything the library reads.
const libraryChunkStream = 3

// appendChunk writes m as one chunk with a full header.
func appendChunk(b []byte, m message) []byte {
	b = append(b, libraryChunkStream)
	b = appendUint24(b, min(m.time, 0xffffff))
	b = appendUint24(b, uint32(len(m.body)))
	b = append(b, m.kind)
	b = binary.LittleEndian.AppendUint32(b, m.stream)
	if m.time >= 0xffffff {
		b = binary.BigEndian.AppendUint32(b, m.time)
	}
	return append(b, m.body...)
}

func appendUint24(b []byte, v uint32) []byte {
	return append(b, byte(v>>16), byte(v>>8), byte(v))
}

// splitAggregate takes an aggregate message apart (section 7.1.6): FLV tags,
// the times of which are relative to the first one's. A tag that is cut short
// ends it. Only media and data may travel this way.
func splitAggregate(m message) []message {
	const tagHeader, backPointer = 11, 4
	var parts []message
	var first uint32
	for b := m.body; len(b) >= tagHeader; {
		size := int(uint24(b[1:]))
		if size > len(b)-tagHeader {
			break
		}
		time := uint24(b[4:]) | uint32(b[7])<<24
		if len(parts) == 0 {
			first = time
		}
		end := tagHeader + size
		switch b[0] {
		case kindAudio, kindVideo, kindData:
			parts = append(parts, message{
				kind:   b[0],
				stream: m.stream,
				time:   m.time + time - first,
				body:   b[tagHeader:end:end],
			})
		}
		b = b[min(end+backPointer, len(b)):]
	}
	return parts
}
