package account

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// maxKeepDays bounds how long a channel may ask for its recordings to be kept.
const maxKeepDays = 3650

// RecordingPolicy is what a channel wants of the recordings of its shows.
type RecordingPolicy struct {
	Record   bool `json:"record"`
	KeepDays int  `json:"keep_days"` // 0: as long as the server keeps others
}

// RecordingPolicy returns a channel's policy, or ErrNoChannel.
func (a *Accounts) RecordingPolicy(ctx context.Context, channel string) (p RecordingPolicy, err error) {
	var unrecorded int
	err = a.DB.Read().QueryRowContext(ctx, "SELECT unrecorded, keep_days FROM account_channel WHERE slug = $1", channel).Scan(&unrecorded, &p.KeepDays)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoChannel
	}
	p.Record = unrecorded == 0
	return p, err
}

// SetRecordingPolicy takes the policy in the body of a request of owner or host. A
// member that is missing stays as it is.
func (a *Accounts) SetRecordingPolicy(w http.ResponseWriter, r *http.Request) (p RecordingPolicy, err error) {
	channel := r.PathValue("channel")
	if _, err := a.Require(r, channel, Owner, Host); err != nil {
		return p, err
	}
	if p, err = a.RecordingPolicy(r.Context(), channel); err != nil {
		return p, err
	}
	if err := api.Read(w, r, &p); err != nil {
		return p, err
	}
	if p.KeepDays < 0 || p.KeepDays > maxKeepDays {
		return p, api.Fail(http.StatusUnprocessableEntity, "bad_policy", "keep_days is 0 to 3650; 0 keeps recordings as long as the server keeps others.")
	}
	unrecorded := 1
	if p.Record {
		unrecorded = 0
	}
	return p, a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE account_channel SET unrecorded = $1, keep_days = $2 WHERE slug = $3", unrecorded, p.KeepDays, channel)
		return err
	})
}
