package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"souk/chat/client"
	"souk/internal/db/dbtest"
	"souk/internal/redistest"
)

// server is a souk process among others over one database and one Redis.
type server struct {
	t     *testing.T
	run   *exec.Cmd
	ended chan struct{}
	http  string
	rtmp  string
	admin string
	log   *bytes.Buffer
}

// addHost makes Hana, who owns channel tea.
func addHost(t *testing.T, database string) {
	t.Helper()
	add := exec.Command("souk", "user", "add", "--database", database, "--data", t.TempDir(), "--email", "h@shop.example", "--name", "Hana", "--channel", "tea", "--title", "Tea House")
	add.Stdin = strings.NewReader("a long password\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
}

func startNode(t *testing.T, database, redisFile string) *server {
	t.Helper()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready.json")
	s := &server{t: t, ended: make(chan struct{}), log: &bytes.Buffer{}}
	s.run = exec.Command("souk", "serve", "--http", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--data", dir, "--database", database, "--ready-file", ready, "--grace", "4s")
	s.run.Env = append(os.Environ(), "SOUK_REDIS_FILE="+redisFile)
	s.run.Stderr = s.log
	s.run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.run.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(s.ended); _ = s.run.Wait() }()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("[server log]\n%s", s.log)
		}
	})
	eventually(t, "the server is ready", func() bool {
		b, err := os.ReadFile(ready)
		var doc struct{ HTTP, RTMP, Admin string }
		if err != nil || json.Unmarshal(b, &doc) != nil {
			return false
		}
		s.http, s.rtmp, s.admin = doc.HTTP, doc.RTMP, doc.Admin
		return true
	})
	return s
}

func (s *server) kill() {
	_ = s.run.Process.Kill()
	<-s.ended
}

// call does a request as the API takes it and returns the answer.
func (s *server) call(token, method, path string, body any, want int) map[string]any {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if path == "/orders" {
		r.Header.Set("Idempotency-Key", uuid.Must(uuid.NewV7()).String())
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode != want {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, res.StatusCode, answer, want)
	}
	doc := map[string]any{}
	_ = json.Unmarshal(answer, &doc)
	return doc
}

// visitor is somebody in the room of channel tea.
type visitor struct {
	*client.Client
	t *testing.T
}

func (s *server) visit(token string, from client.Position) visitor {
	s.t.Helper()
	c, err := client.Connect(s.t.Context(), client.Dial{URL: "ws" + strings.TrimPrefix(s.http, "http") + "/ws/tea", Token: token, From: from})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Drop() })
	return visitor{c, s.t}
}

// sees waits for an event of a type ("": any) that says what, and returns it.
func (v visitor) sees(typ, what string) client.Incoming {
	v.t.Helper()
	limit := time.NewTimer(storyPatience)
	defer limit.Stop()
	for {
		select {
		case e, ok := <-v.Events():
			if !ok {
				v.t.Fatalf("waiting for %s %q: %v", typ, what, v.Err())
			}
			if (typ == "" || e.Type == typ) && strings.Contains(string(e.Data), what) {
				return e
			}
		case <-limit.C:
			v.t.Fatalf("no %s with %q", typ, what)
		}
	}
}

func (v visitor) say(text string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), storyPatience)
	defer cancel()
	if r, err := v.Say(ctx, text); err != nil || !r.OK {
		v.t.Fatalf("say %q: %+v, %v", text, r, err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(storyPatience)
	defer limit.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("never: %s", what)
		case <-poll.C:
		}
	}
}

// Two servers, one shop: what happens on one is on the screens of the other,
// also around a Redis that is killed and a server that is.
func TestTwoServers(t *testing.T) {
	database, redis := dbtest.Postgres(t), redistest.Start(t)
	file := filepath.Join(t.TempDir(), "redis")
	if err := os.WriteFile(file, []byte(redis.URL()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addHost(t, database)
	a, b := startNode(t, database, file), startNode(t, database, file)
	host, _ := a.call("", "POST", "/login", map[string]any{"email": "h@shop.example", "password": "a long password"}, 200)["token"].(string)
	guest, _ := b.call("", "POST", "/guests", map[string]any{"name": "Mira"}, 201)["token"].(string)
	hana, mira := a.visit(host, client.Position{}), b.visit(guest, client.Position{})
	began := mira.sees("welcome", "")
	if own := hana.sees("welcome", ""); own.Epoch != began.Epoch {
		t.Fatalf("epochs %s and %s", own.Epoch, began.Epoch)
	}

	// A card pinned on one server is bought on the other.
	price := map[string]any{"amount": 1250, "currency": "USD"}
	product, _ := a.call(host, "POST", "/channels/tea/products", map[string]any{"sku": "cup", "title": "Cup", "price": price, "stock": 3}, 201)["id"].(string)
	id, _ := a.call(host, "PUT", "/channels/tea/pin", map[string]any{"product": product}, 200)["pin"].(string)
	mira.sees("pinned", product)
	b.call(guest, "PUT", "/me", map[string]any{"email": "m@example.com", "address": map[string]any{
		"name": "Mira", "line1": "1 Road", "city": "Leeds", "postal_code": "LS1 1AA", "country": "GB"}}, 200)
	b.call(guest, "POST", "/me/payment-methods", map[string]any{"test": "pm_card_visa"}, 200)
	b.call(guest, "POST", "/orders", map[string]any{"channel": "tea", "pin": id, "quantity": 1}, 200)
	for _, who := range []visitor{hana, mira} {
		who.sees("stock", `"available":2`)
	}
	hana.sees("order", `"paid"`)

	// Redis dies: each goes on. It comes back: everybody has everything.
	redis.Kill()
	hana.say("alone on a")
	hana.sees("message", "alone on a")
	mira.say("alone on b")
	mira.sees("message", "alone on b")
	if r, err := http.Get(b.admin + "/readyz"); err != nil || r.StatusCode != 200 || r.Header.Get("Souk-Degraded") != "redis" {
		t.Errorf("/readyz without Redis: %v, %v", r, err)
	}
	redis.Restart()
	for _, s := range []*server{a, b} {
		eventually(t, "the conversation is whole on both", func() bool {
			v := s.visit("", client.Position{})
			defer v.Close()
			w := string(v.sees("welcome", "").Data)
			return strings.Count(w, `"alone on a"`) == 1 && strings.Count(w, `"alone on b"`) == 1
		})
	}
	// A server dies: its people go on where they were, on the other one.
	mira.sees("", "alone on a") // in a fresh history, or as a message after it
	hana.sees("", "alone on b")
	mira.say("before")
	hana.sees("message", "before")
	mira.sees("message", "before") // her server may learn of it after the other one
	at := hana.Position()
	a.kill()
	mira.say("meanwhile")
	hana = b.visit(host, at)
	if w := hana.sees("welcome", ""); !strings.Contains(string(w.Data), `"resumed":true`) {
		t.Errorf("not resumed on the other server: %s", w.Data)
	}
	if e := hana.sees("message", ""); !strings.Contains(string(e.Data), "meanwhile") || e.Seq != at.Seq+1 {
		t.Errorf("then came %d %s, from %d", e.Seq, e.Data, at.Seq)
	}
	if out, err := exec.Command("souk", "fsck", "--database", database, "--data", t.TempDir()).CombinedOutput(); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
}
