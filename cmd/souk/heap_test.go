package main

import "testing"

func TestGrowth(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		live, media int64
		want        int
	}{
		{0, 0, 100},
		{50 * mb, 0, 100},
		{100 * mb, 90 * mb, 14},
		{500 * mb, 90 * mb, 82},   // a crowd in the rooms
		{20 * mb, 90 * mb, 10},    // windows that have grown since the last collection
		{1000 * mb, 990 * mb, 10}, // many streams
	} {
		if got := growth(tt.live, tt.media); got != tt.want {
			t.Errorf("%d MiB, %d of them media: %d %%, want %d", tt.live/mb, tt.media/mb, got, tt.want)
		}
	}
}
