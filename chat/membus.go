package chat

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Limits of a line that is kept in memory.
const (
	memParcels = 1024             // kept for those who join
	memFeed    = 1024             // parcels that wait for a follower before it is cut off
	memPresent = 10 * time.Second // how long somebody counts who is not noted again
	memSkip    = 10_000           // numbers left out when a line begins
)

// MemBus is a [Bus] between the hubs of one process. It is made by [NewMemBus].
type MemBus struct {
	all  *memLines
	name string // tells the followers of different hubs apart
}

// memLines is what all ends of a MemBus share.
type memLines struct {
	mu    sync.Mutex // guards lines and what they hold
	lines map[string]*memLine
}

type memLine struct {
	epoch     string
	last      int64
	offset    int64
	parcels   []Parcel         // the last of them
	serials   map[string]int64 // by node
	followers map[string]chan Parcel
	present   map[string]time.Time // until when
}

// NewMemBus returns one end of a new bus for each name.
func NewMemBus(names ...string) []*MemBus {
	all := &memLines{lines: map[string]*memLine{}}
	var ends []*MemBus
	for _, name := range names {
		ends = append(ends, &MemBus{all: all, name: name})
	}
	return ends
}

// Join implements [Bus].
func (b *MemBus) Join(_ context.Context, channel string, from Place, seed int64) (Joined, error) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	l := b.all.lines[channel]
	if l == nil {
		l = &memLine{
			epoch: NewEpoch(), last: seed + memSkip, serials: map[string]int64{},
			followers: map[string]chan Parcel{}, present: map[string]time.Time{},
		}
		b.all.lines[channel] = l
	}
	l.unfollow(b.name)
	rest := make(chan Parcel, memFeed)
	l.followers[b.name] = rest
	j := Joined{Epoch: l.epoch, Last: l.last, Parcels: slices.Clone(l.parcels), Rest: rest}
	kept := l.offset - int64(len(l.parcels)) // the place before the first that is kept
	if from.Epoch == l.epoch && from.Offset >= kept && from.Offset <= l.offset {
		j.Parcels, j.Whole = j.Parcels[from.Offset-kept:], true
	}
	return j, nil
}

// Publish implements [Bus].
func (b *MemBus) Publish(_ context.Context, channel, epoch string, p Parcel) error {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	l := b.all.lines[channel]
	if l == nil || l.epoch != epoch {
		return ErrNewEpoch
	}
	if p.Serial <= l.serials[p.Node] {
		return nil
	}
	l.serials[p.Node] = p.Serial
	l.offset++
	p.Offset, p.First = l.offset, l.last+1
	l.last += int64(p.Numbers)
	if l.parcels = append(l.parcels, p); len(l.parcels) > memParcels {
		l.parcels = l.parcels[1:]
	}
	for name, f := range l.followers {
		select {
		case f <- p:
		default:
			l.unfollow(name)
		}
	}
	return nil
}

// Count implements [Bus].
func (b *MemBus) Count(_ context.Context, channel string, who Attendance) (int, error) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	l := b.all.lines[channel]
	if l == nil {
		return 0, ErrNewEpoch
	}
	now := time.Now()
	for _, p := range who.Gone {
		delete(l.present, p)
	}
	for _, p := range who.Here {
		l.present[p] = now.Add(memPresent)
	}
	for p, until := range l.present {
		if !until.After(now) {
			delete(l.present, p)
		}
	}
	return len(l.present), nil
}

// Leave implements [Bus].
func (b *MemBus) Leave(channel string) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	if l := b.all.lines[channel]; l != nil {
		l.unfollow(b.name)
	}
}

// Forget loses everything, as a server does that restarts without a disk. Who
// follows finds out when it publishes or counts.
func (b *MemBus) Forget() {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	for _, l := range b.all.lines {
		for name := range l.followers {
			l.unfollow(name)
		}
	}
	clear(b.all.lines)
}

func (l *memLine) unfollow(name string) {
	if f := l.followers[name]; f != nil {
		close(f)
		delete(l.followers, name)
	}
}
