package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"souk/internal/api"
)

const (
	latenessNap   = time.Millisecond
	latenessSpan  = 5 * time.Second  // when the request does not say
	latenessLimit = 30 * time.Second // of one request
)

// lateness answers "GET /debug/lateness?for=5s": how late a goroutine of this
// process wakes up that sleeps a millisecond again and again. It is what a
// frame of video has to wait when rooms and tills are busy.
func lateness(w http.ResponseWriter, r *http.Request) error {
	span := latenessSpan
	if s := r.URL.Query().Get("for"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < latenessNap || d > latenessLimit {
			return api.Fail(http.StatusBadRequest, "bad_request", "for is a duration from 1ms to 30s.")
		}
		span = d
	}
	late := nap(r.Context(), span)
	if len(late) == 0 {
		return nil // the client has left
	}
	at := func(q float64) float64 { return float64(late[int(q*float64(len(late)-1))].Microseconds()) / 1000 }
	return api.Write(w, http.StatusOK, map[string]any{"naps": len(late), "ms_p50": at(.5), "ms_p99": at(.99), "ms_worst": at(1)})
}

// nap sleeps again and again and returns how late it woke up, sorted.
func nap(ctx context.Context, span time.Duration) (late []time.Duration) {
	for end := time.Now().Add(span); ctx.Err() == nil; {
		due := time.Now().Add(latenessNap)
		if due.After(end) {
			break
		}
		time.Sleep(latenessNap)
		late = append(late, time.Since(due))
	}
	slices.Sort(late)
	return late
}
