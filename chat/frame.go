package chat

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"
)

// Opcodes with the final bit set, RFC 6455 section 5.2. The server sends whole
// frames only and never masks.
const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
)

var pingFrame = []byte{opPing, 0}

// appendHeader appends the header of a frame with n bytes of payload.
func appendHeader(b []byte, op byte, n int) []byte {
	switch {
	case n < 126:
		return append(b, op, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, op, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, op, 127), uint64(n))
	}
}

// textFrame makes one text frame that holds the given events as a JSON array.
func textFrame(events ...[]byte) []byte {
	n := 1 + max(len(events), 1) // brackets and commas
	for _, e := range events {
		n += len(e)
	}
	b := appendHeader(make([]byte, 0, n+10), opText, n)
	b = append(b, '[')
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return append(b, ']')
}

func closeFrame(code int, reason string) []byte {
	b := appendHeader(nil, opClose, 2+len(reason))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}

// stamp is what an event carries beside its type and data; zero members are left out.
type stamp struct {
	epoch   string
	seq     int64
	at      time.Time
	mediaAt time.Time
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// appendEvent appends the JSON of one event. typ and epoch need no escaping.
func appendEvent(b []byte, typ string, s stamp, data json.RawMessage) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, typ...)
	b = append(b, '"')
	if s.epoch != "" {
		b = append(b, `,"epoch":"`...)
		b = append(b, s.epoch...)
		b = append(b, '"')
	}
	if s.seq != 0 || s.epoch != "" {
		b = append(b, `,"seq":`...)
		b = strconv.AppendInt(b, s.seq, 10)
	}
	if !s.at.IsZero() {
		b = append(b, `,"at":"`...)
		b = s.at.UTC().AppendFormat(b, timeLayout)
		b = append(b, '"')
	}
	if !s.mediaAt.IsZero() {
		b = append(b, `,"media_at":"`...)
		b = s.mediaAt.UTC().AppendFormat(b, timeLayout)
		b = append(b, '"')
	}
	b = append(b, `,"data":`...)
	b = append(b, data...)
	return append(b, '}')
}

// encode is json.Marshal without the escapes that only HTML needs.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// mustEncode is for this package's own types, which always encode.
func mustEncode(v any) json.RawMessage {
	b, err := encode(v)
	if err != nil {
		panic(err)
	}
	return b
}
