package show_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/show"
)

// Everybody counts once at each step, on two servers and over a restart, and
// nobody's name is kept.
func TestNumbers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		first := &show.Board{DB: d, Log: dbtest.Logger(t), Grace: time.Minute}
		if err := first.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := first.Saw(t.Context(), "tea", show.Watched, "", "early"); err != nil {
			t.Fatal(err) // nothing is on
		}
		s, err := first.Live(t.Context(), "tea")
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Watched(t.Context(), "tea", 3); err != nil {
			t.Fatal(err)
		}
		if err := first.Watched(t.Context(), "tea", 2); err != nil {
			t.Fatal(err)
		}
		see := func(b *show.Board, step, pin string, people ...string) {
			t.Helper()
			for range 2 {
				for _, p := range people {
					if err := b.Saw(t.Context(), "tea", step, pin, p); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		see(first, show.Watched, "", "ana", "ben")
		see(first, show.Seen, "pin-1", "ana")
		see(first, show.Seen, "pin-2", "ana", "ben")
		if _, err := first.Numbers(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		// The process ends, and another one goes on.
		next := &show.Board{DB: d, Log: dbtest.Logger(t), Grace: time.Minute}
		if err := next.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		see(next, show.Watched, "", "ben", "cem")
		see(next, show.Opened, "pin-2", "cem")
		if err := next.Watched(t.Context(), "tea", 4); err != nil {
			t.Fatal(err)
		}
		n, err := next.Numbers(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if n.People != 3 || !n.Exact || n.AnySeen != 2 || n.Seen["pin-1"] != 1 || n.Seen["pin-2"] != 2 || n.Opened["pin-2"] != 1 || n.AnyOpen != 1 {
			t.Errorf("%+v", n)
		}
		if most := max(n.Minutes[0].Viewers, n.Minutes[len(n.Minutes)-1].Viewers); most != 4 {
			t.Errorf("minutes %+v", n.Minutes)
		}
		rows, err := d.Read().QueryContext(t.Context(), "SELECT step, subject, sketch FROM show_tally")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var step, subject string
			var body []byte
			if err := rows.Scan(&step, &subject, &body); err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(step, subject, string(body)); strings.Contains(text, "ana") || strings.Contains(text, "cem") {
				t.Errorf("%q is kept", text)
			}
		}
	}, schema)
}

// What was counted is written down at the end of the process.
func TestNumbersAreKept(t *testing.T) {
	d := dbtest.Open(t, schema)
	b := &show.Board{DB: d, Log: dbtest.Logger(t), Grace: time.Minute}
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := b.Live(t.Context(), "tea")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Saw(t.Context(), "tea", show.Watched, "", "ana"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_ = b.KeepNumbers(ctx)
	other := &show.Board{DB: d, Log: dbtest.Logger(t)}
	if n, err := other.Numbers(t.Context(), s.ID); err != nil || n.People != 1 {
		t.Errorf("%+v, %v", n, err)
	}
}
