package ingest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

// What viewers cannot play is refused with a sentence that names it and what to
// choose instead. Whoever looks at the channel reads it too.
func TestOtherCodecsAreRejected(t *testing.T) {
	mp3 := audio(t, asMP3)
	for what, tc := range map[string]struct {
		tag  flv.Tag
		want []string
	}{
		"VP9":           {flv.Tag{Kind: flv.KindVideo, Body: []byte("\x90vp09config")}, []string{"VP9", "H.264"}},
		"FLAC":          {flv.Tag{Kind: flv.KindAudio, Body: []byte("\x90fLaCfLaC")}, []string{"FLAC", "AAC"}},
		"MP3":           {mp3.Legacy(0x2f)[0], []string{"MP3", "AAC"}},
		"MP3, enhanced": {mp3.Enhanced()[0], []string{"MP3", "AAC"}},
		"Opus 5.1":      {flv.Tag{Kind: flv.KindAudio, Body: []byte("\x90OpusOpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01")}, []string{"Opus", "stereo"}},
	} {
		t.Run(what, func(t *testing.T) {
			told := make(chan Publisher, 10)
			h := open(t, func(s *Server) { s.OnHealth = func(_ string, p Publisher) { told <- p } })
			c := h.send("tea", []flv.Tag{tc.tag})
			code, text, err := c.Status()
			if code != rejected || slices.ContainsFunc(tc.want, func(word string) bool { return !strings.Contains(text, word) }) {
				t.Errorf("%s %q %v", code, text, err)
			}
			if err := c.Closed(); err != nil {
				t.Errorf("closed by %v", err)
			}
			h.state("tea on")
			h.state("tea off")
			p, on := h.Publisher("tea")
			if on || p.Connected || !slices.Equal(p.Advice, []string{text}) {
				t.Errorf("the studio reads %+v", p)
			}
			select {
			case p := <-told:
				if p.Connected || !slices.Equal(p.Advice, []string{text}) {
					t.Errorf("the host is told %+v", p)
				}
			case <-time.After(patience):
				t.Error("the host is told nothing")
			}

			next := rtmptest.Dial(t, h.address)
			next.Publish("key-of-tea")
			if p, _ := h.Publisher("tea"); !p.Connected || len(p.Advice) > 0 {
				t.Errorf("of the next one it says %+v", p)
			}
			next.Close()
			h.state("tea on")
			h.state("tea off")
			if p, _ := h.Publisher("tea"); len(p.Advice) > 0 {
				t.Errorf("and after that %+v", p)
			}
		})
	}
}

// FFmpeg shows the sentence.
func TestFFmpegIsToldAboutMP3(t *testing.T) {
	h := open(t, nil)
	f := h.ffmpeg("key-of-tea", "30", "-c:a", "libmp3lame", "-ar", "44100")
	err := f.Wait()
	if says := f.says.String(); err == nil || !strings.Contains(says, "MP3 cannot be sent to viewers: choose AAC or Opus") {
		t.Errorf("%v: %s", err, says)
	}
}

// A rendition with key frames of its own cannot be cut where the others are.
// Viewers are not offered it, and the host is told.
func TestRenditionWithOtherKeyFrames(t *testing.T) {
	large, small, sound := video(t, "160x90", plainH264), video(t, "96x54", plainH264), audio(t, asAAC)
	h := open(t, nil)
	h.send("tea", rtmptest.Interleave(large.Legacy(7), later(small.Rendition(1), 480), sound.Legacy(0xaf)))
	eventually(t, "all frames", func() bool { return h.Stats().VideoFrames == 2*75 })
	p := h.air.holder("tea")
	p.snapshot(time.Now().Add(-longMissing - time.Second)) // as if somebody had looked then
	now := p.snapshot(time.Now())
	if len(now.Renditions) != 1 || !now.Renditions[0].LeftOut || now.Video.LeftOut {
		t.Errorf("%+v of %+v", now.Renditions, now)
	}
	if len(now.Advice) != 1 || !strings.HasPrefix(now.Advice[0], "The rendition of 96x54 is left out, because its keyframes do not come with those of the first one: ") {
		t.Errorf("%q", now.Advice)
	}
	h.Origin.End("tea")
	h.wantAligned("tea", 1)
}
