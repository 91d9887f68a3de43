package shop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"souk/internal/db"
	"souk/shop"
	"souk/shop/sandbox"
	"souk/shop/stripe"
)

// A till is a shop in a process of its own: this test binary, started again. It
// is killed the way power fails, with SIGKILL, at named points or at any moment;
// the next one over the same database has to make good what it left.
//
// Points are where the shop meets the outside (its provider, rooms, timeline),
// so that the shop itself has no code for being killed.

// How a till is told what to do.
const (
	tillDatabase = "SOUK_TEST_TILL"       // address of its database
	tillDies     = "SOUK_TEST_TILL_DIES"  // the point where it is killed
	tillChaos    = "SOUK_TEST_TILL_CHAOS" // share of what goes wrong at the provider
	tillMute     = "SOUK_TEST_TILL_MUTE"  // the provider never answers a request for money
)

// here is the point of which name the process dies.
func here(point string) {
	if os.Getenv(tillDies) == point {
		die()
	}
}

// around kills the process within the next moments: somewhere in what follows.
func around(point string) {
	if os.Getenv(tillDies) == point {
		time.AfterFunc(time.Duration(time.Now().UnixNano()%600_000), die)
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// runTill is the process. It says where it listens and serves until killed.
func runTill() error {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	d, err := db.Open(ctx, os.Getenv(tillDatabase), log)
	if err != nil {
		return err
	}
	for _, s := range schemas {
		if err := d.Migrate(ctx, s.Package, s.Files); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	box := sandbox.New(d, log)
	box.HookSecret, box.HookURL = hookSecret, func() string { return "http://" + listener.Addr().String() + "/hooks/stripe" }
	if share, err := strconv.ParseFloat(os.Getenv(tillChaos), 64); err == nil {
		box.Chaos = sandbox.Everything(share)
	}
	pay, err := stripe.New(stripe.Config{SecretKey: sandbox.Key, WebhookSecret: hookSecret, Transport: mortal{box}, Log: log})
	if err != nil {
		return err
	}
	s := shop.New(d, log)
	s.Who, s.Rooms, s.Timeline, s.Gateway, s.Wallet = everybody{newPeople()}, mortalRooms{}, mortalTime{}, mortalGateway{pay}, pay
	var group errgroup.Group
	group.Go(func() error { return d.Run(ctx) })
	group.Go(func() error { return s.Run(ctx) })
	group.Go(func() error { return box.Run(ctx) })
	group.Go(func() error { return http.Serve(listener, routes(s, box)) })
	fmt.Printf("http://%s\n", listener.Addr())
	return group.Wait()
}

// everybody is a person, by the name they give.
type everybody struct{ *people }

func (e everybody) Person(r *http.Request) (shop.Person, error) {
	if name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		e.add(name)
	}
	return e.people.Person(r)
}

// mortal is the way to the provider.
type mortal struct{ http.RoundTripper }

func (m mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	what := ""
	switch {
	case r.Method != http.MethodPost:
	case r.URL.Path == "/v1/payment_intents":
		what = "charge"
		if os.Getenv(tillMute) != "" {
			select {}
		}
	case strings.HasSuffix(r.URL.Path, "/cancel"):
		what = "cancel"
	case r.URL.Path == "/v1/refunds":
		what = "refund"
	}
	here("before the " + what)
	around("during the " + what)
	resp, err := m.RoundTripper.RoundTrip(r)
	here("after the " + what)
	around("around the commit after the " + what)
	return resp, err
}

type mortalGateway struct{ shop.Gateway }

func (g mortalGateway) LookUp(ctx context.Context, intent string) (shop.Intent, error) {
	here("with a hook in hand")
	return g.Gateway.LookUp(ctx, intent)
}

type mortalRooms struct{}

func (mortalRooms) Tell(string, shop.Event)    {}
func (mortalRooms) Refresh(string, shop.Event) {}
func (mortalRooms) Whisper(_, _ string, _ []string, e shop.Event) {
	if o, ok := e.Data.(shop.Order); ok {
		here("with the order " + string(o.State))
	}
}

func (mortalRooms) Send(_ context.Context, _, _ string, e shop.Event, _ time.Time) error {
	here("with a letter to write: " + e.Type)
	return nil
}

type mortalTime struct{}

func (mortalTime) Mark(string, shop.Mark) {}
func (mortalTime) Now(string) time.Time {
	here("before the hold")
	around("during the hold")
	return time.Now()
}

// till is a running process, from outside.
type till struct {
	url  string
	kill func()        // and wait for its end
	gone chan struct{} // it has ended
}

// startTill starts a process over a database; settings are name=value.
func startTill(t testing.TB, database string, settings ...string) till {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), append(settings, tillDatabase+"="+database)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var words bytes.Buffer
	c.Stderr = &words
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	gone := make(chan struct{})
	go func() { _ = c.Wait(); close(gone) }()
	if err != nil {
		<-gone
		t.Fatalf("the till does not open: %v\n%s", err, words.String())
	}
	var once sync.Once
	k := till{url: strings.TrimSpace(line), gone: gone, kill: func() { once.Do(func() { _ = c.Process.Kill(); <-gone }) }}
	t.Cleanup(k.kill)
	return k
}

// client is not http.DefaultClient: connections die with their till.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// call sends one request; the error is that of the connection.
func (k till) call(person, method, path string, body any, key string) (answer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequest(method, k.url+path, bytes.NewReader(raw))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+person)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, text: string(text), header: resp.Header}
	_ = json.Unmarshal(text, &a.doc)
	return a, err
}

// ok is call for what has to work.
func (k till) ok(t testing.TB, person, method, path string, body any, key string) answer {
	t.Helper()
	a, err := k.call(person, method, path, body, key)
	if err != nil || a.status >= 500 {
		t.Fatalf("%s %s: %v %d %s", method, path, err, a.status, a.text)
	}
	return a
}
