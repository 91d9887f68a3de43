package hls

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"sync"
	"time"
)

// The frames of a push are those of docs/protocol.md: two lengths as 32-bit big endian numbers, a header in JSON and a
// body. What stands in front of a body is made once for all viewers and never changes.

// frameLead is made when somebody first needs it.
type frameLead struct {
	once  sync.Once
	bytes []byte
}

func (l *frameLead) of(body int, header func() any) []byte {
	l.once.Do(func() { l.bytes = appendFrame(nil, header(), body) })
	return l.bytes
}

// appendFrame writes a frame but for its body.
func appendFrame(b []byte, header any, body int) []byte {
	text, err := json.Marshal(header)
	if err != nil { // numbers and strings of our own
		panic(err)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	b = binary.BigEndian.AppendUint32(b, uint32(body))
	return append(b, text...)
}

// Frames without a body.
var (
	frameSkip  = appendFrame(nil, map[string]any{"type": "skip"}, 0)
	frameEnd   = appendFrame(nil, map[string]any{"type": "end"}, 0)
	frameQuiet = appendFrame(nil, map[string]any{"type": "wait", "encoder": true}, 0)
	frameAway  = appendFrame(nil, map[string]any{"type": "wait", "encoder": false}, 0)
)

// initFrame is the header of an init section.
type initFrame struct {
	Type      string  `json:"type"` // "init"
	Mime      string  `json:"mime"`
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	FrameRate float64 `json:"frame_rate,omitempty"`
}

// lead is what stands in front of the init section.
func (h *head) lead() []byte {
	return h.frame.of(h.size, func() any {
		return initFrame{
			Type: "init", Mime: h.contentTypeOf() + `; codecs="` + strings.Join(h.codecs, ",") + `"`,
			Width: h.width, Height: h.height, FrameRate: math.Round(h.frameRate*1000) / 1000,
		}
	})
}

// scale is the time scale of the leading track, 0 if the init section does not tell.
func (h *head) scale() (scale int64) {
	body := h.chunks[0]
	_ = boxes(body, 0, len(body), func(kind string, from, to int) error {
		switch kind {
		case "moov", "trak", "mdia":
			return errDescend
		case "mdhd":
			at := from + 12 // version 0: two 32-bit times before it (ISO 14496-12 section 8.4.2)
			if to > from && body[from] == 1 {
				at = from + 20
			}
			if scale == 0 && at+4 <= to {
				scale = int64(binary.BigEndian.Uint32(body[at:]))
			}
		}
		return nil
	})
	return scale
}

// partFrame is the header of a part.
type partFrame struct {
	Type        string   `json:"type"` // "part"
	MSN         uint64   `json:"msn"`
	Part        int      `json:"part"`
	Date        string   `json:"date"`            // of its first picture
	Media       *float64 `json:"media,omitempty"` // the same on the clock of its run, in seconds; of independent parts
	Duration    float64  `json:"duration"`        // in seconds
	Independent bool     `json:"independent"`
}

// lead is what stands in front of the part, whose init section is h.
func (p *part) lead(h *head) []byte {
	return p.frame.of(p.size, func() any {
		return partFrame{
			Type: "part", MSN: p.msn, Part: p.number, Date: p.date.UTC().Format(dateFormat),
			Media: p.media(h), Duration: p.duration.Seconds(), Independent: p.independent,
		}
	})
}

// media is told where the first picture in the part is also the first to be shown.
func (p *part) media(h *head) *float64 {
	if !p.independent {
		return nil
	}
	body, scale := p.chunks[0], h.scale()
	if len(body) < 8 || scale == 0 {
		return nil
	}
	leading := body[:min(len(body), int(binary.BigEndian.Uint32(body)))] // its moof alone: the audio's follows
	first, err := readFragment(leading)
	if err != nil {
		return nil
	}
	_, present := first.startOf(scale)
	seconds := float64(present.Round(time.Microsecond)) / float64(time.Second)
	return &seconds
}
