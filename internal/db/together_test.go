package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"souk/internal/db"
	"souk/internal/db/dbtest"
)

// A crowd shares transactions; who spoils one spoils only their own part.
func TestTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const crowd = 500
		var runs atomic.Int64
		g := db.Together[int]{DB: d, Do: func(ctx context.Context, tx *db.Tx, items []int) error {
			runs.Add(1)
			rows := make([][]any, len(items))
			for i, n := range items {
				if n == 13 {
					panic("a bug")
				}
				rows[i] = []any{fmt.Sprintf("%04d", n), n % 7 * -1 * (n % 2)} // negative ones break the table's check
			}
			return tx.Insert(ctx, "cups (id, n)", rows)
		}}
		var group sync.WaitGroup
		for i := range crowd {
			group.Go(func() {
				err := g.Write(t.Context(), i)
				if bad := i == 13 || i%2 == 1 && i%7 != 0; bad != (err != nil) {
					t.Errorf("item %d: %v", i, err)
				}
			})
		}
		group.Wait()
		rows, _ := total(t, d)
		want := 0
		for i := range crowd {
			if i != 13 && (i%2 == 0 || i%7 == 0) {
				want++
			}
		}
		if rows != want {
			t.Errorf("%d rows, want %d", rows, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Write(ctx, 9999); !errors.Is(err, context.Canceled) {
			t.Errorf("for somebody who had left: %v", err)
		}
	}, schema)
}

// A lone caller's item is written at once, and many at once share.
func TestTogetherShares(t *testing.T) {
	d := dbtest.Open(t, schema)
	entered, leave := make(chan int), make(chan struct{})
	g := db.Together[int]{DB: d, Do: func(_ context.Context, _ *db.Tx, items []int) error {
		entered <- len(items)
		<-leave
		return nil
	}}
	var group sync.WaitGroup
	group.Go(func() { _ = g.Write(t.Context(), 0) })
	if n := <-entered; n != 1 {
		t.Errorf("%d items, want one", n)
	}
	for i := range 300 {
		group.Go(func() { _ = g.Write(t.Context(), i) })
	}
	sum := 1
	for sum < 301 {
		leave <- struct{}{}
		n := <-entered
		if n > 256 {
			t.Errorf("%d items in one transaction", n)
		}
		sum += n
	}
	leave <- struct{}{}
	group.Wait()
}

func TestTogetherWhenClosed(t *testing.T) {
	d, stop := dbtest.Start(t, dbtest.SQLite(t), schema)
	g := db.Together[int]{DB: d, Do: func(context.Context, *db.Tx, []int) error { return nil }}
	stop()
	if err := g.Write(t.Context(), 1); !errors.Is(err, db.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

func TestInsertAndIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, n := range []int{1, 2, 3, 63, 64, 65, 200} {
			rows, ids := make([][]any, n), make([]string, n)
			for i := range n {
				ids[i] = fmt.Sprintf("%d/%d", n, i)
				rows[i] = []any{ids[i], i}
			}
			err := d.Write(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if err := tx.Insert(ctx, "cups (id, n)", nil); err != nil {
					return err
				}
				return tx.Insert(ctx, "cups (id, n)", rows)
			})
			if err != nil {
				t.Fatal(err)
			}
			list, args := db.In([]any{0}, ids)
			var got int
			if err := d.Read().QueryRowContext(t.Context(), "SELECT count(*) FROM cups WHERE n >= $1 AND id IN ("+list+")", args...).Scan(&got); err != nil || got != n {
				t.Errorf("%d of %d found, %v", got, n, err)
			}
		}
	}, schema)
}

func TestInKeepsItsArguments(t *testing.T) {
	first := make([]any, 1, 10)
	list, args := db.In(first, []string{"a", "b", "c"})
	if list != "$2, $3, $4, $5" || fmt.Sprint(args) != "[<nil> a b c c]" || first[:2][1] != nil {
		t.Errorf("%s %v", list, args)
	}
}

// Compiled statements survive what changes under them, and a query that does not
// compile tells why, each time.
func TestCompiledStatements(t *testing.T) {
	d := dbtest.Open(t, schema)
	count := func() (n int, err error) {
		err = d.Read().QueryRowContext(t.Context(), "SELECT count(*) FROM cups WHERE gold").Scan(&n)
		return n, err
	}
	if n, err := count(); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	err := d.Write(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		for _, q := range []string{"INSERT INTO cups (id, n, gold) VALUES ('a', 1, true)", "ALTER TABLE cups ADD COLUMN owner TEXT", "UPDATE cups SET owner = 'ana'"} {
			if _, err := tx.Exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
	if n, e := count(); n != 1 || e != nil || err != nil {
		t.Error(n, e, err)
	}
	for range 2 {
		var x int
		if err := d.Read().QueryRowContext(t.Context(), "SELECT nothing FROM cups").Scan(&x); err == nil || !strings.Contains(err.Error(), "nothing") {
			t.Errorf("%v", err)
		}
	}
	for i := range 600 { // more texts than are kept
		var x int
		if err := d.Read().QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d", i)).Scan(&x); err != nil || x != i {
			t.Fatal(x, err)
		}
	}
}
