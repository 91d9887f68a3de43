package api

import "time"

// Time is a moment in answers: RFC 3339 in UTC with milliseconds.
type Time time.Time

const timeLayout = "2006-01-02T15:04:05.000Z"

// At converts t.
func At(t time.Time) Time { return Time(t) }

// Millis converts unix milliseconds, the form that tables keep.
func Millis(ms int64) Time { return Time(time.UnixMilli(ms)) }

// Std converts back.
func (t Time) Std() time.Time { return time.Time(t) }

// String is the form used on the wire.
func (t Time) String() string { return time.Time(t).UTC().Format(timeLayout) }

// MarshalText makes Time a JSON string.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText accepts any RFC 3339 moment.
func (t *Time) UnmarshalText(b []byte) error {
	p, err := time.Parse(time.RFC3339Nano, string(b))
	*t = Time(p)
	return err
}

// IsZero lets `omitzero` leave out what has not happened.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }
