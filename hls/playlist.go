package hls

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// dateFormat is ISO 8601 in UTC with milliseconds, as EXT-X-PROGRAM-DATE-TIME and EXT-X-DATERANGE want it.
const dateFormat = "2006-01-02T15:04:05.000Z"

const indexName = "index.m3u8" // the multivariant playlist

// report is one EXT-X-RENDITION-REPORT: where a player that switches to the rendition would go on.
type report struct {
	file string
	msn  uint64
	part int
}

// page is all that a media playlist is rendered from.
type page struct {
	prefix        string
	target        int // seconds
	discontinuity uint64
	ranges        []DateRange
	reports       []report
	window        []*segment
	tail          tail
	tailStart     time.Time
	tailBreaks    bool // the tail starts with a discontinuity
	ended         bool
}

// renderMedia writes a media playlist (RFC 8216bis section 4.4).
func renderMedia(p page) []byte {
	b := make([]byte, 0, 1024+256*len(p.window)+128*len(p.tail.parts))
	b = append(b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:"...)
	b = strconv.AppendInt(b, int64(p.target), 10)
	b = append(b, "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL="...)
	b = strconv.AppendInt(b, int64(skipTargets*p.target), 10)
	b = append(b, ",PART-HOLD-BACK="...)
	b = appendSeconds(b, partHoldBack)
	b = append(b, "\n#EXT-X-PART-INF:PART-TARGET="...)
	b = appendSeconds(b, partTarget)
	first := p.tail.msn
	if len(p.window) > 0 {
		first = p.window[0].msn
	}
	b = append(b, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	b = strconv.AppendUint(b, first, 10)
	b = append(b, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
	b = strconv.AppendUint(b, p.discontinuity, 10)
	b = append(b, '\n')
	for _, r := range p.ranges {
		b = r.append(b)
	}

	var current *head
	for i, s := range p.window {
		b = appendStart(b, s.discontinuity, &current, s.head, s.start)
		if !p.ended && len(p.window)-i <= partSegments {
			b = appendParts(b, s.parts)
		}
		if s.gap {
			b = append(b, "#EXT-X-GAP\n"...)
		}
		b = append(b, "#EXTINF:"...)
		b = appendSeconds(b, s.duration)
		b = append(b, ",\n"...)
		b = append(b, segmentName(p.prefix, s.msn)...)
		b = append(b, '\n')
	}
	if p.ended {
		return append(b, "#EXT-X-ENDLIST\n"...)
	}
	if len(p.tail.parts) > 0 {
		b = appendStart(b, p.tailBreaks, &current, p.tail.head, p.tailStart)
		b = appendParts(b, p.tail.parts)
	}
	for _, r := range p.reports {
		b = append(b, `#EXT-X-RENDITION-REPORT:URI="`+r.file+`",LAST-MSN=`...)
		b = strconv.AppendUint(b, r.msn, 10)
		b = append(b, ",LAST-PART="...)
		b = strconv.AppendInt(b, int64(r.part), 10)
		b = append(b, '\n')
	}
	// Always last and always there: some players take the newest segment for the hint without it, and then find the
	// following update contradicting them.
	b = append(b, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`...)
	b = append(b, partName(p.prefix, p.tail.msn, len(p.tail.parts))...)
	return append(b, "\"\n"...)
}

// appendStart writes what stands in front of a segment.
func appendStart(b []byte, discontinuity bool, current **head, h *head, start time.Time) []byte {
	if discontinuity {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	if *current != h {
		*current = h
		b = append(b, `#EXT-X-MAP:URI="`...)
		b = append(b, h.name...)
		b = append(b, "\"\n"...)
	}
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = start.UTC().AppendFormat(b, dateFormat)
	return append(b, '\n')
}

func appendParts(b []byte, parts []*part) []byte {
	for _, p := range parts {
		b = append(b, "#EXT-X-PART:DURATION="...)
		b = appendSeconds(b, p.duration)
		b = append(b, `,URI="`...)
		b = append(b, p.name...)
		b = append(b, '"')
		if p.independent {
			b = append(b, ",INDEPENDENT=YES"...)
		}
		b = append(b, '\n')
	}
	return b
}

func appendSeconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', 5, 64)
}

// entry is one variant of the multivariant playlist.
type entry struct {
	file string
	*listing
}

// renderIndex writes the multivariant playlist (RFC 8216bis section 4.4.6.2).
func renderIndex(list []entry) []byte {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:9\n")
	for _, e := range list {
		b.WriteString("#EXT-X-STREAM-INF:BANDWIDTH=" + strconv.Itoa(e.peak))
		b.WriteString(",AVERAGE-BANDWIDTH=" + strconv.Itoa(e.average))
		b.WriteString(`,CODECS="` + strings.Join(e.head.codecs, ",") + `"`)
		if e.head.width > 0 && e.head.height > 0 {
			b.WriteString(",RESOLUTION=" + strconv.Itoa(e.head.width) + "x" + strconv.Itoa(e.head.height))
		}
		if e.head.frameRate > 0 {
			b.WriteString(",FRAME-RATE=" + strconv.FormatFloat(math.Round(e.head.frameRate*1000)/1000, 'f', 3, 64))
		}
		b.WriteString("\n" + e.file + "\n")
	}
	return []byte(b.String())
}
