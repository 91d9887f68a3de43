//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	stopPatience = 15 * time.Second
	hostPassword = "a password of the load test"
)

// server is a process that was started for a comparison.
type server struct {
	kind, url, admin string
	token, product   string // souk
	run              *exec.Cmd
}

// end stops it; a server that does not end by itself is killed.
func (s *server) end() {
	_ = s.run.Process.Signal(syscall.SIGTERM)
	t := time.AfterFunc(stopPatience, func() { _ = s.run.Process.Kill() })
	defer t.Stop()
	_ = s.run.Wait()
}

// fill tells a load whom to measure.
func (s *server) fill(l load) load {
	l.Kind, l.URL, l.Token, l.PID, l.Channel = s.kind, s.url, s.token, s.run.Process.Pid, "tea"
	l.Sources = 8
	return l
}

// plain starts a server that prints its address.
func plain(kind, program string, args ...string) (*server, error) {
	s := &server{kind: kind, run: exec.Command(program, args...)}
	s.run.Stderr = os.Stderr
	out, err := s.run.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.run.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if s.url = strings.TrimSpace(line); err != nil {
		s.end()
		return nil, fmt.Errorf("%s has no address: %w", kind, err)
	}
	return s, nil
}

// startSouk starts a souk of its own in dir: a channel, its host, a product.
func startSouk(program, dir string) (*server, error) {
	dir, err := os.MkdirTemp(dir, "souk")
	if err != nil {
		return nil, err
	}
	data, ready := filepath.Join(dir, "data"), filepath.Join(dir, "ready")
	user := exec.Command(program, "user", "add", "--data", data, "--email", "host@load.example", "--name", "Host", "--channel", "tea", "--title", "Tea")
	user.Stdin = strings.NewReader(hostPassword + "\n")
	if out, err := user.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make a host: %w: %s", err, out)
	}
	s := &server{kind: "souk", run: exec.Command(program, "serve", "--data", data, "--ready-file", ready, "--log-level", "warn",
		"--http", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--admin", "127.0.0.1:0")}
	s.run.Stderr = os.Stderr
	if err := s.run.Start(); err != nil {
		return nil, err
	}
	if err := s.open(ready); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func (s *server) open(ready string) error {
	var at struct{ HTTP, Admin string }
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(ready)
		if err == nil {
			if err := json.Unmarshal(b, &at); err != nil {
				return err
			}
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("souk is not ready: %w", err)
		}
	}
	s.url, s.admin = at.HTTP, at.Admin
	var login struct{ Token string }
	if err := s.post("/api/v1/login", map[string]any{"email": "host@load.example", "password": hostPassword}, &login); err != nil {
		return err
	}
	s.token = login.Token
	var product struct{ ID string }
	err := s.post("/api/v1/channels/tea/products", map[string]any{"sku": "cup", "title": "Cup", "stock": 5,
		"price": map[string]any{"amount": 100, "currency": "EUR"}}, &product)
	s.product = product.ID
	return err
}

func (s *server) post(path string, body, into any) error {
	req, err := http.NewRequest(http.MethodPost, s.url+path, bytes.NewReader(must(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	return call(req, into)
}

func call(req *http.Request, into any) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return errors.New(req.URL.Path + ": " + res.Status + " " + string(b))
	}
	return json.Unmarshal(b, into)
}

// lateness is how late a sleeper in the server's process wakes up, ms.
type lateness struct {
	P50   float64 `json:"ms_p50"`
	P99   float64 `json:"ms_p99"`
	Worst float64 `json:"ms_worst"`
}

// sleeper watches for a while, beside what the server does.
func (s *server) sleeper(span time.Duration) (l lateness, err error) {
	req, err := http.NewRequest(http.MethodGet, s.admin+"/debug/lateness?for="+span.String(), nil)
	if err == nil {
		err = call(req, &l)
	}
	return l, err
}
