package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"souk/hls"
	"souk/ingest/bpm"
	"souk/ingest/flv"
)

// maxTracks is how many video tracks of a publisher are taken in: the picture
// and its further renditions.
const maxTracks = 6

// sampleEvery is how often a publisher's connection is looked at.
const sampleEvery = time.Second

// publisher is an encoder that was let in. Its media methods run on the
// session's goroutine.
type publisher struct {
	channel string
	session *session
	media   *hls.Session
	health  *health
	tally   *tally
	stop    func() // ends its watch, and waits for that

	// state of the media methods
	clock   clock
	packets []flv.Packet // of the message at hand
	lanes   [maxTracks]lane
	sound   lane
	sampled time.Time
}

// lane is what is known of one track.
type lane struct {
	codec  flv.Codec
	record []byte // the last configuration record, to know repeats
	sets   flv.Sets
	header []byte // AV1
	mute   bool   // what it carries cannot be used
}

// video takes the body of a video message, and keeps none of it. Only an
// error that ends the publisher is returned.
func (p *publisher) video(timestamp uint32, body []byte) error {
	var err error
	p.packets, err = flv.AppendVideo(p.packets[:0], body)
	if err != nil {
		return p.unreadable(err)
	}
	now := p.arrived(body)
	dts := p.clock.at(timestamp)
	for _, packet := range p.packets {
		if packet.Track >= maxTracks {
			p.drop()
			continue
		}
		switch packet.Type {
		case flv.Config:
			err = p.configure(packet)
		case flv.Frame:
			err = p.picture(packet, now, dts)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// configure takes the configuration record of a video track. Encoders repeat
// theirs; only another one makes a difference.
func (p *publisher) configure(packet flv.Packet) error {
	l := &p.lanes[packet.Track]
	if l.codec == packet.Codec && bytes.Equal(l.record, packet.Data) {
		return nil
	}
	next := lane{codec: packet.Codec, record: bytes.Clone(packet.Data)}
	var err error
	switch packet.Codec {
	case flv.H264:
		next.sets, err = flv.ParseAVC(next.record)
	case flv.H265:
		next.sets, err = flv.ParseHEVC(next.record)
	case flv.AV1:
		next.header, err = flv.ParseAV1(next.record)
	}
	if err != nil {
		p.drop()
		return nil
	}
	*l = next
	return p.announce(packet.Track)
}

// announce tells hls about a video track, once its parameters are complete.
func (p *publisher) announce(track int) error {
	l := &p.lanes[track]
	c := hls.VideoConfig{
		Codec: carried[l.codec],
		VPS:   l.sets.VPS, SPS: l.sets.SPS, PPS: l.sets.PPS,
		Header: l.header,
	}
	if l.codec == flv.AV1 && l.header == nil || l.codec != flv.AV1 && !l.sets.Complete(l.codec) {
		return nil
	}
	err := p.media.SetVideo(track, c)
	l.mute = errors.Is(err, hls.ErrCodec) || errors.Is(err, hls.ErrTrack)
	switch {
	case l.mute && track == 0:
		return &ending{rejected, err.Error()}
	case err != nil:
		p.drop()
		return nil
	}
	p.health.pictured(track, c)
	return nil
}

// picture takes a frame of a video track.
func (p *publisher) picture(packet flv.Packet, now time.Time, dts time.Duration) error {
	l := &p.lanes[packet.Track]
	if l.codec != packet.Codec { // without a record: it may all be in the stream
		*l = lane{codec: packet.Codec, sets: flv.Sets{LengthSize: 4}}
	}
	if l.mute {
		return nil
	}
	var units [][]byte
	var err error
	if l.codec == flv.AV1 {
		units, err = flv.OBUs(packet.Data)
	} else {
		units, err = l.sets.Units(packet.Data)
	}
	if err != nil {
		p.drop()
		return nil
	}
	key := flv.IsKey(l.codec, units)
	if key {
		if err := p.lookInto(l, packet.Track, units); err != nil {
			return err
		}
	}
	p.measured(p.health.frame(&p.health.videos[packet.Track].track, now, dts, len(packet.Data), key))
	p.tally.videoFrames.Add(1)
	return p.write(hls.Frame{
		Kind: hls.Video, Track: packet.Track, DTS: dts, PTS: dts + packet.Offset,
		Key: key || packet.Key, Units: units, Arrived: now,
	})
}

// lookInto reads what a key frame brings along: parameters that no record told,
// or others than before, and the encoder's own measures.
func (p *publisher) lookInto(l *lane, track int, units [][]byte) error {
	if report, ok := bpm.Read(l.codec, units); ok {
		p.health.reported(track, report, time.Now())
	}
	changed := false
	if l.codec == flv.AV1 {
		if header := flv.SequenceHeader(units); !bytes.Equal(l.header, header) {
			l.header, changed = bytes.Clone(header), true
		}
	} else {
		l.sets, changed = l.sets.With(l.codec, units)
	}
	if changed {
		return p.announce(track)
	}
	return nil
}

// audio takes the body of an audio message, of which the first track counts.
func (p *publisher) audio(timestamp uint32, body []byte) error {
	var err error
	p.packets, err = flv.AppendAudio(p.packets[:0], body)
	if err != nil {
		return p.unreadable(err)
	}
	now := p.arrived(body)
	dts := p.clock.at(timestamp)
	for _, packet := range p.packets {
		if packet.Track != 0 {
			continue // for recordings elsewhere
		}
		if packet.Type == flv.Config || packet.Type == flv.Frame && packet.Codec == flv.MP3 {
			if err := p.tune(packet); err != nil {
				return err
			}
		}
		if packet.Type != flv.Frame {
			continue
		}
		p.measured(p.health.frame(&p.health.sound.track, now, dts, len(packet.Data), false))
		p.tally.audioFrames.Add(1)
		if err := p.write(hls.Frame{
			Kind: hls.Audio, DTS: dts, PTS: dts,
			Units: [][]byte{packet.Data}, Arrived: now,
		}); err != nil {
			return err
		}
	}
	return nil
}

// tune takes the configuration of the audio. MP3 has none; its frames tell.
func (p *publisher) tune(packet flv.Packet) error {
	c := hls.AudioConfig{Codec: carried[packet.Codec]}
	var record []byte
	if packet.Type == flv.Config {
		record = packet.Data
	}
	if p.sound.codec == packet.Codec && bytes.Equal(p.sound.record, record) {
		return nil
	}
	record = bytes.Clone(record)
	var err error
	switch packet.Codec {
	case flv.AAC:
		c.ASC = record
	case flv.Opus:
		c.Channels, c.SampleRate, err = flv.ParseOpus(record)
	}
	if err == nil {
		err = p.media.SetAudio(c)
	}
	switch {
	case errors.Is(err, hls.ErrCodec):
		return &ending{rejected, err.Error()}
	case err != nil:
		p.drop()
		return nil
	}
	p.sound = lane{codec: packet.Codec, record: record}
	p.health.sounded(c)
	return nil
}

// carried is what hls calls the codecs.
var carried = map[flv.Codec]hls.Codec{
	flv.H264: hls.H264, flv.H265: hls.H265, flv.AV1: hls.AV1,
	flv.AAC: hls.AAC, flv.Opus: hls.Opus, flv.MP3: hls.MP3,
}

// arrived counts a message, and looks at the connection now and then.
func (p *publisher) arrived(body []byte) time.Time {
	now := time.Now()
	p.tally.bytes.Add(int64(len(body)))
	if now.Sub(p.sampled) >= sampleEvery {
		p.sampled = now
		p.health.sample(now, p.session.RTT(), p.session.Backlog())
	}
	return now
}

// measured counts what a frame's times say.
func (p *publisher) measured(late, repaired bool) {
	if late {
		p.tally.late.Add(1)
	}
	if repaired {
		p.tally.repaired.Add(1)
	}
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

// unreadable decides about a message that makes no packets: another codec is
// the end, since nothing would ever play, and anything else is dropped.
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
	p.drop()
	return nil
}

// drop counts a message, or the part of one, that made no sense.
func (p *publisher) drop() {
	p.health.drop(time.Now())
	p.tally.dropped.Add(1)
}
