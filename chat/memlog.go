package chat

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// MemLog is a [Log] that lives as long as the process. The zero MemLog is
// ready; its methods are safe from any goroutine.
type MemLog struct {
	mu    sync.Mutex // guards rooms and what they hold
	rooms map[string]*memRoom
}

type memRoom struct {
	epoch     string
	sealed    int64 // -1: broken
	entries   map[int64]Entry
	sanctions map[string]Sanction
	settings  Settings
	visits    map[string]Visit
	deeds     []Deed
	questions map[string]Question
	letters   map[string]Letter
	held      map[string]Held
}

func (r *memRoom) last() int64 {
	var last int64
	for seq := range r.entries {
		last = max(last, seq)
	}
	return last
}

func (l *MemLog) room(channel string) *memRoom {
	if l.rooms == nil {
		l.rooms = map[string]*memRoom{}
	}
	r := l.rooms[channel]
	if r == nil {
		r = &memRoom{
			sealed: -1, entries: map[int64]Entry{}, sanctions: map[string]Sanction{}, settings: DefaultSettings(),
			visits: map[string]Visit{}, questions: map[string]Question{}, letters: map[string]Letter{}, held: map[string]Held{},
		}
		l.rooms[channel] = r
	}
	return r
}

// Open implements [Log].
func (l *MemLog) Open(_ context.Context, channel string) (State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.room(channel)
	if r.sealed != r.last() {
		r.epoch = NewEpoch()
	}
	r.sealed = -1
	s := State{Epoch: r.epoch, Settings: r.settings}
	numbers := slices.Sorted(maps.Keys(r.entries))
	for _, seq := range numbers[max(0, len(numbers)-EntriesKept):] {
		s.Entries = append(s.Entries, r.entries[seq])
	}
	for _, person := range slices.Sorted(maps.Keys(r.sanctions)) {
		s.Sanctions = append(s.Sanctions, r.sanctions[person])
	}
	for _, id := range slices.Sorted(maps.Keys(r.questions)) { // ids are in the order of time
		if q := r.questions[id]; q.State == QuestionOpen {
			s.Questions = append(s.Questions, q)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.letters)) {
		if l := r.letters[id]; l.Until.After(time.Now()) {
			s.Letters = append(s.Letters, l)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.held)) {
		if h := r.held[id]; h.Until.After(time.Now()) {
			s.Held = append(s.Held, h)
		}
	}
	return s, nil
}

// Append implements [Log].
func (l *MemLog) Append(_ context.Context, channel string, b Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.room(channel)
	for _, c := range b.Cleared {
		for seq, e := range r.entries {
			if seq <= c.Until && e.Person == c.Person && e.Message != "" {
				r.entries[seq] = tombstone(e)
			}
		}
	}
	for _, e := range b.Entries {
		if r.entries[e.Seq].Type != "deleted" { // another node may store the original after its removal
			r.entries[e.Seq] = e
		}
	}
	for _, s := range b.Sanctions {
		if s.Lifted {
			delete(r.sanctions, s.Person)
		} else {
			r.sanctions[s.Person] = s
		}
	}
	if b.Settings != nil {
		r.settings = *b.Settings
	}
	for _, v := range b.Visits {
		if _, known := r.visits[v.Person]; !known {
			r.visits[v.Person] = v
		}
	}
	r.deeds = append(r.deeds, b.Deeds...)
	for _, q := range b.Questions {
		r.questions[q.ID] = q
	}
	for _, one := range b.Letters {
		if one.Taken {
			delete(r.letters, one.ID)
		} else {
			r.letters[one.ID] = one
		}
	}
	for _, one := range b.Held {
		if one.State == heldOpen {
			r.held[one.ID] = one
		} else {
			delete(r.held, one.ID)
		}
	}
	return nil
}

// Seal implements [Log].
func (l *MemLog) Seal(_ context.Context, channel string, seq int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.room(channel).sealed = seq
	return nil
}
