package db

import (
	"context"
	"sync"
)

// maxTogether bounds the calls that share one transaction.
const maxTogether = 256

// Together writes what many callers want at the same time in one transaction,
// with as few statements as their sum needs: a rush for one row locks it once.
// While one such transaction runs the next crowd gathers; a lone caller waits
// for nobody.
type Together[T any] struct {
	// configuration
	DB *DB
	// Do writes all items. What it refuses a single one it notes in the item. Its
	// error undoes everything, and then each item is tried alone, so that one
	// caller's fault stays theirs. It may run more than once per item.
	Do func(ctx context.Context, tx *Tx, items []T) error

	// state
	mu      sync.Mutex // guards the two below
	waiting []*guest[T]
	running bool
}

type guest[T any] struct {
	ctx  context.Context
	item T
	err  error
	done chan struct{}
}

// Write returns when item is durable, or with Do's error about it. Once it was
// taken up, a cancelled ctx no longer stops it.
func (g *Together[T]) Write(ctx context.Context, item T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	me := &guest[T]{ctx: ctx, item: item, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, me)
	first := !g.running
	g.running = true
	g.mu.Unlock()
	if first && g.round() { // on its own goroutine: who is alone pays for no hand-over
		go g.serve()
	}
	<-me.done
	return me.err
}

// serve works until nobody waits.
func (g *Together[T]) serve() {
	for g.round() {
	}
}

// round writes what those who wait want, up to a limit, and tells whether
// somebody waits by then. Only whoever made running true calls it.
func (g *Together[T]) round() bool {
	g.mu.Lock()
	n := min(len(g.waiting), maxTogether)
	table := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	g.mu.Unlock()
	g.write(table)
	for _, w := range table {
		close(w.done)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = len(g.waiting) > 0
	return g.running
}

func (g *Together[T]) write(table []*guest[T]) {
	items := make([]T, len(table))
	for i, w := range table {
		items[i] = w.item
	}
	// Values go along, cancellation does not: a crowd is no one caller's.
	ctx := context.WithoutCancel(table[0].ctx)
	err := g.DB.Write(ctx, func(ctx context.Context, tx *Tx) error { return g.Do(ctx, tx, items) })
	if err == nil {
		return
	}
	if len(table) == 1 {
		table[0].err = err
		return
	}
	for _, w := range table {
		g.write([]*guest[T]{w})
	}
}
