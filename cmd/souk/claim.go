package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// claim makes the data folder this process's own until release is called, or
// until the process ends, however it ends: rooms and shows live in memory, and
// two servers on one SQLite file would overwrite each other's. A ready file that
// a killed process left behind goes, so that nobody takes it for this one's.
func claim(cfg Config) (release func(), err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	release = func() {}
	if cfg.Database == "" {
		if release, err = lock(filepath.Join(cfg.Data, "souk.lock")); err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
	}
	if cfg.ReadyFile != "" {
		if err := os.Remove(cfg.ReadyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			release()
			return nil, fmt.Errorf("--ready-file: %w", err)
		}
	}
	return release, nil
}
