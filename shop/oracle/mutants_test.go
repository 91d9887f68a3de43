package oracle_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/shop"
	"souk/shop/oracle"
	"souk/shop/stripe"
)

// The witnesses can find fault: each lie of a sandbox, and each slip of a
// client, is told.
func TestMutantsAreCaught(t *testing.T) {
	for name, m := range map[string]struct {
		old, new string // in the answer
		says     string
	}{
		"a member renamed":             {`"amount_received"`, `"received"`, "received: unknown to Stripe"},
		"a member we read left out":    {`"metadata":{[^}]*},`, ``, "without metadata, which is read"},
		"a required member left out":   {`"livemode":false,`, ``, "livemode: missing"},
		"a status that does not exist": {`"status":"succeeded"`, `"status":"fine"`, "is none of"},
		"an amount as text":            {`"amount":1250`, `"amount":"1250"`, "is no integer"},
		"a list instead of one":        {`"latest_charge":"[^"]*"`, `"latest_charge":[]`, "latest_charge"},
		"null where there is a value":  {`"currency":"usd"`, `"currency":null`, "currency: null"},
		"one member too many":          {`{"id":`, `{"extra":1,"id":`, "extra: unknown to Stripe"},
	} {
		t.Run(name, func(t *testing.T) {
			var told complaints
			said := complainOver(t, &told, func(body []byte) []byte {
				return regexp.MustCompile(m.old).ReplaceAll(body, []byte(m.new))
			}, nil)
			if !strings.Contains(said, m.says) {
				t.Errorf("want %q among\n%s", m.says, said)
			}
		})
	}
	for name, c := range map[string]struct{ extra, says string }{
		"a parameter that does not exist":   {"&tip=1", "stripe-mock refuses it"},
		"one that does not exist, deeper":   {"&transfer_data[tip]=1", "tip: unknown to Stripe"},
		"a wrong type":                      {"&application_fee_amount=lots", "stripe-mock refuses it"},
		"a value that does not exist":       {"&capture_method=never", "is none of"},
		"another value that does not exist": {"&setup_future_usage=never", "stripe-mock refuses it"},
	} {
		t.Run(name, func(t *testing.T) {
			var told complaints
			said := complainOver(t, &told, nil, func(form []byte) []byte { return append(form, c.extra...) })
			if !strings.Contains(said, c.says) {
				t.Errorf("want %q among\n%s", c.says, said)
			}
		})
	}
}

// complaints collects what a witness says instead of failing the test.
type complaints struct {
	mu  sync.Mutex // guards all
	all []string
}

func (c *complaints) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, fmt.Sprintf(format, args...))
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// complainOver pays once with the answers, or the requests, of payment intents
// spoiled, and returns what the witnesses said about it.
func complainOver(t *testing.T, told *complaints, answer, form func([]byte) []byte) string {
	t.Helper()
	b := open(t)
	spoiled := tripper(func(r *http.Request) (*http.Response, error) {
		resp, err := b.box.RoundTrip(r)
		if err != nil || answer == nil || r.URL.Path != "/v1/payment_intents" {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		body = answer(body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, err
	})
	w := &oracle.Witness{Next: spoiled, Mock: mock, Book: book, Reads: reads, Strict: true, Complain: told.add}
	c, err := stripe.New(stripe.Config{SecretKey: "sk_test_mutants", WebhookSecret: secret, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		if form != nil && r.URL.Path == "/v1/payment_intents" {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			body = form(body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		return w.RoundTrip(r)
	})})
	if err != nil {
		t.Fatal(err)
	}
	customer, err := c.Customer(t.Context(), shop.Person{ID: "mira"})
	if err != nil {
		t.Fatal(err)
	}
	card, err := c.Attach(t.Context(), customer, "pm_card_visa")
	if err != nil {
		t.Fatal(err)
	}
	// Its outcome is not the point.
	_, _ = c.Start(t.Context(), shop.Payment{Key: "k", Order: "o", Amount: shop.Money{Amount: 1250, Currency: "USD"}, Customer: customer, Method: card.ID,
		ReturnURL: "https://a.example/", First: time.Now()})
	told.mu.Lock()
	defer told.mu.Unlock()
	slices.Sort(told.all)
	return strings.Join(told.all, "\n")
}
