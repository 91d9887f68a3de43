package hls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// wire leads from an edge to whatever handler is at its other end, without a network: time stands still in bubbles.
type wire struct {
	to       atomic.Pointer[http.Handler] // nil: nobody is there
	requests atomic.Int64
	mu       sync.Mutex
	seen     []string
}

var errCut = errors.New("nobody is there")

func (w *wire) connect(h http.Handler) { w.to.Store(&h) }
func (w *wire) cut()                   { w.to.Store(nil) }

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.requests.Add(1)
	w.mu.Lock()
	w.seen = append(w.seen, r.URL.RequestURI())
	w.mu.Unlock()
	h := w.to.Load()
	if h == nil {
		return nil, errCut
	}
	answer := httptest.NewRecorder()
	(*h).ServeHTTP(answer, r.Clone(r.Context()))
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if w.to.Load() != h {
		return nil, errCut
	}
	return answer.Result(), nil
}

func mounted(o *Origin) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hls/{channel}/{file...}", o.Serve)
	return mux
}

// edged is an origin that shows what the script does, and an edge in front of it.
type edged struct {
	*script
	origin *Origin
	wire   *wire
	edge   *Edge
	h      http.Handler
}

func newEdged(t *testing.T) *edged {
	t.Helper()
	o, s := onAir(t)
	e := &edged{script: s, origin: o, wire: &wire{}}
	e.wire.connect(mounted(o))
	e.edge = &Edge{Origin: &url.URL{Scheme: "http", Host: "origin"}, Transport: e.wire, Log: quiet()}
	mux := http.NewServeMux()
	mux.HandleFunc("/hls/{channel}/{file...}", e.edge.Serve)
	e.h = e.edge.Guard(mux)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.edge.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return e
}

func (e *edged) ask(ctx context.Context, file string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, "GET", "/hls/"+file, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.h.ServeHTTP(w, r)
	return w
}

func (e *edged) get(file string) *httptest.ResponseRecorder {
	return e.ask(context.Background(), "tea/"+file)
}

// begin starts a request that may block.
func (e *edged) begin(file string) *pending {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pending{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(p.done)
		p.w = e.ask(ctx, "tea/"+file)
	}()
	return p
}

var mediaURI = regexp.MustCompile(`g[0-9a-f]+(-\d)?/[gpi][0-9.]+\.mp4`)

// same fails the test unless the edge shows the origin's playlist and everything in it. A change without a new part is
// seen when the reload for that is overdue.
func (e *edged) same(t *testing.T) {
	t.Helper()
	time.Sleep(2*indexMaxAge - time.Millisecond)
	for _, file := range []string{"index.m3u8", "live.m3u8", "live.m3u8?_HLS_skip=YES"} {
		there, here := get(t, e.origin, file), e.get(file)
		if here.Code != there.Code || here.Body.String() != there.Body.String() {
			t.Fatalf("%s is %d\n%s\nbut at the origin %d\n%s", file, here.Code, here.Body, there.Code, there.Body)
		}
		for _, name := range []string{"Etag", "Cache-Control", "Content-Type", "Content-Length", "Access-Control-Allow-Origin"} {
			if here.Header().Get(name) != there.Header().Get(name) {
				t.Errorf("%s: %s is %q, at the origin %q", file, name, here.Header().Get(name), there.Header().Get(name))
			}
		}
	}
	listed, _, _ := strings.Cut(e.get("live.m3u8").Body.String(), "#EXT-X-PRELOAD-HINT")
	uris := mediaURI.FindAllString(listed, -1)
	for _, uri := range uris {
		there, here := get(t, e.origin, uri), e.get(uri)
		if here.Code != 200 || !bytes.Equal(here.Body.Bytes(), there.Body.Bytes()) || here.Header().Get("Etag") != there.Header().Get("Etag") {
			t.Errorf("%s is %d %q %v, at the origin %d %q", uri, here.Code, here.Body, here.Header(), there.Code, there.Body)
		}
	}
	if len(uris) < 4 {
		t.Errorf("only %d URIs", len(uris))
	}
}

func edgeBubble(t *testing.T, name string, f func(t *testing.T, e *edged)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEdged(t)
			e.run("avc1.42c01f", "mp4a.40.2")
			e.segments(9)
			e.part(2, false)
			f(t, e)
		})
	})
}

func TestEdge(t *testing.T) {
	edgeBubble(t, "shows what the origin shows", func(t *testing.T, e *edged) {
		e.same(t)
		for range 12 {
			e.part(1, false)
			e.same(t)
		}
		e.part(1, true)
		e.same(t)
		e.mark(DateRange{ID: "pin-1", Start: epoch})
		e.part(1, false)
		e.same(t)
		e.leave(false) // a lost encoder leaves a segment cut short
		e.same(t)
		e.join()
		e.run("avc1.64001f", "mp4a.40.2")
		e.segments(2)
		e.part(3, false)
		e.same(t)
		e.segments(20)
		e.same(t)
		e.origin.End("tea")
		e.same(t)
	})
	edgeBubble(t, "wakes who waits", func(t *testing.T, e *edged) {
		e.get("live.m3u8")
		part, whole := e.begin("live.m3u8?_HLS_msn=9&_HLS_part=2"), e.begin("live.m3u8?_HLS_msn=9")
		hint := e.begin(e.epoch + "/p9.2.mp4")
		if !part.blocked() || !whole.blocked() || !hint.blocked() {
			t.Fatal("answered early")
		}
		start := time.Now()
		e.part(1, false)
		part.answered(t, 200, "/p9.2.mp4")
		hint.answered(t, 200, "9.4s;")
		if !whole.blocked() {
			t.Fatal("answered early")
		}
		e.part(2, true)
		whole.answered(t, 200, "/g9.mp4")
		if d := time.Since(start); d != 0 {
			t.Errorf("%v late", d)
		}
	})
	edgeBubble(t, "asks once for everybody", func(t *testing.T, e *edged) {
		e.get("live.m3u8")
		before := e.wire.requests.Load()
		const parts, viewers = 25, 500
		for k := range parts {
			var all []*pending
			for range viewers {
				all = append(all, e.begin(fmt.Sprintf("live.m3u8?_HLS_msn=%d&_HLS_part=%d", e.look(0).tail.msn, len(e.look(0).tail.parts))))
			}
			synctest.Wait()
			e.part(1, k%5 == 4)
			for _, p := range all {
				<-p.done
				if p.w.Code != 200 {
					t.Fatal(p.w.Code, p.w.Body)
				}
			}
		}
		synctest.Wait()
		if n := e.wire.requests.Load() - before; n > 2*parts+4 {
			t.Errorf("%d requests to the origin for %d parts", n, parts)
		}
	})
	edgeBubble(t, "stops after the last viewer", func(t *testing.T, e *edged) {
		e.get("live.m3u8")
		if s := e.edge.Stats(); s.Channels != 1 || s.Renditions != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(edgeIdle - time.Second)
		if s := e.edge.Stats(); s.Channels != 1 || s.Renditions != 1 {
			t.Errorf("stopped early: %+v", s)
		}
		time.Sleep(2*edgeIdle + 5*time.Second)
		if s := e.edge.Stats(); s.Channels != 0 || s.Renditions != 0 {
			t.Errorf("still following: %+v", s)
		}
		n := e.wire.requests.Load()
		time.Sleep(time.Hour)
		if e.wire.requests.Load() != n {
			t.Error("still asking")
		}
		e.same(t)
	})
	edgeBubble(t, "keeps following for one who waits", func(t *testing.T, e *edged) {
		e.get("live.m3u8")
		for range 60 {
			time.Sleep(time.Second)
			e.get("live.m3u8?_HLS_msn=9&_HLS_part=0")
		}
		if s := e.edge.Stats(); s.Renditions != 1 {
			t.Errorf("%+v", s)
		}
	})
	edgeBubble(t, "origin away for a while", func(t *testing.T, e *edged) {
		was := e.get("live.m3u8").Body.String()
		e.wire.cut()
		start := time.Now()
		for range 10 {
			w := e.get("live.m3u8?_HLS_msn=9&_HLS_part=2")
			if w.Code != 200 || w.Body.String() != was || w.Header().Get("Cache-Control") != "no-store" {
				t.Fatalf("%d, cache %q\n%s", w.Code, w.Header().Get("Cache-Control"), w.Body)
			}
		}
		if d := time.Since(start); d != 15*time.Second {
			t.Errorf("waited %v for ten overdue reloads", d)
		}
		if n := e.wire.requests.Load(); n > 100 {
			t.Errorf("%d requests to an origin that is away", n)
		}
		if w := e.get("index.m3u8"); w.Code != 200 {
			t.Errorf("index.m3u8: %d", w.Code)
		}
		e.wire.connect(mounted(e.origin))
		e.part(1, false)
		time.Sleep(2 * edgeRetryMax)
		e.same(t)
	})
	edgeBubble(t, "origin restarted", func(t *testing.T, e *edged) {
		e.get("live.m3u8")
		e.wire.cut()
		time.Sleep(3 * time.Second)
		o := &Origin{Log: quiet()}
		defer o.Close()
		e.wire.connect(mounted(o)) // no show yet
		time.Sleep(20 * time.Second)
		if w := e.get("live.m3u8"); w.Code != 200 {
			t.Errorf("while the encoder is away: %d", w.Code)
		}
		s := &script{timeline: o.Start("tea", Show{ID: "s", StartedAt: time.Now().Add(-time.Hour)}).timeline, now: epoch.Add(time.Minute)}
		s.join()
		s.run("avc1.42c01f", "mp4a.40.2")
		s.segments(3)
		waiting := e.begin("live.m3u8?_HLS_msn=9&_HLS_part=2")
		<-waiting.done
		if waiting.w.Code != 200 {
			t.Errorf("who waited meanwhile: %d", waiting.w.Code)
		}
		e.origin, e.script = o, s
		e.same(t)
	})
	edgeBubble(t, "show gone for good", func(t *testing.T, e *edged) {
		e.get("live.m3u8")
		o := &Origin{Log: quiet()}
		defer o.Close()
		e.wire.connect(mounted(o))
		for range 80 {
			time.Sleep(time.Second)
			e.get("live.m3u8")
		}
		w := e.get("live.m3u8")
		if w.Code != 404 || w.Body.String() != "no_such_stream\n" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d %q %q", w.Code, w.Body, w.Header().Get("Cache-Control"))
		}
	})
	edgeBubble(t, "another show", func(t *testing.T, e *edged) {
		e.get("live.m3u8")
		e.origin.End("tea")
		synctest.Wait()
		if body := e.get("live.m3u8").Body.String(); !strings.HasSuffix(body, "#EXT-X-ENDLIST\n") {
			t.Errorf("no end:\n%s", body)
		}
		s := &script{timeline: e.origin.Start("tea", Show{ID: "next"}).timeline, now: epoch.Add(time.Hour)}
		s.join()
		s.run("avc1.42c01f", "mp4a.40.2")
		s.segments(3)
		e.script = s
		time.Sleep(2 * indexMaxAge)
		e.same(t)
	})
	edgeBubble(t, "what is not there", func(t *testing.T, e *edged) {
		for range 20 {
			for _, file := range []string{"tea/live-1.m3u8", "tea/" + e.epoch + "/g99.mp4", "tea/nothing", "coffee/live.m3u8", "coffee/index.m3u8", "tea/live.m3u8?_HLS_msn=99"} {
				w := e.ask(context.Background(), file)
				if w.Code != 404 && !strings.HasSuffix(file, "=99") || w.Code == 200 || w.Header().Get("Cache-Control") != "no-store" || w.Body.Len() == 0 {
					t.Errorf("%s: %d %q, cache %q", file, w.Code, w.Body, w.Header().Get("Cache-Control"))
				}
			}
		}
		if n := e.wire.requests.Load(); n > 40 {
			t.Errorf("%d requests to the origin", n)
		}
	})
	edgeBubble(t, "never reached the origin", func(t *testing.T, e *edged) {
		e.wire.cut()
		for _, file := range []string{"live.m3u8", "index.m3u8", e.epoch + "/g3.mp4"} {
			if w := e.get(file); w.Code != 502 || w.Body.String() != "origin_away\n" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %q", file, w.Code, w.Body)
			}
		}
		e.wire.connect(mounted(e.origin))
		time.Sleep(2 * edgeRefusal)
		e.same(t)
	})
}

// A second rendition is followed only when somebody watches it.
func TestEdgeRenditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdged(t)
		r := &rungs{script: e.script}
		r.begins(0, 1)
		put := func(i, k int) {
			for track := range 2 {
				r.put(track, 1000*i+200*k, 200, []string{"k", "", "", "", "l"}[k])
			}
		}
		for i := range 3 {
			for k := range 5 {
				put(i, k)
			}
		}
		for _, file := range []string{"index.m3u8", "live-1.m3u8"} {
			if there, here := get(t, e.origin, file), e.get(file); here.Code != 200 || here.Body.String() != there.Body.String() {
				t.Fatalf("%s: %d\n%s\nwant\n%s", file, here.Code, here.Body, there.Body)
			}
		}
		e.wire.mu.Lock()
		for _, uri := range e.wire.seen {
			if strings.HasPrefix(uri, "/hls/tea/live.m3u8") {
				t.Error("the source is followed, which nobody watches")
			}
		}
		e.wire.mu.Unlock()
		p := e.begin("live-1.m3u8?_HLS_msn=3&_HLS_part=0")
		if !p.blocked() {
			t.Fatal("answered early")
		}
		put(3, 0)
		p.answered(t, 200, "#EXT-X-RENDITION-REPORT:URI=\"live.m3u8\",LAST-MSN=3,LAST-PART=0")
		if w := e.get("live.m3u8"); w.Code != 200 {
			t.Errorf("the source: %d", w.Code)
		}
	})
}

// fileServer is an origin's large file.
func fileServer(size int, tag *atomic.Value) http.Handler {
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i>>12) ^ byte(i)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/mp4")
		w.Header().Set("Cache-Control", "public, max-age=86400, immutable")
		w.Header().Set("Etag", tag.Load().(string))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

func (e *edged) pull(path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.edge.Pull(w, r)
	return w
}

func TestEdgePull(t *testing.T) {
	edgeBubble(t, "blocks of a large file", func(t *testing.T, e *edged) {
		const size = 3*pullBlock + 1000
		var tag atomic.Value
		tag.Store(`"one"`)
		files := fileServer(size, &tag)
		e.wire.connect(files)
		direct := httptest.NewRecorder()
		files.ServeHTTP(direct, httptest.NewRequest("GET", "/", nil))
		for span, want := range map[string][2]int{
			"bytes=0-99":                             {0, 100},
			"bytes=-1500":                            {size - 1500, size},
			fmt.Sprintf("bytes=%d-", 2*pullBlock-10): {2*pullBlock - 10, size},
			fmt.Sprintf("bytes=%d-%d", pullBlock-1, pullBlock): {pullBlock - 1, pullBlock + 1},
		} {
			w := e.pull("/hls/replay/s/1.mp4?x="+span, "Range", span)
			if w.Code != 206 || !bytes.Equal(w.Body.Bytes(), direct.Body.Bytes()[want[0]:want[1]]) {
				t.Errorf("%s: %d with %d bytes", span, w.Code, w.Body.Len())
			}
		}
		w := e.pull("/hls/replay/s/1.mp4")
		if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), direct.Body.Bytes()) || w.Header().Get("Etag") != `"one"` {
			t.Errorf("%d with %d bytes, %v", w.Code, w.Body.Len(), w.Header())
		}
		if w := e.pull("/hls/replay/s/1.mp4", "If-None-Match", `"one"`); w.Code != 304 {
			t.Errorf("unchanged: %d", w.Code)
		}
		if w := e.pull("/hls/replay/s/1.mp4", "Range", "bytes=99999999-"); w.Code != 416 {
			t.Errorf("beyond the end: %d", w.Code)
		}
		if n := e.wire.requests.Load(); n != 4 {
			t.Errorf("%d requests for 4 blocks", n)
		}
		time.Sleep(25 * time.Hour)
		tag.Store(`"two"`)
		e.pull("/hls/replay/s/1.mp4", "Range", "bytes=0-9")
		tag.Store(`"three"`)
		if w := e.pull("/hls/replay/s/1.mp4"); w.Body.Len() == size {
			t.Error("two versions of a file in one answer")
		}
	})
	edgeBubble(t, "kept within bounds", func(t *testing.T, e *edged) {
		var tag atomic.Value
		tag.Store(`"one"`)
		e.wire.connect(fileServer(pullBlock, &tag))
		for i := range pullBytes/pullBlock + 20 {
			e.pull(fmt.Sprintf("/hls/replay/s/%d.mp4", i))
		}
		if p := e.edge.pulled; p.bytes > pullBytes || len(p.known) != p.order.Len() || p.order.Len() > pullBytes/pullBlock {
			t.Errorf("%d bytes in %d and %d blocks", p.bytes, len(p.known), p.order.Len())
		}
		n := e.wire.requests.Load()
		e.pull("/hls/replay/s/275.mp4")
		if e.wire.requests.Load() != n {
			t.Error("the newest was not kept")
		}
		e.pull("/hls/replay/s/0.mp4")
		if e.wire.requests.Load() != n+1 {
			t.Error("the oldest was kept")
		}
	})
	edgeBubble(t, "one request for all, as long as the origin says", func(t *testing.T, e *edged) {
		var asked atomic.Int64
		var cache atomic.Value
		cache.Store("public, max-age=1")
		e.wire.connect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := asked.Add(1)
			time.Sleep(100 * time.Millisecond)
			w.Header().Set("Content-Type", playlistCT[0])
			w.Header().Set("Cache-Control", cache.Load().(string))
			fmt.Fprintf(w, "#EXTM3U %d %s\n", n, r.URL.RawQuery)
		}))
		many := func() (last *httptest.ResponseRecorder) {
			var all sync.WaitGroup
			var mu sync.Mutex
			for i := range 100 {
				all.Go(func() {
					w := e.pull(fmt.Sprintf("/hls/tea/dvr.m3u8?viewer=%d&_HLS_skip=v2", i), "Accept-Encoding", []string{"gzip", ""}[i%2])
					mu.Lock()
					defer mu.Unlock()
					if w.Code != 200 {
						t.Error(w.Code)
					}
					if i%2 == 1 {
						last = w
					}
				})
			}
			all.Wait()
			return last
		}
		if w := many(); w.Body.String() != "#EXTM3U 1 _HLS_skip=YES\n" || w.Header().Get("Cache-Control") != "public, max-age=1" {
			t.Errorf("%q, %v", w.Body, w.Header())
		}
		time.Sleep(900 * time.Millisecond)
		many()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times within a second", n)
		}
		time.Sleep(time.Second)
		many()
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times in two seconds", n)
		}
		time.Sleep(time.Minute)
		was := e.wire.to.Load()
		e.wire.cut()
		if w := many(); w.Body.String() != "#EXTM3U 2 _HLS_skip=YES\n" {
			t.Errorf("origin away: %d %q", w.Code, w.Body)
		}
		cache.Store("no-store")
		e.wire.connect(*was)
		time.Sleep(2 * time.Second)
		many()
		time.Sleep(time.Millisecond)
		many()
		if n := asked.Load(); n != 4 {
			t.Errorf("asked %d times", n)
		}
	})
	edgeBubble(t, "a viewer who leaves takes nothing from the others", func(t *testing.T, e *edged) {
		release := make(chan struct{})
		e.wire.connect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-release
			w.Write([]byte("picture"))
		}))
		ask := func(ctx context.Context) (*httptest.ResponseRecorder, chan struct{}) {
			w, done := httptest.NewRecorder(), make(chan struct{})
			go func() {
				defer close(done)
				e.edge.Pull(w, httptest.NewRequestWithContext(ctx, "GET", "/thumb/tea.jpg", nil))
			}()
			synctest.Wait()
			return w, done
		}
		ctx, leave := context.WithCancel(context.Background())
		_, gone := ask(ctx)
		w, done := ask(context.Background())
		leave()
		<-gone
		close(release)
		<-done
		if w.Body.String() != "picture" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
}

// An edge that is its own origin must not ask itself for ever.
func TestEdgeLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdged(t)
		if err := e.edge.Probe(context.Background()); err == nil || errors.Is(err, ErrLoop) {
			t.Errorf("an origin without health: %v", err)
		}
		e.wire.connect(e.h)
		if err := e.edge.Probe(context.Background()); !errors.Is(err, ErrLoop) {
			t.Errorf("an edge of itself: %v", err)
		}
		if w := e.get("live.m3u8"); w.Code == 200 || e.wire.requests.Load() > 3 {
			t.Errorf("%d after %d requests", w.Code, e.wire.requests.Load())
		}
	})
	t.Run("edges of each other", func(t *testing.T) {
		e := &Edge{}
		h := e.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for hops, want := range map[int]int{0: 200, 1: 200, edgeHops - 1: 200, edgeHops: 508} {
			r := httptest.NewRequest("GET", "/", nil)
			for range hops {
				new(Edge).Sign(r.Header)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("after %d edges: %d, want %d", hops, w.Code, want)
			}
		}
	})
}

// An origin's playlist sends an edge nowhere but to the origin's own media.
func TestOriginalRefused(t *testing.T) {
	const good = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"gab/i0.mp4\"\n#EXTINF:1,\ngab/g7.mp4\n" +
		"#EXT-X-PART:DURATION=0.2,URI=\"gab/p8.0.mp4\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"gab/p8.1.mp4\"\n"
	if _, err := readOriginal([]byte(good), 0); err != nil {
		t.Fatal(err)
	}
	for old, bad := range map[string]string{
		"gab/g7.mp4":                "http://10.0.0.1/g7.mp4",
		"gab/i0.mp4":                "//evil/i0.mp4",
		"gab/p8.0.mp4":              "gab/../../admin",
		"gab/p8.1.mp4":              "gab/p9.1.mp4",
		"MEDIA-SEQUENCE:7":          "MEDIA-SEQUENCE:6",
		"#EXT-X-PRELOAD-HINT":       "#EXT-X-ENDLIST\n#EXT-X-PRELOAD-HINT",
		"TARGETDURATION:2":          "TARGETDURATION:x",
		"gab/p8.0":                  "gcd/p8.0",
		"#EXT-X-MEDIA-SEQUENCE:7\n": "#EXT-X-MEDIA-SEQUENCE:-7\n",
	} {
		if o, err := readOriginal([]byte(strings.Replace(good, old, bad, 1)), 0); err == nil {
			t.Errorf("%s: taken as %+v", bad, o)
		}
	}
	if _, err := readOriginal([]byte(good), 1); err == nil {
		t.Error("another rendition's playlist was taken")
	}
	if _, err := readOriginal([]byte("#EXTM3U\n"+strings.Repeat("#EXT-X-PART:DURATION=0.2,URI=\"gab/p0.0.mp4\"\n", 9)), 0); err == nil {
		t.Error("a part listed twice was taken")
	}
}

func FuzzOriginal(f *testing.F) {
	s := newScript(epoch)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(3)
	s.part(2, false)
	f.Add([]byte(s.playlist()), 0)
	s.finish()
	f.Add([]byte(s.playlist()), 0)
	f.Add([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"g1-1/i0.mp4\"\n#EXTINF:1,\ng1-1/g0.mp4\n#EXT-X-ENDLIST\n"), 1)
	f.Fuzz(func(t *testing.T, playlist []byte, track int) {
		track = max(0, track%maxTracks)
		o, err := readOriginal(playlist, track)
		if err != nil {
			return
		}
		for i, s := range o.segments {
			if s.msn != o.segments[0].msn+uint64(i) || s.complete != (i < len(o.segments)-1 || o.ended) {
				t.Errorf("segment %d of %+v", i, o)
			}
		}
		if o.prefix != prefixOf(o.epoch, track) || strings.ContainsAny(o.prefix, "/.:%") {
			t.Errorf("prefix %q", o.prefix)
		}
		leaveOut(playlist)
	})
}
