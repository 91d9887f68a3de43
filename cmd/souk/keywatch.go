package main

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"souk/account"
	"souk/ingest"
)

// keyCheck is how soon a key that was rotated elsewhere (an operator's command,
// another node) cuts the publisher here.
const keyCheck = 2 * time.Second

// keys lets ingest find a channel by stream key, and remembers which key each
// publisher came with.
type keys struct {
	accounts *account.Accounts

	mu   sync.Mutex // guards used
	used map[string]string
}

// ChannelForKey implements [ingest.Keys].
func (k *keys) ChannelForKey(ctx context.Context, key string) (string, error) {
	channel, err := k.accounts.ChannelForKey(ctx, key)
	if errors.Is(err, account.ErrNoKey) {
		return "", ingest.ErrUnknownKey
	}
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.used[channel] = key
	}
	return channel, err
}

// watch calls cut for every channel whose publisher came with a key that is no
// longer valid, until ctx ends.
func (k *keys) watch(ctx context.Context, cut func(channel string)) error {
	tick := time.NewTicker(keyCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		for channel, key := range k.inUse() {
			if now, err := k.accounts.ChannelForKey(ctx, key); errors.Is(err, account.ErrNoKey) || err == nil && now != channel {
				if k.forget(channel, key) {
					cut(channel)
				}
			}
		}
	}
}

func (k *keys) inUse() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.used)
}

// forget returns false when the channel's publisher has come back with another
// key meanwhile: that one stays.
func (k *keys) forget(channel, key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.used[channel] != key {
		return false
	}
	delete(k.used, channel)
	return true
}
