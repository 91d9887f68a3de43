package hls

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	mp4codecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// Codec is how a track is compressed. The zero value is none.
type Codec int

// The codecs a publisher may announce. Fragmented MP4 as players of HLS take it has no place for MP3.
const (
	H264 Codec = iota + 1
	H265
	AV1
	AAC
	Opus
	MP3
)

func (c Codec) String() string {
	names := [...]string{H264: "h264", H265: "h265", AV1: "av1", AAC: "aac", Opus: "opus", MP3: "mp3"}
	if c < H264 || int(c) >= len(names) {
		return "unknown"
	}
	return names[c]
}

// Errors of an announcement.
var (
	// ErrCodec means that a codec cannot be carried. The text is a sentence for the publisher.
	//
	//lint:ignore ST1005 people read it as it is
	ErrCodec = errors.New("This codec cannot be sent to viewers.")

	// ErrBadVideo means that parameter sets cannot be used.
	ErrBadVideo = errors.New("hls: unusable video configuration")

	// ErrBadAudio means that the parameters of audio cannot be used.
	ErrBadAudio = errors.New("hls: unusable audio configuration")

	// ErrTrack means that the number of a video track is not within 0..maxTracks-1.
	ErrTrack = errors.New("hls: no such video track")
)

// unsupported is an ErrCodec with a sentence of its own.
type unsupported string

func (u unsupported) Error() string        { return string(u) }
func (u unsupported) Is(target error) bool { return target == ErrCodec }

// VideoConfig is what a decoder must know before the first frame.
type VideoConfig struct {
	Codec         Codec
	VPS, SPS, PPS []byte // H.264 without VPS, and H.265: NAL units without prefix
	Header        []byte // AV1: the sequence header OBU, with or without its size field
}

// sets are the parameter sets in the order in which they go in front of a key frame.
func (c VideoConfig) sets() [][]byte {
	switch c.Codec {
	case H264:
		return [][]byte{c.SPS, c.PPS}
	case H265:
		return [][]byte{c.VPS, c.SPS, c.PPS}
	case AV1:
		return [][]byte{c.Header}
	}
	return nil
}

func (c VideoConfig) equal(o VideoConfig) bool {
	return c.Codec == o.Codec && bytes.Equal(c.VPS, o.VPS) && bytes.Equal(c.SPS, o.SPS) &&
		bytes.Equal(c.PPS, o.PPS) && bytes.Equal(c.Header, o.Header)
}

// over returns the configuration with what came in-band put in place of the same kind. An access unit never changes
// the codec.
func (c VideoConfig) over(inBand VideoConfig) VideoConfig {
	for _, f := range [...]struct{ to, from *[]byte }{
		{&c.VPS, &inBand.VPS}, {&c.SPS, &inBand.SPS}, {&c.PPS, &inBand.PPS}, {&c.Header, &inBand.Header},
	} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	return c
}

// videoParams are the configuration of a video track and what is read out of it.
type videoParams struct {
	VideoConfig
	width, height int
	num, den      int64 // frames per second as a fraction; num 0: not told
}

// parse checks a configuration and takes copies of its bytes.
func (c VideoConfig) parse() (*videoParams, error) {
	if c.Codec != H264 && c.Codec != H265 && c.Codec != AV1 {
		return nil, unsupported("This kind of video cannot be sent to viewers: choose H.264, H.265 or AV1 in the encoder's video settings.")
	}
	p := &videoParams{VideoConfig: VideoConfig{
		Codec: c.Codec, VPS: bytes.Clone(c.VPS), SPS: bytes.Clone(c.SPS), PPS: bytes.Clone(c.PPS), Header: bytes.Clone(c.Header),
	}}
	if c.Codec == AV1 {
		p.Header, _ = bareOBU(p.Header)
	}
	for _, set := range p.sets() {
		if len(set) == 0 {
			return nil, fmt.Errorf("%w: a %s parameter set is missing", ErrBadVideo, c.Codec)
		}
	}
	if err := p.describe(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBadVideo, c.Codec, err)
	}
	return p, nil
}

// codec is what the CODECS attribute is made of.
func (p *videoParams) codec() codecs.Codec {
	switch p.Codec {
	case H265:
		return &codecs.H265{VPS: p.VPS, SPS: p.SPS, PPS: p.PPS}
	case AV1:
		return &codecs.AV1{SequenceHeader: p.Header}
	}
	return &codecs.H264{SPS: p.SPS, PPS: p.PPS}
}

// boxed is what the init section says.
func (p *videoParams) boxed() mp4codecs.Codec {
	switch p.Codec {
	case H265:
		return &mp4codecs.H265{VPS: p.VPS, SPS: p.SPS, PPS: p.PPS}
	case AV1:
		return &mp4codecs.AV1{SequenceHeader: p.Header}
	}
	return &mp4codecs.H264{SPS: p.SPS, PPS: p.PPS}
}

// AudioConfig is what a decoder must know before the first access unit.
type AudioConfig struct {
	Codec                Codec
	ASC                  []byte // AAC: AudioSpecificConfig (ISO 14496-3 section 1.6.2.1)
	Channels, SampleRate int    // Opus, which is always decoded at 48 kHz: the rate of its source, or 0
}

// audioParams are the configuration of an audio track and what is read out of it.
type audioParams struct {
	AudioConfig
	aac  mpeg4audio.AudioSpecificConfig
	rate int64 // of the sample count
}

const (
	aacFrameSize = 1024  // samples of an AAC access unit
	opusRate     = 48000 // of the sample count of Opus, whatever went in (RFC 6716 section 2)
	opusChannels = 2     // more need a mapping table, which is not written here
)

// parse checks a configuration and takes copies of its bytes.
func (c AudioConfig) parse() (*audioParams, error) {
	p := &audioParams{AudioConfig: c}
	switch c.Codec {
	case AAC:
		p.ASC = bytes.Clone(c.ASC)
		if err := p.aac.Unmarshal(c.ASC); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadAudio, err)
		}
		if p.aac.SampleRate <= 0 {
			return nil, fmt.Errorf("%w: no sample rate", ErrBadAudio)
		}
		p.rate = int64(p.aac.SampleRate)
	case Opus:
		if c.Channels < 1 {
			return nil, fmt.Errorf("%w: no channels", ErrBadAudio)
		}
		if c.Channels > opusChannels {
			return nil, unsupported("Opus with more than two channels cannot be sent to viewers: choose stereo in the encoder's audio settings.")
		}
		p.rate = opusRate
	case MP3:
		return nil, unsupported("MP3 cannot be sent to viewers: choose AAC or Opus in the encoder's audio settings.")
	default:
		return nil, unsupported("This kind of audio cannot be sent to viewers: choose AAC or Opus in the encoder's audio settings.")
	}
	return p, nil
}

func (c AudioConfig) equal(o AudioConfig) bool {
	return c.Codec == o.Codec && bytes.Equal(c.ASC, o.ASC) && c.Channels == o.Channels
}

// codec is what the CODECS attribute is made of.
func (p *audioParams) codec() codecs.Codec {
	if p.Codec == Opus {
		return &codecs.Opus{ChannelCount: p.Channels}
	}
	return &codecs.MPEG4Audio{Config: p.aac}
}

// boxed is what the init section says.
func (p *audioParams) boxed() mp4codecs.Codec {
	if p.Codec == Opus {
		return &mp4codecs.Opus{ChannelCount: p.Channels}
	}
	return &mp4codecs.MPEG4Audio{Config: p.aac}
}

// samples is how long an access unit lasts at rate, 0 if it is none.
func (p *audioParams) samples(unit []byte) int64 {
	if p.Codec == Opus {
		return opus.PacketDuration2(unit)
	}
	return aacFrameSize
}
