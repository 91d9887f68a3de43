package show_test

import (
	"slices"
	"testing"

	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/show"
)

// The shows of a channel come newest first, page by page, and none of another channel's.
func TestShowsByPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, _ := board(t, d)
		var tea []string
		var coffee show.Show
		for range 3 {
			for _, channel := range []string{"tea", "coffee"} {
				s, err := b.Live(t.Context(), channel)
				if err != nil {
					t.Fatal(err)
				}
				if err := b.End(t.Context(), channel); err != nil {
					t.Fatal(err)
				}
				if channel == "tea" {
					tea = append([]string{s.ID}, tea...)
				} else {
					coffee = s
				}
			}
		}
		for _, c := range []struct {
			what, after string
			limit       int
			want        []string
		}{
			{"all", "", 9, tea},
			{"the newest", "", 2, tea[:2]},
			{"before it", tea[0], 9, tea[1:]},
			{"before the oldest", tea[2], 9, nil},
			{"before another channel's", coffee.ID, 9, nil},
			{"before no show", "none", 9, nil},
		} {
			all, err := b.Shows(t.Context(), "tea", c.after, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range all {
				got = append(got, s.ID)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.what, got, c.want)
			}
		}
	}, schema)
}
