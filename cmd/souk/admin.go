package main

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"souk/show"
)

// adminRoutes is what operators see, on a listener of its own: profiles and
// figures are nobody else's business.
func (s *souk) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	return mux
}

// readyz tells whether a request would be served: the database answers.
func (s *souk) readyz(w http.ResponseWriter, r *http.Request) {
	var one int
	if err := s.db.Read().QueryRowContext(r.Context(), "SELECT 1").Scan(&one); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
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
	return reg
}
