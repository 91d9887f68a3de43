package ingest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

// What films are made of: three seconds at 25 frames a second, a key frame each
// second, with B-frames where the codec has them.
const (
	filmed = "-f lavfi -i testsrc2=size=%s:rate=25:duration=3 -pix_fmt yuv420p "
	heard  = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=3 -ac 2 "

	asH264 = "-c:v libx264 -preset ultrafast -g 25 -bf 2 -sc_threshold 0"
	asHEVC = "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none:keyint=25:min-keyint=25:scenecut=0:bframes=2:pools=1:frame-threads=1"
	asAV1  = "-c:v libaom-av1 -cpu-used 8 -usage realtime -g 25 -keyint_min 25"
	// The same without B-frames, so that the key frames of both are shown at the
	// same time.
	plainH264 = asH264 + " -bf 0"
	plainHEVC = asHEVC + ":bframes=0"

	asAAC  = "-c:a aac -b:a 64k"
	asOpus = "-c:a libopus -b:a 64k"
	asMP3  = "-c:a libmp3lame -b:a 64k"
)

// video and audio encode one track.
func video(t testing.TB, size, how string) rtmptest.Track {
	return rtmptest.Encode(t, fmt.Sprintf(filmed, size)+how)[0]
}

func audio(t testing.TB, how string) rtmptest.Track {
	return rtmptest.Encode(t, heard+how)[0]
}

// send publishes tags on a channel, as fast as they are taken, and leaves.
func (h *house) send(channel string, tags []flv.Tag) *rtmptest.Client {
	h.t.Helper()
	c := rtmptest.Dial(h.t, h.address)
	c.Publish("key-of-" + channel)
	for _, tag := range tags {
		c.Send(messageOf(tag).Bytes())
	}
	return c
}

// watch ends the channel's show and returns what a player finds in it.
func (h *house) watch(channel string) (streams string) {
	h.t.Helper()
	h.Origin.End(channel)
	server := h.serve()
	probe := exec.CommandContext(h.t.Context(), "ffprobe", "-v", "error", "-count_packets",
		"-show_entries", "stream=codec_name,width,height,nb_read_packets", "-of", "csv=p=0", server.URL+"/hls/"+channel+"/index.m3u8")
	says, err := probe.CombinedOutput()
	if err != nil {
		h.t.Errorf("ffprobe: %v", err)
	}
	return string(says)
}

// serve has the house's shows watched over HTTP, until the end of the test.
func (h *house) serve() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hls/{channel}/{file...}", h.Origin.Serve)
	server := httptest.NewServer(mux)
	h.t.Cleanup(server.Close)
	return server
}

// fetch gets a playlist as lines.
func (h *house) fetch(url string) []string {
	h.t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %d %v", url, answer.StatusCode, err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestCodecs(t *testing.T) {
	avc, hevc, av1 := video(t, "160x90", asH264), video(t, "192x108", asHEVC), video(t, "160x90", asAV1)
	aac, opus := audio(t, asAAC), audio(t, asOpus)
	silent := opus.Enhanced() // with a header that says nothing
	silent[0].Body = silent[0].Body[:5]
	for what, tc := range map[string]struct {
		video, audio        []flv.Tag
		videoCodec          string
		width               int
		audioCodec          string
		player, playerAudio string
		advice              string
	}{
		"H.264 and AAC, legacy":      {video: avc.Legacy(7), audio: aac.Legacy(0xaf), videoCodec: "h264", width: 160, audioCodec: "aac", player: "h264,160,90", playerAudio: "aac"},
		"H.264 and AAC, enhanced":    {video: avc.Enhanced(), audio: aac.Enhanced(), videoCodec: "h264", width: 160, audioCodec: "aac", player: "h264,160,90", playerAudio: "aac"},
		"H.264 and Opus":             {video: avc.Legacy(7), audio: opus.Enhanced(), videoCodec: "h264", width: 160, audioCodec: "opus", player: "h264,160,90", playerAudio: "opus"},
		"H.264 and Opus, no header":  {video: avc.Legacy(7), audio: silent, videoCodec: "h264", width: 160, audioCodec: "opus", player: "h264,160,90", playerAudio: "opus"},
		"HEVC and AAC":               {video: hevc.Enhanced(), audio: aac.Legacy(0xaf), videoCodec: "h265", width: 192, audioCodec: "aac", player: "hevc,192,108", playerAudio: "aac", advice: "Not every viewer can play HEVC"},
		"HEVC by its made-up id":     {video: hevc.Legacy(12), audio: aac.Legacy(0xaf), videoCodec: "h265", width: 192, audioCodec: "aac", player: "hevc,192,108", playerAudio: "aac", advice: "Not every viewer can play HEVC"},
		"AV1 and Opus":               {video: av1.Enhanced(), audio: opus.Enhanced(), videoCodec: "av1", width: 160, audioCodec: "opus", player: "av1,160,90", playerAudio: "opus", advice: "Not every viewer can play AV1"},
		"HEVC as the only rendition": {video: hevc.Rendition(0), audio: aac.Legacy(0xaf), videoCodec: "h265", width: 192, audioCodec: "aac", player: "hevc,192,108", playerAudio: "aac", advice: "Not every viewer can play HEVC"},
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, nil)
			h.send("tea", rtmptest.Interleave(tc.video, tc.audio))
			eventually(t, "all frames", func() bool { return h.frames("tea") == 75 })
			p, _ := h.Publisher("tea")
			if v := p.Video; v == nil || v.Codec != tc.videoCodec || v.Width != tc.width || v.KeyframeInterval != 1 || v.FPS != 25 {
				t.Errorf("video %+v", v)
			}
			if a := p.Audio; a == nil || a.Codec != tc.audioCodec || a.Channels != 2 || a.SampleRate != 48000 {
				t.Errorf("audio %+v", a)
			}
			if p.Dropped != 0 || p.Repaired != 0 || strings.Join(p.Advice, "") != "" && tc.advice == "" || len(p.Advice) > 1 ||
				tc.advice != "" && !strings.HasPrefix(p.Advice[0], tc.advice) {
				t.Errorf("%d dropped, %d repaired, advice %q", p.Dropped, p.Repaired, p.Advice)
			}
			select {
			case <-h.playable:
			case <-time.After(patience):
				t.Error("nothing playable")
			}
			if got := h.watch("tea"); !strings.Contains(got, tc.player) || !strings.Contains(got, tc.playerAudio) {
				t.Errorf("a player finds %q", got)
			}
		})
	}
}
