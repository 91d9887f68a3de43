package ingest

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	mp4codecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

// reelFile is a film of three seconds as a file, and its number of pictures.
func reelFile(t testing.TB) (path string, pictures int) {
	avc, aac := video(t, "160x90", asH264), audio(t, asAAC)
	path = filepath.Join(t.TempDir(), "film.flv")
	file := rtmptest.File(rtmptest.Interleave(avc.Legacy(7), aac.Legacy(0xaf)))
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, len(avc.Samples)
}

// execute runs a program that publishes, to its end.
func execute(t testing.TB, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if says, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, says)
	}
}

// lead is how many sounds may be missing that belong in front of the first
// picture.
const lead = 5

// wantSame checks that a player gets the frames that were sent, to the last one.
func wantSame(t *testing.T, what string, got, sent []string) {
	t.Helper()
	first := -1
	if len(got) > 0 {
		first = slices.Index(sent, got[0])
	}
	if first < 0 || first > lead || !slices.Equal(got, sent[first:]) {
		t.Errorf("a player gets %d %s, from number %d on, of %d", len(got), what, first, len(sent))
	}
}

// hashes are those of every frame of one medium, "v" as it looks when decoded,
// "a" as it was encoded.
func hashes(t testing.TB, input, medium string) []string {
	t.Helper()
	args := []string{"-v", "error", "-nostdin", "-i", input, "-map", "0:" + medium, "-fps_mode", "passthrough"}
	if medium == "a" {
		args = append(args, "-c", "copy")
	}
	says, err := exec.CommandContext(t.Context(), "ffmpeg", append(args, "-f", "framehash", "-hash", "md5", "-")...).Output()
	if err != nil {
		t.Errorf("ffmpeg: %v\n%s", err, says)
	}
	var all []string
	for line := range strings.Lines(string(says)) {
		if fields := strings.Split(strings.TrimSpace(line), ","); line[0] != '#' {
			all = append(all, strings.TrimSpace(fields[len(fields)-1]))
		}
	}
	return all
}

// inChunks publishes the tags of a file in chunks of one size.
func inChunks(size int, file string) func(*testing.T, string) {
	return func(t *testing.T, to string) {
		at, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		clip, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tags, err := flv.Tags(clip)
		if err != nil {
			t.Fatal(err)
		}
		c := rtmptest.Dial(t, at.Host)
		c.Publish("key-of-tea")
		c.Send(rtmptest.ChunkSizeOf(uint32(size)))
		for _, tag := range tags {
			m := messageOf(tag)
			m.ChunkSize = size
			c.Send(m.Bytes())
		}
		c.Close()
	}
}

// Every frame of a file is taken in and comes out of the playlist again as it
// was, whoever sends it and in whatever pieces.
func TestEncodersPublish(t *testing.T) {
	file, pictures := reelFile(t)
	looks, sounds := hashes(t, file, "v"), hashes(t, file, "a")
	gst := func(sink string) func(*testing.T, string) {
		return func(t *testing.T, to string) {
			execute(t, "gst-launch-1.0", "-q", "filesrc", "location="+file, "!", "flvdemux", "name=d",
				"d.video", "!", "queue", "!", "h264parse", "!", "mux.video",
				"d.audio", "!", "queue", "!", "aacparse", "!", "mux.audio",
				"flvmux", "name=mux", "streamable=true", "!", sink, "location="+to, "sync=true")
		}
	}
	for what, publish := range map[string]func(t *testing.T, to string){
		"FFmpeg": func(t *testing.T, to string) {
			execute(t, "ffmpeg", "-v", "error", "-nostdin", "-re", "-i", file, "-c", "copy", "-f", "flv", to)
		},
		"FFmpeg, flat out": func(t *testing.T, to string) {
			execute(t, "ffmpeg", "-v", "error", "-nostdin", "-i", file, "-c", "copy", "-f", "flv", to)
		},
		"chunks of 128":          inChunks(128, file),
		"chunks of 4096":         inChunks(4096, file),
		"chunks of 65536":        inChunks(65536, file),
		"GStreamer":              gst("rtmp2sink"),
		"GStreamer with librtmp": gst("rtmpsink"),
		"souk": func(t *testing.T, to string) {
			clip, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := (&Encoder{URL: to, Clip: clip}).Run(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"souk, flat out": func(t *testing.T, to string) {
			clip, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := (&Encoder{URL: to, Clip: clip, FlatOut: true}).Run(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, nil)
			publish(t, "rtmp://"+h.address+"/live/key-of-tea")
			h.state("tea on")
			h.state("tea off")
			if n := h.Stats(); n.VideoFrames != int64(pictures) || n.Dropped != 0 || n.Repaired > 5 {
				t.Errorf("%d pictures of %d: %+v", n.VideoFrames, pictures, n)
			}
			h.Origin.End("tea")
			playlist := h.serve().URL + "/hls/tea/index.m3u8"
			wantSame(t, "pictures", hashes(t, playlist, "v"), looks)
			wantSame(t, "sounds", hashes(t, playlist, "a"), sounds)
		})
	}
}

// GStreamer says something of use when its key is wrong.
func TestGStreamerIsRefused(t *testing.T) {
	file, _ := reelFile(t)
	h := open(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	says, err := exec.CommandContext(ctx, "gst-launch-1.0", "filesrc", "location="+file, "!", "flvdemux", "name=d",
		"d.video", "!", "h264parse", "!", "flvmux", "streamable=true", "!", "rtmp2sink", "location=rtmp://"+h.address+"/live/wrong-key").CombinedOutput()
	if err == nil || !bytes.Contains(says, []byte("ERROR")) {
		t.Errorf("%v: %s", err, says)
	}
	if n := h.Stats().WrongKeys; n != 1 {
		t.Errorf("%d wrong keys", n)
	}
}

// Another implementation of Enhanced RTMP sends several tracks of several
// codecs.
func TestOtherLibraryPublishesRenditions(t *testing.T) {
	h := open(t, nil)
	large, small, hevc := video(t, "160x90", plainH264), video(t, "96x54", plainH264), video(t, "64x36", plainHEVC)
	av1, opus := video(t, "128x72", asAV1), audio(t, asOpus)
	to, err := url.Parse("rtmp://" + h.address + "/live/key-of-tea")
	if err != nil {
		t.Fatal(err)
	}
	c := &gortmplib.Client{URL: to, Publish: true}
	if err := c.Initialize(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	films := []rtmptest.Track{large, small, hevc, av1, opus}
	tracks := make([]*gortmplib.Track, len(films))
	for i, film := range films {
		tracks[i] = &gortmplib.Track{Codec: theirs(t, film)}
	}
	w := &gortmplib.Writer{Conn: c, Tracks: tracks}
	if err := w.Initialize(); err != nil {
		t.Fatal(err)
	}
	for n := range large.Samples {
		for i, film := range films {
			if err := write(w, tracks[i], film, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "all frames", func() bool { return h.Stats().VideoFrames == 4*75 })
	p, _ := h.Publisher("tea")
	var got []string
	for _, v := range p.Renditions {
		got = append(got, v.Codec)
		if v.KeyframeInterval != 1 {
			t.Errorf("%+v", v)
		}
	}
	c.Close()
	h.state("tea on")
	h.state("tea off")
	h.Origin.End("tea")
	h.wantAligned("tea", 4)
	if strings.Join(got, " ") != "h264 h265 av1" || p.Audio.Codec != "opus" || p.Dropped != 0 {
		t.Errorf("%v, %+v", got, p)
	}
}

// theirs is the configuration of a film in the types of the other library.
func theirs(t *testing.T, film rtmptest.Track) codecs.Codec {
	switch c := film.Codec.(type) {
	case *mp4codecs.H264:
		return &codecs.H264{SPS: c.SPS, PPS: c.PPS}
	case *mp4codecs.H265:
		return &codecs.H265{VPS: c.VPS, SPS: c.SPS, PPS: c.PPS}
	case *mp4codecs.AV1:
		return &codecs.AV1{}
	case *mp4codecs.Opus:
		return &codecs.Opus{ChannelCount: c.ChannelCount}
	}
	t.Fatalf("%T", film.Codec)
	return nil
}

// write sends the nth sample of a film.
func write(w *gortmplib.Writer, track *gortmplib.Track, film rtmptest.Track, n int) error {
	s := film.Samples[n]
	units, _ := flv.Sets{LengthSize: 4}.Units(s.Data)
	switch track.Codec.(type) {
	case *codecs.H264:
		return w.WriteH264(track, s.PTS, s.DTS, units)
	case *codecs.H265:
		return w.WriteH265(track, s.PTS, s.DTS, units)
	case *codecs.AV1:
		obus, err := flv.OBUs(s.Data)
		if err != nil {
			return err
		}
		for i, obu := range obus { // theirs have no size
			obus[i] = append([]byte{obu[0] &^ 2}, flv.OBUPayload(obu)...)
		}
		return w.WriteAV1(track, s.PTS, obus)
	}
	return w.WriteOpus(track, s.PTS, s.Data)
}
