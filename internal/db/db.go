package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // engine: PostgreSQL
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // engine: SQLite without cgo, so that the binary stays static
)

// Limits.
const (
	maxBatch     = 1024 // closures in one SQLite commit
	maxWaiting   = 4096 // closures that may wait for the writer; more block in Write
	maxReaders   = 8    // read connections, either engine
	maxPGWriters = 16   // concurrent PostgreSQL transactions

	// checkpointPages is how large SQLite's log grows before it is folded into
	// the file: 32 MiB, so that a rush seldom waits for that.
	checkpointPages = 8192
	writerCache     = 64 << 10         // KiB of pages that SQLite's writer keeps
	busyTimeout     = 10 * time.Second // wait for another process's SQLite lock (operator commands)
)

// ErrClosed is returned by Write once the database shuts down: nothing was written.
var ErrClosed = errors.New("database closed")

// DB is an open database. Its methods are safe from any goroutine.
type DB struct {
	// configuration
	log      *slog.Logger
	postgres bool

	// state
	write  *sql.DB // SQLite: exactly one connection, owned by Run
	read   *sql.DB
	reader Reader // read, or its compiled statements

	// channels
	ops  chan *op
	done chan struct{} // closed when Run returned
}

// Reader is the part of [sql.DB] that reads.
type Reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Open opens "sqlite:/path/to/file" or "postgres://…" and checks that it
// answers. The caller runs [DB.Run] before the first Write.
func Open(ctx context.Context, address string, log *slog.Logger) (*DB, error) {
	d := &DB{log: log, ops: make(chan *op, maxWaiting), done: make(chan struct{})}
	var err error
	switch {
	case strings.HasPrefix(address, "sqlite:"):
		err = d.openSQLite(strings.TrimPrefix(address, "sqlite:"))
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		err = d.openPostgres(address)
	default:
		return nil, errors.New("database address must start with sqlite: or postgres://")
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.write.PingContext(ctx), d.read.PingContext(ctx)); err != nil {
		d.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return d, nil
}

func (d *DB) openSQLite(path string) error {
	pragmas := url.Values{}
	pragmas.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()))
	pragmas.Add("_pragma", "journal_mode(WAL)")
	pragmas.Add("_pragma", "synchronous(FULL)")
	pragmas.Add("_pragma", "foreign_keys(1)")
	pragmas.Add("_pragma", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages))
	name := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas.Encode()
	var err error
	if d.write, err = sql.Open("sqlite", name+fmt.Sprintf("&_pragma=cache_size(-%d)", writerCache)); err != nil {
		return err
	}
	d.write.SetMaxOpenConns(1)
	if d.read, err = sql.Open("sqlite", name+"&_pragma=query_only(1)"); err != nil {
		return err
	}
	d.read.SetMaxOpenConns(maxReaders)
	d.read.SetMaxIdleConns(maxReaders)
	d.reader = &prepared{on: d.read, all: map[string]*sql.Stmt{}}
	return nil
}

func (d *DB) openPostgres(address string) error {
	d.postgres = true
	var err error
	if d.write, err = sql.Open("pgx", address); err != nil {
		return redacted(err)
	}
	d.write.SetMaxOpenConns(maxPGWriters)
	d.write.SetMaxIdleConns(maxPGWriters)
	if d.read, err = sql.Open("pgx", address); err != nil {
		return redacted(err)
	}
	d.read.SetMaxOpenConns(maxReaders)
	d.read.SetMaxIdleConns(maxReaders)
	d.reader = d.read
	return nil
}

// redacted keeps a database password out of error texts: the driver quotes the
// address it could not parse.
func redacted(error) error { return errors.New("database address cannot be parsed") }

// Read returns the read side. On SQLite it refuses to write; what it sees is
// the last commit.
func (d *DB) Read() Reader { return d.reader }

// Postgres tells whether several nodes may share this database.
func (d *DB) Postgres() bool { return d.postgres }

// Close releases the connections. Call it after Run returned.
func (d *DB) Close() error { return errors.Join(d.write.Close(), d.read.Close()) }

// Migrate brings the tables of one package up to date from the goose files at
// the root of files. Each package has a version table of its own. Call it
// before Run.
func (d *DB) Migrate(ctx context.Context, pkg string, files fs.FS) error {
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{
		goose.WithTableName("goose_" + pkg),
		goose.WithDisableGlobalRegistry(true),
	}
	if d.postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, d.write, files, options...)
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", pkg, err)
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", pkg, err)
	}
	for _, m := range done {
		d.log.Info("migrated", "package", pkg, "version", m.Source.Version, "took", m.Duration)
	}
	return nil
}
