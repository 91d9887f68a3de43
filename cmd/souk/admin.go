package main

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"souk/hls"
	"souk/ingest"
	"souk/internal/api"
	"souk/show"
)

// adminRoutes is what operators see, on a listener of its own: profiles and
// figures are nobody else's business.
func (s *souk) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics(), promhttp.HandlerOpts{}))
	profiles(mux)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	return mux
}

func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /debug/lateness", api.Handler(lateness))
}

// readyz tells whether a request would be served: the database answers.
func (s *souk) readyz(w http.ResponseWriter, r *http.Request) {
	var one int
	if err := s.db.Read().QueryRowContext(r.Context(), "SELECT 1").Scan(&one); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	s.apart(w)
	healthz(w, r)
}

// metrics are counted where they happen and read here; nothing is labelled by
// person, key or address.
func (s *souk) metrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "souk", Name: name, Help: help}, value))
	}
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge("shows_live", "Shows with a publisher.", func() float64 { return float64(s.board.Count(show.Live)) })
	gauge("shows_paused", "Shows waiting for their encoder.", func() float64 { return float64(s.board.Count(show.Paused)) })
	gauge("sockets", "Open websockets.", func() float64 { return float64(s.hub.Stats().Sockets) })
	gauge("recordings", "Recordings, those being made included.", func() float64 { return float64(s.archive.Stats().Recordings) })
	gauge("recordings_bytes", "What recordings take.", func() float64 { return float64(s.archive.Stats().Bytes) })
	gauge("recordings_stopped", "Shows on air whose recording has stopped.", func() float64 { return float64(s.archive.Stats().Stopped) })
	for name, c := range map[string]struct {
		help  string
		value func(hls.ArchiveStats) int64
	}{
		"skipped_segments": {"Segments of shows that were to be recorded and were not.", func(n hls.ArchiveStats) int64 { return n.Skipped }},
		"failures":         {"Times that recording failed.", func(n hls.ArchiveStats) int64 { return n.Failures }},
		"removed":          {"Recordings removed by age or size.", func(n hls.ArchiveStats) int64 { return n.Removed }},
	} {
		reg.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Namespace: "souk", Subsystem: "recordings", Name: name + "_total", Help: c.help},
			func() float64 { return float64(c.value(s.archive.Stats())) }))
	}
	gauge("ingest_connections", "Open encoder connections.", func() float64 { return float64(s.ingest.Stats().Connections) })
	gauge("ingest_publishers", "Encoder connections that publish.", func() float64 { return float64(s.ingest.Stats().Publishers) })
	for _, c := range []struct {
		name, help string
		value      func(ingest.Stats) int64
	}{
		{"connections", "Encoder connections taken.", func(n ingest.Stats) int64 { return n.Accepted }},
		{"crowded", "Encoder connections closed because there are too many.", func(n ingest.Stats) int64 { return n.Crowded }},
		{"barred", "Encoder connections closed after too many wrong keys.", func(n ingest.Stats) int64 { return n.Barred }},
		{"refused", "Publishes refused.", func(n ingest.Stats) int64 { return n.Refused }},
		{"wrong_keys", "Publishes refused for their key.", func(n ingest.Stats) int64 { return n.WrongKeys }},
		{"contested", "Publishes refused because another encoder holds the channel.", func(n ingest.Stats) int64 { return n.Contested }},
		{"published", "Publishes let in.", func(n ingest.Stats) int64 { return n.Published }},
		{"takeovers", "Publishes that replaced another.", func(n ingest.Stats) int64 { return n.Takeovers }},
		{"panics", "Panics recovered in encoder connections.", func(n ingest.Stats) int64 { return n.Panics }},
		{"bytes", "Bytes of audio and video.", func(n ingest.Stats) int64 { return n.Bytes }},
		{"video_frames", "Video frames.", func(n ingest.Stats) int64 { return n.VideoFrames }},
		{"audio_frames", "Audio frames.", func(n ingest.Stats) int64 { return n.AudioFrames }},
		{"late_frames", "Frames that came far behind their time.", func(n ingest.Stats) int64 { return n.Late }},
		{"repaired_frames", "Frames whose timestamps made no sense.", func(n ingest.Stats) int64 { return n.Repaired }},
		{"dropped_messages", "Messages that made no sense.", func(n ingest.Stats) int64 { return n.Dropped }},
	} {
		reg.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Namespace: "souk", Subsystem: "ingest", Name: c.name + "_total", Help: c.help},
			func() float64 { return float64(c.value(s.ingest.Stats())) }))
	}
	reg.MustRegister(publishers{s.ingest})
	if s.bus != nil {
		s.nodeMetrics(reg)
	}
	return reg
}
