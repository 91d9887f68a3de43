package main

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a certificate and its key from two PEM files, which may be
// replaced while the server runs: certificates are renewed more often than shows
// may be interrupted.
type certificate struct {
	chain, key string
	log        *slog.Logger

	mu     sync.Mutex // guards the rest
	pair   *tls.Certificate
	asOf   [2]time.Time // when the files were changed that pair was read from,
	failed [2]time.Time // and those that could not be used
}

func loadCertificate(chain, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{chain: chain, key: key, log: log}
	asOf, err := c.changed()
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	c.pair, c.asOf = &pair, asOf
	return c, nil
}

// changed is when either file was changed last.
func (c *certificate) changed() (at [2]time.Time, err error) {
	for i, path := range []string{c.chain, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return at, err
		}
		at[i] = info.ModTime()
	}
	return at, nil
}

// get is for tls.Config.GetCertificate. Files that do not fit together, as in
// the middle of a renewal, change nothing.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	asOf, err := c.changed()
	if err != nil || asOf == c.asOf || asOf == c.failed {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.chain, c.key)
	if err != nil {
		c.failed = asOf
		c.log.Error("new certificate not usable, the old one stays", "err", err)
		return c.pair, nil
	}
	c.pair, c.asOf = &pair, asOf
	c.log.Info("new certificate")
	return c.pair, nil
}
