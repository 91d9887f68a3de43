package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of the HTTP side.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeader         = 32 << 10
	requestTimeout    = time.Minute     // for one request to arrive, and for its answer to be taken
	answerTimeout     = 6 * time.Second // after SIGTERM, for running answers; then connections are cut
	drainTimeout      = 8 * time.Second // …and for everything; the promise is 10 s in all
)

// part is one long-lived thing: it returns after its goroutines ended.
type part func(context.Context) error

// runServe is `souk serve`.
func runServe(ctx context.Context, c *cli, args []string) error {
	cfg, rest, err := parse(c, "serve", args, nil)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: serve takes flags only, not %q", errUsage, rest[0])
	}
	if cfg.Origin != "" {
		return serveEdge(ctx, cfg, c.logger(cfg.LogLevel))
	}
	return serve(ctx, cfg, c.logger(cfg.LogLevel), func(ctx context.Context, s *souk, _ *listeners) (any, []part, error) {
		extra, err := s.offerSetup(ctx)
		printSetup(c, extra)
		return extra, nil, err
	})
}

// serve builds the server, opens every listener, runs it until ctx ends, and
// drains it. seed runs once the database can be written and before anybody
// can reach the server; what it returns joins the ready file and the parts.
func serve(ctx context.Context, cfg Config, log *slog.Logger, seed func(context.Context, *souk, *listeners) (any, []part, error)) error {
	release, err := claim(cfg)
	if err != nil {
		return err
	}
	defer release()
	s, err := build(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.db.Close()
	// The database ends last: whatever is being finished still needs it.
	lasting, stopLasting := context.WithCancel(context.WithoutCancel(ctx))
	var database sync.WaitGroup
	database.Go(func() { _ = s.db.Run(lasting) })
	defer database.Wait()
	defer stopLasting()

	// Listeners first: a server that cannot open its ports must not have touched
	// the shows of the one that has them.
	ln, err := listen(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer ln.close()
	if err := s.load(ctx); err != nil {
		return err
	}
	s.reachedAt(ln)
	var extra any
	var more []part
	if seed != nil {
		if extra, more, err = seed(ctx, s, ln); err != nil {
			return err
		}
	}
	parts := append(more,
		s.accounts.Run, s.board.Run, s.origin.Run, s.archive.Run, s.hub.Run, s.records.Run, s.watchRoles, s.watchSessions, s.shop.Run, s.sandboxRun,
		s.countViewers, s.board.KeepNumbers, s.stills.Run,
		keepHeapSmall(s.origin.Held),
		func(ctx context.Context) error { return s.keys.watch(ctx, s.cutPublisher) },
		func(ctx context.Context) error { return s.ingest.Serve(ctx, ln.rtmp) },
		serveHTTP(ln.http, s.routes(), log),
		serveHTTP(ln.admin, s.adminRoutes(), log),
		func(ctx context.Context) error { return announce(ctx, cfg.ReadyFile, ln, extra, log) },
	)
	parts = append(parts, s.nodeParts()...)
	if ln.rtmps != nil {
		parts = append(parts, func(ctx context.Context) error { return s.ingest.Serve(ctx, ln.rtmps) })
	}
	err = run(ctx, log, parts...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// run runs the parts until the first of them returns, then stops the rest and
// waits for them, drainTimeout at most: a missing part is a broken shop.
func run(ctx context.Context, log *slog.Logger, parts ...part) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for _, p := range parts {
		all.Go(func() { stop(p(ctx)) })
	}
	<-ctx.Done()
	log.Info("stopping")
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(drainTimeout):
		log.Error("not everything ended in time", "waited", drainTimeout)
	}
	return context.Cause(ctx)
}

// listeners are the open doors. Opening comes before running, so that a port
// in use is an ordinary error.
type listeners struct {
	http, rtmp, rtmps, admin net.Listener
}

func listen(ctx context.Context, cfg Config, log *slog.Logger) (*listeners, error) {
	ln := &listeners{}
	open := func(to *net.Listener, name, address string) error {
		if address == "" {
			return nil
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		*to = l
		return nil
	}
	err := errors.Join(
		open(&ln.http, "http", cfg.HTTP), open(&ln.rtmp, "rtmp", cfg.RTMP),
		open(&ln.rtmps, "rtmps", cfg.RTMPS), open(&ln.admin, "admin", cfg.Admin))
	if err == nil && (ln.http == nil || ln.rtmp == nil && cfg.Origin == "" || ln.admin == nil) {
		err = fmt.Errorf("%w: --http, --rtmp and --admin need an address", errUsage)
	}
	if err == nil && ln.rtmps != nil {
		var c *certificate
		if c, err = loadCertificate(cfg.TLSCert, cfg.TLSKey, log); err == nil {
			ln.rtmps = tls.NewListener(ln.rtmps, &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12})
		}
	}
	if err != nil {
		ln.close()
		return nil, err
	}
	return ln, nil
}

func (l *listeners) close() {
	for _, ln := range []net.Listener{l.http, l.rtmp, l.rtmps, l.admin} {
		if ln != nil {
			_ = ln.Close() // servers close their own; twice does no harm
		}
	}
}

// serveHTTP returns the part that serves h on ln. When it is told to stop it
// lets running answers end; those that wait for something else to happen end
// with the request context.
func serveHTTP(ln net.Listener, h http.Handler, log *slog.Logger) part {
	return func(ctx context.Context) error {
		requests, cut := context.WithCancel(context.WithoutCancel(ctx))
		defer cut()
		s := &http.Server{
			Handler: h, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
			ReadTimeout: requestTimeout, WriteTimeout: requestTimeout, // media and websockets have their own
			ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
			BaseContext: func(net.Listener) context.Context { return requests },
		}
		failed := make(chan error, 1)
		go func() { failed <- s.Serve(ln) }()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		cut()
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		err := s.Shutdown(deadline)
		if err != nil {
			err = s.Close() // somebody who neither finishes asking nor takes the answer
		}
		<-failed
		return errors.Join(context.Cause(ctx), err)
	}
}
