package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"souk/internal/api"
	"souk/internal/db"
)

// Channel is the durable address of a streamer.
type Channel struct {
	Slug  string
	Title string
}

// slugs become URL path segments and folder names.
var slug = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){0,31}$`)

// notASlug is taken: the media of replays stand under it, beside those of
// channels.
const notASlug = "replay"

// keyBytes makes a stream key of 160 bits, URL-safe because encoders treat the
// key as part of a URL.
const keyBytes = 20

// CreateChannel makes a channel with a fresh stream key, which it returns.
// Errors: bad_slug, bad_title, channel_exists.
func (a *Accounts) CreateChannel(ctx context.Context, c Channel) (key string, err error) {
	if err := c.clean(); err != nil {
		return "", err
	}
	err = a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		key, err = addChannel(ctx, tx, c)
		return err
	})
	return key, err
}

// clean trims the title and refuses what cannot be a channel.
func (c *Channel) clean() error {
	c.Title = strings.TrimSpace(c.Title)
	switch {
	case !slug.MatchString(c.Slug) || c.Slug == notASlug:
		return api.Fail(http.StatusUnprocessableEntity, "bad_slug", "A channel's address is 1 to 32 of a-z, 0-9 and single dashes, and not the word replay.")
	case c.Title == "" || utf8.RuneCountInString(c.Title) > maxTitle:
		return api.Fail(http.StatusUnprocessableEntity, "bad_title", "A channel needs a title of at most 80 characters.")
	}
	return nil
}

func addChannel(ctx context.Context, tx *db.Tx, c Channel) (key string, err error) {
	key = secret(keyBytes)
	n, err := tx.Changed(ctx, `INSERT INTO account_channel (slug, title, stream_key, key_hash, created)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (slug) DO NOTHING`, c.Slug, c.Title, key, digest(key), tx.Millis())
	if err == nil && n == 0 {
		return "", api.Fail(http.StatusConflict, "channel_exists", "This address is taken.")
	}
	return key, err
}

// Channel returns one channel, or ErrNoChannel.
func (a *Accounts) Channel(ctx context.Context, slug string) (c Channel, err error) {
	err = a.DB.Read().QueryRowContext(ctx, "SELECT slug, title FROM account_channel WHERE slug = $1", slug).Scan(&c.Slug, &c.Title)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoChannel
	}
	return c, err
}

// Channels lists every channel by title, at most maxChannels.
func (a *Accounts) Channels(ctx context.Context) ([]Channel, error) {
	rows, err := a.DB.Read().QueryContext(ctx, "SELECT slug, title FROM account_channel ORDER BY title, slug LIMIT $1", maxChannels)
	return db.Collect(rows, err, func(rows *sql.Rows) (c Channel, err error) { return c, rows.Scan(&c.Slug, &c.Title) })
}

// StreamKey returns the key of a channel, for those who may publish to it.
func (a *Accounts) StreamKey(ctx context.Context, channel string) (key string, err error) {
	err = a.DB.Read().QueryRowContext(ctx, "SELECT stream_key FROM account_channel WHERE slug = $1", channel).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoChannel
	}
	return key, err
}

// RotateKey replaces a channel's key. The caller cuts the publisher that still
// uses the old one.
func (a *Accounts) RotateKey(ctx context.Context, channel string) (key string, err error) {
	key = secret(keyBytes)
	err = a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "UPDATE account_channel SET stream_key = $1, key_hash = $2 WHERE slug = $3", key, digest(key), channel)
		if err == nil && n == 0 {
			return ErrNoChannel
		}
		return err
	})
	return key, err
}

// ChannelForKey finds the channel a publisher may write to, or ErrNoKey. The
// look-up is by a digest, so its time tells nothing about other keys.
func (a *Accounts) ChannelForKey(ctx context.Context, key string) (channel string, err error) {
	err = a.DB.Read().QueryRowContext(ctx, "SELECT slug FROM account_channel WHERE key_hash = $1", digest(key)).Scan(&channel)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoKey
	}
	return channel, err
}

// secret returns n random bytes in a form that fits URLs and headers.
func secret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand, since Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
