package hls

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// studio is an origin with an archive, as a program wires them.
type studio struct {
	t       testing.TB
	folder  string
	archive *Archive
	origin  *Origin
	base    string
	stop    func()
}

// openStudio starts one on a folder; over are the shows that have ended meanwhile.
func openStudio(t testing.TB, folder string, over ...string) *studio {
	t.Helper()
	s := idleStudio(t, folder, over...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.archive.Run(ctx)
	}()
	s.stop = func() { s.origin.Close(); cancel(); <-ended }
	t.Cleanup(s.stop)
	return s
}

// idleStudio is one whose archive does nothing by itself.
func idleStudio(t testing.TB, folder string, over ...string) *studio {
	t.Helper()
	a, err := OpenArchive(folder)
	if err != nil {
		t.Fatal(err)
	}
	a.Log = quiet()
	if err := a.Load(func(show string) bool { return strings.Contains(strings.Join(over, " "), show) }); err != nil {
		t.Fatal(err)
	}
	o := &Origin{Log: quiet(), Archive: a}
	s := &studio{t: t, folder: folder, archive: a, origin: o}
	t.Cleanup(func() { o.Close(); a.close() })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hls/replay/{show}/{file...}", a.Serve)
	mux.HandleFunc("OPTIONS /hls/replay/{show}/{file...}", a.Serve)
	mux.HandleFunc("GET /hls/{channel}/{file...}", o.Serve)
	mux.HandleFunc("GET /download/{show}", func(w http.ResponseWriter, r *http.Request) {
		d, err := a.Download(r.PathValue("show"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		d.ServeMP4(w, r)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	t.Cleanup(o.Close)
	s.base = srv.URL
	return s
}

func (s *studio) show() *Stream {
	return s.origin.Start("tea", Show{ID: "show-1", Record: true})
}

// end ends the show as the program does, and waits for the replay.
func (s *studio) end() {
	s.t.Helper()
	s.origin.End("tea")
	s.archive.End("show-1")
	s.await("a replay", func() bool {
		resp, _ := s.get("/hls/replay/show-1/index.m3u8")
		return resp.StatusCode == http.StatusOK
	})
}

func (s *studio) await(what string, ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("no %s", what)
		}
	}
}

var asIs = &http.Transport{DisableCompression: true}

func (s *studio) get(path string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest("GET", s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := asIs.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(b)
}

// probe has ffprobe measure a file or playlist and ffmpeg decode all of it; neither may complain.
func (s *studio) probe(url string) (d time.Duration) {
	s.t.Helper()
	var out struct {
		Format struct{ Duration string }
	}
	text := tool(s.t, "ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", url)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		s.t.Fatal(err)
	}
	d, err := time.ParseDuration(out.Format.Duration + "s")
	if err != nil {
		s.t.Fatalf("%s: duration %q", url, out.Format.Duration)
	}
	progress := tool(s.t, "ffmpeg", "-v", "error", "-nostdin", "-xerror", "-progress", "-", "-i", url, "-f", "null", "-")
	got := played(progress)
	if strings.HasPrefix(url, "http") && (got < d-time.Second || got > d+time.Second) {
		s.t.Errorf("%s: %v decoded, %v announced", url, got, d)
	}
	return got
}

func near(t testing.TB, what string, got, want time.Duration) {
	t.Helper()
	if got < want-time.Second || got > want+time.Second {
		t.Errorf("%s lasts %v, want %v", what, got, want)
	}
}

// anonymous takes out of a playlist what is random.
func anonymous(text string) string {
	return regexp.MustCompile(`g[0-9a-f]{8}(/|")`).ReplaceAllString(text, "gEPOCH$1")
}

// A show with a drop of two seconds and a pin is one recording: to scrub in while it is on, to watch afterwards, to
// take away.
func TestRecording(t *testing.T) {
	s := openStudio(t, t.TempDir())
	st := s.show()
	pin := DateRange{ID: "pin-1", Class: "live.souk.pin", Start: epoch.Add(1500 * time.Millisecond), Attrs: []Attr{{"PRODUCT-ID", "42"}}}
	first := simple(t).upTo(3500 * time.Millisecond)
	first.play(t, st.Publish(), epoch)
	s.archive.Mark("show-1", pin)
	simple(t).play(t, st.Publish(), epoch.Add(5500*time.Millisecond))
	s.archive.Mark("show-1", closed(pin, 3))
	s.await("dvr", func() bool { _, b := s.get("/hls/tea/dvr.m3u8"); return strings.Contains(b, "END-DATE") })
	_, dvr := s.get("/hls/tea/dvr.m3u8")
	if strings.Contains(dvr, "ENDLIST") {
		t.Error("the DVR playlist of a show that is on has an end")
	}
	s.end()
	_, dvr = s.get("/hls/tea/dvr.m3u8")
	golden(t, "record_dvr", anonymous(dvr))
	_, media := s.get("/hls/replay/show-1/media.m3u8")
	golden(t, "record_replay", bytesOut.ReplaceAllString(media, "${1}N@N"))
	_, index := s.get("/hls/replay/show-1/index.m3u8")
	golden(t, "record_index", regexp.MustCompile(`BANDWIDTH=\d+`).ReplaceAllString(index, "BANDWIDTH=N"))

	const show = 9 * time.Second
	near(t, "the DVR playlist", s.probe(s.base+"/hls/tea/dvr.m3u8"), show)
	near(t, "the replay", s.probe(s.base+"/hls/replay/show-1/index.m3u8"), show)
	near(t, "the download", s.probe(s.base+"/download/show-1"), show)
	r, ok := s.archive.Replay("show-1")
	if !ok || r.Channel != "tea" || r.Size == 0 {
		t.Errorf("%+v, %v", r, ok)
	}
	near(t, "the recording", r.Duration, show)
	if files, _ := filepath.Glob(filepath.Join(s.folder, "show-1", "*.mp4")); len(files) != 2 {
		t.Errorf("media files: %q", files)
	} else {
		for _, f := range files {
			s.probe(f) // each is a file of its own
		}
	}
}

var bytesOut = regexp.MustCompile(`(BYTERANGE[:=]"?)\d+@\d+`)

// What was recorded by a process that was killed goes on in the next, in the same recording.
func TestRecordingAfterKill(t *testing.T) {
	folder := t.TempDir()
	s := openStudio(t, folder)
	simple(t).play(t, s.show().Publish(), epoch)
	s.await("segments", func() bool { _, b := s.get("/hls/tea/dvr.m3u8"); return strings.Count(b, "EXTINF") >= 5 })
	_, before := s.get("/hls/tea/dvr.m3u8")
	s.stop()
	// The end of what was being written when the power went.
	dir := filepath.Join(folder, "show-1")
	tear(t, filepath.Join(dir, "1.mp4"), "half a segment")
	tear(t, filepath.Join(dir, journalName), `{"segment":{"sequence":9,"at":"2026-`)
	if err := os.WriteFile(filepath.Join(dir, "2.mp4"), []byte("half an init section"), 0o600); err != nil {
		t.Fatal(err)
	}

	s = openStudio(t, folder)
	simple(t).play(t, s.show().Publish(), epoch.Add(20*time.Second))
	s.end()
	_, after := s.get("/hls/tea/dvr.m3u8")
	_, was, _ := strings.Cut(before, "#EXT-X-MAP")
	if !strings.Contains(after, was) {
		t.Errorf("what was there has changed\n%s\n%s", before, after)
	}
	if n := strings.Count(after, "#EXT-X-DISCONTINUITY\n"); n != 1 {
		t.Errorf("%d discontinuities\n%s", n, after)
	}
	near(t, "the replay", s.probe(s.base+"/hls/replay/show-1/index.m3u8"), 12*time.Second)
	near(t, "the DVR playlist", s.probe(s.base+"/hls/tea/dvr.m3u8"), 12*time.Second)
	near(t, "the download", s.probe(s.base+"/download/show-1"), 12*time.Second)
}

func tear(t *testing.T, path, tail string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprint(f, tail)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
