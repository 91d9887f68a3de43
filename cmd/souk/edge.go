package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"souk/hls"
	"souk/internal/api"
)

// proxyIdle is how many connections an edge keeps to its origin for pages and
// calls. Media have their own.
const proxyIdle = 128

// probeEvery is how often an edge that starts looks for its origin.
const probeEvery = time.Second

// edgeNode is souk in front of another souk: it serves media itself and passes
// everything else on. It has no database, no shop and no encoders.
type edgeNode struct {
	cfg   Config
	log   *slog.Logger
	edge  *hls.Edge
	proxy *httputil.ReverseProxy
}

// serveEdge is `souk serve --origin URL`.
func serveEdge(ctx context.Context, cfg Config, log *slog.Logger) error {
	cfg.RTMP, cfg.RTMPS = "", "" // encoders push to the origin
	n := newEdgeNode(cfg, log)
	ln, err := listen(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer ln.close()
	err = run(ctx, log,
		n.edge.Run, n.watch,
		serveHTTP(ln.http, n.routes(), log),
		serveHTTP(ln.admin, n.adminRoutes(), log),
		func(ctx context.Context) error { return announce(ctx, cfg.ReadyFile, ln, nil, log) },
	)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func newEdgeNode(cfg Config, log *slog.Logger) *edgeNode {
	origin, _ := url.Parse(cfg.Origin) // checked at start
	n := &edgeNode{cfg: cfg, log: log, edge: &hls.Edge{Origin: origin, Log: log}}
	n.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(origin)
			r.Out.Host = r.In.Host // links, cookies and the check for other sites go by the name people use
			r.SetXForwarded()
			r.Out.Header["Via"] = r.In.Header["Via"]
			n.edge.Sign(r.Out.Header)
		},
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: proxyIdle, IdleConnTimeout: idleTimeout, DisableCompression: true,
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Debug("origin does not answer", "path", r.URL.Path, "err", err)
			api.Wrap(log, originAway).ServeHTTP(w, r)
		},
	}
	return n
}

func originAway(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Retry-After", "2")
	return api.Fail(http.StatusBadGateway, "origin_away", "The server behind this one does not answer. Try again in a moment.")
}

// routes answers media from here and all else from the origin.
func (n *edgeNode) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hls/{channel}/{file...}", n.edge.Serve)
	mux.HandleFunc("/hls/replay/", n.edge.Pull)
	mux.HandleFunc("/thumb/", n.edge.Pull)
	mux.HandleFunc("GET /healthz", healthz)
	mux.Handle("/", n.proxy)
	trusted, _ := parseProxies(n.cfg.Proxies) // checked at start
	return behindProxies(trusted, n.edge.Guard(mux))
}

// watch looks for the origin once and ends the program when that is this very
// server. An origin that is away may come later.
func (n *edgeNode) watch(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for told := false; ; told = true {
		err := n.edge.Probe(ctx)
		switch {
		case errors.Is(err, hls.ErrLoop):
			return fmt.Errorf("%w: --origin leads back to this server", errUsage)
		case err == nil:
			n.log.Info("serving another node", "origin", n.cfg.Origin)
			<-ctx.Done()
			return context.Cause(ctx)
		case !told:
			n.log.Warn("origin does not answer yet", "origin", n.cfg.Origin, "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (n *edgeNode) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics(), promhttp.HandlerOpts{}))
	profiles(mux)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := n.edge.Probe(r.Context()); err != nil {
			http.Error(w, "the origin does not answer", http.StatusServiceUnavailable)
			return
		}
		healthz(w, r)
	})
	return mux
}

func (n *edgeNode) metrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	figure := func(name, help string, value func(hls.EdgeStats) int64) {
		now := func() float64 { return float64(value(n.edge.Stats())) }
		if strings.HasSuffix(name, "_total") {
			reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "souk", Subsystem: "edge", Name: name, Help: help}, now))
		} else {
			reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "souk", Subsystem: "edge", Name: name, Help: help}, now))
		}
	}
	figure("channels", "Channels followed at the origin.", func(s hls.EdgeStats) int64 { return s.Channels })
	figure("renditions", "Renditions followed at the origin.", func(s hls.EdgeStats) int64 { return s.Renditions })
	figure("playlist_requests_total", "Playlists that followers asked the origin for.", func(s hls.EdgeStats) int64 { return s.Playlists })
	figure("media_requests_total", "Media that followers asked the origin for.", func(s hls.EdgeStats) int64 { return s.Media })
	figure("pull_requests_total", "Requests to the origin because somebody asked for something that is not followed.", func(s hls.EdgeStats) int64 { return s.Pulls })
	figure("failed_requests_total", "Of all these, without a usable answer.", func(s hls.EdgeStats) int64 { return s.Failed })
	figure("shared_answers_total", "Answers to what is not followed that took no request to the origin.", func(s hls.EdgeStats) int64 { return s.Shared })
	return reg
}
