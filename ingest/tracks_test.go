package ingest

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

// Every form that several video tracks come in gives the same renditions.
func TestRenditions(t *testing.T) {
	large, small := video(t, "160x90", plainH264), video(t, "96x54", plainH264)
	hevc, aac := video(t, "64x36", plainHEVC), audio(t, asAAC)
	sound := aac.Legacy(0xaf)
	for what, tc := range map[string]struct {
		tags []flv.Tag
		want []string // codecs of the further renditions
	}{
		"OBS: one track to a message": {
			rtmptest.Interleave(large.Legacy(7), small.Rendition(1), sound), []string{"h264"}},
		"three, of two codecs": {
			rtmptest.Interleave(large.Legacy(7), small.Rendition(1), hevc.Rendition(2), sound), []string{"h264", "h265"}},
		"many tracks to a message": {
			rtmptest.Interleave(rtmptest.Bundled(rtmptest.ManyTracks, large, small), sound), []string{"h264"}},
		"many tracks of many codecs": {
			rtmptest.Interleave(rtmptest.Bundled(rtmptest.ManyTracksCodec, large, small, hevc), sound), []string{"h264", "h265"}},
		"numbers with gaps": {
			rtmptest.Interleave(large.Legacy(7), small.Rendition(4), sound), []string{"h264"}},
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, nil)
			h.send("tea", tc.tags)
			eventually(t, "all frames", func() bool { return h.Stats().VideoFrames == int64(75*(1+len(tc.want))) })
			p, _ := h.Publisher("tea")
			var got []string
			for _, v := range p.Renditions {
				got = append(got, v.Codec)
				if v.KeyframeInterval != 1 || v.FPS != 25 || v.Width == 0 || v.Width >= p.Video.Width || v.Track == 0 {
					t.Errorf("rendition %+v", v)
				}
			}
			if !slices.Equal(got, tc.want) || p.Video.Width != 160 || p.Dropped != 0 || len(p.Advice) != 0 {
				t.Errorf("renditions %v, %+v", got, p)
			}
			if got := h.watch("tea"); !strings.Contains(got, "h264,160,90") {
				t.Errorf("a player finds %q", got)
			}
			h.wantAligned("tea", 1+len(tc.want))
		})
	}
}

// wantAligned checks that the channel's renditions are as many, and that their
// segments start at the same times and last as long.
func (h *house) wantAligned(channel string, renditions int) {
	h.t.Helper()
	base := h.serve().URL + "/hls/" + channel + "/"
	var first []string
	found := 0
	for _, uri := range h.fetch(base + "index.m3u8") {
		if strings.HasPrefix(uri, "#") || uri == "" {
			continue
		}
		found++
		var times []string
		for _, line := range h.fetch(base + uri) {
			if strings.HasPrefix(line, "#EXTINF") || strings.HasPrefix(line, "#EXT-X-PROGRAM-DATE-TIME") || strings.HasPrefix(line, "#EXT-X-MEDIA-SEQUENCE") {
				times = append(times, line)
			}
		}
		if first == nil {
			first = times
		}
		if len(times) < 5 || !slices.Equal(times, first) {
			h.t.Errorf("%s has segments %q, the first rendition %q", uri, times, first)
		}
	}
	if found != renditions {
		h.t.Errorf("%d renditions in the playlist, want %d:\n%s", found, renditions, strings.Join(h.fetch(base+"index.m3u8"), "\n"))
	}
}

// Tracks that there is no room for do no harm, nor do codecs of further tracks
// that nobody knows.
func TestTracksBeyondTheLimit(t *testing.T) {
	large, small := video(t, "160x90", asH264), video(t, "96x54", asH264)
	strange := small
	strange.FourCC = "vp09"
	h := open(t, nil)
	h.send("tea", rtmptest.Interleave(large.Legacy(7), small.Rendition(maxTracks), small.Rendition(255), strange.Rendition(1)))
	eventually(t, "all frames", func() bool { return h.frames("tea") == 75 })
	if p, _ := h.Publisher("tea"); p.Dropped != 2*76 || len(p.Renditions) != 0 {
		t.Errorf("%d dropped, renditions %+v", p.Dropped, p.Renditions)
	}
}

// Some encoders repeat their headers all the time. That changes nothing.
func TestRepeatedHeaders(t *testing.T) {
	avc, aac := video(t, "160x90", asH264), audio(t, asAAC)
	pictures, sound := avc.Legacy(7), aac.Legacy(0xaf)
	tags := rtmptest.Interleave(pictures, sound)
	for at := range uint32(30) {
		for _, header := range []flv.Tag{pictures[0], sound[0]} {
			header.Time = at * 100
			tags = append(tags, header)
		}
	}
	h := open(t, nil)
	h.send("tea", rtmptest.Interleave(tags))
	eventually(t, "all frames", func() bool { return h.frames("tea") == 75 })
	if got := h.watch("tea"); !strings.Contains(got, "h264,160,90") {
		t.Errorf("a player finds %q", got)
	}
	eventually(t, "the end of it", func() bool { return strings.Contains(h.logged.String(), "publisher session closed") })
	if !strings.Contains(h.logged.String(), "runs=1") {
		t.Error("the packager started over")
	}
}

// Other headers in mid-stream, of the same codec and of another.
func TestHeadersChange(t *testing.T) {
	avc, other, hevc := video(t, "160x90", asH264), video(t, "128x72", asH264), video(t, "192x108", asHEVC)
	sound := audio(t, asAAC).Legacy(0xaf)
	for what, tc := range map[string]struct {
		then        []flv.Tag
		codec, size string
	}{
		"size":  {other.Legacy(7), "h264", "128"},
		"codec": {hevc.Enhanced(), "h265", "192"},
	} {
		t.Run(what, func(t *testing.T) {
			first := rtmptest.Interleave(avc.Legacy(7), sound)
			h := open(t, nil)
			h.send("tea", append(first, later(rtmptest.Interleave(tc.then, sound[1:]), 3100)...))
			eventually(t, "all frames", func() bool { return h.frames("tea") == 150 })
			if p, _ := h.Publisher("tea"); p.Video.Codec != tc.codec || p.Repaired != 0 {
				t.Errorf("%+v, %d repaired", p.Video, p.Repaired)
			}
			h.Origin.End("tea")
			eventually(t, "the end of it", func() bool { return strings.Contains(h.logged.String(), "publisher session closed") })
			if !strings.Contains(h.logged.String(), "runs=2") {
				t.Error("not packaged as two")
			}
		})
	}
}

// later moves tags in time.
func later(tags []flv.Tag, ms uint32) []flv.Tag {
	moved := slices.Clone(tags)
	for i := range moved {
		moved[i].Time += ms
	}
	return moved
}

// Encoders may leave parameter sets to the stream, say nothing about lengths,
// and use short ones.
func TestParametersInTheStream(t *testing.T) {
	for what, tc := range map[string]struct {
		how    string
		record func([]byte) []byte
		frame  func(flv.Sets, rtmptest.Sample) []byte
	}{
		"H.264 without a record":  {asH264, func([]byte) []byte { return nil }, inBand(flv.H264, 4)},
		"H.264, an empty record":  {asH264, func([]byte) []byte { return []byte("\x01\x64\x00\x1f\xff\xe0\x00") }, inBand(flv.H264, 4)},
		"H.264, two-byte lengths": {asH264, func(b []byte) []byte { b[4] = b[4]&^3 | 1; return b }, inBand(flv.H264, 2)},
		"HEVC without a record":   {asHEVC, func([]byte) []byte { return nil }, inBand(flv.H265, 4)},
		"HEVC, two-byte lengths":  {asHEVC, func(b []byte) []byte { b[21] = b[21]&^3 | 1; return b }, inBand(flv.H265, 2)},
	} {
		t.Run(what, func(t *testing.T) {
			film := video(t, "160x90", tc.how)
			var sets flv.Sets
			var err error
			if film.FourCC == "avc1" {
				sets, err = flv.ParseAVC(film.Record)
			} else {
				sets, err = flv.ParseHEVC(film.Record)
			}
			if err != nil || !sets.Complete(flv.H264) {
				t.Fatal(err)
			}
			film.Record = tc.record(bytes.Clone(film.Record))
			for i, s := range film.Samples {
				film.Samples[i].Data = tc.frame(sets, s)
			}
			h := open(t, nil)
			h.send("tea", film.Enhanced())
			eventually(t, "all frames", func() bool { return h.frames("tea") == 75 })
			p, _ := h.Publisher("tea")
			if p.Video.Width != 160 || p.Dropped != 0 {
				t.Errorf("%+v, %d dropped", p.Video, p.Dropped)
			}
			if got := h.watch("tea"); !strings.Contains(got, ",160,90") {
				t.Errorf("a player finds %q", got)
			}
		})
	}
}

// inBand puts the parameter sets in front of key frames and writes lengths of
// the given size.
func inBand(codec flv.Codec, size int) func(flv.Sets, rtmptest.Sample) []byte {
	return func(sets flv.Sets, s rtmptest.Sample) []byte {
		units, _ := flv.Sets{LengthSize: 4}.Units(s.Data)
		if flv.IsKey(codec, units) {
			for _, set := range [][]byte{sets.PPS, sets.SPS, sets.VPS} {
				if set != nil {
					units = slices.Insert(units, 0, set)
				}
			}
		}
		var b []byte
		for _, u := range units {
			length := binary.BigEndian.AppendUint32(nil, uint32(len(u)))
			b = append(append(b, length[4-size:]...), u...)
		}
		return b
	}
}

// OBS tells about itself in the key frames, in front of the picture.
func TestOBSTellsAboutItself(t *testing.T) {
	const rendered, lagged, dropped = 0x10101010, 0x01010101, 0x02020202 // no zeros, which would have to be escaped
	metrics := []byte("\x06\x05\x47\xca\x60\xe7\x1c\x6a\x8b\x43\x88\xa3\x77\x15\x1d\xf7\xbf\x8a\xc2" +
		"\x00\x01\x042026-11-20T19:00:00.123456789Z\x00\x03\x01\x10\x10\x10\x10\x02\x01\x01\x01\x01\x03\x02\x02\x02\x02\x04\x10\x10\x10\x10\x80")
	film := video(t, "160x90", asH264)
	for i, s := range film.Samples {
		if s.Key {
			film.Samples[i].Data = slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(metrics))), metrics, s.Data)
		}
	}
	h := open(t, nil)
	h.send("tea", film.Legacy(7))
	eventually(t, "all frames", func() bool { return h.frames("tea") == 75 })
	p, _ := h.Publisher("tea")
	if o := p.OBS; o == nil || o.Rendered != 3*rendered || o.Lagged != 3*lagged || o.Dropped != 3*dropped {
		t.Errorf("%+v", o)
	}
	if len(p.Advice) != 2 || !strings.HasPrefix(p.Advice[0], "OBS drops 12 %") || !strings.HasPrefix(p.Advice[1], "OBS lags in 6 %") {
		t.Errorf("%q", p.Advice)
	}
}

// One medium alone is on air about a second after its first frame, whatever its
// timestamps say.
func TestOneMediumAlone(t *testing.T) {
	for what, tags := range map[string][]flv.Tag{
		"audio": audio(t, asAAC).Legacy(0xaf),
		"video": video(t, "160x90", asH264).Legacy(7),
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, nil)
			ctx := t.Context()
			e := &Encoder{URL: "rtmp://" + h.address + "/live/key-of-tea", Clip: rtmptest.File(tags), Loop: true}
			go e.Run(ctx)
			h.state("tea on")
			start := time.Now()
			select {
			case <-h.playable:
			case <-time.After(patience):
				t.Fatal("nothing playable")
			}
			if took := time.Since(start); took > 6*time.Second {
				t.Errorf("playable after %v", took)
			}
		})
	}
}
