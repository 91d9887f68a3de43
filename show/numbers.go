package show

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits of what is counted.
const (
	flushEvery  = 10 * time.Second // what a crash may lose
	maxTallies  = 2000             // of one show: steps times pins
	flushAtEnd  = 2 * time.Second
	minute      = time.Minute
	saltBytes   = 16
	maxShowTime = 7 * 24 * 60 // minutes in one answer
)

// Steps of a viewer towards a purchase that only pages know of.
const (
	Watched = "watched"
	Seen    = "seen"   // a card
	Opened  = "opened" // the sheet of a purchase
)

// numbers is what is counted and not yet written down.
type numbers struct {
	mu      sync.Mutex // guards the rest
	node    string
	salts   map[string][]byte             // by show
	tallies map[string]map[tally]*sketch  // by show
	changed map[string]map[tally]struct{} // the same, of those to be written
	minutes map[string]map[int64]int      // by show and minute: the most viewers
}

// tally is one thing that people are counted at.
type tally struct{ step, subject string }

// Saw counts a person at a step of the channel's running show: once, however
// often they are there. Who it is is not kept. Without a running show it does
// nothing. subject is a pin, or empty.
func (b *Board) Saw(ctx context.Context, channel, step, subject, person string) error {
	s, ok := b.Current(channel)
	if !ok || person == "" {
		return nil
	}
	salt, err := b.salt(ctx, s.ID)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(person))
	hash := binary.BigEndian.Uint64(mac.Sum(nil))
	n := &b.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tallies == nil {
		n.tallies, n.changed = map[string]map[tally]*sketch{}, map[string]map[tally]struct{}{}
	}
	if n.tallies[s.ID] == nil {
		n.tallies[s.ID], n.changed[s.ID] = map[tally]*sketch{}, map[tally]struct{}{}
	}
	at := tally{step, subject}
	k := n.tallies[s.ID][at]
	if k == nil {
		if len(n.tallies[s.ID]) >= maxTallies {
			return nil
		}
		k = &sketch{}
		n.tallies[s.ID][at] = k
	}
	if k.add(hash) {
		n.changed[s.ID][at] = struct{}{}
	}
	return nil
}

// salt returns what a show's hashes are made with; of several nodes that make it
// one wins.
func (b *Board) salt(ctx context.Context, show string) ([]byte, error) {
	n := &b.numbers
	n.mu.Lock()
	salt := n.salts[show]
	n.mu.Unlock()
	if salt != nil {
		return salt, nil
	}
	fresh := make([]byte, saltBytes)
	_, _ = rand.Read(fresh) // never fails (crypto/rand, since Go 1.24)
	var text string
	err := b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO show_salt (show, salt) VALUES ($1, $2) ON CONFLICT DO NOTHING", show, hex.EncodeToString(fresh)); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT salt FROM show_salt WHERE show = $1", show).Scan(&text)
	})
	if err != nil {
		return nil, err
	}
	if salt, err = hex.DecodeString(text); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.salts == nil {
		n.salts = map[string][]byte{}
	}
	n.salts[show] = salt
	return salt, nil
}

// sample keeps the most viewers of this minute.
func (b *Board) sample(show string, viewers int, now time.Time) {
	n := &b.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.minutes == nil {
		n.minutes = map[string]map[int64]int{}
	}
	if n.minutes[show] == nil {
		n.minutes[show] = map[int64]int{}
	}
	at := now.Truncate(minute).UnixMilli()
	n.minutes[show][at] = max(n.minutes[show][at], viewers)
}

// KeepNumbers writes down what was counted until ctx ends, and then once more.
func (b *Board) KeepNumbers(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushAtEnd)
			defer cancel()
			if err := b.flush(last); err != nil {
				b.Log.Error("numbers of shows", "err", err)
			}
			return context.Cause(ctx)
		case <-tick.C:
		}
		if err := b.flush(ctx); err != nil && ctx.Err() == nil {
			b.Log.Error("numbers of shows", "err", err)
		}
	}
}

// flush writes what has changed. What could not be written is tried again.
func (b *Board) flush(ctx context.Context) error {
	n := &b.numbers
	n.mu.Lock()
	if n.node == "" {
		n.node = uuid.NewString()
	}
	type row struct {
		show string
		tally
		sketch []byte
	}
	var rows []row
	for show, changed := range n.changed {
		for at := range changed {
			rows = append(rows, row{show, at, n.tallies[show][at].encode()})
		}
	}
	minutes := n.minutes
	n.minutes = nil
	node := n.node
	n.mu.Unlock()
	if len(rows) == 0 && len(minutes) == 0 {
		return nil
	}
	err := b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, r := range rows {
			_, err := tx.Exec(ctx, `INSERT INTO show_tally (show, node, step, subject, sketch) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (show, node, step, subject) DO UPDATE SET sketch = excluded.sketch`, r.show, node, r.step, r.subject, r.sketch)
			if err != nil {
				return err
			}
		}
		for show, all := range minutes {
			for at, viewers := range all {
				_, err := tx.Exec(ctx, `INSERT INTO show_minute (show, minute, viewers) VALUES ($1, $2, $3) ON CONFLICT (show, minute)
					DO UPDATE SET viewers = CASE WHEN excluded.viewers > show_minute.viewers THEN excluded.viewers ELSE show_minute.viewers END`, show, at, viewers)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		for show, all := range minutes {
			if n.minutes == nil {
				n.minutes = map[string]map[int64]int{}
			}
			if n.minutes[show] == nil {
				n.minutes[show] = map[int64]int{}
			}
			for at, viewers := range all {
				n.minutes[show][at] = max(n.minutes[show][at], viewers)
			}
		}
		return err
	}
	for _, r := range rows {
		if k := n.tallies[r.show][r.tally]; k != nil && string(k.encode()) == string(r.sketch) {
			delete(n.changed[r.show], r.tally)
		}
	}
	n.letGo(b.Running())
	return nil
}

// letGo forgets shows that have ended and are written down. It needs mu.
func (n *numbers) letGo(running []Show) {
	on := map[string]bool{}
	for _, s := range running {
		on[s.ID] = true
	}
	for show := range maps.Clone(n.tallies) {
		if !on[show] && len(n.changed[show]) == 0 {
			delete(n.tallies, show)
			delete(n.changed, show)
			delete(n.salts, show)
		}
	}
}

// Crowd is how many people there were at one moment.
type Crowd struct {
	At      api.Time `json:"at"` // the beginning of the minute
	Viewers int      `json:"viewers"`
}

// Numbers is what is known of a show's viewers.
type Numbers struct {
	Minutes []Crowd
	People  int64 // different ones who watched
	Exact   bool  // none of the counts is an estimate
	Seen    map[string]int64
	Opened  map[string]int64 // by pin; "" without one
	AnySeen int64            // different people who saw a card, whichever
	AnyOpen int64
}

// Numbers returns what was counted of a show: what is written down, and what
// this node still has in memory.
func (b *Board) Numbers(ctx context.Context, show string) (Numbers, error) {
	out := Numbers{Exact: true, Seen: map[string]int64{}, Opened: map[string]int64{}}
	if err := b.flush(ctx); err != nil && !errors.Is(err, db.ErrClosed) {
		return out, err
	}
	rows, err := b.DB.Read().QueryContext(ctx, "SELECT minute, viewers FROM show_minute WHERE show = $1 ORDER BY minute LIMIT $2", show, maxShowTime)
	out.Minutes, err = db.Collect(rows, err, func(rows *sql.Rows) (c Crowd, err error) {
		var at int64
		err = rows.Scan(&at, &c.Viewers)
		c.At = api.Millis(at)
		return c, err
	})
	if err != nil {
		return out, err
	}
	type row struct {
		tally
		sketch []byte
	}
	rows, err = b.DB.Read().QueryContext(ctx, "SELECT step, subject, sketch FROM show_tally WHERE show = $1", show)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.step, &r.subject, &r.sketch) })
	if err != nil {
		return out, err
	}
	merged := map[tally]*sketch{}
	any := map[string]*sketch{Watched: {}, Seen: {}, Opened: {}}
	for _, r := range all {
		if merged[r.tally] == nil {
			merged[r.tally] = &sketch{}
		}
		k := decodeSketch(r.sketch)
		merged[r.tally].merge(k)
		if any[r.step] != nil {
			any[r.step].merge(k)
		}
	}
	count := func(k *sketch) int64 {
		n, exact := k.count()
		out.Exact = out.Exact && exact
		return n
	}
	for at, k := range merged {
		switch at.step {
		case Seen:
			out.Seen[at.subject] = count(k)
		case Opened:
			out.Opened[at.subject] = count(k)
		}
	}
	out.People, out.AnySeen, out.AnyOpen = count(any[Watched]), count(any[Seen]), count(any[Opened])
	return out, nil
}
