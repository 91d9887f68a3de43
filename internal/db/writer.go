package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// Tx is one caller's part of a commit. It is valid only inside the closure
// given to [DB.Write].
type Tx struct {
	// Now is the one clock of the transaction, in whole milliseconds, so that
	// every row of it agrees.
	Now time.Time

	on       querier
	postgres bool
	writes   int
}

// Writes counts the statements so far that may have changed something: who fails
// before the first has nothing to undo.
func (t *Tx) Writes() int { return t.writes }

func (t *Tx) count(query string) {
	if !strings.HasPrefix(query, "SELECT") {
		t.writes++
	}
}

// Millis is Now as the integer that goes into time columns.
func (t *Tx) Millis() int64 { return t.Now.UnixMilli() }

// Exec runs a statement that returns no rows.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.writes++
	return t.on.ExecContext(ctx, query, args...)
}

// Changed runs a statement and returns how many rows it changed: the answer to
// every conditional update.
func (t *Tx) Changed(ctx context.Context, query string, args ...any) (int64, error) {
	t.writes++
	res, err := t.on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query runs a query; the caller closes the rows before the next statement.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.count(query)
	return t.on.QueryContext(ctx, query, args...)
}

// QueryRow runs a query for at most one row.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	t.count(query)
	return t.on.QueryRowContext(ctx, query, args...)
}

// QueryContext and QueryRowContext make a Tx a [Reader], so that one read
// function serves inside and outside a transaction.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.count(query)
	return t.on.QueryContext(ctx, query, args...)
}

// QueryRowContext is QueryRow.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.count(query)
	return t.on.QueryRowContext(ctx, query, args...)
}

// op is one waiting call of Write.
type op struct {
	ctx  context.Context
	fn   func(context.Context, *Tx) error
	err  error
	done chan struct{}
}

// Write runs fn in a transaction and returns when it is durable, or fn's error
// when nothing of it was written. fn must touch nothing but tx: it runs on the
// writer's goroutine, and what it waits for, everybody waits for. Once fn has
// started, a cancelled ctx no longer stops it.
//
// The error is ErrClosed when the database is shutting down.
func (d *DB) Write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	if d.postgres {
		return d.writePostgres(ctx, fn)
	}
	o := &op{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case d.ops <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.done:
		return ErrClosed
	}
	select {
	case <-o.done:
		return o.err
	case <-d.done:
		// Run may have answered in the same instant.
		select {
		case <-o.done:
			return o.err
		default:
			return ErrClosed
		}
	}
}

// Run owns the SQLite writer until ctx ends; what was taken by then is
// committed. On PostgreSQL it only waits.
func (d *DB) Run(ctx context.Context) error {
	defer close(d.done)
	if d.postgres {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	conn, err := d.write.Conn(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("database writer: %w", err)
	}
	defer conn.Close()
	on := &prepared{on: conn, all: map[string]*sql.Stmt{}}
	defer on.close()
	batch := make([]*op, 0, maxBatch)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case o := <-d.ops:
			batch = append(batch[:0], o)
		}
	more:
		for len(batch) < maxBatch {
			select {
			case o := <-d.ops:
				batch = append(batch, o)
			default:
				break more
			}
		}
		d.commit(context.WithoutCancel(ctx), on, batch)
	}
}

// commit runs a batch and answers every caller in it.
func (d *DB) commit(ctx context.Context, on querier, batch []*op) {
	err := d.tryCommit(ctx, on, batch)
	if err != nil {
		d.log.Error("commit failed", "callers", len(batch), "err", err)
	}
	for _, o := range batch {
		if o.err == nil {
			o.err = err
		}
		close(o.done)
	}
}

func (d *DB) tryCommit(ctx context.Context, on querier, batch []*op) error {
	if _, err := on.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{Now: now(), on: on}
	for _, o := range batch {
		if o.err = o.ctx.Err(); o.err != nil {
			continue
		}
		if len(batch) == 1 {
			// Nobody else's work is at stake, so that the transaction is savepoint
			// enough: a savepoint makes SQLite copy every page before it changes.
			if o.err = guarded(ctx, o.fn, tx); o.err != nil {
				_, err := on.ExecContext(ctx, "ROLLBACK")
				return err
			}
			continue
		}
		if err := savepoint(ctx, on, tx, o); err != nil {
			_, rollback := on.ExecContext(ctx, "ROLLBACK")
			return errors.Join(err, rollback)
		}
	}
	if _, err := on.ExecContext(ctx, "COMMIT"); err != nil {
		_, rollback := on.ExecContext(ctx, "ROLLBACK")
		return errors.Join(fmt.Errorf("commit: %w", err), rollback)
	}
	return nil
}

// savepoint runs one closure so that its failure undoes only itself. The
// returned error means that the whole batch is lost.
func savepoint(ctx context.Context, on querier, tx *Tx, o *op) error {
	if _, err := on.ExecContext(ctx, "SAVEPOINT caller"); err != nil {
		return err
	}
	if o.err = guarded(ctx, o.fn, tx); o.err != nil {
		if _, err := on.ExecContext(ctx, "ROLLBACK TO caller"); err != nil {
			return err
		}
	}
	_, err := on.ExecContext(ctx, "RELEASE caller")
	return err
}

func (d *DB) writePostgres(ctx context.Context, fn func(context.Context, *Tx) error) error {
	select {
	case <-d.done:
		return ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := guarded(ctx, fn, &Tx{Now: now(), on: tx, postgres: true}); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			d.log.Error("rollback failed", "err", rollback)
		}
		return err
	}
	return tx.Commit()
}

// guarded turns a panic of fn into an error: a bad request must not stop the
// writer for everybody else.
func guarded(ctx context.Context, fn func(context.Context, *Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(ctx, tx)
}

func now() time.Time { return time.UnixMilli(time.Now().UnixMilli()).UTC() }
