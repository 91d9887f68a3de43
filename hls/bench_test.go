package hls

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"
)

// nowhere is a response writer that costs nothing itself.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// benchClip is of the size that shows have: 720p at 2.5 Mb/s.
func benchClip(b testing.TB) clip {
	return makeClip(b, "-f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 12"+
		" -c:v libx264 -preset ultrafast -pix_fmt yuv420p -tune zerolatency -g 30 -b:v 2500k -maxrate 2500k -bufsize 2500k "+testAudio)
}

// benched is a stream with a full window, and a muxer with the same media.
func benched(b *testing.B) (*Origin, *view, *reference) {
	o := &Origin{Log: quiet()}
	b.Cleanup(o.Close)
	st := o.Start("tea", Show{ID: "s"})
	s, c := st.Publish(), benchClip(b)
	c.play(b, s, epoch)
	m := newReference(b, c)
	m.play(b, c)
	return o, st.timeline.look(0), m
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
	o, _, m := benched(b)
	b.Run("ours", func(b *testing.B) { benchmarkHandler(b, o.Serve, request("live.m3u8")) })
	b.Run("ours/gzip", func(b *testing.B) { benchmarkHandler(b, o.Serve, request("live.m3u8", "Accept-Encoding", "gzip")) })
	b.Run("muxer", func(b *testing.B) { benchmarkHandler(b, m.Handle, request(m.lists[Video])) })
}

func BenchmarkPart(b *testing.B) {
	o, v, m := benched(b)
	b.Run("ours", func(b *testing.B) { benchmarkHandler(b, o.Serve, request(v.segments[len(v.segments)-1].parts[1].name)) })
	segments := m.last[Video].Segments
	uri := segments[len(segments)-1].Parts[1].URI
	b.Run("muxer", func(b *testing.B) { benchmarkHandler(b, m.Handle, request(uri)) })
}

// The same over HTTP on loopback with kept connections, client included.
func BenchmarkOverHTTP(b *testing.B) {
	o, v, m := benched(b)
	ours := http.NewServeMux()
	ours.HandleFunc("GET /hls/{channel}/{file...}", o.Serve)
	for name, tt := range map[string]struct {
		h    http.Handler
		file string
	}{
		"playlist/ours":  {ours, "live.m3u8"},
		"playlist/muxer": {http.HandlerFunc(m.Handle), m.lists[Video]},
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

// What a second of media costs the encoder's goroutine, from frame to view, with one viewer whose player asks for every
// playlist compressed. In a process of ten sessions multiply by ten.
func BenchmarkIngest(b *testing.B) {
	for name, make := range map[string]func(testing.TB) clip{
		"2.5Mbit": benchClip, "6Mbit": fullClip, "three renditions": ladder,
	} {
		b.Run(name, func(b *testing.B) {
			c := make(b)
			b.ReportAllocs()
			o := &Origin{Log: quiet()}
			defer o.Close()
			st := o.Start("tea", Show{ID: "s"})
			seconds := 0
			var seen *view
			before := cpuTime(b)
			for b.Loop() {
				s := st.Publish()
				c.announce(b, s)
				for _, f := range c.frames {
					f.Arrived = epoch.Add(time.Duration(seconds)*time.Second + f.DTS)
					if err := s.Write(f); err != nil {
						b.Fatal(err)
					}
					if v := st.timeline.look(0); v != seen && v.media != nil {
						seen = v
						v.media.gz()
					}
				}
				seconds += 12
				s.Close()
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(seconds), "cpu-µs/media-s")
		})
	}
}

// The same media through a gohlslib.Muxer alone, without anything to read it.
func BenchmarkIngestMuxer(b *testing.B) {
	c := fullClip(b)
	b.ReportAllocs()
	seconds := 0
	before := cpuTime(b)
	for b.Loop() {
		m := newReference(b, c)
		for _, f := range c.frames {
			m.write(b, f)
		}
		m.Close()
		seconds += 12
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(seconds), "cpu-µs/media-s")
}

// cpuTime is what the process has used so far: on a busy machine the wall clock tells little.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fullClip is 1080p at 6 Mb/s.
func fullClip(b testing.TB) clip {
	return makeClip(b, "-f lavfi -i testsrc2=size=1920x1080:rate=30,noise=alls=20:allf=t -f lavfi -i sine=frequency=440:sample_rate=48000 -t 12"+
		" -c:v libx264 -preset ultrafast -pix_fmt yuv420p -tune zerolatency -g 30 -b:v 6000k -minrate 6000k -maxrate 6000k -bufsize 6000k "+testAudio)
}
