package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the light margin that readers need around a code, in modules (ISO/IEC 18004 section 6.3.8).
const quiet = 4

// QR draws a text, a short address usually, as an SVG picture: dark on white, whatever lies beneath. It fails when the
// text does not fit any code, which takes more than 2,000 bytes.
func QR(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("qr code: %w", err)
	}
	side := code.Size + 2*quiet
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&svg, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side)
	for y := range code.Size {
		for x := 0; x < code.Size; {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&svg, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
			}
			x += max(1, run)
		}
	}
	svg.WriteString(`"/></svg>`)
	return []byte(svg.String()), nil
}
