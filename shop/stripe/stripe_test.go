package stripe_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/api"
	"souk/internal/db/dbtest"
	"souk/shop"
	"souk/shop/sandbox"
	"souk/shop/shoptest"
	"souk/shop/stripe"
)

const secret = "whsec_test"

func box(t *testing.T) *sandbox.Sandbox {
	return sandbox.New(dbtest.Open(t, dbtest.Schema{Package: "sandbox", Files: sandbox.Migrations()}), dbtest.Logger(t))
}

func dial(t *testing.T, transport http.RoundTripper) *stripe.Client {
	t.Helper()
	c, err := stripe.New(stripe.Config{SecretKey: sandbox.Key, WebhookSecret: secret, Transport: transport, Log: dbtest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSandboxGateway(t *testing.T) {
	shoptest.Gateway(t, func(t *testing.T) shoptest.Bench {
		s := box(t)
		c := dial(t, s)
		return shoptest.Bench{Gateway: c, Wallet: c, Answer: func(t *testing.T, at string, approve bool) { answer(t, s, at, approve) }}
	})
}

// The same suite against Stripe's test mode, for whoever has a key. Without one
// nothing is claimed about Stripe.
func TestStripeGateway(t *testing.T) {
	key := os.Getenv("SOUK_STRIPE_TEST_KEY")
	if key == "" {
		t.Log("SOUK_STRIPE_TEST_KEY is not set: NOT RUN against Stripe")
		return
	}
	shoptest.Gateway(t, func(t *testing.T) shoptest.Bench {
		c, err := stripe.New(stripe.Config{SecretKey: key, Log: dbtest.Logger(t)})
		if err != nil || c.Live() {
			t.Fatalf("not a test key: %v", err)
		}
		return shoptest.Bench{Gateway: c, Wallet: c}
	})
}

func answer(t *testing.T, s *sandbox.Sandbox, at string, approve bool) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	form := "answer=refuse"
	if approve {
		form = "answer=approve"
	}
	mux := http.NewServeMux()
	mux.Handle("POST /sandbox/challenge/{intent}", api.Handler(s.AnswerChallenge))
	r := httptest.NewRequestWithContext(t.Context(), "POST", u.RequestURI(), strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("the bank's page: %d %s", w.Code, w.Body)
	}
}

func TestKeysMustMatch(t *testing.T) {
	cases := map[string]struct {
		config stripe.Config
		ok     bool
	}{
		"sandbox":                {stripe.Config{SecretKey: sandbox.Key, WebhookSecret: secret, Transport: http.DefaultTransport}, true},
		"test mode":              {stripe.Config{SecretKey: "sk_test_1", PublishableKey: "pk_test_1"}, true},
		"restricted":             {stripe.Config{SecretKey: "rk_test_1"}, true},
		"live":                   {stripe.Config{SecretKey: "sk_live_1", PublishableKey: "pk_live_1", WebhookSecret: secret}, true},
		"no key":                 {stripe.Config{}, false},
		"no known key":           {stripe.Config{SecretKey: "hunter2"}, false},
		"keys swapped":           {stripe.Config{SecretKey: "pk_test_1", PublishableKey: "sk_test_1"}, false},
		"live and test":          {stripe.Config{SecretKey: "sk_live_1", PublishableKey: "pk_test_1", WebhookSecret: secret}, false},
		"test and live":          {stripe.Config{SecretKey: "sk_test_1", PublishableKey: "pk_live_1"}, false},
		"live without signature": {stripe.Config{SecretKey: "sk_live_1"}, false},
		"live in the sandbox":    {stripe.Config{SecretKey: "rk_live_1", WebhookSecret: secret, Transport: http.DefaultTransport}, false},
		"a key as a secret":      {stripe.Config{SecretKey: "sk_test_1", WebhookSecret: "sk_test_1"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := stripe.New(c.config)
			if (err == nil) != c.ok {
				t.Fatalf("%v, want ok %v", err, c.ok)
			}
			if err != nil && c.config.SecretKey != "" && strings.Contains(err.Error(), c.config.SecretKey) {
				t.Errorf("the error quotes the key: %v", err)
			}
			if err == nil && got.Live() != strings.Contains(c.config.SecretKey, "live") {
				t.Errorf("live %v", got.Live())
			}
		})
	}
}

// transport is a network that misbehaves.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever goes wrong on the way, short of Stripe calling the request invalid,
// the outcome is unknown; the same request then finds what was done.
func TestUnknownIsNotRefused(t *testing.T) {
	cut := errors.New("connection reset")
	fixed := func(status int, body string) func(*sandbox.Sandbox, *http.Request) (*http.Response, error) {
		return func(_ *sandbox.Sandbox, r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		}
	}
	for name, trip := range map[string]func(*sandbox.Sandbox, *http.Request) (*http.Response, error){
		"cut before": func(*sandbox.Sandbox, *http.Request) (*http.Response, error) { return nil, cut },
		"cut after": func(s *sandbox.Sandbox, r *http.Request) (*http.Response, error) {
			if _, err := s.RoundTrip(r); err != nil {
				return nil, err
			}
			return nil, cut
		},
		"500":         fixed(500, `{"error":{"type":"api_error","message":"x"}}`),
		"502 of HTML": fixed(502, "<html>bad gateway"),
		"429":         fixed(429, `{"error":{"type":"invalid_request_error","code":"rate_limit","message":"x"}}`),
		"401":         fixed(401, `{"error":{"type":"invalid_request_error","message":"x"}}`),
		"403":         fixed(403, `{"error":{"type":"invalid_request_error","message":"x"}}`),
		"409":         fixed(409, `{"error":{"type":"idempotency_error","message":"x"}}`),
		"half a body": fixed(200, `{"id":"pi_1","obj`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // stripe-go sleeps between its tries
				s := box(t)
				good := dial(t, s)
				customer, err := good.Customer(t.Context(), shop.Person{ID: "mira"})
				if err != nil {
					t.Fatal(err)
				}
				card, err := good.Attach(t.Context(), customer, "pm_card_visa")
				if err != nil {
					t.Fatal(err)
				}
				p := shop.Payment{Key: "k", Order: "o", Amount: shop.Money{Amount: 1, Currency: "USD"}, Customer: customer, Method: card.ID, ReturnURL: "https://a.example/", First: time.Now()}
				bad := dial(t, transport(func(r *http.Request) (*http.Response, error) { return trip(s, r) }))
				if in, err := bad.Start(t.Context(), p); err == nil || errors.Is(err, shop.ErrRefused) {
					t.Fatalf("%+v, %v", in, err)
				}
				if in, err := good.Start(t.Context(), p); err != nil || in.Status != shop.IntentSucceeded {
					t.Errorf("asked again: %+v, %v", in, err)
				}
			})
		})
	}
}

func TestSlowIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		began := time.Now()
		_, err := c.LookUp(t.Context(), "pi_1")
		if err == nil || errors.Is(err, shop.ErrRefused) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > 13*time.Second {
			t.Errorf("a buyer waited %v", took)
		}
	})
}

// A refund that waits, as Stripe's do while the account has no balance, is asked
// after, not asked for again: the key repeats the first answer word for word.
func TestPendingRefund(t *testing.T) {
	s := box(t)
	waits, asked := true, 0
	c := dial(t, transport(func(r *http.Request) (*http.Response, error) {
		resp, err := s.RoundTrip(r)
		if err != nil || !strings.HasPrefix(r.URL.Path, "/v1/refunds") {
			return resp, err
		}
		b, err := io.ReadAll(resp.Body)
		if r.Method == http.MethodPost {
			asked++
		}
		if r.Method == http.MethodPost || waits {
			b = bytes.Replace(b, []byte(`"status":"succeeded"`), []byte(`"status":"pending"`), 1)
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		return resp, err
	}))
	customer, err := c.Customer(t.Context(), shop.Person{ID: "mira"})
	if err != nil {
		t.Fatal(err)
	}
	card, err := c.Attach(t.Context(), customer, "pm_card_visa")
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Start(t.Context(), shop.Payment{Key: "k", Order: "o", Amount: shop.Money{Amount: 1000, Currency: "USD"}, Customer: customer, Method: card.ID, ReturnURL: "https://a.example/", First: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	r := shop.Repayment{Key: "r", Intent: in.ID, Order: "o", Amount: shop.Money{Amount: 100, Currency: "USD"}, First: time.Now()}
	first, err := c.Refund(t.Context(), r)
	if err != nil || first.Done {
		t.Fatalf("%+v, %v, want a refund that waits", first, err)
	}
	old := r
	old.First = time.Now().Add(-30 * time.Hour)
	if got, err := c.Refund(t.Context(), old); err != nil || got != first || asked != 1 {
		t.Errorf("after the key was forgotten: %+v, %v, asked %d times; want the same one, once", got, err, asked)
	}
	waits = false
	if got, err := c.Refund(t.Context(), r); err != nil || got.ID != first.ID || !got.Done {
		t.Errorf("later: %+v, %v, want it done", got, err)
	}
}

// Nothing secret is logged or told in errors: neither key nor client secret.
func TestNothingSecretLeaks(t *testing.T) {
	s := box(t)
	var log bytes.Buffer
	var seen atomic.Value
	seen.Store("")
	c, err := stripe.New(stripe.Config{SecretKey: "sk_test_hunter2", WebhookSecret: secret, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Stripe-Client-Telemetry") != "" {
				t.Error("telemetry was sent")
			}
			resp, err := s.RoundTrip(r)
			if err == nil {
				b, _ := io.ReadAll(resp.Body)
				resp.Body = io.NopCloser(bytes.NewReader(b))
				seen.Store(string(b))
			}
			return resp, err
		})})
	if err != nil {
		t.Fatal(err)
	}
	customer, err := c.Customer(t.Context(), shop.Person{ID: "mira"})
	if err != nil {
		t.Fatal(err)
	}
	card, err := c.Attach(t.Context(), customer, "pm_card_chargeDeclined")
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Start(t.Context(), shop.Payment{Key: "k", Order: "o", Amount: shop.Money{Amount: 1, Currency: "USD"}, Customer: customer, Method: card.ID, ReturnURL: "https://a.example/", First: time.Now()})
	if err != nil || in.Status != shop.IntentFailed {
		t.Fatal(in, err)
	}
	if !strings.Contains(seen.Load().(string), "client_secret") {
		t.Fatal("there was no secret to leak")
	}
	_, refused := c.Refund(t.Context(), shop.Repayment{Key: "r", Intent: in.ID, Amount: shop.Money{Amount: 1, Currency: "USD"}, First: time.Now()})
	if refused == nil {
		t.Fatal("refunded what was not paid")
	}
	for _, text := range []string{log.String(), refused.Error()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "_secret_") {
			t.Errorf("leaked: %s", text)
		}
	}
}

func TestReadHook(t *testing.T) {
	c := dial(t, box(t))
	now := time.Now()
	event := func(object string) []byte {
		return []byte(`{"id":"evt_1","type":"x.y","livemode":false,"api_version":"2099-01-01.later","data":{"object":` + object + `}}`)
	}
	for object, want := range map[string]shop.Hook{
		`{"id":"pi_1","object":"payment_intent","customer":"cus_1"}`:                   {ID: "evt_1", Type: "x.y", Intent: "pi_1", Customer: "cus_1"},
		`{"id":"ch_1","object":"charge","payment_intent":"pi_2","customer":null}`:      {ID: "evt_1", Type: "x.y", Intent: "pi_2"},
		`{"id":"ch_1","object":"charge","payment_intent":{"id":"pi_3"},"customer":{}}`: {ID: "evt_1", Type: "x.y", Intent: "pi_3"},
		`{"id":"seti_1","object":"setup_intent","customer":{"id":"cus_2","name":"a"}}`: {ID: "evt_1", Type: "x.y", Customer: "cus_2"},
	} {
		body := event(object)
		got, err := c.ReadHook(body, sandbox.Sign(body, secret, now))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", object, got, err)
		}
	}
	body := event(`{}`)
	for name, header := range map[string]string{
		"empty": "", "nonsense": "v1", "no time": strings.SplitN(sandbox.Sign(body, secret, now), ",", 2)[1],
		"just too old": sandbox.Sign(body, secret, now.Add(-5*time.Minute-time.Second)), "just too new": sandbox.Sign(body, secret, now.Add(5*time.Minute+5*time.Second)),
		"two times": "t=1," + sandbox.Sign(body, secret, now),
	} {
		if _, err := c.ReadHook(body, header); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := c.ReadHook(body, sandbox.Sign(body, secret, now.Add(4*time.Minute))); err != nil {
		t.Errorf("a clock four minutes ahead: %v", err)
	}
	unset, err := stripe.New(stripe.Config{SecretKey: "sk_test_1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unset.ReadHook(body, sandbox.Sign(body, "", now)); err == nil {
		t.Error("taken without a secret")
	}
}
