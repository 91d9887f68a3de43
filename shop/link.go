package shop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
)

const (
	linkSecret = "order link" // name in shop_secret
	linkBytes  = 16           // of the signature; nobody guesses that many
)

// linkKey returns the key with which anybody may see an order: the buyer's mail
// has it, so that the order opens without a session.
func (s *Shop) linkKey(ctx context.Context, order string) (string, error) {
	secret, err := s.secret(ctx, linkSecret)
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

// linkTo is the address of an order's page, for its buyer's mail.
func (s *Shop) linkTo(ctx context.Context, order string) (string, error) {
	key, err := s.linkKey(ctx, order)
	base := s.PublicURL
	if base == "" {
		base = s.Home
	}
	return strings.TrimRight(base, "/") + "/orders/" + url.PathEscape(order) + "?key=" + key, err
}
