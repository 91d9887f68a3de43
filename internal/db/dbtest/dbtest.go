// Package dbtest opens real databases for tests: SQLite in a temporary folder,
// PostgreSQL in a cluster of its own. Nothing outlives the test.
package dbtest

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"souk/internal/db"
)

// Schema is what a package migrates: its name and its goose files.
type Schema struct {
	Package string
	Files   fs.FS
}

// Open returns a running SQLite database in t's temporary folder.
func Open(t testing.TB, schemas ...Schema) *db.DB {
	t.Helper()
	return open(t, SQLite(t), schemas)
}

// SQLite returns the address of a fresh SQLite file, for tests that open it
// more than once, as a restart does.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "souk.db")
}

// OpenPostgres returns a running database in a real PostgreSQL server.
func OpenPostgres(t testing.TB, schemas ...Schema) *db.DB {
	t.Helper()
	return open(t, Postgres(t), schemas)
}

// Each runs test once per engine, as subtests "sqlite" and "postgres".
func Each(t *testing.T, test func(t *testing.T, d *db.DB), schemas ...Schema) {
	t.Run("sqlite", func(t *testing.T) { test(t, Open(t, schemas...)) })
	t.Run("postgres", func(t *testing.T) { test(t, OpenPostgres(t, schemas...)) })
}

// Start opens address, migrates it and runs it; stop ends it, as a clean
// shutdown does, and may be called more than once.
func Start(t testing.TB, address string, schemas ...Schema) (d *db.DB, stop func()) {
	t.Helper()
	d, err := db.Open(t.Context(), address, Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schemas {
		if err := d.Migrate(t.Context(), s.Package, s.Files); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.Run(ctx)
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-ended
		if err := d.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	}
	t.Cleanup(stop)
	return d, stop
}

func open(t testing.TB, address string, schemas []Schema) *db.DB {
	t.Helper()
	d, _ := Start(t, address, schemas...)
	return d
}
