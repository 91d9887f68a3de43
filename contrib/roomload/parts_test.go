//go:build linux

package main

import (
	"bytes"
	"compress/flate"
	"testing"
	"time"
)

func TestStampsAreFoundAgain(t *testing.T) {
	at := time.Now().UnixNano()
	frame := []byte(`[{"data":{"text":"` + text(5, 7, at, 100) + `"}},{"data":{"text":"` + text(5, 8, at+1, 0) + `"}},{"text":"~ab"}]`)
	got := stamps(5, frame)
	if len(got) != 2 || got[0] != (stamp{7, at}) || got[1] != (stamp{8, at + 1}) {
		t.Errorf("%v", got)
	}
	if n := len(text(5, 7, at, 100)); n != 100 {
		t.Errorf("a text of %d bytes", n)
	}
	other := bytes.Clone(frame)
	copy(other[bytes.IndexByte(other, stampMark)+1:], "zzzz") // no letter of a stamp
	if got := stamps(5, other); len(got) != 1 {
		t.Errorf("a stamp of another run counts: %v", got)
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(int64(time.Duration(i+1) * time.Millisecond))
	}
	for q, want := range map[float64]float64{.5: 500, .99: 990, .1: 100} {
		if got := h.at(q); got < want*.95 || got > want*1.02 {
			t.Errorf("%g: %g ms, want about %g", q, got, want)
		}
	}
}

func TestOrder(t *testing.T) {
	for _, c := range []struct {
		frames        [][]int64
		lost, doubled int64
	}{
		{[][]int64{{1, 2}, {3}}, 0, 0},
		{[][]int64{{1}, {4, 5}}, 2, 0},
		{[][]int64{{1, 3}}, 1, 0},
		{[][]int64{{1, 2}, {2, 3}}, 0, 1},
		{[][]int64{{1, 2}, {2}, {1}}, 0, 2},
	} {
		crowd, v := &crowd{}, &viewer{last: -1}
		for _, numbers := range c.frames {
			p := &content{consecutive: true}
			for i, n := range numbers {
				p.stamps = append(p.stamps, stamp{number: n})
				p.consecutive = p.consecutive && (i == 0 || n == numbers[i-1]+1)
			}
			crowd.order(v, p)
		}
		if crowd.tally.lost != c.lost || crowd.tally.doubled != c.doubled {
			t.Errorf("%v: %d lost, %d doubled", c.frames, crowd.tally.lost, crowd.tally.doubled)
		}
	}
}

func TestFramesRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 300, 60_000} {
		header, size, ok := head(masked(opText, make([]byte, n)))
		if !ok || size != n || header == 0 {
			t.Errorf("%d bytes: %d %d %v", n, header, size, ok)
		}
	}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 1)
	_, _ = w.Write([]byte("hello hello hello"))
	_ = w.Flush()
	if got, err := inflate(bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})); string(got) != "hello hello hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
