package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"

	"github.com/go-webauthn/webauthn/webauthn"

	"souk/internal/api"
	"souk/internal/db"
)

// Passkeys returns those of a person, the newest first.
func (a *Accounts) Passkeys(ctx context.Context, person string) ([]Passkey, error) {
	rows, err := a.DB.Read().QueryContext(ctx, "SELECT id, name, credential, created, used FROM account_passkey WHERE person = $1 ORDER BY created DESC", person)
	return db.Collect(rows, err, func(rows *sql.Rows) (k Passkey, err error) {
		var created, used int64
		var text string
		if err := rows.Scan(&k.ID, &k.Name, &text, &created, &used); err != nil {
			return k, err
		}
		if k.Created = api.Millis(created); used != 0 {
			k.Used = api.Millis(used)
		}
		var c webauthn.Credential
		err = json.Unmarshal([]byte(text), &c)
		k.Synced = c.Flags.BackupState
		return k, err
	})
}

// ListPasskeys handles GET /api/v1/me/passkeys.
func (a *Accounts) ListPasskeys(w http.ResponseWriter, r *http.Request) error {
	p, err := a.account(r)
	if err != nil {
		return err
	}
	all, err := a.Passkeys(r.Context(), p.ID)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"passkeys": all, "possible": a.PasskeysAt(r)})
}

// RenamePasskey handles PATCH /api/v1/me/passkeys/{id}.
func (a *Accounts) RenamePasskey(w http.ResponseWriter, r *http.Request) error {
	p, err := a.account(r)
	if err != nil {
		return err
	}
	var body struct{ Name string }
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	name, err := cleanName(body.Name)
	if err != nil || name == "" {
		return errPasskeyName
	}
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "UPDATE account_passkey SET name = $1 WHERE id = $2 AND person = $3", name, r.PathValue("id"), p.ID)
		if err == nil && n == 0 {
			return errNoPasskey
		}
		return err
	})
	if err != nil {
		return err
	}
	return a.ListPasskeys(w, r)
}

// DropPasskey handles DELETE /api/v1/me/passkeys/{id}. Who has neither a
// password nor another passkey keeps the way by e-mail.
func (a *Accounts) DropPasskey(w http.ResponseWriter, r *http.Request) error {
	p, err := a.account(r)
	if err != nil {
		return err
	}
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		var name string
		rows, err := tx.Query(ctx, "DELETE FROM account_passkey WHERE id = $1 AND person = $2 RETURNING name", r.PathValue("id"), p.ID)
		gone, err := db.Collect(rows, err, func(rows *sql.Rows) (string, error) { return name, rows.Scan(&name) })
		if err == nil && len(gone) == 0 {
			return errNoPasskey
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, deed{Actor: p.ID, Person: p.ID, Kind: "passkey_removed", Detail: name})
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
