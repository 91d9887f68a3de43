package hls

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
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

func TestFFmpegPlays(t *testing.T) {
	o := &Origin{}
	base := serveOrigin(t, o)
	st := o.Start("tea", Show{ID: "s1", StartedAt: time.Now()})
	s := st.Publish()
	simple(t).play(t, s, epoch)
	o.End("tea")
	t.Log(string(st.timeline.view.Load().media.plain))
	t.Log(string(st.timeline.view.Load().index.plain))
	out := tool(t, "ffprobe", "-v", "warning", "-show_entries", "stream=codec_name,width", "-of", "compact", base+"tea/index.m3u8")
	t.Log(out)
	tool(t, "ffmpeg", "-v", "warning", "-nostdin", "-i", base+"tea/index.m3u8", "-t", "3", "-f", "null", "-")
}
