package chat

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	now := time.Now()
	var b bucket
	for i := range 3 {
		if d := b.take(now, 3, time.Second); d != 0 {
			t.Fatalf("number %d of the burst waits %s", i+1, d)
		}
	}
	if d := b.take(now, 3, time.Second); d != time.Second {
		t.Errorf("after the burst: %s, want 1s", d)
	}
	now = now.Add(1500 * time.Millisecond)
	if d := b.take(now, 3, time.Second); d != 0 {
		t.Errorf("one has come back, but waits %s", d)
	}
	if d := b.take(now, 3, time.Second); d != 500*time.Millisecond {
		t.Errorf("the next comes in %s, want 500ms", d)
	}
	if b.full(now.Add(2499*time.Millisecond)) || !b.full(now.Add(2500*time.Millisecond)) {
		t.Error("full at another moment than 2.5 s from now")
	}
}

// Whatever the pattern, no window holds more than the burst and what came back.
func TestBucketNeverGivesTooMuch(t *testing.T) {
	const burst, every = 4, 250 * time.Millisecond
	var b bucket
	now := time.Now()
	var taken []time.Time
	for range 5000 {
		now = now.Add(rand.N(200 * time.Millisecond))
		wait := b.take(now, burst, every)
		if wait == 0 {
			taken = append(taken, now)
		} else if later := b; later.take(now.Add(wait), burst, every) != 0 {
			t.Fatal("refused again after the wait it named")
		}
	}
	for i := range taken {
		for j := i; j < len(taken); j++ {
			if most := burst + int(taken[j].Sub(taken[i])/every); j-i+1 > most {
				t.Fatalf("%d in %s", j-i+1, taken[j].Sub(taken[i]))
			}
		}
	}
}
