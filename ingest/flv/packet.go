package flv

import (
	"errors"
	"fmt"
	"time"
)

// ErrMalformed is returned for bytes that are no tag of their kind.
var ErrMalformed = errors.New("flv: malformed tag")

// CodecError is returned for media that nothing here can read.
type CodecError struct {
	Medium string // "video" or "audio"
	Codec  string // as people call it
}

func (e *CodecError) Error() string {
	return fmt.Sprintf("flv: %s codec %s", e.Medium, e.Codec)
}

// Type is what a packet brings.
type Type uint8

// Types of packets.
const (
	Config Type = iota + 1 // Data is the decoder configuration record
	Frame                  // Data is one access unit
	End                    // the track is over
)

// Packet is what a tag brings for one track.
type Packet struct {
	Type   Type
	Codec  Codec
	Track  int           // 0 unless the tag says otherwise, up to 255
	Key    bool          // video: flagged as a key frame
	Offset time.Duration // video: presentation time minus decoding time, may be negative
	Data   []byte
}

// Packet types of enhanced tags. Those of legacy AVC and AAC tags agree with
// the first three, as far as they go.
const (
	sequenceStart = 0
	codedFrames   = 1
	sequenceEnd   = 2
	codedFramesX  = 3 // composition offset 0, left out
	metadata      = 4 // audio: channel layout
	multitrackV   = 6
	multitrackA   = 5
	modEx         = 7
)

// Frame types of video tags, section E.4.3.1.
const (
	frameKey     = 1
	frameCommand = 5
)

// AppendVideo reads the body of a video message. Most bring one packet, some
// none (a seek command, colour metadata, a frame without bytes), those with
// several tracks one for each. Tracks but the first are left out when their
// codec is not known. On an error nothing is appended.
func AppendVideo(to []Packet, b []byte) ([]Packet, error) {
	t := tag{reader: reader{b}, medium: "video", multitrack: multitrackV, to: to}
	first := t.byte()
	t.frame = first >> 4 & 7
	switch {
	case t.failed():
		return to, ErrMalformed
	case first&0x80 != 0:
		return t.enhanced(first&15, to)
	case t.frame == frameCommand:
		return to, nil
	}
	codec := legacyVideo[first&15]
	if codec == 0 {
		return to, &CodecError{"video", videoName(first & 15)}
	}
	kind := t.byte()
	offset := t.offset()
	if t.failed() {
		return to, ErrMalformed
	}
	return t.packet(Packet{Codec: codec, Offset: offset}, kind, t.b), nil
}

// AppendAudio does the same for an audio message.
func AppendAudio(to []Packet, b []byte) ([]Packet, error) {
	t := tag{reader: reader{b}, medium: "audio", multitrack: multitrackA, to: to}
	first := t.byte()
	if t.failed() {
		return to, ErrMalformed
	}
	switch format := first >> 4; format {
	case 9:
		return t.enhanced(first&15, to)
	case 10:
		kind := t.byte()
		if t.failed() {
			return to, ErrMalformed
		}
		return t.packet(Packet{Codec: AAC}, kind, t.b), nil
	case 2, 14:
		return t.packet(Packet{Codec: MP3}, codedFrames, t.b), nil
	default:
		return to, &CodecError{"audio", audioName(format)}
	}
}

// tag is a tag on its way to becoming packets.
type tag struct {
	reader
	medium     string
	multitrack byte // the packet type that stands for several tracks
	frame      byte // frame type of video
	shift      time.Duration
	to         []Packet
}

// enhanced follows the order of "Extended VideoTagHeader" and "Extended
// AudioTagHeader" (enhanced). It returns before when something is wrong.
func (t *tag) enhanced(kind byte, before []Packet) ([]Packet, error) {
	kind = t.modifiers(kind)
	if t.frame == frameCommand && kind != metadata {
		return before, nil
	}
	err := error(nil)
	if kind == t.multitrack {
		err = t.tracks()
	} else {
		code := t.take(4)
		err = t.track(code, 0, kind, t.b)
	}
	if t.failed() {
		err = ErrMalformed
	}
	if err != nil {
		return before, err
	}
	return t.to, nil
}

// modifiers skips the prefixes of a ModEx packet and returns the packet type
// behind them. Nanoseconds among them go to the presentation time.
func (t *tag) modifiers(kind byte) byte {
	const nanosecondOffset = 0
	for kind == modEx && !t.failed() {
		size := int(t.byte()) + 1
		if size == 256 {
			size = t.uint16() + 1
		}
		data := reader{t.take(size)}
		next := t.byte()
		if next>>4 == nanosecondOffset && size >= 3 && !t.failed() {
			t.shift = time.Duration(data.uint24())
		}
		kind = next & 15
	}
	return kind
}

// tracks reads a multitrack packet.
func (t *tag) tracks() error {
	const oneTrack, manyCodecs = 0, 2
	head := t.byte()
	form, kind := head>>4, head&15
	if kind == t.multitrack { // forbidden, and a way to recurse
		return ErrMalformed
	}
	var fourCC []byte
	if form != manyCodecs {
		fourCC = t.take(4)
	}
	if form == oneTrack {
		id := t.byte()
		return t.track(fourCC, id, kind, t.b)
	}
	for len(t.b) > 0 {
		if form == manyCodecs {
			fourCC = t.take(4)
		}
		id := t.byte()
		body := t.take(t.uint24())
		if t.failed() {
			return ErrMalformed
		}
		if err := t.track(fourCC, id, kind, body); err != nil {
			return err
		}
	}
	return nil
}

// track reads what one track gets.
func (t *tag) track(fourCC []byte, id, kind byte, body []byte) error {
	if t.failed() {
		return ErrMalformed
	}
	codec := fourCCs[string(fourCC)]
	if codec != 0 && codec.video() != (t.medium == "video") {
		codec = 0
	}
	switch {
	case kind == metadata || codec == 0 && id > 0:
		return nil
	case codec == 0:
		return &CodecError{t.medium, fourCCName(string(fourCC))}
	}
	p := Packet{Codec: codec, Track: int(id), Offset: t.shift}
	in := reader{body}
	switch {
	case kind == codedFrames && (codec == H264 || codec == H265):
		p.Offset += in.offset()
		if in.failed() {
			return ErrMalformed
		}
	case kind == codedFramesX:
		kind = codedFrames
	}
	t.to = t.packet(p, kind, in.b)
	return nil
}

// packet completes p and appends it. A frame without bytes, which some encoders
// send, is nothing, and so is a configuration, but for that of Opus.
func (t *tag) packet(p Packet, kind byte, data []byte) []Packet {
	p.Key = t.frame == frameKey && kind != sequenceEnd
	p.Data = data
	switch kind {
	case sequenceStart:
		p.Type = Config
	case codedFrames:
		p.Type = Frame
	case sequenceEnd:
		p = Packet{Type: End, Codec: p.Codec, Track: p.Track}
	}
	if p.Type == 0 || p.Type != End && len(data) == 0 && (p.Type != Config || p.Codec != Opus) {
		return t.to
	}
	return append(t.to, p)
}
