package shop

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"sync"

	"souk/internal/db"
)

const (
	linkSecret  = "order link" // name in shop_secret
	secretBytes = 32
	linkBytes   = 16 // of the signature; nobody guesses that many
)

// links signs addresses of orders, so that a buyer can open one from a mail
// without a session. The secret is in the database: links last, on every node.
type links struct {
	mu     sync.Mutex // guards secret
	secret []byte
}

// linkKey returns the key with which anybody may see an order.
func (s *Shop) linkKey(ctx context.Context, order string) (string, error) {
	secret, err := s.linkSecret(ctx)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(order))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:linkBytes]), nil
}

// opens tells, in constant time, whether a key is that of an order.
func (s *Shop) opens(ctx context.Context, key, order string) (bool, error) {
	want, err := s.linkKey(ctx, order)
	return err == nil && hmac.Equal([]byte(key), []byte(want)), err
}

// linkSecret reads the secret, or makes it: of several nodes that do, one wins.
func (s *Shop) linkSecret(ctx context.Context) ([]byte, error) {
	s.links.mu.Lock()
	defer s.links.mu.Unlock()
	if s.links.secret != nil {
		return s.links.secret, nil
	}
	var fresh [secretBytes]byte
	_, _ = rand.Read(fresh[:]) // never fails (crypto/rand, since Go 1.24)
	var text string
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO shop_secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", linkSecret, hex.EncodeToString(fresh[:]))
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT value FROM shop_secret WHERE name = $1", linkSecret).Scan(&text)
	})
	if err != nil {
		return nil, err
	}
	s.links.secret, err = hex.DecodeString(text)
	return s.links.secret, err
}

// linkTo is the address of an order's page, for its buyer's mail.
func (s *Shop) linkTo(ctx context.Context, order string) (string, error) {
	key, err := s.linkKey(ctx, order)
	base := s.PublicURL
	if base == "" {
		base = s.Home
	}
	return strings.TrimRight(base, "/") + "/orders/" + url.PathEscape(order) + "?key=" + key, err
}
