package db

import (
	"context"
	"database/sql"
	"strings"
	"sync"
)

// maxPrepared bounds the statements kept per side. Queries are constants of the
// program; what is beyond runs unprepared.
const maxPrepared = 512

// prepared keeps compiled statements of SQLite, where compiling one takes
// longer than running it. pgx keeps its own.
type prepared struct {
	on interface {
		querier
		PrepareContext(context.Context, string) (*sql.Stmt, error)
	}

	mu  sync.RWMutex // guards all
	all map[string]*sql.Stmt
}

type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// of returns the compiled query, nil when it must be run as text: the text then
// tells what is wrong with it.
func (p *prepared) of(ctx context.Context, query string) *sql.Stmt {
	p.mu.RLock()
	s, full := p.all[query], len(p.all) >= maxPrepared
	p.mu.RUnlock()
	if s != nil || full {
		return s
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s = p.all[query]; s != nil {
		return s
	}
	s, err := p.on.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.all[query] = s
	return s
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.of(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.on.ExecContext(ctx, query, args...)
}

func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.of(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.on.QueryContext(ctx, query, args...)
}

// QueryRowContext does not watch ctx once it began: one row is there sooner than
// the driver's watchman.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s := p.of(ctx, query)
	if s == nil || ctx.Err() != nil {
		return p.on.QueryRowContext(ctx, query, args...)
	}
	return s.QueryRowContext(context.WithoutCancel(ctx), args...)
}

func (p *prepared) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.all {
		_ = s.Close() // its connection goes next
	}
	clear(p.all)
}

// maxRows bounds the rows of one INSERT.
const maxRows = 64

// Insert adds rows to a table: into is its name and columns, as in
// "cups (id, n)". PostgreSQL gets many rows in one statement, for there a round
// trip is what costs; SQLite one compiled statement per row.
func (t *Tx) Insert(ctx context.Context, into string, rows [][]any) error {
	t.writes += len(rows)
	size := 1
	if t.postgres {
		size = maxRows
	}
	for ; size > 0; size /= 2 { // few sizes, so that each is compiled once
		for len(rows) >= size {
			args := make([]any, 0, size*len(rows[0]))
			for _, r := range rows[:size] {
				args = append(args, r...)
			}
			if _, err := t.on.ExecContext(ctx, insertion(into, size, len(rows[0])), args...); err != nil {
				return err
			}
			rows = rows[size:]
		}
	}
	return nil
}

var insertions sync.Map // shape -> text

func insertion(into string, rows, columns int) string {
	type shape struct {
		into          string
		rows, columns int
	}
	key := shape{into, rows, columns}
	if text, ok := insertions.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	b.WriteString("INSERT INTO " + into + " VALUES ")
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + placeholders(1+r*columns, columns) + ")")
	}
	insertions.Store(key, b.String())
	return b.String()
}
