package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// edgeCmd starts a second server in front of the one that runs. Paths of the
// story lead to it from then on: $HTTP is its address.
func edgeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: edge")
	}
	exe, err := exec.LookPath("souk")
	ts.Check(err)
	ready := filepath.Join(ts.MkAbs("."), "edge.json")
	c := exec.Command(exe, "serve", "--origin", ts.Getenv("HTTP"), "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--data", ts.MkAbs("never-made"), "--ready-file", ready)
	c.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	var log bytes.Buffer
	c.Stderr, c.Stdout = &log, io.Discard
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(c.Start())
	exited := make(chan error, 1)
	go func() { exited <- c.Wait() }()
	ts.Defer(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-exited:
			if err != nil {
				ts.Fatalf("the edge, after SIGTERM: %v\n%s", err, log.String())
			}
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
			ts.Fatalf("the edge still runs 10 s after SIGTERM\n%s", log.String())
		}
		ts.Logf("[edge log]\n%s", log.String())
	})
	(&world{exited: exited}).await(ts, ready)
	ts.Setenv("EDGE", ts.Getenv("HTTP"))
}

// advancesCmd waits for a playlist whose media sequence is above a former one.
func advancesCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: advances FILE PATH")
	}
	was := numbered(ts, args[0])
	last := ""
	for deadline := time.Now().Add(storyPatience); time.Now().Before(deadline); <-time.After(100 * time.Millisecond) {
		resp, err := http.Get(ts.Getenv("HTTP") + args[1])
		if err != nil {
			continue
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		last = string(b)
		if m := mediaSequence.FindStringSubmatch(last); m != nil {
			if n, _ := strconv.Atoi(m[1]); n > was.first {
				return
			}
		}
	}
	ts.Fatalf("never above %d:\n%s", was.first, last)
}

// An edge must not be its own origin, however it is addressed.
func TestEdgeOfItself(t *testing.T) {
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer srv.Close()
	env := func(string) (string, bool) { return "", false }
	cfg, _, err := parse(&cli{env: env}, "serve", []string{"--origin", strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := newEdgeNode(cfg, slog.New(slog.DiscardHandler))
	handler = n.routes()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if err := n.watch(ctx); !errors.Is(err, errUsage) {
		t.Errorf("the edge is content with itself: %v", err)
	}
	resp, err := http.Get(srv.URL + "/live/tea")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusLoopDetected {
		t.Errorf("a page through the loop: %d", resp.StatusCode)
	}
}

// What an edge passes on says who asked and under which name.
func TestEdgePassesOn(t *testing.T) {
	var got http.Header
	var host string
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, host = r.Header.Clone(), r.Host
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusSeeOther)
	}))
	env := func(string) (string, bool) { return "", false }
	cfg, _, err := parse(&cli{env: env}, "serve", []string{"--origin", origin.URL + "/", "--proxies", "10.0.0.0/8"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newEdgeNode(cfg, slog.New(slog.DiscardHandler)).routes()
	ask := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "http://shop.example/api/v1/login?x=1", strings.NewReader("{}"))
		r.RemoteAddr = "10.0.0.9:1234"
		r.Header.Set("X-Forwarded-For", "203.0.113.7, 198.51.100.2")
		r.Header.Set("Cookie", "souk_session=1")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := ask(); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/elsewhere" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if host != "shop.example" || got.Get("X-Forwarded-For") != "198.51.100.2" || got.Get("Cookie") != "souk_session=1" || !strings.Contains(got.Get("Via"), "souk-edge-") {
		t.Errorf("host %q, %v", host, got)
	}
	origin.Close()
	if w := ask(); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "origin_away") || w.Header().Get("Retry-After") == "" {
		t.Errorf("origin away: %d %v %s", w.Code, w.Header(), w.Body)
	}
}
