package api_test

import (
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/api"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := api.Limiter[string]{Burst: 3, Every: time.Second}
		take := func(who, once string, want bool) time.Duration {
			t.Helper()
			wait, ok := l.Take(who, once)
			if ok != want {
				t.Errorf("%s/%s: %v, want %v", who, once, ok, want)
			}
			return wait
		}
		for range 3 {
			take("ana", "", true)
		}
		if wait := take("ana", "", false); wait <= 0 || wait > time.Second {
			t.Errorf("wait %v", wait)
		}
		take("ben", "", true) // somebody else has a bucket of their own
		time.Sleep(time.Second)
		take("ana", "", true)
		take("ana", "", false)

		for range 20 {
			take("cy", "one tap", true) // the same tap pays once
		}
		take("cy", "two", true)
		take("cy", "three", true)
		take("cy", "four", false)
		take("cy", "one tap", true)
		time.Sleep(time.Minute)
		for range 3 {
			take("cy", "", true) // full again, and no fuller
		}
		take("cy", "", false)
	})
}
