package shop_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk/internal/db/dbtest"
)

// race has clients do something b.N times and reports rate and median.
func race(b *testing.B, clients int, do func(i int)) {
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var crowd sync.WaitGroup
	spent := cpu()
	b.ResetTimer()
	for range clients {
		crowd.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				began := time.Now()
				do(i)
				took[i] = time.Since(began)
			}
		})
	}
	crowd.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-spent).Microseconds())/float64(b.N), "cpu-µs/tap")
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "taps/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
}

// cpu is the processor time of this process so far, which a busy machine distorts
// less than it does rates.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkTap is a whole purchase: hold, stripe-go through the sandbox, ledger,
// all of it durable, the sandbox's books too.
func BenchmarkTap(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			w := newWorld(b, dbtest.Open(b, schemas...))
			cup := w.product("cup", 100, int64(b.N))
			var arm sync.WaitGroup
			for c := range 32 {
				arm.Go(func() {
					for i := c; i < b.N; i += 32 {
						w.buyer(fmt.Sprint("b", i), "pm_card_visa")
					}
				})
			}
			arm.Wait()
			race(b, clients, func(i int) {
				if a := w.tap(fmt.Sprint("b", i), obj{"product": cup}); a.status != 200 {
					b.Error(a.text)
				}
			})
			w.clean()
		})
	}
}

// BenchmarkSoldOut is a crowd that comes too late, over HTTP; BenchmarkEmpty is
// the same crowd at a handler that does nothing.
func BenchmarkSoldOut(b *testing.B) {
	w := newWorld(b, dbtest.Open(b, schemas...))
	w.shop.Who = everybody{newPeople()}
	cup := w.product("cup", 100, 0)
	overHTTP(b, w.mux, cup, http.StatusConflict)
}

func BenchmarkEmpty(b *testing.B) {
	overHTTP(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusConflict) }), "", http.StatusConflict)
}

func overHTTP(b *testing.B, h http.Handler, cup string, want int) {
	server := httptest.NewServer(h)
	defer server.Close()
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	body := `{"channel":"tea","product":"` + cup + `"}`
	race(b, 64, func(i int) {
		r, err := http.NewRequest("POST", server.URL+"/api/v1/orders", strings.NewReader(body))
		if err != nil {
			b.Error(err)
			return
		}
		r.Header.Set("Authorization", fmt.Sprint("Bearer b", i))
		r.Header.Set("Idempotency-Key", newKey())
		resp, err := c.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			b.Errorf("answered %d", resp.StatusCode)
		}
	})
}
