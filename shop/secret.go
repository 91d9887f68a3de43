package shop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"

	"souk/internal/db"
)

const secretBytes = 32

// secrets are keys of this server's own, in the database: what they sign lasts,
// on every node.
type secrets struct {
	mu  sync.Mutex // guards all
	all map[string][]byte
}

// secret reads a key, or makes it: of several nodes that do, one wins.
func (s *Shop) secret(ctx context.Context, name string) ([]byte, error) {
	s.secrets.mu.Lock()
	defer s.secrets.mu.Unlock()
	if key, ok := s.secrets.all[name]; ok {
		return key, nil
	}
	var fresh [secretBytes]byte
	_, _ = rand.Read(fresh[:]) // never fails (crypto/rand, since Go 1.24)
	var text string
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO shop_secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, hex.EncodeToString(fresh[:]))
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT value FROM shop_secret WHERE name = $1", name).Scan(&text)
	})
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(text)
	if err == nil {
		s.secrets.all[name] = key
	}
	return key, err
}
