package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestScanList(t *testing.T) {
	l := scanList(`#EXTM3U
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DATERANGE:ID="pin-a",CLASS="live.souk.pin",START-DATE="2026-01-01T00:00:00.000Z"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXT-X-PART:DURATION=0.2,URI="x/p7.0.mp4",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.3,URI="x/p7.1.mp4"
#EXTINF:0.5,
x/g7.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.500Z
#EXT-X-PART:DURATION=0.2,URI="x/p8.0.mp4",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="x/p8.1.mp4"
`)
	if l.msn != 8 || l.part != 1 || len(l.parts) != 3 || l.ended || len(l.pins) != 1 || l.pins[0] != "a" {
		t.Fatalf("%+v", l)
	}
	zero := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, want := range []listPart{
		{7, 0, "x/p7.0.mp4", 200 * time.Millisecond, true, zero.Add(200 * time.Millisecond)},
		{7, 1, "x/p7.1.mp4", 300 * time.Millisecond, false, zero.Add(500 * time.Millisecond)},
		{8, 0, "x/p8.0.mp4", 200 * time.Millisecond, true, zero.Add(700 * time.Millisecond)},
	} {
		if l.parts[i] != want {
			t.Errorf("part %d: %+v", i, l.parts[i])
		}
	}
	if !scanList("#EXTM3U\n#EXT-X-ENDLIST\n").ended {
		t.Error("the end was not seen")
	}
	if got := firstVariant("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n"); got != "live.m3u8" {
		t.Errorf("variant %q", got)
	}
}

func TestSpread(t *testing.T) {
	var s spread
	if q := s.quantiles(); q != (quantiles{}) {
		t.Errorf("of nothing: %+v", q)
	}
	for i := 1; i <= 1000; i++ {
		s.add(time.Duration(i) * time.Millisecond)
	}
	s.add(10 * time.Hour) // beyond the last bucket
	q := s.quantiles()
	for want, got := range map[float64]float64{500: q.P50, 950: q.P95, 990: q.P99} {
		if got < want*0.99 || got > want*1.05 {
			t.Errorf("quantile %v is told as %v", want, got)
		}
	}
	if q.Count != 1001 || q.Max != 36_000_000 {
		t.Errorf("%+v", q)
	}
}

func TestStockCompared(t *testing.T) {
	was := []shelf{{"a", "A", shelfStock{Available: 5}}, {"b", "B", shelfStock{Available: 1}}}
	for name, c := range map[string]struct {
		after    shelfStock
		paid     int64
		oversold int64
	}{
		"all sold":           {shelfStock{Sold: 5}, 5, 0},
		"somebody else too":  {shelfStock{Sold: 5}, 3, 0},
		"more than were":     {shelfStock{Sold: 7}, 7, 2},
		"paid but not taken": {shelfStock{Available: 2, Sold: 3}, 5, 2},
	} {
		q := &queue{rehearsal: &rehearsal{product: "a"}}
		q.paid.Store(c.paid)
		stock, oversold := compare(was, []shelf{{"a", "A", c.after}, was[1]}, q)
		if oversold != c.oversold || len(stock) != 1 {
			t.Errorf("%s: %d oversold, %v", name, oversold, stock)
		}
	}
}

// A server that breaks its promises is found out: another order for the second
// tap of the same finger, and orders that are gone afterwards.
func TestRehearsalFindsOut(t *testing.T) {
	var orders atomic.Int64
	mux := http.NewServeMux()
	answer := func(pattern string, body func() string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body()) })
	}
	always := func(s string) func() string { return func() string { return s } }
	answer("GET /api/v1/channels", always(`{"channels":[{"slug":"quiet"},{"slug":"tea","live":true}]}`))
	answer("GET /api/v1/channels/tea", always(`{"slug":"tea","live":true,"hls":"/hls/tea/index.m3u8"}`))
	answer("GET /api/v1/channels/tea/products", always(`{"products":[{"id":"p","title":"Pot","stock":{"available":9}}]}`))
	answer("POST /api/v1/guests", always(`{"token":"t"}`))
	answer("PUT /api/v1/me", always(`{}`))
	answer("POST /api/v1/me/payment-methods", always(`{}`))
	answer("POST /api/v1/orders", func() string {
		return fmt.Sprintf(`{"order":{"id":"o%d","state":"paid"}}`, orders.Add(1))
	})
	mux.HandleFunc("GET /api/v1/orders/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"code":"no_such_order"}`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	var out, log bytes.Buffer
	c := &cli{out: &out, err: &log, env: func(string) (string, bool) { return "", false }}
	code := c.main(t.Context(), []string{"rehearse", "--url", server.URL, "--viewers", "0", "--buyers", "2", "--for", "5s"})
	var report rehearsalReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &log)
	}
	if code != exitFailure || report.Channel != "tea" || report.Broken.DoubleCharged != 2 || report.Broken.LostOrders != 2 {
		t.Errorf("exit %d, %+v", code, report.Broken)
	}
}

func TestRehearseUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"no address":         {"--url", "shop.example"},
		"too many":           {"--viewers", "1000000"},
		"too short":          {"--for", "1s"},
		"password of nobody": {"--host-password", "x"},
		"a stray word":       {"now"},
	} {
		var out, log bytes.Buffer
		c := &cli{out: &out, err: &log, env: func(string) (string, bool) { return "", false }}
		if code := c.main(t.Context(), append([]string{"rehearse"}, args...)); code != exitUsage || !strings.Contains(log.String(), "souk: ") {
			t.Errorf("%s: exit %d, %q", name, code, &log)
		}
	}
}
