package ingest

import (
	"errors"
	"fmt"
	"time"

	"souk/hls"
	"souk/ingest/flv"
)

// publisher is an encoder that was let in. Its media methods run on the
// session's goroutine.
type publisher struct {
	channel string
	session *session
	media   *hls.Session
	health  *health

	// state of the media methods
	clock clock
	avc   flv.AVC
}

// video takes the body of a video message; hls owns it afterwards. Only an
// error that ends the publisher is returned.
func (p *publisher) video(timestamp uint32, body []byte) error {
	now := time.Now()
	packet, err := flv.ParseVideo(body)
	if err != nil {
		return p.unreadable(err)
	}
	switch packet.Type {
	case flv.Config:
		avc, err := flv.ParseAVC(packet.Data)
		if err != nil {
			return p.unreadable(err)
		}
		p.avc = avc
		config := hls.VideoConfig{Codec: hls.H264, SPS: avc.SPS, PPS: avc.PPS}
		if err := p.media.SetVideo(0, config); err != nil {
			return p.unreadable(err)
		}
		p.health.pictured(avc.SPS)
	case flv.Frame:
		units, err := p.lengths().Units(packet.Data)
		if err != nil {
			return p.unreadable(err)
		}
		dts := p.clock.at(timestamp)
		p.health.frame(&p.health.video, now, dts, len(body), packet.Key)
		return p.write(hls.Frame{
			Kind: hls.Video, DTS: dts, PTS: dts + packet.Offset,
			Key: packet.Key, Units: units, Arrived: now,
		})
	}
	return nil
}

// lengths is how frames are cut: as the record says or, without one, as usual.
func (p *publisher) lengths() flv.AVC {
	if p.avc.LengthSize == 0 {
		return flv.AVC{LengthSize: 4}
	}
	return p.avc
}

// audio is the same for audio.
func (p *publisher) audio(timestamp uint32, body []byte) error {
	now := time.Now()
	packet, err := flv.ParseAudio(body)
	if err != nil {
		return p.unreadable(err)
	}
	switch packet.Type {
	case flv.Config:
		if err := p.media.SetAudio(hls.AudioConfig{Codec: hls.AAC, ASC: packet.Data}); err != nil {
			return p.unreadable(err)
		}
		p.health.sounded(packet.Data)
	case flv.Frame:
		dts := p.clock.at(timestamp)
		p.health.frame(&p.health.audio, now, dts, len(body), false)
		return p.write(hls.Frame{
			Kind: hls.Audio, DTS: dts, PTS: dts,
			Units: [][]byte{packet.Data}, Arrived: now,
		})
	}
	return nil
}

func (p *publisher) write(f hls.Frame) error {
	err := p.media.Write(f)
	switch {
	case errors.Is(err, hls.ErrClosed):
		return &ending{denied, "The show has ended."}
	case err != nil:
		return fmt.Errorf("ingest: package a frame: %w", err)
	}
	return nil
}

// unreadable decides about a message that makes no frame: another codec is the
// end, since nothing would ever play, and anything else is dropped and counted.
func (p *publisher) unreadable(err error) error {
	var codec *flv.CodecError
	if errors.As(err, &codec) {
		want := "H.264"
		if codec.Medium == "audio" {
			want = "AAC"
		}
		return &ending{rejected, fmt.Sprintf("The %s arrives as %s, which viewers here cannot play: choose %s in OBS → Settings → Output → Streaming.",
			codec.Medium, codec.Codec, want)}
	}
	p.health.drop()
	return nil
}

// clock turns RTMP timestamps into a time that does not wrap around. RTMP wraps
// at 2^32 ms, but senders that keep to FLV (OBS, FFmpeg) at 2^31 ms: the
// difference of two timestamps modulo 2^31 is right for both, and for steps of
// up to twelve days either way.
type clock struct {
	begun bool
	last  uint32
	ms    int64
}

func (c *clock) at(timestamp uint32) time.Duration {
	if !c.begun {
		c.begun, c.last, c.ms = true, timestamp, int64(timestamp)
	}
	c.ms += int64(int32((timestamp-c.last)<<1) >> 1)
	c.last = timestamp
	return time.Duration(c.ms) * time.Millisecond
}
