//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	stockBase  = 100_000 // the k-th change sets the stock to stockBase + k
	stockEvery = 100 * time.Millisecond
	maxChanges = 10_000
)

// stockWatch measures how long it took from when a change of stock should have
// been asked for to when a viewer saw it. Guarded by the crowd's mutex.
type stockWatch struct {
	due [maxChanges]atomic.Int64 // unix nanoseconds
	lag histogram
}

func (w *stockWatch) seen(k, now int64) {
	if k < 0 || k >= maxChanges {
		return
	}
	if due := w.due[k].Load(); due != 0 {
		w.lag.add(now - due)
	}
}

// stockIn returns which changes a frame tells of.
func stockIn(frame []byte) (changes []int64) {
	const mark = `"available":`
	for {
		_, rest, ok := bytes.Cut(frame, []byte(mark))
		if !ok {
			return changes
		}
		changes = append(changes, number(rest)-stockBase)
		frame = rest
	}
}

// stockTalk changes the stock of a product through the API.
type stockTalk struct {
	crowd *crowd
	n     atomic.Int64
	stop  chan struct{}
	done  chan error
}

func startStock(c *crowd) *stockTalk {
	s := &stockTalk{crowd: c, stop: make(chan struct{}), done: make(chan error, 1)}
	go func() { s.done <- s.run() }()
	return s
}

func (s *stockTalk) run() error {
	for next := time.Now().Add(stockEvery); ; next = next.Add(stockEvery) {
		select {
		case <-s.stop:
			return nil
		case <-time.After(time.Until(next)):
		}
		k := s.n.Add(1)
		s.crowd.stock.due[k%maxChanges].Store(next.UnixNano())
		if err := s.set(stockBase + k); err != nil {
			return err
		}
	}
}

func (s *stockTalk) set(units int64) error {
	l := s.crowd.load
	req, err := http.NewRequest(http.MethodPatch, l.URL+"/api/v1/products/"+l.Product, strings.NewReader(fmt.Sprintf(`{"stock":%d}`, units)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+l.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("change the stock: %d %s", res.StatusCode, b)
	}
	return nil
}

func (s *stockTalk) changes() int64 { return s.n.Load() }

func (s *stockTalk) end() error {
	close(s.stop)
	return <-s.done
}
