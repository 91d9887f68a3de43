package show

import (
	"context"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// orphanEvery is how often shows are looked for whose node has died. A show
// must be found alone twice: a node that lives says so more often than that.
const orphanEvery = 5 * time.Second

// adoptOrphans waits, until ctx ends, for the encoders of shows whose node has
// died; on a server that is alone there are none.
func (b *Board) adoptOrphans(ctx context.Context) {
	if b.Elsewhere == nil {
		return
	}
	tick := time.NewTicker(orphanEvery)
	defer tick.Stop()
	alone := map[string]State{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := map[string]State{}
		for _, s := range b.orphans(ctx) {
			if now[s.ID] = s.State; alone[s.ID] != s.State {
				continue
			}
			if err := b.adopt(ctx, s); err != nil && ctx.Err() == nil {
				b.Log.Error("adopt a show", "show", s.ID, "err", err)
			}
		}
		alone = now
	}
}

// orphans are the shows that no node sees to: live without a publisher
// anywhere, or paused for longer than they should be.
func (b *Board) orphans(ctx context.Context) (all []Show) {
	running, err := b.unended(ctx)
	if err != nil {
		if ctx.Err() == nil {
			b.Log.Error("shows of other nodes", "err", err)
		}
		return nil
	}
	for _, s := range running {
		b.mu.Lock()
		_, ours := b.running[s.Channel]
		b.mu.Unlock()
		overdue := s.State == Paused && time.Since(s.Until.Std()) > orphanEvery
		if !ours && (overdue || s.State == Live && !b.Elsewhere(ctx, s.Channel)) {
			all = append(all, s)
		}
	}
	return all
}

// adopt pauses a show on this node, unless another one has been faster.
func (b *Board) adopt(ctx context.Context, s Show) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ours := b.running[s.Channel]; ours {
		return nil
	}
	was, won := s, false
	err := b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		s.State, s.Until = Paused, api.At(tx.Now.Add(b.Grace))
		n, err := tx.Changed(ctx, "UPDATE show_show SET state = $1, until = $2 WHERE id = $3 AND state = $4 AND until = $5",
			s.State, millis(s.Until), s.ID, was.State, millis(was.Until))
		if won = n == 1; err != nil || !won {
			return err
		}
		return b.store(ctx, tx, s)
	})
	if err == nil && won {
		b.changed(s)
	}
	return err
}

// taken tells whether another node has gone on with a show of this one, and
// lets go of it then. It needs mu.
func (b *Board) taken(ctx context.Context, s Show) bool {
	if b.Elsewhere == nil {
		return false
	}
	now, ok := b.stored(ctx, s.Channel)
	same := ok && now.ID == s.ID && now.State == s.State && millis(now.Until) == millis(s.Until)
	if same && (s.State != Live || !b.Elsewhere(ctx, s.Channel)) {
		return false
	}
	delete(b.running, s.Channel)
	return true
}

// Forget lets go of a channel's show: another node has its publisher now.
func (b *Board) Forget(channel string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, channel)
}
