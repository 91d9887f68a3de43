package web

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"rsc.io/qr"
)

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// The picture holds the code's dark modules and no others, inside its margin.
func TestQR(t *testing.T) {
	const text = "https://shop.example/live/tea?s=ov"
	svg, err := QR(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(svg, new(struct{ XMLName xml.Name })); err != nil {
		t.Errorf("no XML: %v", err)
	}
	dark := map[[2]int]bool{}
	for _, m := range run.FindAllStringSubmatch(string(svg), -1) {
		var x, y, w, back int
		fmt.Sscan(strings.Join(m[1:], " "), &x, &y, &w, &back)
		if w != back || w == 0 {
			t.Errorf("%s is no closed run", m[0])
		}
		for i := range w {
			dark[[2]int{x + i - quiet, y - quiet}] = true
		}
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	for y := -quiet; y < code.Size+quiet; y++ {
		for x := -quiet; x < code.Size+quiet; x++ {
			if inside := x >= 0 && y >= 0 && x < code.Size && y < code.Size; dark[[2]int{x, y}] != (inside && code.Black(x, y)) {
				t.Fatalf("module %d,%d is wrong", x, y)
			}
		}
	}
	if _, err := QR(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that fits no code was drawn")
	}
}
