package api

import (
	"testing"
	"time"
)

func TestLimiterForgets(t *testing.T) {
	l := Limiter[int]{Burst: 3, Every: time.Hour}
	for i := range maxLimited + 10 {
		l.Take(i, "")
	}
	if n := len(l.buckets); n > maxLimited || n < maxLimited/2 {
		t.Errorf("remembers %d keys", n)
	}
}
