package hls

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A player that has the playlist of before puts a delta update together to the full one (RFC 8216bis section 6.2.5.1).
func TestDeltaUpdate(t *testing.T) {
	o, s := onAir(t)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(3)
	s.part(2, false)
	if full, delta := get(t, o, "live.m3u8"), get(t, o, "live.m3u8?_HLS_skip=YES"); delta.Body.String() != full.Body.String() {
		t.Errorf("nothing is old enough, but left out:\n%s", delta.Body)
	}
	s.mark(DateRange{ID: "pin-1", Start: epoch})
	s.part(3, true)
	s.segments(8)
	s.run("avc1.64001f", "mp4a.40.2")
	s.segments(7)
	for range 25 {
		before := get(t, o, "live.m3u8").Body.String()
		s.part(1, true)
		full := get(t, o, "live.m3u8")
		for _, query := range []string{"?_HLS_skip=YES", "?token=x&_HLS_skip=v2"} {
			delta := get(t, o, "live.m3u8"+query)
			if delta.Header().Get("ETag") == full.Header().Get("ETag") {
				t.Error("one tag for two representations")
			}
			if len(delta.Body.String()) >= len(full.Body.String()) {
				t.Errorf("a delta of %d bytes for a playlist of %d", delta.Body.Len(), full.Body.Len())
			}
			if got := merged(t, before, delta.Body.String()); got != full.Body.String() {
				t.Fatalf("merged to\n%s\nwant\n%s", got, full.Body)
			}
		}
	}
	if body := get(t, o, "live.m3u8?_HLS_skip=maybe").Body.String(); strings.Contains(body, "EXT-X-SKIP") {
		t.Error("skipped for an unknown directive")
	}
}

// merged does what a player does: the segments that the update leaves out come from the playlist it knows.
func merged(t *testing.T, before, delta string) string {
	t.Helper()
	skip := regexp.MustCompile(`#EXT-X-SKIP:SKIPPED-SEGMENTS=(\d+)\n`).FindStringSubmatch(delta)
	if skip == nil {
		t.Fatalf("not a delta update:\n%s", delta)
	}
	head, rest, _ := strings.Cut(delta, skip[0])
	first := lineValue(t, head, "#EXT-X-MEDIA-SEQUENCE:") - lineValue(t, before, "#EXT-X-MEDIA-SEQUENCE:")
	old := strings.SplitAfter(before[strings.Index(before, "#EXT-X-PROGRAM-DATE-TIME"):], ".mp4\n")
	segments := []string{}
	var current strings.Builder
	for _, piece := range old { // parts end in .mp4" and are no cuts
		current.WriteString(piece)
		segments = append(segments, current.String())
		current.Reset()
	}
	_, init, _ := strings.Cut(before, "#EXT-X-MAP:")
	init, _, _ = strings.Cut(init, "\n")
	out := head + "#EXT-X-MAP:" + init + "\n"
	out += strings.Join(segments[first:first+lineValue(t, delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=")], "")
	// Parts are listed for the newest segments only, and none of those is left out.
	return regexp.MustCompile(`#EXT-X-PART:.*\n`).ReplaceAllStringFunc(out, func(string) string { return "" }) + rest
}

func lineValue(t *testing.T, text, name string) (n int) {
	t.Helper()
	_, rest, ok := strings.Cut(text, name)
	if !ok {
		t.Fatalf("no %s in\n%s", name, text)
	}
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

func TestLeaveOut(t *testing.T) {
	const head = "#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12,CAN-BLOCK-RELOAD=YES\n#EXT-X-DATERANGE:ID=\"a\"\n"
	seg := func(uri, before string) string { return before + "#EXTINF:5.00000,\n" + uri + "\n" }
	for name, tt := range map[string]struct{ in, want string }{
		"too short": {head + seg("a", "") + seg("b", ""), ""},
		"exactly at the boundary": {head + seg("a", "") + seg("b", "") + seg("c", "") +
			"#EXT-X-PART:DURATION=2.00000,URI=\"p\"\n", ""},
		"one": {head + seg("a", "#EXT-X-MAP:URI=\"i\"\n") + seg("b", "") + seg("c", "") + "#EXT-X-PART:DURATION=2.5,URI=\"p\"\n",
			head + "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n" + seg("b", "") + seg("c", "") + "#EXT-X-PART:DURATION=2.5,URI=\"p\"\n"},
		"a discontinuity belongs to what follows it": {head + seg("a", "") + seg("b", "#EXT-X-DISCONTINUITY\n") + seg("c", "") + seg("d", ""),
			head + "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n" + seg("b", "#EXT-X-DISCONTINUITY\n") + seg("c", "") + seg("d", "")},
		"date ranges stay": {head + seg("a", "") + seg("b", "#EXT-X-DATERANGE:ID=\"b\"\n") + seg("c", "#EXT-X-DATERANGE:ID=\"c\"\n") + seg("d", "") + seg("e", ""),
			head + "#EXT-X-DATERANGE:ID=\"b\"\n#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n" + seg("c", "#EXT-X-DATERANGE:ID=\"c\"\n") + seg("d", "") + seg("e", "")},
		"not offered": {"#EXTM3U\n" + strings.Repeat(seg("a", ""), 9), ""},
		"nonsense":    {"#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=x\n#EXTINF:-9e99,\n\n\r\n#EXTINF:NaN,\na\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(leaveOut([]byte(tt.in))); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Viewers who go away while nothing comes leave nothing behind, over real connections too.
func TestAbortedWaitersLeaveNothing(t *testing.T) {
	const viewers = 1000
	o, s := onAir(t)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(3)
	var waiting int
	inside := make(chan int, viewers)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("channel", "tea")
		r.SetPathValue("file", "live.m3u8")
		inside <- 1
		defer func() { inside <- -1 }()
		o.Serve(w, r)
	}))
	defer srv.Close()
	base := runtime.NumGoroutine()
	conns := make([]net.Conn, viewers)
	for i := range conns {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c
		if _, err := c.Write([]byte("GET /live.m3u8?_HLS_msn=3 HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	for waiting < viewers {
		waiting += <-inside
	}
	start := time.Now()
	for _, c := range conns {
		c.Close()
	}
	for waiting > 0 {
		waiting += <-inside
	}
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("the last of them was held for %v, as if it were still there", d)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > base; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), base)
		}
		runtime.Gosched()
	}
}
