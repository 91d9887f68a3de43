// Pushload watches a push many times over and reports what that costs the server.
//
//	pushload -url http://127.0.0.1:8080/hls/tea/push -viewers 1000 -for 20s -pid $(pidof souk)
//
// It prints one JSON object: parts per viewer and second, how long after the first viewer the others had each part, and,
// with the server's process id (Linux), the processor time that a viewer takes for a second, and how many of them one
// core could therefore serve. The load generator shares the machine, so that the lag is an upper bound.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	settle     = 3 * time.Second // after the last viewer has come
	joinEvery  = time.Millisecond
	readBuffer = 64 << 10
	maxHeader  = 64 << 10
	ticks      = 100 // of processor time a second, as /proc counts
)

// part is the name of one part.
type part struct {
	MSN  uint64
	Part int
}

// tally is what all viewers have seen.
type tally struct {
	counting atomic.Bool
	parts    atomic.Int64
	bytes    atomic.Int64
	skips    atomic.Int64
	lost     atomic.Int64

	mu    sync.Mutex // guards the rest
	first map[part]time.Time
	lags  []time.Duration
}

func main() {
	target := flag.String("url", "", "the push to watch")
	viewers := flag.Int("viewers", 1000, "how many watch")
	span := flag.Duration("for", 20*time.Second, "how long to measure")
	pid := flag.Int("pid", 0, "process of the server, for its processor time")
	flag.Parse()
	if err := run(os.Stdout, *target, *viewers, *span, *pid); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer, target string, viewers int, span time.Duration, pid int) error {
	at, err := url.Parse(target)
	if err != nil || at.Host == "" {
		return errors.New("-url is no address")
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	t := &tally{first: map[part]time.Time{}}
	var all sync.WaitGroup
	for range viewers {
		all.Go(func() {
			if err := watch(ctx, at, t); ctx.Err() == nil {
				t.lost.Add(1)
				log.Print(err)
			}
		})
		time.Sleep(joinEvery)
	}
	time.Sleep(settle)
	before, err := cpu(pid)
	if err != nil {
		return err
	}
	start := time.Now()
	t.counting.Store(true)
	time.Sleep(span)
	t.counting.Store(false)
	took := time.Since(start)
	after, err := cpu(pid)
	if err != nil {
		return err
	}
	stop()
	all.Wait()
	return report(w, t, viewers, took, after-before)
}

func report(w io.Writer, t *tally, viewers int, took, spent time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(t.lags)
	lag := func(q float64) float64 {
		if len(t.lags) == 0 {
			return 0
		}
		return float64(t.lags[int(q*float64(len(t.lags)-1))].Microseconds()) / 1000
	}
	seconds := float64(viewers) * took.Seconds()
	out := map[string]any{
		"viewers": viewers, "lost": t.lost.Load(), "skips": t.skips.Load(),
		"parts_per_viewer_second": float64(t.parts.Load()) / seconds,
		"mbit_per_viewer_second":  float64(t.bytes.Load()) * 8 / 1e6 / seconds,
		"lag_ms":                  map[string]float64{"p50": lag(0.5), "p99": lag(0.99)},
	}
	if spent > 0 {
		each := spent.Seconds() / seconds
		out["cpu_ms_per_viewer_second"] = each * 1000
		out["viewers_per_core"] = int(1 / each)
	}
	return json.NewEncoder(w).Encode(out)
}

// watch is one viewer.
func watch(ctx context.Context, at *url.URL, t *tally) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", at.RequestURI(), at.Host)
	r := bufio.NewReaderSize(conn, readBuffer)
	status, err := r.ReadString('\n')
	if err != nil || !strings.Contains(status, " 200 ") {
		return fmt.Errorf("answered %q, %v", status, err)
	}
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			return err
		}
	}
	for {
		if err := frame(r, t); err != nil {
			return err
		}
	}
}

// frame reads one frame.
func frame(r *bufio.Reader, t *tally) error {
	lengths := make([]byte, 8)
	if _, err := io.ReadFull(r, lengths); err != nil {
		return err
	}
	header, body := binary.BigEndian.Uint32(lengths), binary.BigEndian.Uint32(lengths[4:])
	if header > maxHeader {
		return errors.New("not a push")
	}
	text := make([]byte, header)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	if _, err := r.Discard(int(body)); err != nil {
		return err
	}
	if !t.counting.Load() {
		return nil
	}
	var h struct {
		Type string
		part
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return err
	}
	switch h.Type {
	case "part":
		t.note(h.part, int(body))
	case "skip":
		t.skips.Add(1)
	}
	return nil
}

func (t *tally) note(p part, size int) {
	t.parts.Add(1)
	t.bytes.Add(int64(size))
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	first, ok := t.first[p]
	if !ok {
		t.first[p], first = now, now
	}
	t.lags = append(t.lags, now.Sub(first))
}

// cpu is the processor time that a process has used, 0 for none.
func cpu(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may have spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("no processor time in /proc")
	}
	var sum int64
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks, nil
}
