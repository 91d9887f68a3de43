package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"souk/internal/db"
	"souk/internal/db/dbtest"
)

var schema = dbtest.Schema{Package: "cups", Files: fstest.MapFS{
	"00001_cups.sql": {Data: []byte(`-- +goose Up
CREATE TABLE cups (id TEXT PRIMARY KEY, n BIGINT NOT NULL CHECK (n >= 0), gold BOOLEAN NOT NULL DEFAULT false);
`)}}}

func put(id string, n int) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO cups (id, n) VALUES ($1, $2)", id, n)
		return err
	}
}

func total(t *testing.T, d *db.DB) (rows, sum int) {
	t.Helper()
	if err := d.Read().QueryRowContext(t.Context(), "SELECT count(*), coalesce(sum(n), 0) FROM cups").Scan(&rows, &sum); err != nil {
		t.Fatal(err)
	}
	return rows, sum
}

// A crowd writes at once, a third of it fails in one way or another: what was
// acknowledged is there, what failed left no trace.
func TestFailureHarmsNobodyElse(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		refused := errors.New("refused")
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				err := d.Write(t.Context(), func(ctx context.Context, tx *db.Tx) error {
					if err := put(fmt.Sprint(i), 1)(ctx, tx); err != nil {
						return err
					}
					switch i % 3 {
					case 1:
						return refused
					case 2:
						if i%2 == 0 {
							panic("a bug in a closure")
						}
						_, err := tx.Exec(ctx, "INSERT INTO cups (id, n) VALUES ($1, -1)", fmt.Sprint("bad", i))
						return err
					}
					return nil
				})
				if good := i%3 == 0; good != (err == nil) {
					t.Errorf("closure %d: %v", i, err)
				}
				if i%3 == 1 && !errors.Is(err, refused) {
					t.Errorf("closure %d lost its error: %v", i, err)
				}
			})
		}
		wg.Wait()
		if rows, sum := total(t, d); rows != 100 || sum != 100 {
			t.Errorf("rows %d, sum %d; want 100 of both", rows, sum)
		}
	}, schema)
}

// The conditional update is how stock is taken: exactly as many succeed as
// there are units, on either engine.
func TestConditionalUpdateUnderContention(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Write(t.Context(), put("cup", 5)); err != nil {
			t.Fatal(err)
		}
		taken := make(chan bool, 100)
		var wg sync.WaitGroup
		for range cap(taken) {
			wg.Go(func() {
				err := d.Write(t.Context(), func(ctx context.Context, tx *db.Tx) error {
					n, err := tx.Changed(ctx, "UPDATE cups SET n = n - 1 WHERE id = $1 AND n >= 1", "cup")
					taken <- n == 1
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		close(taken)
		got := 0
		for ok := range taken {
			if ok {
				got++
			}
		}
		if _, left := total(t, d); got != 5 || left != 0 {
			t.Errorf("took %d, %d left; want 5 and 0", got, left)
		}
	}, schema)
}

func TestCommittedSurvivesReopen(t *testing.T) {
	address := dbtest.SQLite(t)
	d, stop := dbtest.Start(t, address, schema)
	if err := d.Write(t.Context(), put("cup", 3)); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := d.Write(t.Context(), put("late", 1)); !errors.Is(err, db.ErrClosed) {
		t.Errorf("write after the end: %v, want ErrClosed", err)
	}
	d, _ = dbtest.Start(t, address, schema)
	if rows, sum := total(t, d); rows != 1 || sum != 3 {
		t.Errorf("after reopening: %d rows, sum %d", rows, sum)
	}
}

func TestCancelledCallerWritesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Write(ctx, put("cup", 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if rows, _ := total(t, d); rows != 0 {
			t.Errorf("%d rows written for a caller who had left", rows)
		}
	}, schema)
}

func TestReadSideCannotWrite(t *testing.T) {
	d := dbtest.Open(t, schema)
	rows, err := d.Read().QueryContext(t.Context(), "INSERT INTO cups (id, n) VALUES ('x', 1) RETURNING id")
	if err == nil {
		rows.Next()
		err = rows.Err()
		rows.Close()
	}
	if err == nil {
		t.Error("the read side wrote")
	}
}

func TestTransactionHasOneClock(t *testing.T) {
	d := dbtest.Open(t, schema)
	err := d.Write(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		if tx.Now.Nanosecond()%1e6 != 0 || tx.Millis() != tx.Now.UnixMilli() {
			return fmt.Errorf("clock %v is not in whole milliseconds", tx.Now)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAddressErrorsHideThePassword(t *testing.T) {
	for _, address := range []string{"postgres://souk:hunter2@%zz/x", "mysql://souk:hunter2@h/x"} {
		_, err := db.Open(t.Context(), address, dbtest.Logger(t))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			d := dbtest.Open(b, schema)
			var wg sync.WaitGroup
			for c := range clients {
				wg.Go(func() {
					for i := c; i < b.N; i += clients {
						if err := d.Write(b.Context(), put(fmt.Sprintf("%09d", i), 1)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
