package hls

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"sync"
	"time"
)

// text is a rendered playlist. It is compressed, and cut to a delta update, when somebody first asks for that: most views
// of a quiet stream never are.
type text struct {
	plain, packed    []byte
	plainTag, zipTag []string
	plainLen, zipLen []string
	compress         sync.Once

	short  *text // the delta update
	cut    sync.Once
	entity string
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels only
	return z
}}

func newText(body []byte, tag string) *text {
	return &text{plain: body, plainTag: []string{`"` + tag + `"`}, plainLen: []string{strconv.Itoa(len(body))},
		zipTag: []string{`"` + tag + `.gz"`}, entity: tag}
}

// gz returns the compressed body.
func (t *text) gz() []byte {
	t.compress.Do(func() {
		var b bytes.Buffer
		z := zippers.Get().(*gzip.Writer)
		defer zippers.Put(z)
		z.Reset(&b)
		z.Write(t.plain) // a bytes.Buffer takes everything
		z.Close()
		t.packed = b.Bytes()
		t.zipLen = []string{strconv.Itoa(len(t.packed))}
	})
	return t.packed
}

// delta returns the delta update of a media playlist: the playlist itself when there is nothing to leave out.
func (t *text) delta() *text {
	t.cut.Do(func() {
		t.short = t
		if body := leaveOut(t.plain); body != nil {
			t.short = newText(body, t.entity+".skip")
		}
	})
	return t.short
}

// leaveOut makes a delta update of a media playlist (RFC 8216bis section 6.2.5.1): the segments further from its end
// than its skip boundary become one EXT-X-SKIP. Date ranges stay, wherever they stand. It returns nil when no segment
// is that old.
func leaveOut(playlist []byte) []byte {
	boundary, left := extent(playlist)
	if boundary == 0 || left <= boundary {
		return nil
	}
	var ranges []byte // among the segments
	head, rest, kept, skipped, read := -1, 0, 0, 0, 0
	for line := range bytes.Lines(playlist) {
		name, value := tagOf(line)
		read += len(line)
		if head < 0 && segmentTags[name] {
			head = read - len(line)
		}
		switch {
		case head < 0:
		case name == "#EXT-X-DATERANGE":
			ranges = append(ranges, line...)
		case name == "#EXTINF":
			left -= secondsOf(value)
		case name == "" && left > boundary:
			skipped++
			rest, kept = read, len(ranges)
		}
	}
	if skipped == 0 {
		return nil
	}
	out := make([]byte, 0, head+kept+len(playlist)-rest+48)
	out = append(out, playlist[:head]...)
	out = append(out, ranges[:kept]...)
	out = append(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS="...)
	out = strconv.AppendInt(out, int64(skipped), 10)
	out = append(out, '\n')
	return append(out, playlist[rest:]...)
}

// segmentTags belong to the segment that follows them, as opposed to the playlist.
var segmentTags = map[string]bool{
	"#EXTINF": true, "#EXT-X-PART": true, "#EXT-X-PROGRAM-DATE-TIME": true, "#EXT-X-MAP": true, "#EXT-X-DISCONTINUITY": true,
	"#EXT-X-GAP": true, "#EXT-X-BYTERANGE": true, "#EXT-X-BITRATE": true, "#EXT-X-KEY": true,
}

// extent returns the skip boundary of a media playlist, 0 for none, and the duration of all that it lists.
func extent(playlist []byte) (boundary, duration time.Duration) {
	var tail time.Duration // parts after the last segment
	for line := range bytes.Lines(playlist) {
		switch name, value := tagOf(line); name {
		case "#EXT-X-SERVER-CONTROL":
			boundary = secondsOf(attributeOf(value, "CAN-SKIP-UNTIL"))
		case "#EXT-X-PART":
			tail += secondsOf(attributeOf(value, "DURATION"))
		case "#EXTINF":
			duration += secondsOf(value)
			tail = 0
		}
	}
	return boundary, duration + tail
}

// tagOf splits a line of a playlist. The name is empty when the line is a URI.
func tagOf(line []byte) (name string, value []byte) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return "#", nil
	}
	if line[0] != '#' {
		return "", line
	}
	tag, value, _ := bytes.Cut(line, []byte(":"))
	return string(tag), value
}

// secondsOf reads a decimal number of seconds, as far as a comma. What is none counts as 0.
func secondsOf(value []byte) time.Duration {
	number, _, _ := bytes.Cut(value, []byte(","))
	s, err := strconv.ParseFloat(string(number), 64)
	if err != nil || s < 0 || s > maxSeconds {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// maxSeconds is far beyond any duration in a playlist, and far below what a time.Duration holds.
const maxSeconds = 1e6
