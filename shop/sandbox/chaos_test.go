package sandbox_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/shop/sandbox"
)

// Whatever becomes of an answer, what was asked for was done, once: the same key
// finds it when the air is clear again.
func TestChaosOfAnswers(t *testing.T) {
	for name, chaos := range map[string]sandbox.Chaos{"500": {Fail: 1}, "cut": {Cut: 1}, "both": {Fail: 0.5, Cut: 0.5}} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				b := over(t, d)
				form := b.buyer("pm_card_visa") + pay
				b.box.Chaos = chaos
				for range 3 {
					r, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.stripe.com/v1/payment_intents", strings.NewReader(form))
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Authorization", "Bearer "+sandbox.Key)
					r.Header.Set("Idempotency-Key", "k")
					resp, err := b.box.RoundTrip(r)
					switch {
					case err != nil && chaos.Cut == 0:
						t.Errorf("cut: %v", err)
					case err == nil && chaos != (sandbox.Chaos{Fail: 0.5, Cut: 0.5}) && resp.StatusCode != 500:
						t.Errorf("answered %d", resp.StatusCode)
					}
				}
				b.box.Chaos = sandbox.Chaos{}
				got := b.ask("POST", "/v1/payment_intents", form, "k")
				same(t, "status", got.str("status"), "succeeded")
				same(t, "replayed", got.header.Get("Idempotent-Replayed"), "true")
				list, _ := b.ask("GET", "/v1/payment_intents", "", "").at("data").([]any)
				same(t, "intents", len(list), 1)
			}, schema)
		})
	}
}

// Events come twice, late, in any order or never, as told.
func TestChaosOfEvents(t *testing.T) {
	posts := func(t *testing.T, chaos sandbox.Chaos, customers int, wait time.Duration) (ids []string, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			b := open(t)
			var mu sync.Mutex // guards ids and last
			began := time.Now()
			for range customers {
				b.ask("POST", "/v1/customers", "", "")
			}
			b.box.Chaos = chaos
			b.box.HookURL = func() string { return "http://shop.example/hooks/stripe" }
			b.box.Client = &http.Client{Transport: receiver(func(r *http.Request) int {
				body, err := io.ReadAll(r.Body)
				var e struct{ ID string }
				if err == nil {
					err = json.Unmarshal(body, &e)
				}
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				ids, took = append(ids, e.ID), time.Since(began)
				return 200
			})}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); _ = b.box.Run(ctx) }()
			time.Sleep(wait)
			cancel()
			<-ended
		})
		return ids, took
	}
	ids, _ := posts(t, sandbox.Chaos{}, 5, time.Second)
	same(t, "plain", len(ids), 5)
	ids, _ = posts(t, sandbox.Chaos{Drop: 1}, 5, time.Hour)
	same(t, "dropped", len(ids), 0)
	ids, _ = posts(t, sandbox.Chaos{Duplicate: 1}, 5, time.Hour)
	same(t, "doubled", len(ids), 10)
	slices.Sort(ids)
	same(t, "different ones", len(slices.Compact(ids)), 5)
	ids, took := posts(t, sandbox.Chaos{Delay: 0.9}, 20, time.Hour)
	same(t, "delayed", len(ids), 20)
	if took < time.Second {
		t.Errorf("all there after %v", took)
	}
	ids, _ = posts(t, sandbox.Chaos{Reorder: 1}, 40, time.Hour)
	same(t, "reordered", len(ids), 40)
	// Four are posted at a time, so that a little disorder means nothing.
	far := 0
	sorted := slices.Sorted(slices.Values(ids))
	for i, id := range ids {
		if at := slices.Index(sorted, id); at-i > 8 || i-at > 8 {
			far++
		}
	}
	if far == 0 {
		t.Error("the events came in the order in which they happened")
	}
}

func TestEverything(t *testing.T) {
	same(t, "everything", sandbox.Everything(0.1), sandbox.Chaos{Fail: 0.1, Cut: 0.1, Duplicate: 0.1, Delay: 0.1, Reorder: 0.1, Drop: 0.1})
}
