package main

import (
	"math"
	"sync/atomic"
	"time"
)

// Buckets of a spread: each is a twenty-fifth wider than the one before, from a
// tenth of a millisecond to about an hour.
const (
	spreadBase    = 1.04
	spreadFirst   = 100 * time.Microsecond
	spreadBuckets = 450
)

// spread collects durations of many goroutines and tells their quantiles, 4 %
// off at most.
type spread struct {
	buckets [spreadBuckets]atomic.Int64
	max     atomic.Int64 // nanoseconds
}

func (s *spread) add(d time.Duration) {
	i := 0
	if d > spreadFirst {
		i = min(spreadBuckets-1, 1+int(math.Log(float64(d)/float64(spreadFirst))/math.Log(spreadBase)))
	}
	s.buckets[i].Add(1)
	for {
		old := s.max.Load()
		if int64(d) <= old || s.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// quantiles are in milliseconds.
type quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func (s *spread) quantiles() quantiles {
	var q quantiles
	for i := range s.buckets {
		q.Count += s.buckets[i].Load()
	}
	most := milliseconds(time.Duration(s.max.Load()))
	at := func(share float64) float64 {
		rank, seen := int64(math.Ceil(share*float64(q.Count))), int64(0)
		for i := range s.buckets {
			if seen += s.buckets[i].Load(); seen >= rank && rank > 0 {
				return min(most, milliseconds(time.Duration(float64(spreadFirst)*math.Pow(spreadBase, float64(i)))))
			}
		}
		return 0
	}
	q.P50, q.P95, q.P99, q.Max = at(0.5), at(0.95), at(0.99), most
	return q
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*10) / 10
}
