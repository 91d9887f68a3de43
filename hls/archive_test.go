package hls

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// addRecording puts a recording that has ended into an archive's folder.
func addRecording(t testing.TB, folder, show string, ended time.Time, segments int) {
	t.Helper()
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d, err := openDeck(root, showLine{ID: show, Channel: "tea", Started: epoch})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	h := fakeHead(0)
	for i := range segments {
		mustAdd(t, d, h, uint64(i))
	}
	if err := d.finish(ended); err != nil {
		t.Fatal(err)
	}
}

// Recordings go when they are old, and the oldest when all together are too large; never that of a show that is on.
func TestRetention(t *testing.T) {
	now := time.Now()
	folder := t.TempDir()
	addRecording(t, folder, "old", now.Add(-50*24*time.Hour), 1)
	addRecording(t, folder, "older", now.Add(-60*24*time.Hour), 1)
	addRecording(t, folder, "week", now.Add(-7*24*time.Hour), 3)
	addRecording(t, folder, "today", now.Add(-time.Hour), 3)
	if err := os.Mkdir(filepath.Join(folder, "half"+goneSuffix), 0o700); err != nil {
		t.Fatal(err)
	}
	s := idleStudio(t, folder)
	p := s.show().Publish()
	simple(t).play(t, p, epoch)
	p.Close()
	s.await("a recording", func() bool { _, b := s.get("/hls/tea/dvr.m3u8"); return strings.Count(b, "EXTINF") == 6 })
	left := func() string {
		t.Helper()
		var names []string
		list, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	if got := left(); got != "old older show-1 today week" {
		t.Errorf("before: %s", got)
	}
	s.archive.Keep = func(channel string) time.Duration {
		if channel != "tea" {
			t.Errorf("channel %q", channel)
		}
		return 30 * 24 * time.Hour
	}
	s.archive.sweep(now)
	if got := left(); got != "show-1 today week" {
		t.Errorf("after 30 days: %s", got)
	}
	s.archive.MaxBytes = s.archive.Stats().Bytes - 1
	s.archive.sweep(now)
	if got := left(); got != "show-1 today" {
		t.Errorf("one byte too many: %s", got)
	}
	s.archive.MaxBytes = 1
	s.archive.sweep(now)
	if got := left(); got != "show-1" {
		t.Errorf("one byte allowed: %s", got)
	}
	if got := s.archive.Stats(); got.Removed != 4 || got.Recordings != 1 {
		t.Errorf("%+v", got)
	}
	if err := s.archive.Delete("show-1"); !errors.Is(err, ErrStillOnAir) {
		t.Errorf("deleting what is on air: %v", err)
	}
	s.end()
	if err := s.archive.Delete("show-1"); err != nil || left() != "" {
		t.Errorf("%v, left %s", err, left())
	}
	if err := s.archive.Delete("show-1"); !errors.Is(err, ErrNoRecording) {
		t.Errorf("deleting twice: %v", err)
	}
	if resp, _ := s.get("/hls/replay/show-1/index.m3u8"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a deleted replay answers %d", resp.StatusCode)
	}
}

// A full disk stops the recording and says so; the show goes on, and so does the recording once there is space.
func TestDiskFull(t *testing.T) {
	for name, full := range map[string]func(t *testing.T, s *studio) (lift func()){
		"the disk refuses": func(t *testing.T, _ *studio) func() { return limitFiles(t, 150<<10) },
		"too little is left": func(_ *testing.T, s *studio) func() {
			var free atomic.Int64
			s.archive.MinFree, s.archive.free = 1<<20, func(string) (int64, bool) { return free.Load(), true }
			return func() { free.Store(2 << 20) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := idleStudio(t, t.TempDir())
			states := make(chan RecordingState, 16)
			s.archive.OnState = func(channel, show string, now RecordingState) {
				if channel != "tea" || show != "show-1" {
					t.Errorf("told of %s, %s", channel, show)
				}
				states <- now
			}
			want := func(on bool, reasons string) {
				t.Helper()
				select {
				case now := <-states:
					if now.On != on || !strings.Contains(reasons, now.Reason) || now.Since.IsZero() {
						t.Errorf("told %+v", now)
					}
				case <-time.After(20 * time.Second):
					t.Fatal("nothing was told")
				}
			}
			lift := full(t, s)
			st := s.show()
			w := watch(t, st)
			c, p := simple(t), st.Publish()
			c.announce(t, p)
			w.write(p, c.frames, epoch)
			if name == "the disk refuses" {
				want(true, "")
			}
			want(false, "disk_full failed")
			w.wantMedia(5 * time.Second) // viewers have it all
			s.await("count", func() bool { return s.archive.Stats().Skipped > 0 && s.archive.Stats().Stopped == 1 })
			if now, ok := st.Recording(); !ok || now.On || now.Reason == "" {
				t.Errorf("%+v, %v", now, ok)
			}
			lift()
			c, p = simple(t), st.Publish() // a new session is tried at once
			c.announce(t, p)
			w.write(p, c.frames, epoch.Add(10*time.Second))
			want(true, "")
			s.end()
			if d := s.probe(s.base + "/hls/replay/show-1/index.m3u8"); d < 5*time.Second {
				t.Errorf("the replay lasts %v", d)
			}
			s.probe(s.base + "/download/show-1")
		})
	}
}

// After a change of codec the replay goes on, and a download is several files.
func TestRecordingOfTwoFormats(t *testing.T) {
	s := openStudio(t, t.TempDir())
	st := s.show()
	simple(t).upTo(3500*time.Millisecond).play(t, st.Publish(), epoch)
	otherClip(t).play(t, st.Publish(), epoch.Add(4*time.Second))
	simple(t).only(Video).play(t, st.Publish(), epoch.Add(20*time.Second))
	simple(t).play(t, st.Publish(), epoch.Add(30*time.Second))
	s.end()
	r, _ := s.archive.Replay("show-1")
	near(t, "the replay", s.probe(s.base+"/hls/replay/show-1/index.m3u8"), r.Duration)
	d, err := s.archive.Download("show-1")
	if err != nil {
		t.Fatal(err)
	}
	if d.Files() != 3 { // sound that comes later is no other format
		t.Fatalf("%d files", d.Files())
	}
	w := httptest.NewRecorder()
	if err := d.ServeZip(w, "tea"); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var total time.Duration
	for i, f := range z.File {
		if want := fmt.Sprintf("tea-%d.mp4", i+1); f.Name != want {
			t.Errorf("file %q, want %q", f.Name, want)
		}
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(in); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), f.Name)
		if err := os.WriteFile(path, body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		total += s.probe(path)
	}
	near(t, "all files", total, r.Duration)
}

// What replays answer: types, caching, ranges, compression, other sites, and no for everything else.
func TestReplayServing(t *testing.T) {
	folder := t.TempDir()
	addRecording(t, folder, "show-0", epoch, 3)
	s := openStudio(t, folder)
	const base = "/hls/replay/show-0/"
	for _, c := range []struct {
		path                 string
		header               []string
		status               int
		kind, cache, body, k string
	}{
		{base + "index.m3u8", nil, 200, "application/vnd.apple.mpegurl", "public, max-age=86400", "media.m3u8", "Vary"},
		{base + "media.m3u8", nil, 200, "application/vnd.apple.mpegurl", "public, max-age=86400", "VOD", "Vary"},
		{base + "media.m3u8", []string{"Accept-Encoding", "gzip"}, 200, "application/vnd.apple.mpegurl", "public, max-age=86400", "\x1f\x8b", "Content-Encoding"},
		{base + "media.m3u8", []string{"If-None-Match", `"show-0-media.m3u8"`}, 304, "", "public, max-age=86400", "", "Etag"},
		{base + "1.mp4", nil, 200, "video/mp4", "public, max-age=86400, immutable", "segment 2", "Etag"},
		{base + "1.mp4", []string{"Range", "bytes=7-15"}, 206, "video/mp4", "public, max-age=86400, immutable", "segment 0", "Content-Range"},
		{base + "1.mp4", []string{"Range", "bytes=700-"}, 416, "", "", "", "Content-Range"},
		{base + "2.mp4", nil, 404, "text/plain", "no-store", "no_such_file", ""},
		{base + journalName, nil, 404, "text/plain", "no-store", "no_such_file", ""},
		{base + "media.m3u8.gz", nil, 404, "text/plain", "no-store", "no_such_file", ""},
		{base + "..%2Fshow-0%2F1.mp4", nil, 404, "text/plain", "no-store", "no_such_file", ""},
		{"/hls/replay/none/index.m3u8", nil, 404, "text/plain", "no-store", "no_such_replay", ""},
		{"/hls/replay/..%2fx/index.m3u8", nil, 404, "text/plain", "no-store", "no_such_replay", ""},
	} {
		resp, body := s.get(c.path, c.header...)
		h := resp.Header
		if resp.StatusCode != c.status || !strings.HasPrefix(h.Get("Content-Type"), c.kind) || c.cache != "" && h.Get("Cache-Control") != c.cache ||
			!strings.Contains(body, c.body) || h.Get("Access-Control-Allow-Origin") != "*" || c.k != "" && h.Get(c.k) == "" {
			t.Errorf("%s %v: %d %v %q", c.path, c.header, resp.StatusCode, h, body)
		}
	}
}

// A date range is kept while no encoder is on, and a show that ended meanwhile becomes a replay.
func TestArchiveBetweenSessions(t *testing.T) {
	folder := t.TempDir()
	s := openStudio(t, folder)
	pin := DateRange{ID: "pin-1", Start: epoch.Add(time.Second)}
	st := s.show()
	simple(t).play(t, st.Publish(), epoch)
	if err := s.archive.Mark("show-1", pin); err != nil {
		t.Fatal(err)
	}
	s.await("mark", func() bool { _, b := s.get("/hls/tea/dvr.m3u8"); return strings.Contains(b, "pin-1") })
	s.stop()

	s = openStudio(t, folder)
	if err := errors.Join(s.archive.Mark("show-1", closed(pin, 2)), s.archive.Mark("none", pin)); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.archive.Replay("show-1"); ok {
		t.Error("a replay of a show that may go on")
	}
	s.stop()

	s = openStudio(t, folder, "show-1")
	s.await("replay", func() bool { r, ok := s.archive.Replay("show-1"); return ok && r.Size > 0 })
	_, media := s.get("/hls/replay/show-1/media.m3u8")
	if !strings.Contains(media, `ID="pin-1"`) || !strings.Contains(media, "END-DATE") {
		t.Error(media)
	}
	if err := s.archive.Mark("show-1", DateRange{ID: "late", Start: epoch}); err != nil {
		t.Errorf("a mark after the end: %v", err)
	}
}

// A show without any media leaves no recording.
func TestNothingRecorded(t *testing.T) {
	s := openStudio(t, t.TempDir())
	s.show()
	s.origin.End("tea")
	s.archive.End("show-1")
	s.await("end", func() bool { return s.archive.Stats().Recordings == 0 })
	if _, ok := s.archive.Replay("show-1"); ok {
		t.Error("a replay of nothing")
	}
	if resp, _ := s.get("/hls/tea/dvr.m3u8"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("dvr.m3u8 of nothing: %d", resp.StatusCode)
	}
}

// Players that have the beginning of a long DVR playlist get the end of it.
func TestDVRDelta(t *testing.T) {
	root := openRoot(t)
	d := mustDeck(t, root)
	h := fakeHead(0)
	var m reelMaker
	for i := range 40 {
		mustAdd(t, d, h, uint64(i))
		m.make(&d.tape, false)
	}
	text := m.make(&d.tape, false).text("g")
	delta := string(text.delta().plain)
	if n := strings.Count(string(text.plain), "#EXTINF"); n != 40 {
		t.Errorf("%d segments", n)
	}
	var skipped int
	if _, after, ok := strings.Cut(delta, "SKIPPED-SEGMENTS="); ok {
		number, _, _ := strings.Cut(after, "\n")
		skipped, _ = strconv.Atoi(number)
	}
	if n := strings.Count(delta, "#EXTINF"); skipped < 20 || skipped+n != 40 {
		t.Errorf("%d skipped, %d listed\n%s", skipped, n, delta)
	}
}
