package shop_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"souk/internal/db/dbtest"
)

// BenchmarkTap is a whole purchase by 64 people at once: hold, stripe-go through
// the sandbox, ledger, all of it durable.
func BenchmarkTap(b *testing.B) {
	w := newWorld(b, dbtest.Open(b, schemas...))
	cup := w.product("cup", 100, int64(b.N))
	for i := range b.N {
		w.buyer(fmt.Sprint("b", i), "pm_card_visa")
	}
	b.SetParallelism(32)
	var next atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := w.tap(fmt.Sprint("b", next.Add(1)-1), obj{"product": cup}); a.status != 200 {
				b.Error(a.text)
			}
		}
	})
	b.StopTimer()
	w.clean()
}
