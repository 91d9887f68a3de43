package account

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// Export is what is known of a person here.
type Export struct {
	Me
	SignInEmail string    `json:"sign_in_email"` // "" for guests
	Created     api.Time  `json:"created_at"`
	Sessions    []Session `json:"sessions"`
	Passkeys    []Passkey `json:"passkeys"`
}

// Export returns everything about a person, but for their password's hash.
func (a *Accounts) Export(ctx context.Context, p Person) (e Export, err error) {
	if e.Me, err = a.Me(ctx, p); err != nil {
		return e, err
	}
	var email sql.NullString
	var created int64
	err = a.DB.Read().QueryRowContext(ctx, "SELECT email, created FROM account_person WHERE id = $1", p.ID).Scan(&email, &created)
	if err != nil {
		return e, err
	}
	e.SignInEmail, e.Created = email.String, api.Millis(created)
	if e.Sessions, err = a.Sessions(ctx, p); err != nil {
		return e, err
	}
	e.Passkeys, err = a.Passkeys(ctx, p.ID)
	return e, err
}

// ErrOwner is the refusal of [Accounts.Erase] to the last owner of a channel.
var ErrOwner = api.Fail(http.StatusConflict, "last_owner", "You are the only owner of a channel. Make somebody else its owner first.")

// MayErase returns ErrOwner if nobody could run a channel without the person.
func (a *Accounts) MayErase(ctx context.Context, person string) error {
	return mayErase(ctx, a.DB.Read(), person)
}

func mayErase(ctx context.Context, on db.Reader, person string) error {
	var alone string
	err := on.QueryRowContext(ctx, `
		SELECT channel FROM account_role r WHERE person = $1 AND role = $2 AND NOT EXISTS (
			SELECT 1 FROM account_role o WHERE o.channel = r.channel AND o.role = $2 AND o.person <> $1) LIMIT 1`, person, Owner).Scan(&alone)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = ErrOwner.With("channel", alone)
	}
	return err
}

// Erase forgets a person: sessions, roles and everything about them end. Their
// id stays without anything that says who it was, for what must be kept names
// it. Erasing twice changes nothing. Errors: ErrOwner.
func (a *Accounts) Erase(ctx context.Context, person string) error {
	return a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := mayErase(ctx, tx, person); err != nil {
			return err
		}
		for _, query := range []string{
			"DELETE FROM account_session WHERE person = $1",
			"DELETE FROM account_role WHERE person = $1",
			"DELETE FROM account_passkey WHERE person = $1",
			"DELETE FROM account_challenge WHERE person = $1",
			"DELETE FROM account_link WHERE actor = $1 OR email = (SELECT email FROM account_person WHERE id = $1)",
			"UPDATE account_deed SET detail = '' WHERE person = $1 OR actor = $1",
			"UPDATE account_person SET name = '', skeleton = '', email = NULL, password = '', contact = '', address = '' WHERE id = $1",
		} {
			if _, err := tx.Exec(ctx, query, person); err != nil {
				return err
			}
		}
		return nil
	})
}
