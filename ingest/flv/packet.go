package flv

import (
	"errors"
	"fmt"
	"time"
)

// ErrMalformed is returned for bytes that are no tag of their kind.
var ErrMalformed = errors.New("flv: malformed tag")

// CodecError is returned for media other than H.264 and AAC.
type CodecError struct {
	Medium string // "video" or "audio"
	Codec  string // as people call it
}

func (e *CodecError) Error() string {
	return fmt.Sprintf("flv: %s codec %s", e.Medium, e.Codec)
}

// Type is what a tag brings.
type Type uint8

// Types of packets. None is a tag that is fine and says nothing of interest: a
// seek command, colour metadata, a track other than the first.
const (
	None   Type = iota
	Config      // Data is the decoder configuration record
	Frame       // Data is one access unit
	End         // the track is over
)

// Packet is the content of one audio or video tag.
type Packet struct {
	Type   Type
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

// ParseVideo reads the body of a video message.
func ParseVideo(b []byte) (Packet, error) {
	r := reader{b}
	first := r.byte()
	if r.failed() {
		return Packet{}, ErrMalformed
	}
	frame := first >> 4 & 7
	if first&0x80 != 0 {
		return enhancedVideo(&r, frame, first&15)
	}
	if frame == frameCommand {
		return Packet{}, nil
	}
	if codec := first & 15; codec != 7 {
		return Packet{}, &CodecError{"video", videoName(codec)}
	}
	kind := r.byte()
	p := Packet{Key: frame == frameKey, Offset: r.offset()}
	return p.of(kind, &r)
}

// ParseAudio reads the body of an audio message.
func ParseAudio(b []byte) (Packet, error) {
	r := reader{b}
	first := r.byte()
	if r.failed() {
		return Packet{}, ErrMalformed
	}
	switch format := first >> 4; format {
	case 9:
		return enhancedAudio(&r, first&15)
	case 10:
		return Packet{}.of(r.byte(), &r)
	default:
		return Packet{}, &CodecError{"audio", audioName(format)}
	}
}

// enhancedVideo follows the order of "Extended VideoTagHeader" (enhanced).
func enhancedVideo(r *reader, frame, kind byte) (Packet, error) {
	kind, shift := r.modifiers(kind)
	if frame == frameCommand && kind != metadata {
		return Packet{}, nil
	}
	fourCC, kind, ok := r.track(kind, multitrackV)
	if r.failed() {
		return Packet{}, ErrMalformed
	}
	if !ok || kind == metadata {
		return Packet{}, nil
	}
	if fourCC != "avc1" {
		return Packet{}, &CodecError{"video", fourCCName(fourCC)}
	}
	p := Packet{Key: frame == frameKey, Offset: shift}
	switch kind {
	case codedFrames:
		p.Offset += r.offset()
	case codedFramesX:
		kind = codedFrames
	}
	return p.of(kind, r)
}

func enhancedAudio(r *reader, kind byte) (Packet, error) {
	kind, _ = r.modifiers(kind)
	fourCC, kind, ok := r.track(kind, multitrackA)
	if r.failed() {
		return Packet{}, ErrMalformed
	}
	if !ok {
		return Packet{}, nil
	}
	if fourCC != "mp4a" {
		return Packet{}, &CodecError{"audio", fourCCName(fourCC)}
	}
	return Packet{}.of(kind, r)
}

// of completes p with what is left of r. A frame without bytes, which some
// encoders send, is nothing; a configuration without bytes is too.
func (p Packet) of(kind byte, r *reader) (Packet, error) {
	if r.failed() {
		return Packet{}, ErrMalformed
	}
	switch kind {
	case sequenceStart:
		p.Type = Config
	case codedFrames:
		p.Type = Frame
	case sequenceEnd:
		return Packet{Type: End}, nil
	default:
		return Packet{}, nil
	}
	if len(r.b) == 0 {
		return Packet{}, nil
	}
	p.Data = r.b
	return p, nil
}
