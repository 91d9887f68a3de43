package guard

import (
	"encoding/binary"
	"math"
	"time"

	"souk/ingest/amf"
)

// User control events, section 7.1.7.
const (
	eventPing = 6
	eventPong = 7
)

// room is the assembler's limit per kind of message. Before a publish only
// control messages and commands are worth keeping.
func (c *Conn) room(kind byte) (size int, wanted bool) {
	switch kind {
	case kindSetChunkSize, kindAbort, kindAck, kindUserControl, kindWindow, kindBandwidth:
		return maxControl, true
	case kindCommand, kindCommandAMF3:
		return maxCommand, true
	case kindData, kindDataAMF3:
		return maxCommand, c.publishing
	case kindAudio:
		return maxAudio, c.publishing
	case kindVideo, kindAggregate:
		return maxVideo, c.publishing
	}
	return maxCommand, false
}

// judge decides what the library gets to see of m: nothing when ok is false, a
// harmless message otherwise. An error ends the connection.
func (c *Conn) judge(m message) (out message, ok bool, err error) {
	switch m.kind {
	case kindUserControl:
		return message{}, false, c.userControl(m.body)
	case kindWindow:
		if len(m.body) >= 4 {
			window := binary.BigEndian.Uint32(m.body)
			c.ackWindow = uint64(max(window, minWindow)) / 2
		}
	case kindCommand, kindCommandAMF3:
		return c.command(m)
	case kindData, kindDataAMF3:
		if c.publishing {
			out, ok = c.data(m)
		}
		return out, ok, nil
	case kindAudio, kindVideo:
		// Empty audio is how some encoders say silence.
		if c.publishing && len(m.body) > 0 {
			now := time.Now()
			c.expectMedia(now)
			if err := c.ping(now); err != nil {
				return message{}, false, err
			}
			c.body = m.body
			return message{kind: m.kind, stream: c.stream, time: m.time, body: standIn}, true, nil
		}
	}
	return message{}, false, nil
}

// standIn is what the library gets in place of a media body.
var standIn = []byte{0}

// command decodes a command and writes it again with just the arguments the
// library needs, in the types it expects. Commands that it has no use for are
// dropped, among them releaseStream and FCPublish: encoders do not wait for an
// answer, and the names in them are keys.
func (c *Conn) command(m message) (message, bool, error) {
	args, err := amf.Decode(plainAMF0(m.body))
	if err != nil || len(args) < 2 {
		return message{}, false, errCommand
	}
	name, isName := args[0].(string)
	if _, isNumber := args[1].(float64); !isName || !isNumber {
		return message{}, false, errCommand
	}
	transaction := natural(args[1])
	argument := func(i int) any {
		if i < len(args) {
			return args[i]
		}
		return nil
	}

	if (name == "connect") == c.connected {
		return message{}, false, nil // connect is the first command, and once
	}
	out := message{kind: kindCommand, stream: m.stream, time: m.time}
	switch name {
	case "connect":
		object, err := connectObject(argument(2))
		if err != nil {
			return message{}, false, err
		}
		c.connected = true
		c.offer = offerOf(argument(2).(amf.Object))
		out.stream = 0
		out.body = amf.Append(nil, name, transaction, object)
	case "createStream":
		if c.creates++; c.creates > maxCreateStreams {
			return message{}, false, errManyStreams
		}
		out.stream = 0
		out.body = amf.Append(nil, name, transaction, nil)
	case "publish", "play":
		stream, ok := argument(3).(string)
		if !ok {
			return message{}, false, errCommand
		}
		out.body = amf.Append(nil, name, transaction, nil, stream)
	case "deleteStream":
		if !c.publishing {
			return message{}, false, nil
		}
		// Which stream it names does not matter: there is one to stop, and the
		// library hangs up over a wrong id.
		out.stream = 0
		out.body = amf.Append(nil, name, transaction, nil, c.stream)
	case "closeStream":
		out.body = amf.Append(nil, name, transaction, nil)
	default:
		return message{}, false, nil
	}
	return out, true, nil
}

// connectObject keeps the strings of a connect that the server reads.
func connectObject(v any) (amf.Object, error) {
	given, ok := v.(amf.Object)
	if !ok {
		return nil, errCommand
	}
	var kept amf.Object
	for _, name := range []string{"app", "flashVer", "tcUrl"} {
		switch v := given.Get(name).(type) {
		case nil:
		case string:
			kept = append(kept, amf.Property{Name: name, Value: v})
		default:
			return nil, errCommand
		}
	}
	return kept, nil
}

// data lets stream metadata through, under the one name the library knows
// whether it came under that or bare. Anything else, and anything that is not
// AMF0 (OBS once sent such), is dropped.
func (c *Conn) data(m message) (message, bool) {
	args, err := amf.Decode(plainAMF0(m.body))
	if err != nil {
		return message{}, false
	}
	if len(args) > 0 && args[0] == "@setDataFrame" {
		args = args[1:]
	}
	if len(args) < 2 || args[0] != "onMetaData" {
		return message{}, false
	}
	body := amf.Append(nil, "@setDataFrame", args[0], args[1])
	return message{kind: kindData, stream: c.stream, time: m.time, body: body}, true
}

// plainAMF0 removes the byte that wraps AMF0 values in an AMF3 message. No
// command or data message begins with a number, which is what 0 would mean.
func plainAMF0(b []byte) []byte {
	if len(b) > 0 && b[0] == 0 {
		return b[1:]
	}
	return b
}

// natural is v as a transaction or stream id, and 0 for what cannot be one.
func natural(v any) float64 {
	n, _ := v.(float64)
	if n >= 0 && n <= math.MaxInt32 {
		return math.Trunc(n)
	}
	return 0
}

// userControl answers pings, and takes the answers to ours. All other events,
// known or not, tell a server nothing.
func (c *Conn) userControl(b []byte) error {
	if len(b) < 6 {
		return nil
	}
	switch binary.BigEndian.Uint16(b) {
	case eventPing:
		pong := binary.BigEndian.AppendUint16(nil, eventPong)
		return c.send(kindUserControl, append(pong, b[2:6]...))
	case eventPong:
		c.pong(time.Now(), binary.BigEndian.Uint32(b[2:]))
	}
	return nil
}

// acknowledge tells the peer what has arrived, often enough for its window.
func (c *Conn) acknowledge() error {
	if c.in.received-c.acked < c.ackWindow {
		return nil
	}
	c.acked = c.in.received
	return c.send(kindAck, binary.BigEndian.AppendUint32(nil, uint32(c.acked)))
}

// send writes a control message of our own between two chunks of the library.
// Both use chunk stream 2, as section 5.4 demands. That is safe because no two
// control messages of the library in a row are of the same kind, so that its
// compressed headers always spell out length and kind.
func (c *Conn) send(kind byte, body []byte) error {
	chunk := appendChunk(nil, message{kind: kind, body: body})
	chunk[0] = 2
	_, err := c.Write(chunk)
	return err
}
