package account

import (
	"context"
	"database/sql"

	"souk/internal/api"
	"souk/internal/db"
)

// maxDeeds is how many lines of the audit list one answer has.
const maxDeeds = 100

// deed is a line of the audit list: who changed what about whom.
type deed struct {
	Channel, Actor, Person, Kind, Detail string
}

// note adds a deed, in the write that does it.
func note(ctx context.Context, tx *db.Tx, d deed) error {
	_, err := tx.Exec(ctx, "INSERT INTO account_deed (id, channel, actor, person, kind, detail, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		newID(), d.Channel, d.Actor, d.Person, d.Kind, d.Detail, tx.Millis())
	return err
}

// Deed is a deed as it is told: names instead of ids.
type Deed struct {
	At     api.Time `json:"at"`
	Actor  string   `json:"actor"`  // empty: an operator, or somebody who was erased
	Person string   `json:"person"` // the same
	Kind   string   `json:"kind"`
	Detail string   `json:"detail"`
}

// deeds returns what was done last about who works on a channel.
func (a *Accounts) deeds(ctx context.Context, channel string) ([]Deed, error) {
	rows, err := a.DB.Read().QueryContext(ctx, `SELECT d.at, coalesce(x.name, ''), coalesce(p.name, ''), d.kind, d.detail FROM account_deed d
		LEFT JOIN account_person x ON x.id = d.actor LEFT JOIN account_person p ON p.id = d.person
		WHERE d.channel = $1 ORDER BY d.id DESC LIMIT $2`, channel, maxDeeds)
	return db.Collect(rows, err, func(rows *sql.Rows) (d Deed, err error) {
		var at int64
		err = rows.Scan(&at, &d.Actor, &d.Person, &d.Kind, &d.Detail)
		d.At = api.Millis(at)
		return d, err
	})
}
