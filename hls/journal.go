package hls

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"
)

// What a recording may be.
const (
	maxRecorded       = 1 << 16   // segments: 18 hours of one second each, and what a sidx box can refer to
	maxRecordedRanges = 2048      // date ranges
	maxTakes          = 1 << 12   // media files
	maxLine           = 64 << 10  // bytes of one line of a journal
	maxHead           = 1 << 20   // bytes of an init section
	maxRecordedBytes  = 256 << 20 // of one segment
	maxRecordedSpan   = time.Minute
)

// tape is what a recording holds, as its journal tells. Takes, segments and ranges are only ever added to, but for
// the end of a range, so that slices of them may be handed out.
type tape struct {
	show   showLine
	takes  []take
	shots  []shot
	ranges []DateRange
	ended  *endedLine
}

// take is one media file: an init section and segments that follow each other without a break.
type take struct {
	takeLine
	from, to int // its segments
	end      int64
}

// shot is one segment on disk.
type shot struct {
	segmentLine
	take int
}

// line is one line of a journal; exactly one member is set.
type line struct {
	Show    *showLine    `json:"show,omitempty"`
	Take    *takeLine    `json:"take,omitempty"`
	Segment *segmentLine `json:"segment,omitempty"`
	Range   *rangeLine   `json:"range,omitempty"`
	Ended   *endedLine   `json:"ended,omitempty"`
}

// showLine is the first line.
type showLine struct {
	ID      string    `json:"id"`
	Channel string    `json:"channel"`
	Started time.Time `json:"started"`
}

// takeLine begins a media file.
type takeLine struct {
	File   int      `json:"file"`   // its number, from 1
	Init   int64    `json:"init"`   // bytes of the init section
	Target int      `json:"target"` // TARGETDURATION of the show at the time, in seconds
	Prefix string   `json:"prefix"` // of the names by which the same media were live
	Head   uint64   `json:"head"`   // number of the init section among those
	Codecs []string `json:"codecs"`
	Video  bool     `json:"video"`
	Width  int      `json:"width,omitempty"`
	Height int      `json:"height,omitempty"`
	Rate   float64  `json:"rate,omitempty"` // frames a second
}

// segmentLine is one segment.
type segmentLine struct {
	Sequence uint64    `json:"sequence"` // the number it had live
	At       time.Time `json:"at"`       // program date-time of its first sample
	Duration int64     `json:"ns"`
	File     int       `json:"file"`
	Offset   int64     `json:"offset"`
	Length   int64     `json:"length"`
	Break    bool      `json:"break,omitempty"` // a discontinuity lies before it
	Key      bool      `json:"key,omitempty"`   // starts with a key frame
}

// rangeLine is a date range that has begun, or that has ended now.
type rangeLine struct {
	ID    string      `json:"id"`
	Class string      `json:"class,omitempty"`
	Start time.Time   `json:"start"`
	End   time.Time   `json:"end,omitzero"`
	Attrs [][2]string `json:"attrs,omitempty"`
}

// endedLine is the last line: what the recording came to.
type endedLine struct {
	At       time.Time `json:"at"`
	Segments int       `json:"segments"`
	Duration int64     `json:"ns"`
	Bytes    int64     `json:"bytes"`
}

var errLine = errors.New("hls: a line of a journal makes no sense")

// readJournal takes the lines of a journal as far as they make sense and the media that they tell of are there, given
// the sizes of the media files by number. good is how many bytes that are; what follows is the trace of a crash.
func readJournal(b []byte, sizes map[int]int64) (t tape, good int) {
	for rest := b; ; {
		text, after, whole := bytes.Cut(rest, []byte("\n"))
		var l line
		if !whole || len(text) > maxLine || json.Unmarshal(text, &l) != nil || l.missing(sizes) || t.apply(l) != nil {
			break
		}
		if rest = after; !t.barren() {
			good = len(b) - len(rest)
		}
	}
	if t.barren() {
		t.takes = t.takes[:len(t.takes)-1]
	}
	return t, good
}

// missing reports whether the line tells of media that are not there.
func (l line) missing(sizes map[int]int64) bool {
	return l.Segment != nil && l.Segment.Offset+l.Segment.Length > sizes[l.Segment.File]
}

// append writes the line as it stands in a journal.
func (l line) append(b []byte) []byte {
	text, err := json.Marshal(l)
	if err != nil { // of times in a year of five digits, and of infinite frame rates
		text = nil
	}
	return append(append(b, text...), '\n')
}

// apply adds a line to the tape if it follows from what is there.
func (t *tape) apply(l line) error {
	if (t.show.ID == "") != (l.Show != nil) || t.barren() && l.Segment == nil || t.ended != nil {
		return errLine
	}
	switch {
	case l.Show != nil:
		if !isShow(l.Show.ID) {
			return errLine
		}
		t.show = *l.Show
	case l.Take != nil:
		return t.addTake(*l.Take)
	case l.Segment != nil:
		return t.addSegment(*l.Segment)
	case l.Range != nil:
		return t.addRange(l.Range.dateRange())
	case l.Ended != nil:
		t.ended = l.Ended
	default:
		return errLine
	}
	return nil
}

func (t *tape) addTake(s takeLine) error {
	if s.File <= t.files() || s.File > 2*maxTakes || len(t.takes) >= maxTakes ||
		s.Init <= 0 || s.Init > maxHead || s.Target <= 0 || s.Target > 3600 {
		return errLine
	}
	n := len(t.shots)
	t.takes = append(t.takes, take{takeLine: s, from: n, to: n, end: s.Init})
	return nil
}

func (t *tape) addSegment(s segmentLine) error {
	if len(t.takes) == 0 || len(t.shots) >= maxRecorded {
		return errLine
	}
	in := t.last()
	first := in.from == in.to
	switch {
	case s.File != in.File, s.Offset != in.end, s.Length <= 0, s.Length > maxRecordedBytes,
		s.Duration <= 0, s.Duration > int64(maxRecordedSpan), !sane(s.At),
		s.Break != (first && len(t.takes) > 1),
		!first && s.Sequence != t.shots[in.to-1].Sequence+1:
		return errLine
	}
	in.to++
	in.end += s.Length
	t.shots = append(t.shots, shot{s, len(t.takes) - 1})
	return nil
}

// news reports whether a date range is new, or has an end that is.
func (t *tape) news(r DateRange) bool {
	i := slices.IndexFunc(t.ranges, func(old DateRange) bool { return old.ID == r.ID })
	if i < 0 {
		return len(t.ranges) < maxRecordedRanges
	}
	return t.ranges[i].End.IsZero() && !r.End.IsZero()
}

func (t *tape) addRange(r DateRange) error {
	r, ok := r.tidy()
	if !ok || !sane(r.Start) || !r.End.IsZero() && !sane(r.End) || !t.news(r) {
		return errLine
	}
	ranges := slices.Clone(t.ranges) // who has the old ones must not see an end appear
	i := slices.IndexFunc(ranges, func(old DateRange) bool { return old.ID == r.ID })
	if i < 0 {
		ranges = append(ranges, r)
	} else if ranges[i].End = r.End; r.End.Before(ranges[i].Start) {
		ranges[i].End = ranges[i].Start
	}
	t.ranges = ranges
	return nil
}

// barren reports whether the newest take has no segment yet. It is written together with its first.
func (t *tape) barren() bool { return len(t.takes) > 0 && t.last().from == t.last().to }

// last is the take that is being filled. There must be one.
func (t *tape) last() *take { return &t.takes[len(t.takes)-1] }

// files is the highest number of a media file.
func (t *tape) files() int {
	if len(t.takes) == 0 {
		return 0
	}
	return t.last().File
}

// duration of all media, without what lies between the takes.
func (t *tape) duration() (d time.Duration) {
	for i := range t.shots {
		d += time.Duration(t.shots[i].Duration)
	}
	return d
}

// end of a media file, 0 for one that is not known.
func (t *tape) end(file int) int64 {
	for i := range t.takes {
		if t.takes[i].File == file {
			return t.takes[i].end
		}
	}
	return 0
}

// bytes of all media files.
func (t *tape) bytes() (n int64) {
	for i := range t.takes {
		n += t.takes[i].end
	}
	return n
}

// target is TARGETDURATION of all.
func (t *tape) target() int {
	target := targetDurations[0]
	for i := range t.takes {
		target = max(target, t.takes[i].Target)
	}
	return target
}

func (l *rangeLine) dateRange() DateRange {
	r := DateRange{ID: l.ID, Class: l.Class, Start: l.Start, End: l.End}
	for _, a := range l.Attrs {
		r.Attrs = append(r.Attrs, Attr{a[0], a[1]})
	}
	return r
}

func lineOf(r DateRange) *rangeLine {
	l := &rangeLine{ID: r.ID, Class: r.Class, Start: r.Start.UTC(), End: r.End.UTC()}
	for _, a := range r.Attrs {
		l.Attrs = append(l.Attrs, [2]string{a.Name, a.Value})
	}
	return l
}

// sane reports whether a date can be written in a playlist.
func sane(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 10000 }

// isShow reports whether a name may be that of a show's folder.
func isShow(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// mediaFileName is the name of a media file of a recording.
func mediaFileName(number int) string { return strconv.Itoa(number) + ".mp4" }

// mediaFileNumber is the inverse.
func mediaFileNumber(name string) (int, bool) {
	number, ok := bytes.CutSuffix([]byte(name), []byte(".mp4"))
	if !ok {
		return 0, false
	}
	n, ok := canonical(string(number))
	return int(n), ok && n > 0 && n <= 2*maxTakes
}
