package oracle_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"souk/internal/api"
	"souk/internal/db/dbtest"
	"souk/shop/oracle"
	"souk/shop/sandbox"
	"souk/shop/shoptest"
	"souk/shop/stripe"
)

const (
	secret    = "whsec_test"
	mockStart = 2 * time.Minute // building it takes most of that, once
)

var (
	book  *oracle.Book
	reads map[string][]string
	mock  http.RoundTripper
	suite = &tally{seen: map[string]bool{}}
)

func TestMain(m *testing.M) {
	var err error
	if book, err = oracle.Read(); err == nil {
		reads, err = oracle.Reads()
	}
	var stop func()
	if err == nil {
		mock, stop, err = startMock()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	if os.Getenv("SOUK_STRIPE_TEST_KEY") == "" {
		fmt.Println("SKIPPED: nothing was sent to Stripe itself, for SOUK_STRIPE_TEST_KEY is not set; stripe-mock and the description of the API judged instead")
	}
	os.Exit(code)
}

// startMock builds stripe-mock from this module and runs it on a socket file.
// Both listeners are named: it would open one on all interfaces otherwise.
func startMock() (http.RoundTripper, func(), error) {
	dir, err := os.MkdirTemp("", "stripe-mock")
	if err != nil {
		return nil, nil, err
	}
	clear := func() { os.RemoveAll(dir) }
	binary, socket := filepath.Join(dir, "stripe-mock"), filepath.Join(dir, "http")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/stripe/stripe-mock").CombinedOutput(); err != nil {
		clear()
		return nil, nil, fmt.Errorf("build stripe-mock: %w: %s", err, out)
	}
	c := exec.Command(binary, "-http-unix", socket, "-https-unix", filepath.Join(dir, "https"), "-strict-version-check")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		clear()
		return nil, nil, err
	}
	stop := func() { _ = c.Process.Kill(); _ = c.Wait(); clear() }
	for deadline := time.Now().Add(mockStart); ; <-time.After(20 * time.Millisecond) {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			break
		} else if time.Now().After(deadline) {
			stop()
			return nil, nil, fmt.Errorf("stripe-mock does not listen: %w", err)
		}
	}
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}, stop, nil
}

// tally is what all tests together have seen.
type tally struct {
	mu   sync.Mutex // guards seen
	seen map[string]bool
}

func (s *tally) add(w *oracle.Witness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for what := range w.Seen() {
		s.seen[what] = true
	}
}

// bench is the sandbox under all witnesses, its events posted to one of them.
type bench struct {
	*oracle.Witness
	box    *sandbox.Sandbox
	client *stripe.Client
}

func open(t *testing.T) bench {
	t.Helper()
	box := sandbox.New(dbtest.Open(t, dbtest.Schema{Package: "sandbox", Files: sandbox.Migrations()}), dbtest.Logger(t))
	w := &oracle.Witness{Next: box, Mock: mock, Book: book, Reads: reads, Strict: true, Complain: t.Errorf}
	c, err := stripe.New(stripe.Config{SecretKey: sandbox.Key, WebhookSecret: secret, Transport: w, Log: dbtest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if _, err := c.ReadHook(body, r.Header.Get("Stripe-Signature")); err != nil {
			t.Errorf("event not taken: %v", err)
		}
		w.Event(body)
	}))
	box.HookURL, box.HookSecret = func() string { return receiver.URL }, secret
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = box.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; receiver.Close(); suite.add(w) })
	return bench{w, box, c}
}

// answer plays the buyer at the sandbox's bank.
func answer(t *testing.T, box *sandbox.Sandbox, at string, approve bool) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	say := "refuse"
	if approve {
		say = "approve"
	}
	r := httptest.NewRequest("POST", at, strings.NewReader("answer="+say))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetPathValue("intent", u.Path[strings.LastIndex(u.Path, "/")+1:])
	api.Wrap(dbtest.Logger(t), box.AnswerChallenge).ServeHTTP(httptest.NewRecorder(), r)
}

// All our gateway says to Stripe is Stripe's language, and so is all the sandbox
// answers.
func TestGateway(t *testing.T) {
	shoptest.Gateway(t, func(t *testing.T) shoptest.Bench {
		b := open(t)
		return shoptest.Bench{Gateway: b.client, Wallet: b.client,
			Answer: func(t *testing.T, at string, approve bool) { answer(t, b.box, at, approve) }}
	})
}

// The same suite on Stripe's test mode. Stripe may say more than its description
// of that day; it must not say less than is read.
func TestStripeItself(t *testing.T) {
	key := os.Getenv("SOUK_STRIPE_TEST_KEY")
	if key == "" {
		return // TestMain says so
	}
	shoptest.Gateway(t, func(t *testing.T) shoptest.Bench {
		w := &oracle.Witness{Next: http.DefaultTransport, Mock: mock, Book: book, Reads: reads, Complain: t.Errorf}
		c, err := stripe.New(stripe.Config{SecretKey: key, Transport: w, Log: dbtest.Logger(t)})
		if err != nil || c.Live() {
			t.Fatalf("not a test key: %v", err)
		}
		return shoptest.Bench{Gateway: c, Wallet: c}
	})
}

// What our code reads was found.
func TestReads(t *testing.T) {
	for object, names := range map[string][]string{
		"payment_intent": {"id", "status", "metadata", "amount_received", "currency", "last_payment_error", "next_action"},
		"refund":         {"id", "status", "metadata"},
		"payment_method": {"id", "card"},
		"customer":       {"id"},
		"setup_intent":   {"client_secret"},
	} {
		for _, name := range names {
			if !slices.Contains(reads[object], name) {
				t.Errorf("%s.%s is not among %v", object, name, reads[object])
			}
		}
	}
}
