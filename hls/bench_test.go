package hls

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
)

// nowhere is a response writer that costs nothing itself.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// benchClip is of the size that shows have: 720p at 2.5 Mb/s.
func benchClip(b *testing.B) clip {
	return makeClip(b, "-f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 12"+
		" -c:v libx264 -preset ultrafast -pix_fmt yuv420p -tune zerolatency -g 30 -b:v 2500k -maxrate 2500k -bufsize 2500k "+testAudio)
}

// benched is a stream with a full window, and the muxer behind it.
func benched(b *testing.B) (*Origin, *view, *gohlslib.Muxer, *tap) {
	o := &Origin{Log: quiet()}
	b.Cleanup(o.Close)
	st := o.Start("tea", Show{ID: "s"})
	s := st.Publish()
	benchClip(b).play(b, s, epoch)
	r := s.feed.run.lanes[0]
	return o, st.timeline.look(0), r.muxer, &r.tap
}

func request(file string, header ...string) *http.Request {
	r := &http.Request{Method: "GET", URL: &url.URL{Path: "/hls/tea/" + file}, Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.SetPathValue("channel", "tea")
	r.SetPathValue("file", file)
	return r
}

func benchmarkHandler(b *testing.B, h func(http.ResponseWriter, *http.Request), r *http.Request) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		w := &nowhere{header: http.Header{}}
		for pb.Next() {
			clear(w.header)
			h(w, r)
		}
	})
}

// What one request costs in the handler, beside the muxer's own.
func BenchmarkPlaylist(b *testing.B) {
	o, _, m, t := benched(b)
	b.Run("ours", func(b *testing.B) { benchmarkHandler(b, o.Serve, request("live.m3u8")) })
	b.Run("ours/gzip", func(b *testing.B) { benchmarkHandler(b, o.Serve, request("live.m3u8", "Accept-Encoding", "gzip")) })
	b.Run("muxer", func(b *testing.B) { benchmarkHandler(b, m.Handle, request(t.video)) })
}

func BenchmarkPart(b *testing.B) {
	o, v, m, t := benched(b)
	b.Run("ours", func(b *testing.B) { benchmarkHandler(b, o.Serve, request(v.segments[len(v.segments)-1].parts[1].name)) })
	lead, err := t.follow(t.video)
	if err != nil {
		b.Fatal(err)
	}
	uri := lead.Segments[len(lead.Segments)-1].Parts[1].URI
	b.Run("muxer", func(b *testing.B) { benchmarkHandler(b, m.Handle, request(uri)) })
}

// The same over HTTP on loopback with kept connections, client included.
func BenchmarkOverHTTP(b *testing.B) {
	o, v, m, t := benched(b)
	ours := http.NewServeMux()
	ours.HandleFunc("GET /hls/{channel}/{file...}", o.Serve)
	for name, tt := range map[string]struct {
		h    http.Handler
		file string
	}{
		"playlist/ours":  {ours, "live.m3u8"},
		"playlist/muxer": {http.HandlerFunc(m.Handle), t.video},
		"part/ours":      {ours, v.segments[len(v.segments)-1].parts[1].name},
	} {
		b.Run(name, func(b *testing.B) {
			srv := httptest.NewServer(tt.h)
			defer srv.Close()
			client := srv.Client()
			for b.Loop() {
				r, err := client.Get(srv.URL + "/hls/tea/" + tt.file)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		})
	}
}

// What a second of media costs the encoder's goroutine, from frame to view.
func BenchmarkIngest(b *testing.B) {
	c := benchClip(b)
	b.ReportAllocs()
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	seconds := 0
	for b.Loop() {
		s := st.Publish()
		c.play(b, s, epoch.Add(time.Duration(seconds)*time.Second))
		seconds += 12
		s.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(seconds), "µs/media-s")
}
