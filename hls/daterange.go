package hls

import (
	"strings"
	"time"
)

// DateRange is one EXT-X-DATERANGE: something that is so from Start on, on the clock of the program dates.
type DateRange struct {
	ID, Class string
	Start     time.Time
	End       time.Time // zero while open
	Attrs     []Attr
}

// Attr is a client attribute of a date range. Its name goes out as X-NAME, its value as a quoted string.
type Attr struct{ Name, Value string }

// tidy returns the range with everything that the playlist syntax cannot carry taken out, and whether anything to
// show is left. A quoted string has no escape (RFC 8216bis section 4.2).
func (r DateRange) tidy() (DateRange, bool) {
	r.ID, r.Class = quotable(r.ID), quotable(r.Class)
	attrs := r.Attrs[:min(len(r.Attrs), maxAttrs)]
	r.Attrs = make([]Attr, 0, len(attrs))
	for _, a := range attrs {
		a = Attr{Name: attributeName(a.Name), Value: quotable(a.Value)}
		if a.Name != "" {
			r.Attrs = append(r.Attrs, a)
		}
	}
	if !r.End.IsZero() && r.End.Before(r.Start) {
		r.End = r.Start
	}
	return r, r.ID != "" && !r.Start.IsZero()
}

func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c < ' ' || c == 0x7f:
			return -1
		}
		return c
	}, s)
}

// attributeName keeps what an AttributeName may hold, without the X- in front.
func attributeName(s string) string {
	s = strings.TrimPrefix(strings.ToUpper(s), "X-")
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return -1
	}, s)
}

// overlaps reports whether the range touches media from start on.
func (r DateRange) overlaps(start time.Time) bool {
	return r.End.IsZero() || !r.End.Before(start)
}

func (r DateRange) append(b []byte) []byte {
	b = append(b, `#EXT-X-DATERANGE:ID="`+r.ID+`"`...)
	if r.Class != "" {
		b = append(b, `,CLASS="`+r.Class+`"`...)
	}
	b = append(b, `,START-DATE="`...)
	b = r.Start.UTC().AppendFormat(b, dateFormat)
	b = append(b, '"')
	if !r.End.IsZero() {
		b = append(b, `,END-DATE="`...)
		b = r.End.UTC().AppendFormat(b, dateFormat)
		b = append(b, '"')
	}
	for _, a := range r.Attrs {
		b = append(b, `,X-`+a.Name+`="`+a.Value+`"`...)
	}
	return append(b, '\n')
}
