package chat

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Log keeps what a room must not forget. chattest.Exercise is its contract as
// a test.
//
// A channel has at most one room on it at a time; different channels call at
// the same time.
type Log interface {
	// Open returns what is stored of a channel and starts to write it. The
	// epoch is the former one only if the channel was sealed at its last
	// entry; else it is new. Either way the seal is broken, so that a crash
	// from here on is noticed.
	Open(ctx context.Context, channel string) (State, error)

	// Append stores b as a whole or not at all. Writing a number or a person
	// again replaces what was there: so a batch can be repeated when its first
	// answer got lost, and a message can be overwritten. A "deleted" entry
	// stays: of several nodes that store, the one with the original may be last.
	// Cleared comes before the entries of b.
	Append(ctx context.Context, channel string, b Batch) error

	// Seal declares that seq is the last number ever given out in this epoch.
	Seal(ctx context.Context, channel string, seq int64) error
}

// State is what a room starts with.
type State struct {
	Epoch     string
	Entries   []Entry // the last EntriesKept, by number
	Sanctions []Sanction
	Settings  Settings
	Questions []Question // those that are open, oldest first
	Letters   []Letter   // those that are not over, oldest first
	Held      []Held     // those that are not over, oldest first
}

// Last is the highest number given out.
func (s State) Last() int64 {
	if len(s.Entries) == 0 {
		return 0
	}
	return s.Entries[len(s.Entries)-1].Seq
}

// Batch is what changed since the one before. Zero members change nothing.
type Batch struct {
	Entries   []Entry
	Sanctions []Sanction
	Settings  *Settings
	Visits    []Visit
	Deeds     []Deed
	Questions []Question
	Letters   []Letter
	Held      []Held
	Cleared   []Cleared
}

func (b Batch) empty() bool {
	return len(b.Entries) == 0 && len(b.Sanctions) == 0 && b.Settings == nil &&
		len(b.Visits) == 0 && len(b.Deeds) == 0 && len(b.Questions) == 0 && len(b.Letters) == 0 &&
		len(b.Held) == 0 && len(b.Cleared) == 0
}

// Cleared is a person all of whose entries up to a number are taken out.
type Cleared struct {
	Person string
	Until  int64
}

// Entry is a numbered event as it is stored and replayed.
type Entry struct {
	Seq     int64
	At      time.Time // whole milliseconds
	Type    string
	MediaAt time.Time // zero for none
	Message string    // id of the message or question, else ""
	Person  string    // who said it, else ""
	Data    json.RawMessage
}

// appendTo appends the event as viewers get it.
func (e Entry) appendTo(b []byte) []byte {
	return appendEvent(b, e.Type, stamp{seq: e.Seq, at: e.At, mediaAt: e.MediaAt}, e.Data)
}

// spoken tells whether a person said it.
func (e Entry) spoken() bool { return e.Type == "message" || e.Type == "question" }

// Kinds of sanctions.
const (
	Ban     = "ban"     // may not come in
	Timeout = "timeout" // may read and not send
	Shadow  = "shadow"  // is seen by moderators and by nobody else, and not told
)

// Sanction is what somebody may not do here, or the end of it. A person has one
// at a time.
type Sanction struct {
	Person string
	Name   string // as they were called then
	Kind   string
	At     time.Time // since when
	Until  time.Time // zero: for good
	By     string    // the moderator
	Note   string    // what the moderator wrote: the banned are told, and moderators
	Lifted bool      // it is over; the rest is of no account

	// What else a ban holds, see trace.go.
	Devices      []string
	Network      string
	NetworkUntil time.Time
}

// NewEpoch returns a name for an epoch, for implementations of [Log].
func NewEpoch() string {
	var b [4]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// millis and fromMillis keep the zero time zero.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
