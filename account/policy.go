package account

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// Bounds of an encoder policy.
const (
	minHeight, maxHeight   = 144, 4320
	minBitrate, maxBitrate = 200_000, 100_000_000
	maxRenditions          = 6
)

// EncoderPolicy is what encoders of a channel should send, at most. Zero leaves
// a choice to the server.
type EncoderPolicy struct {
	MaxHeight  int `json:"max_height"`  // pixels of the shorter side
	MaxBitrate int `json:"max_bitrate"` // of all renditions together, bits per second
	Renditions int `json:"renditions"`  // counting the largest
}

// EncoderPolicy returns a channel's policy, or ErrNoChannel.
func (a *Accounts) EncoderPolicy(ctx context.Context, channel string) (p EncoderPolicy, err error) {
	err = a.DB.Read().QueryRowContext(ctx, "SELECT max_height, max_bitrate, renditions FROM account_channel WHERE slug = $1", channel).
		Scan(&p.MaxHeight, &p.MaxBitrate, &p.Renditions)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoChannel
	}
	return p, err
}

// SetEncoderPolicy handles PUT /api/v1/channels/{channel}/ingest/policy, for
// owners and hosts.
func (a *Accounts) SetEncoderPolicy(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := a.Require(r, channel, Owner, Host); err != nil {
		return err
	}
	var p EncoderPolicy
	if err := api.Read(w, r, &p); err != nil {
		return err
	}
	within := func(n, low, high int) bool { return n == 0 || low <= n && n <= high }
	if !within(p.MaxHeight, minHeight, maxHeight) || !within(p.MaxBitrate, minBitrate, maxBitrate) || !within(p.Renditions, 1, maxRenditions) {
		return api.Fail(http.StatusUnprocessableEntity, "bad_policy",
			"max_height is 144 to 4320, max_bitrate 200000 to 100000000, renditions 1 to 6; 0 leaves the choice to the server.")
	}
	err := a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE account_channel SET max_height = $1, max_bitrate = $2, renditions = $3 WHERE slug = $4",
			p.MaxHeight, p.MaxBitrate, p.Renditions, channel)
		return err
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, p)
}
