package shop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk/internal/db"
	"souk/internal/db/dbtest"
)

// BenchmarkHold is the first commit of a tap alone, durable, all after one
// product: together, as the shop does it, and one transaction per request. The
// disk's own rate is printed beside it.
func BenchmarkHold(b *testing.B) {
	for engine, open := range map[string]func(testing.TB, ...dbtest.Schema) *db.DB{"sqlite": dbtest.Open, "postgres": dbtest.OpenPostgres} {
		for _, clients := range []int{1, 64} {
			for _, mode := range []string{"together", "single"} {
				b.Run(fmt.Sprintf("%s/%s/clients=%d", engine, mode, clients), func(b *testing.B) {
					benchmarkHold(b, open(b, dbtest.Schema{Package: "shop", Files: Migrations()}), mode == "single", clients)
				})
			}
		}
	}
}

func benchmarkHold(b *testing.B, d *db.DB, single bool, clients int) {
	s := New(d, dbtest.Logger(b))
	cup := seed(b, d, b.N)
	one := int64(1)
	asks := ask{Channel: "tea", Product: cup, Quantity: &one}
	hash := asks.hash()
	var writer sync.Mutex // one transaction at a time is all that SQLite has
	hold := func(i int) error {
		c := &claim{key: newID(), hash: hash, ask: asks, base: "https://souk.example", media: time.Now(),
			buyer: Person{ID: fmt.Sprint("b", i), Name: "Mira", Email: "mira@example.com", Address: &Address{Name: "Mira", Line1: "1 Road", City: "Town", Country: "PT"}}}
		write := func() error { return s.holds.Write(b.Context(), c) }
		if single {
			write = func() error {
				return d.Write(b.Context(), func(ctx context.Context, tx *db.Tx) error { return s.holdAll(ctx, tx, []*claim{c}) })
			}
			if !d.Postgres() {
				writer.Lock()
				defer writer.Unlock()
			}
		}
		if err := write(); err != nil {
			return err
		}
		return c.err
	}
	rate, p50 := fdatasync(b)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var crowd sync.WaitGroup
	b.ResetTimer()
	for range clients {
		crowd.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := hold(i); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(began)
			}
		})
	}
	crowd.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "holds/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(rate, "fdatasync/s")
	b.ReportMetric(float64(p50.Microseconds()), "fdatasync-p50-µs")
	found, err := s.Fsck(b.Context())
	if err != nil || len(found) > 0 {
		b.Error(found, err)
	}
}

// seed puts n cups on the shelf and gives n buyers something to pay with.
func seed(b *testing.B, d *db.DB, n int) (cup string) {
	b.Helper()
	cup = newID()
	err := d.Write(b.Context(), func(ctx context.Context, tx *db.Tx) error {
		p := Product{ID: cup, Channel: "tea", SKU: "cup", Title: "Cup", Price: Money{1250, "USD"}, Stock: Stock{Available: int64(n)}}
		if err := insertProduct(ctx, tx, p, "olga"); err != nil {
			return err
		}
		var customers, methods [][]any
		for i := range n {
			who := fmt.Sprint("b", i)
			customers = append(customers, []any{who, "cus_" + who})
			methods = append(methods, []any{"pm_" + who, who, "visa", "4242", 1})
		}
		if err := tx.Insert(ctx, "shop_customer (person, customer)", customers); err != nil {
			return err
		}
		return tx.Insert(ctx, "shop_method (id, person, brand, last4, created)", methods)
	})
	if err != nil {
		b.Fatal(err)
	}
	return cup
}

// fdatasync is what the disk does: 4 KiB written and synced, over and over.
func fdatasync(b *testing.B) (rate float64, p50 time.Duration) {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page, took := make([]byte, 4096), make([]time.Duration, 500)
	began := time.Now()
	for i := range took {
		at := time.Now()
		if _, err := f.WriteAt(page, 0); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(at)
	}
	rate = float64(len(took)) / time.Since(began).Seconds()
	slices.Sort(took)
	return rate, took[len(took)/2]
}
