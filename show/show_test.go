package show_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/show"
)

var schema = dbtest.Schema{Package: "show", Files: show.Migrations()}

// board returns a loaded, running board and the states it announced.
func board(t *testing.T, d *db.DB) (*show.Board, func() []show.State) {
	t.Helper()
	var mu sync.Mutex
	var seen []show.State
	b := &show.Board{DB: d, Log: dbtest.Logger(t), Grace: 60 * time.Second, OnChange: func(s show.Show) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s.State)
	}}
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-ended })
	return b, func() []show.State {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func live(t *testing.T, b *show.Board) show.Show {
	t.Helper()
	s, err := b.Live(t.Context(), "tea")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The encoder drops twice: once it is back in time and the show is the same,
// once it is not and the show ends on the minute.
func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, seen := board(t, dbtest.Open(t, schema))
		first := live(t, b)
		if again := live(t, b); again != first {
			t.Errorf("a second publisher began another show: %v, %v", first, again)
		}
		if err := b.Lost(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		if back := live(t, b); back.ID != first.ID || !back.Until.IsZero() {
			t.Errorf("after 59 s: %+v", back)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s, ok := b.Current("tea"); !ok || s.State != show.Live {
			t.Fatalf("the old deadline ended a show that was live: %+v", s)
		}
		if err := b.Lost(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if s, ok := b.Current("tea"); ok {
			t.Errorf("still running after the grace time: %+v", s)
		}
		want := []show.State{show.Live, show.Paused, show.Live, show.Paused, show.Ended}
		if got := seen(); !slices.Equal(got, want) {
			t.Errorf("announced %v, want %v", got, want)
		}
		if next := live(t, b); next.ID == first.ID {
			t.Error("an ended show went on")
		}
	})
}

// kill -9 in the middle of a show: the next process waits for the encoder, and
// the show is the same if it comes.
func TestRestart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, _ := board(t, d)
		first := live(t, b)
		b2, seen := board(t, d)
		s, ok := b2.Current("tea")
		if !ok || s.State != show.Paused || time.Until(s.Until.Std()) < 50*time.Second {
			t.Fatalf("after the restart: %+v", s)
		}
		if back := live(t, b2); back.ID != first.ID || back.StartedAt.Std().UnixMilli() != first.StartedAt.Std().UnixMilli() {
			t.Errorf("resumed %+v, want %+v", back, first)
		}
		if got := seen(); !slices.Equal(got, []show.State{show.Paused, show.Live}) {
			t.Errorf("announced %v", got)
		}
		if err := b2.End(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		if last, found, err := b2.Last(t.Context(), "tea"); err != nil || !found || last.State != show.Ended || last.EndedAt.IsZero() {
			t.Errorf("%+v, %v, %v", last, found, err)
		}
	}, schema)
}

func TestLogIsAChain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, _ := board(t, d)
		s := live(t, b)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := b.Append(t.Context(), s.ID, show.Entry{Kind: "pinned", MediaAt: s.StartedAt, Data: map[string]any{"product": "cup"}}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		entries, err := b.Entries(t.Context(), s.ID, 0)
		if err != nil || len(entries) != 21 || entries[0].Kind != "live" || entries[20].Seq != 21 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		if bad, err := b.Verify(t.Context(), s.ID); bad != 0 || err != nil {
			t.Errorf("an honest log fails at %d, %v", bad, err)
		}
		err = d.Write(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE show_log SET data = $1 WHERE show = $2 AND seq = 7", `{"product":"pot"}`, s.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if bad, err := b.Verify(t.Context(), s.ID); bad != 7 || err != nil {
			t.Errorf("the forged entry 7 was reported as %d, %v", bad, err)
		}
	}, schema)
}

func TestAppendOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, _ := board(t, d)
		s := live(t, b)
		for range 3 {
			if err := b.AppendOnce(t.Context(), s.ID, "pin 1", show.Entry{Kind: "pinned", Data: 1}); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := b.Entries(t.Context(), s.ID, 0)
		if err != nil || len(entries) != 2 {
			t.Errorf("%d entries, %v; want the beginning and one pin", len(entries), err)
		}
	}, schema)
}

func TestAnswers(t *testing.T) {
	b, _ := board(t, dbtest.Open(t, schema))
	s := live(t, b)
	get := func(h func(*httptest.ResponseRecorder) error) map[string]any {
		w := httptest.NewRecorder()
		if err := h(w); err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/?after=0", nil)
	r.SetPathValue("show", s.ID)
	v := get(func(w *httptest.ResponseRecorder) error { return b.GetLog(w, r) })
	if of := v["show"].(map[string]any); of["id"] != s.ID || of["state"] != "live" || of["ended_at"] != nil {
		t.Errorf("%v", v)
	}
	if log := v["log"].([]any); len(log) != 1 || log[0].(map[string]any)["type"] != "live" {
		t.Errorf("%v", v)
	}
	r.SetPathValue("show", "nope")
	if err := b.GetLog(httptest.NewRecorder(), r); !errors.Is(err, show.ErrNoShow) {
		t.Errorf("%v", err)
	}
}

// The most people that watched at once stay with the show, through its pauses,
// a restart and its end.
func TestPeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.Open(t, schema)
		b, _ := board(t, d)
		watched := func(b *show.Board, n int) {
			t.Helper()
			if err := b.Watched(t.Context(), "tea", n); err != nil {
				t.Fatal(err)
			}
		}
		watched(b, 7) // nothing is on
		s := live(t, b)
		for _, n := range []int{0, 3, 12, 5} {
			watched(b, n)
		}
		if err := b.Lost(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		again, _ := board(t, d)
		if running := again.Running(); len(running) != 1 || running[0].ViewersPeak != 12 {
			t.Errorf("after a restart: %+v", running)
		}
		watched(again, 9)
		watched(again, 13)
		if err := again.End(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		if found, err := again.Find(t.Context(), s.ID); err != nil || found.ViewersPeak != 13 {
			t.Errorf("after the end: %+v, %v", found, err)
		}
		if next := live(t, again); next.ViewersPeak != 0 {
			t.Errorf("the next show begins with a peak of %d", next.ViewersPeak)
		}
	})
}
