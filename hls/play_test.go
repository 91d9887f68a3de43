package hls

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const toolTimeout = 30 * time.Second // a player of a playlist that does not advance waits for ever

// serveOrigin mounts an origin as the program does.
func serveOrigin(t testing.TB, o *Origin) (base string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hls/{channel}/{file...}", o.Serve)
	mux.HandleFunc("OPTIONS /hls/{channel}/{file...}", o.Serve)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	t.Cleanup(o.Close) // first, or else the server waits for blocked requests
	return srv.URL + "/hls/"
}

// tool runs a program of ffmpeg's and fails the test if it complains.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), toolTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// Real players take what every kind of publisher made, encoder drops and codec changes included. The show has ended, so
// that they read the whole window and stop.
func TestFFmpegPlays(t *testing.T) {
	bframes := func(t testing.TB) clip {
		return makeClip(t, testSource+" -t 9 -c:v libx264 -preset veryfast -pix_fmt yuv420p -threads 1 -g 30 -bf 3 "+testAudio)
	}
	for name, tt := range map[string]struct {
		publish func(t *testing.T, st *Stream)
		streams string
		least   time.Duration
	}{
		"one session": {func(t *testing.T, st *Stream) { simple(t).play(t, st.Publish(), epoch) }, "h264 aac", 5 * time.Second},
		"B-frames":    {func(t *testing.T, st *Stream) { bframes(t).play(t, st.Publish(), epoch) }, "h264 aac", 7 * time.Second},
		"audio only":  {func(t *testing.T, st *Stream) { simple(t).only(Audio).play(t, st.Publish(), epoch) }, "aac", 5 * time.Second},
		"video only":  {func(t *testing.T, st *Stream) { simple(t).only(Video).play(t, st.Publish(), epoch) }, "h264", 5 * time.Second},
		"encoder drops and comes back": {func(t *testing.T, st *Stream) {
			simple(t).upTo(3500*time.Millisecond).play(t, st.Publish(), epoch)
			simple(t).play(t, st.Publish(), epoch.Add(20*time.Second))
		}, "h264 aac", 8 * time.Second},
		"another encoder takes over": {func(t *testing.T, st *Stream) {
			simple(t).upTo(3500*time.Millisecond).play(t, st.Publish(), epoch)
			otherClip(t).play(t, st.Publish(), epoch.Add(4*time.Second))
		}, "h264 aac", 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Origin{Log: quiet()}
			base := serveOrigin(t, o)
			tt.publish(t, o.Start("tea", Show{ID: "s"}))
			o.End("tea")
			url := base + "tea/index.m3u8"
			codecs := tool(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url)
			for _, c := range strings.Fields(tt.streams) {
				if !strings.Contains(codecs, c) {
					t.Errorf("no %s in %q", c, codecs)
				}
			}
			progress := tool(t, "ffmpeg", "-v", "error", "-nostdin", "-xerror", "-progress", "-", "-i", url, "-f", "null", "-")
			if got := played(progress); got < tt.least {
				t.Errorf("decoded %v, want %v\n%s", got, tt.least, progress)
			}
		})
	}
}

// played reads the last output time of ffmpeg's progress report.
func played(progress string) (d time.Duration) {
	for line := range strings.Lines(progress) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "out_time_us="); ok {
			if us, err := strconv.ParseInt(v, 10, 64); err == nil {
				d = time.Duration(us) * time.Microsecond
			}
		}
	}
	return d
}

// A player follows a show that is going on, in real time.
func TestFFmpegFollowsLive(t *testing.T) { follows(t, longClip(t), "index.m3u8") }

// The same of a further rendition, while another one stops.
func TestFFmpegFollowsRendition(t *testing.T) {
	follows(t, ladder(t).without(2, 2*time.Second, time.Hour), "live-1.m3u8")
}

func follows(t *testing.T, c clip, file string) {
	o := &Origin{Log: quiet()}
	base := serveOrigin(t, o)
	st := o.Start("tea", Show{ID: "s", StartedAt: time.Now()})
	s := st.Publish()
	c.announce(t, s)
	published := make(chan error, 1)
	go func() {
		start := time.Now()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for _, f := range c.frames {
			for time.Since(start) < f.DTS {
				<-tick.C
			}
			if err := s.Write(f); err != nil {
				published <- err
				return
			}
		}
		o.End("tea")
		published <- nil
	}()
	// It asks before anything is playable: the answer waits for the first segment.
	start := time.Now()
	progress := tool(t, "ffmpeg", "-v", "error", "-nostdin", "-xerror", "-progress", "-",
		"-i", base+"tea/"+file, "-t", "3", "-f", "null", "-")
	if got := played(progress); got < 2900*time.Millisecond {
		t.Errorf("decoded %v\n%s", got, progress)
	}
	t.Logf("3 s decoded %v after the first request", time.Since(start).Round(10*time.Millisecond))
	o.Close()
	if err := <-published; err != nil && !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
