package hls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Encoders as Debian's ffmpeg has them, with a key frame every second.
var encoders = map[Codec]string{
	H264: "-c:v libx264 -preset ultrafast -tune zerolatency -g 30 -keyint_min 30",
	H265: "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=30:min-keyint=30:bframes=2:pools=1:frame-threads=1",
	AV1:  "-c:v libaom-av1 -cpu-used 8 -usage realtime -g 30 -keyint_min 30 -row-mt 0",
	AAC:  "-c:a aac -b:a 64k -ac 2",
	Opus: "-c:a libopus -b:a 64k -ac 2",
}

// coded is a clip of six seconds in these codecs.
func coded(t testing.TB, video, audio Codec) clip {
	return makeMP4(t, testSource+" -t 6 -pix_fmt yuv420p -threads 1 "+encoders[video]+" "+encoders[audio])
}

// Every combination of codecs goes through a publisher session and out of the playlists, and is decoded without
// complaint by a player that reads them.
func TestCodecsPlay(t *testing.T) {
	names := map[Codec]struct{ ffmpeg, attribute string }{
		H264: {"h264", "avc1."}, H265: {"hevc", "hvc1.1.6."}, AV1: {"av1", "av01.0."},
		AAC: {"aac", "mp4a.40.2"}, Opus: {"opus", "opus"},
	}
	for _, video := range []Codec{H264, H265, AV1} {
		for _, audio := range []Codec{AAC, Opus} {
			t.Run(fmt.Sprintf("%v+%v", video, audio), func(t *testing.T) {
				o := &Origin{Log: quiet()}
				base := serveOrigin(t, o)
				st := o.Start("tea", Show{ID: "s"})
				w, s, c := watch(t, st), st.Publish(), coded(t, video, audio)
				c.announce(t, s)
				w.write(s, c.frames, epoch)
				s.Close()
				w.look()
				w.wantMedia(4 * time.Second)
				w.wantBreaks(0)
				if w.overlong > 0 {
					t.Errorf("%d parts were longer than %v", w.overlong, partTarget)
				}
				index := strings.Split(string(st.timeline.look(0).index.plain), "\n")[2]
				got := strings.Split(attribute(index, "CODECS"), ",")
				if len(got) != 2 || !strings.HasPrefix(got[0], names[video].attribute) || !strings.HasPrefix(got[1], names[audio].attribute) {
					t.Errorf("CODECS is %q", got)
				}
				if got := attribute(index, "RESOLUTION"); got != "320x180" {
					t.Errorf("RESOLUTION is %q", got)
				}
				// AV1 encoders seldom tell their rate.
				if got := attribute(index, "FRAME-RATE"); got != "30.000" && video != AV1 {
					t.Errorf("FRAME-RATE is %q", got)
				}
				o.End("tea")
				url := base + "tea/index.m3u8"
				streams := tool(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url)
				if !strings.Contains(streams, names[video].ffmpeg) || !strings.Contains(streams, names[audio].ffmpeg) {
					t.Errorf("a player sees %q", streams)
				}
				progress := tool(t, "ffmpeg", "-v", "error", "-nostdin", "-xerror", "-progress", "-", "-i", url, "-f", "null", "-")
				if got := played(progress); got < 5*time.Second {
					t.Errorf("decoded %v\n%s", got, progress)
				}
			})
		}
	}
}

// Audio alone is carried in every codec too.
func TestOpusAlone(t *testing.T) {
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	w, s, c := watch(t, st), st.Publish(), coded(t, H264, Opus).only(Audio)
	c.announce(t, s)
	w.write(s, c.frames, epoch)
	w.wantMedia(4 * time.Second)
	if w.overlong > 0 {
		t.Errorf("%d parts were longer than %v", w.overlong, partTarget)
	}
}

// A publisher that changes its codec within a session makes one discontinuity.
func TestCodecChange(t *testing.T) {
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	w, s := watch(t, st), st.Publish()
	for i, c := range []clip{coded(t, H264, AAC), coded(t, H265, AAC), coded(t, AV1, AAC)} {
		c.announce(t, s)
		w.write(s, shifted(c.frames, time.Duration(i)*6*time.Second), epoch)
	}
	w.wantBreaks(2)
	w.wantMedia(15 * time.Second)
	if index := string(st.timeline.look(0).index.plain); !strings.Contains(index, "av01.") {
		t.Errorf("the multivariant playlist still tells of another codec:\n%s", index)
	}
}

func TestAnnouncements(t *testing.T) {
	h264, h265, av1 := coded(t, H264, AAC), coded(t, H265, Opus), coded(t, AV1, AAC)
	hevc := h265.tracks[0]
	for name, tt := range map[string]struct {
		track  int
		config VideoConfig
		want   error
	}{
		"H.264":                    {0, h264.tracks[0], nil},
		"H.265":                    {0, hevc, nil},
		"AV1":                      {0, av1.tracks[0], nil},
		"last track":               {maxTracks - 1, hevc, nil},
		"no such track":            {maxTracks, hevc, ErrTrack},
		"track below zero":         {-1, hevc, ErrTrack},
		"no codec":                 {0, VideoConfig{SPS: h264.tracks[0].SPS, PPS: h264.tracks[0].PPS}, ErrCodec},
		"audio codec":              {0, VideoConfig{Codec: AAC}, ErrCodec},
		"H.264 without parameters": {0, VideoConfig{Codec: H264}, ErrBadVideo},
		"H.265 without VPS":        {0, VideoConfig{Codec: H265, SPS: hevc.SPS, PPS: hevc.PPS}, ErrBadVideo},
		"H.265 cut short":          {0, VideoConfig{Codec: H265, VPS: hevc.VPS, SPS: hevc.SPS[:8], PPS: hevc.PPS}, ErrBadVideo},
		"H.264 cut short":          {0, VideoConfig{Codec: H264, SPS: h264.tracks[0].SPS[:2], PPS: h264.tracks[0].PPS}, ErrBadVideo},
		"AV1 cut short":            {0, VideoConfig{Codec: AV1, Header: av1.tracks[0].Header[:2]}, ErrBadVideo},
		"AV1 that is no OBU":       {0, VideoConfig{Codec: AV1, Header: []byte{0xff, 1, 2}}, ErrBadVideo},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Origin{Log: quiet()}
			defer o.Close()
			s := o.Start("tea", Show{ID: "s"}).Publish()
			if err := s.SetVideo(tt.track, tt.config); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if isDone(s) {
				t.Error("session gave up")
			}
		})
	}
	for name, tt := range map[string]struct {
		config AudioConfig
		want   error
	}{
		"AAC":             {h264.sound, nil},
		"Opus":            {h265.sound, nil},
		"Opus, mono":      {AudioConfig{Codec: Opus, Channels: 1}, nil},
		"Opus, 5.1":       {AudioConfig{Codec: Opus, Channels: 6}, ErrCodec},
		"Opus, no sound":  {AudioConfig{Codec: Opus}, ErrBadAudio},
		"MP3":             {AudioConfig{Codec: MP3, Channels: 2, SampleRate: 44100}, ErrCodec},
		"no codec":        {AudioConfig{}, ErrCodec},
		"video codec":     {AudioConfig{Codec: AV1}, ErrCodec},
		"AAC without ASC": {AudioConfig{Codec: AAC}, ErrBadAudio},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Origin{Log: quiet()}
			defer o.Close()
			err := o.Start("tea", Show{ID: "s"}).Publish().SetAudio(tt.config)
			if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if text := fmt.Sprint(err); tt.want == ErrCodec && (!strings.HasSuffix(text, ".") || strings.Contains(text, "hls:")) {
				t.Errorf("%q is no sentence for a publisher", text)
			}
		})
	}
}

func TestCodecNames(t *testing.T) {
	for c, want := range map[Codec]string{H264: "h264", H265: "h265", AV1: "av1", AAC: "aac", Opus: "opus", MP3: "mp3", 0: "unknown", 99: "unknown", -1: "unknown"} {
		if c.String() != want {
			t.Errorf("%d is %q", int(c), c)
		}
	}
}

// Units written out with a bar between them.
func barred(units ...[]byte) string { return fmt.Sprintf("%x", bytes.Join(units, []byte("|"))) }

func TestCleanH265(t *testing.T) {
	unit := func(kind byte) []byte { return []byte{kind << 1, 1, kind} }
	idr, cra, slice, vps, sps, pps, sei := unit(hevcIDR), unit(hevcCRA), unit(1), unit(hevcVPS), unit(hevcSPS), unit(hevcPPS), unit(39)
	known := VideoConfig{Codec: H265, VPS: []byte("v"), SPS: []byte("s"), PPS: []byte("p")}
	sets := [][]byte{known.VPS, known.SPS, known.PPS}
	for name, tt := range map[string]struct {
		in, out    [][]byte
		key, coded bool
	}{
		"nothing":               {nil, nil, false, false},
		"units cut short":       {[][]byte{{}, nil, {hevcIDR << 1}}, nil, false, false},
		"key frame":             {[][]byte{idr}, append(slices.Clone(sets), idr), true, true},
		"open GOP":              {[][]byte{cra}, append(slices.Clone(sets), cra), true, true},
		"complete key frame":    {[][]byte{vps, sps, pps, idr}, [][]byte{vps, sps, pps, idr}, true, true},
		"key frame without VPS": {[][]byte{sps, pps, idr}, append(slices.Clone(sets), sps, pps, idr), true, true},
		"delimiter, filler":     {[][]byte{unit(hevcDelimiter), sei, slice, unit(hevcFiller)}, [][]byte{sei, slice}, false, true},
		"SEI alone":             {[][]byte{sei}, [][]byte{sei}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := clean(H265, tt.in)
			if p.key != tt.key || p.coded != tt.coded {
				t.Errorf("key %v, coded %v", p.key, p.coded)
			}
			if got, want := barred(p.withParams(known)...), barred(tt.out...); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestCleanAV1(t *testing.T) {
	obu := func(kind byte, payload ...byte) []byte { return append([]byte{kind << 3}, payload...) }
	known := VideoConfig{Codec: AV1, Header: obu(obuSequence, 'h')}
	key, inter, shown := obu(obuFrame, 0x10, 1), obu(obuFrame, 0x30, 2), obu(obuFrameHeader, 0x80)
	other, meta := obu(obuSequence, 'o'), obu(5, 3)
	for name, tt := range map[string]struct {
		in, out    [][]byte
		key, coded bool
	}{
		"nothing":                  {nil, nil, false, false},
		"not an OBU":               {[][]byte{{}, nil, {0xff}}, nil, false, false},
		"key frame":                {[][]byte{key}, [][]byte{known.Header, key}, true, true},
		"key frame, header":        {[][]byte{meta, other, key}, [][]byte{other, meta, key}, true, true},
		"inter frame":              {[][]byte{inter}, [][]byte{inter}, false, true},
		"inter frame, header":      {[][]byte{other, inter}, [][]byte{inter}, false, true},
		"frame shown again":        {[][]byte{shown}, [][]byte{shown}, false, true},
		"delimiter, padding":       {[][]byte{obu(obuDelimiter), inter, obu(obuPadding, 0)}, [][]byte{inter}, false, true},
		"header and tiles apart":   {[][]byte{obu(obuFrameHeader, 0x10), obu(obuTileGroup, 9)}, [][]byte{known.Header, obu(obuFrameHeader, 0x10), obu(obuTileGroup, 9)}, true, true},
		"with size":                {[][]byte{{obuFrame<<3 | 2, 2, 0x30, 7, 99}}, [][]byte{{obuFrame << 3, 0x30, 7}}, false, true},
		"with size and layer":      {[][]byte{{obuFrame<<3 | 6, 0x20, 2, 0x30, 7}}, [][]byte{{obuFrame << 3, 0x30, 7}}, false, true},
		"second spatial layer":     {[][]byte{inter, {obuFrame<<3 | 4, 0x08, 0x30}}, [][]byte{inter}, false, true},
		"longer than it is":        {[][]byte{{obuFrame<<3 | 2, 9, 0x30}}, nil, false, false},
		"size without an end":      {[][]byte{{obuFrame<<3 | 2, 0xff}}, nil, false, false},
		"layer without an end":     {[][]byte{{obuFrame<<3 | 4}}, nil, false, false},
		"frame without a header":   {[][]byte{{obuFrame << 3}}, [][]byte{{obuFrame << 3}}, false, true},
		"metadata and no pictures": {[][]byte{meta}, [][]byte{meta}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := clean(AV1, tt.in)
			if p.key != tt.key || p.coded != tt.coded {
				t.Errorf("key %v, coded %v", p.key, p.coded)
			}
			if got, want := barred(p.withParams(known)...), barred(tt.out...); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add(byte(AV1), []byte{obuFrame<<3 | 6, 0x20, 2, 0x30, 7})
	f.Add(byte(H265), []byte{hevcIDR << 1, 1})
	f.Fuzz(func(t *testing.T, codec byte, unit []byte) {
		p := clean(Codec(codec%4), [][]byte{unit})
		for _, u := range p.units {
			if len(u) == 0 {
				t.Error("an empty unit is left")
			}
		}
		for _, c := range []Codec{H264, H265, AV1} {
			if v, err := (VideoConfig{Codec: c, VPS: unit, SPS: unit, PPS: unit, Header: unit}).parse(); err == nil && (v.width <= 0 || v.height <= 0) {
				t.Errorf("%v of %dx%d accepted", c, v.width, v.height)
			}
		}
		if a, err := (AudioConfig{Codec: AAC, ASC: unit}).parse(); err == nil && a.rate <= 0 {
			t.Error("no rate")
		}
	})
}
