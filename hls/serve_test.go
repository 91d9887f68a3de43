package hls

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// onAir is an origin whose channel "tea" shows what the script has put on the timeline.
func onAir(t testing.TB) (*Origin, *script) {
	t.Helper()
	o := &Origin{Log: quiet()}
	t.Cleanup(o.Close)
	st := o.Start("tea", Show{ID: "s"})
	s := &script{timeline: st.timeline, now: epoch}
	s.join()
	return o, s
}

// ask makes one request, as the program's mux would pass it on.
func ask(ctx context.Context, o *Origin, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	path := strings.TrimPrefix(r.URL.Path, "/hls/")
	channel, file, _ := strings.Cut(path, "/")
	r.SetPathValue("channel", channel)
	r.SetPathValue("file", file)
	w := httptest.NewRecorder()
	o.Serve(w, r)
	return w
}

func get(t testing.TB, o *Origin, target string) *httptest.ResponseRecorder {
	return ask(t.Context(), o, "GET", "/hls/tea/"+target)
}

func TestResponses(t *testing.T) {
	o, s := onAir(t)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(40)
	s.part(2, false)
	const media, live, index = "public, max-age=86400, immutable", "public, max-age=1", "public, max-age=2"
	e := s.epoch
	for _, tt := range []struct {
		method, file string
		header       []string
		status       int
		body         string // "*" for anything but nothing
		cache        string
	}{
		{"GET", e + "/g20.mp4", nil, 200, "20s;20.2s;20.4s;20.6s;20.8s;", media},
		{"GET", e + "/g8.mp4", nil, 200, "8s;8.2s;8.4s;8.6s;8.8s;", media}, // out of the window, not yet forgotten
		{"GET", e + "/p40.1.mp4", nil, 200, "40.2s;", media},
		{"GET", e + "/p39.4.mp4", nil, 200, "39.8s;", media},
		{"GET", e + "/i0.mp4", nil, 200, "init", media},
		{"HEAD", e + "/g20.mp4", nil, 200, "", media},
		{"GET", e + "/g20.mp4", []string{"Range", "bytes=3-9"}, 206, ";20.2s;"[0:7], media},
		{"GET", e + "/g20.mp4", []string{"Range", "bytes=-6"}, 206, "20.8s;", media},
		{"GET", e + "/g20.mp4", []string{"Range", "bytes=900-"}, 416, "*", ""},
		{"GET", e + "/g20.mp4", []string{"If-None-Match", `"` + e + `/g20.mp4"`}, 304, "", media},
		{"GET", e + "/g20.mp4", []string{"If-None-Match", `"other"`}, 200, "*", media},
		{"GET", e + "/g2.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/g40.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/g020.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/g+20.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/g-1.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/g99999999999999999999.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/p40.3.mp4", nil, 404, "no_such_file\n", "no-store"}, // one after the hint
		{"GET", e + "/p40.99999999999.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/p40.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/p.1.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/x20.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/i1.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", e + "/", nil, 404, "no_such_file\n", "no-store"},
		{"GET", "gother/g20.mp4", nil, 404, "no_such_file\n", "no-store"},
		{"GET", "", nil, 404, "no_such_file\n", "no-store"},
		{"GET", "../../etc/passwd", nil, 404, "no_such_file\n", "no-store"},
		{"GET", "live.m3u8", nil, 200, "*", live},
		{"HEAD", "live.m3u8", nil, 200, "", live},
		{"GET", "live.m3u8?token=a%22b", nil, 200, "*", live},
		{"GET", "live.m3u8?_HLS_skip=YES", nil, 200, "*", live},
		{"HEAD", "live.m3u8?_HLS_skip=v2&token=a", nil, 200, "", live},
		{"GET", "index.m3u8", nil, 200, "*", index},
		{"GET", "live.m3u8?_HLS_msn=40&_HLS_part=1", nil, 200, "*", "public, max-age=2"},
		{"GET", "live.m3u8?_HLS_msn=39", nil, 200, "*", "public, max-age=2"},
		{"GET", "live.m3u8?_HLS_msn=0&_HLS_part=0", nil, 200, "*", "public, max-age=2"},
		{"GET", "live.m3u8?_HLS_msn=39&_HLS_part=99&_HLS_skip=YES", nil, 200, "*", "public, max-age=2"},
		{"GET", "live.m3u8?_HLS_msn=42", nil, 400, "too_far_ahead\n", "no-store"},
		{"GET", "live.m3u8?_HLS_msn=40&_HLS_part=99", nil, 400, "too_far_ahead\n", "no-store"},
		{"GET", "live.m3u8?_HLS_msn=41&_HLS_part=99", nil, 400, "too_far_ahead\n", "no-store"},
		{"GET", "live.m3u8?_HLS_msn=18446744073709551615", nil, 400, "bad_directive\n", "no-store"},
		{"GET", "live.m3u8?_HLS_msn=-1", nil, 400, "bad_directive\n", "no-store"},
		{"GET", "live.m3u8?_HLS_msn=abc", nil, 400, "bad_directive\n", "no-store"},
		{"GET", "live.m3u8?_HLS_msn=", nil, 400, "bad_directive\n", "no-store"},
		{"GET", "live.m3u8?_HLS_part=1", nil, 400, "bad_directive\n", "no-store"},
		{"GET", "live.m3u8?_HLS_msn=39&_HLS_part=x", nil, 400, "bad_directive\n", "no-store"},
		{"POST", "live.m3u8", nil, 405, "bad_method\n", "no-store"},
		{"OPTIONS", "live.m3u8", nil, 204, "", ""},
	} {
		t.Run(tt.method+" "+tt.file+" "+strings.Join(tt.header, " "), func(t *testing.T) {
			w := ask(t.Context(), o, tt.method, "/hls/tea/"+tt.file, tt.header...)
			h, body := w.Header(), w.Body.String()
			if w.Code != tt.status || h.Get("Cache-Control") != tt.cache {
				t.Errorf("status %d, cache %q, want %d, %q", w.Code, h.Get("Cache-Control"), tt.status, tt.cache)
			}
			if tt.body == "*" && body == "" || tt.body != "*" && body != tt.body {
				t.Errorf("body %q, want %q", body, tt.body)
			}
			if h.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("other sites may not read this")
			}
			if w.Code == 200 && (h.Get("Content-Length") == "" || h.Get("Content-Length") == "0" || h.Get("ETag") == "") {
				t.Errorf("length %q, tag %q", h.Get("Content-Length"), h.Get("ETag"))
			}
		})
	}
	if w := ask(t.Context(), o, "GET", "/hls/coffee/index.m3u8"); w.Code != 404 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("unknown channel: %d", w.Code)
	}
}

// Bodies do not depend on who asks: only so can they be shared by a cache.
func TestCompression(t *testing.T) {
	o, s := onAir(t)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(3)
	plain := get(t, o, "live.m3u8")
	for accept, want := range map[string]bool{
		"gzip": true, "br, gzip": true, "gzip;q=0.5": true, "deflate,gzip;q=1.0": true,
		"": false, "br": false, "gzip;q=0": false, "xgzip": false, "gzip;q=x": false,
	} {
		w := ask(t.Context(), o, "GET", "/hls/tea/live.m3u8", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: compressed %v", accept, got)
			continue
		}
		body := w.Body.Bytes()
		if want {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
			if w.Header().Get("ETag") == plain.Header().Get("ETag") {
				t.Error("one tag for two representations")
			}
		}
		if !bytes.Equal(body, plain.Body.Bytes()) || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: other body, or Vary %q", accept, w.Header().Get("Vary"))
		}
	}
	tag := plain.Header().Get("ETag")
	if w := ask(t.Context(), o, "GET", "/hls/tea/live.m3u8", "If-None-Match", `"x", W/`+tag); w.Code != 304 {
		t.Errorf("unchanged playlist: %d", w.Code)
	}
	s.part(1, false)
	if w := ask(t.Context(), o, "GET", "/hls/tea/live.m3u8", "If-None-Match", tag); w.Code != 200 {
		t.Errorf("changed playlist: %d", w.Code)
	}
}

// pending is a request that may be blocked.
type pending struct {
	w      *httptest.ResponseRecorder
	done   chan struct{}
	cancel func()
}

func begin(o *Origin, target string) *pending {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pending{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(p.done)
		p.w = ask(ctx, o, "GET", "/hls/tea/"+target)
	}()
	return p
}

// blocked reports, in a bubble, whether the request is still waiting when nothing else can happen.
func (p *pending) blocked() bool {
	synctest.Wait()
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// answered fails the test unless the request was answered so.
func (p *pending) answered(t *testing.T, status int, line string) {
	t.Helper()
	if p.blocked() {
		t.Fatalf("still waiting for %q", line)
	}
	if p.w.Code != status || !strings.Contains(p.w.Body.String(), line) {
		t.Fatalf("answered %d, want %d with %q\n%s", p.w.Code, status, line, p.w.Body)
	}
}

// In all of these the bubble fails the test too if a goroutine is left behind.
func TestBlockingReload(t *testing.T) {
	inBubble := func(name string, f func(t *testing.T, o *Origin, s *script)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := onAir(t)
				s.run("avc1.42c01f", "mp4a.40.2")
				s.segments(3)
				s.part(2, false)
				f(t, o, s)
			})
		})
	}
	inBubble("the next part", func(t *testing.T, o *Origin, s *script) {
		p := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=2")
		if !p.blocked() {
			t.Fatal("answered early")
		}
		s.part(1, false)
		p.answered(t, 200, "/p3.2.mp4")
	})
	inBubble("a part after the next", func(t *testing.T, o *Origin, s *script) {
		p := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=3")
		s.part(1, false)
		if !p.blocked() {
			t.Fatal("answered early")
		}
		s.part(1, false)
		p.answered(t, 200, "/p3.3.mp4")
	})
	inBubble("a whole segment", func(t *testing.T, o *Origin, s *script) {
		p := begin(o, "live.m3u8?_HLS_msn=3")
		s.part(2, false)
		if !p.blocked() {
			t.Fatal("answered early")
		}
		s.part(1, true)
		p.answered(t, 200, "/g3.mp4")
	})
	inBubble("a part past the end is the next segment's first", func(t *testing.T, o *Origin, s *script) {
		p := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=5")
		s.part(3, true) // the segment has five parts, the last being number 4
		if !p.blocked() {
			t.Fatal("answered early")
		}
		s.part(1, false)
		p.answered(t, 200, "/p4.0.mp4")
	})
	inBubble("a segment cut short by a lost encoder", func(t *testing.T, o *Origin, s *script) {
		part, whole := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=2"), begin(o, "live.m3u8?_HLS_msn=3")
		s.leave(false)
		whole.answered(t, 200, "/g3.mp4")
		if !part.blocked() {
			t.Fatal("answered early")
		}
		s.join()
		s.run("avc1.42c01f", "mp4a.40.2")
		s.part(1, false)
		part.answered(t, 200, "/p4.0.mp4")
	})
	inBubble("overdue", func(t *testing.T, o *Origin, s *script) {
		was, start := get(t, o, "live.m3u8").Body.String(), time.Now()
		p := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=2")
		<-p.done
		if d := time.Since(start); d != 1500*time.Millisecond {
			t.Errorf("waited %v", d)
		}
		whole := begin(o, "live.m3u8?_HLS_msn=3")
		<-whole.done
		if d := time.Since(start); d != 7500*time.Millisecond {
			t.Errorf("waited %v", d)
		}
		p.answered(t, 200, "#EXTM3U")
		if p.w.Body.String() != was || p.w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("changed, or may be cached as %q", p.w.Header().Get("Cache-Control"))
		}
	})
	inBubble("client gone", func(t *testing.T, o *Origin, s *script) {
		start := time.Now()
		var all []*pending
		for range 1000 {
			all = append(all, begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=2"))
		}
		synctest.Wait()
		for _, p := range all {
			p.cancel()
		}
		for _, p := range all {
			<-p.done
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("held for %v", d)
		}
	})
	inBubble("show ends", func(t *testing.T, o *Origin, s *script) {
		p, late := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=2"), begin(o, "live.m3u8?_HLS_msn=4&_HLS_part=0")
		synctest.Wait()
		o.End("tea")
		p.answered(t, 200, "#EXT-X-ENDLIST")
		late.answered(t, 200, "#EXT-X-ENDLIST")
		begin(o, "live.m3u8?_HLS_msn=99").answered(t, 200, "#EXT-X-ENDLIST")
	})
	inBubble("origin closes", func(t *testing.T, o *Origin, s *script) {
		p, hint := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=2"), begin(o, s.epoch+"/p3.2.mp4")
		synctest.Wait()
		o.Close()
		p.answered(t, 200, "#EXT-X-PRELOAD-HINT")
		hint.answered(t, 404, "no_such_file")
	})
	inBubble("a pin wakes nobody early", func(t *testing.T, o *Origin, s *script) {
		p := begin(o, "live.m3u8?_HLS_msn=3&_HLS_part=2")
		s.mark(DateRange{ID: "pin-1", Start: epoch})
		if !p.blocked() {
			t.Fatal("answered early")
		}
		s.part(1, false)
		p.answered(t, 200, "EXT-X-DATERANGE")
	})
	inBubble("hinted part", func(t *testing.T, o *Origin, s *script) {
		p := begin(o, s.epoch+"/p3.2.mp4")
		if !p.blocked() {
			t.Fatal("answered early")
		}
		s.part(1, false)
		p.answered(t, 200, "3.4s;")
	})
	inBubble("hinted part that never comes", func(t *testing.T, o *Origin, s *script) {
		start := time.Now()
		p := begin(o, s.epoch+"/p3.2.mp4")
		<-p.done
		p.answered(t, 404, "no_such_file")
		if d := time.Since(start); d != 6*time.Second || p.w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("waited %v, cache %q", d, p.w.Header().Get("Cache-Control"))
		}
	})
	inBubble("hinted part of a segment that was cut short", func(t *testing.T, o *Origin, s *script) {
		p := begin(o, s.epoch+"/p3.2.mp4")
		synctest.Wait()
		s.leave(false)
		p.answered(t, 404, "no_such_file")
	})
}

func TestBeforeTheFirstSegment(t *testing.T) {
	inBubble := func(name string, f func(t *testing.T, o *Origin, st *Stream)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &Origin{Log: quiet()}
				t.Cleanup(o.Close)
				f(t, o, o.Start("tea", Show{ID: "s"}))
			})
		})
	}
	inBubble("nobody publishes", func(t *testing.T, o *Origin, st *Stream) {
		for _, file := range []string{"index.m3u8", "live.m3u8", "live.m3u8?_HLS_msn=0"} {
			p := begin(o, file)
			p.answered(t, 404, "not_playable_yet")
			if p.w.Header().Get("Cache-Control") != "no-store" {
				t.Error("may be cached")
			}
		}
	})
	inBubble("first segment comes", func(t *testing.T, o *Origin, st *Stream) {
		st.Publish()
		index, live := begin(o, "index.m3u8"), begin(o, "live.m3u8")
		if !index.blocked() || !live.blocked() {
			t.Fatal("answered early")
		}
		s := &script{timeline: st.timeline, now: epoch}
		s.run("avc1.42c01f", "mp4a.40.2")
		s.segments(1)
		index.answered(t, 200, "live.m3u8")
		live.answered(t, 200, "/g0.mp4")
	})
	inBubble("it does not come", func(t *testing.T, o *Origin, st *Stream) {
		st.Publish()
		start, p := time.Now(), begin(o, "index.m3u8")
		<-p.done
		p.answered(t, 404, "not_playable_yet")
		if d := time.Since(start); d != firstWait {
			t.Errorf("waited %v", d)
		}
	})
	inBubble("encoder is replaced, then leaves", func(t *testing.T, o *Origin, st *Stream) {
		st.Publish()
		p := begin(o, "index.m3u8")
		second := st.Publish()
		if !p.blocked() {
			t.Fatal("answered early")
		}
		second.Close()
		p.answered(t, 404, "not_playable_yet")
	})
	inBubble("client gone", func(t *testing.T, o *Origin, st *Stream) {
		st.Publish()
		p := begin(o, "index.m3u8")
		synctest.Wait()
		p.cancel()
		<-p.done
	})
}

func FuzzRequests(f *testing.F) {
	o, s := onAir(f)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(3)
	s.finish() // so that nothing blocks
	f.Add("live.m3u8", "_HLS_msn=1&_HLS_part=2")
	f.Add("live.m3u8", "_HLS_skip=v2&_HLS_msn=&token")
	f.Add(s.epoch+"/p1.2.mp4", "")
	f.Add(s.epoch+"/g18446744073709551615.mp4", "_HLS_msn=18446744073709551615&_HLS_part=18446744073709551615")
	f.Fuzz(func(t *testing.T, file, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		r.SetPathValue("channel", "tea")
		r.SetPathValue("file", file)
		w := httptest.NewRecorder()
		o.Serve(w, r)
		if w.Code == http.StatusOK && w.Body.Len() == 0 {
			t.Error("empty 200")
		}
	})
}
