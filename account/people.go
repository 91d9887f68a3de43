package account

import (
	"context"
	"database/sql"
	"net/http"
	"slices"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits of who works on a channel.
const (
	maxPeople      = 200 // with a role on one channel
	maxInvitations = 50  // open at once, on one channel
)

var (
	errNoHolder     = api.Fail(http.StatusNotFound, "no_such_role", "This person does not have this role here.")
	errNoInvitation = api.Fail(http.StatusNotFound, "no_such_invitation", "There is no such invitation any more.")
	errBadRole      = api.Fail(http.StatusUnprocessableEntity, "bad_role", "A role is owner, host, moderator or merchant.")
)

// Worker is somebody with roles on a channel.
type Worker struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Roles []Role `json:"roles"`
}

// Invitation is a role that waits for somebody.
type Invitation struct {
	ID      string   `json:"id"`
	Email   string   `json:"email"`
	Role    Role     `json:"role"`
	Expires api.Time `json:"expires_at"`
	Link    string   `json:"link,omitempty"` // once, where no mail brings it
}

// ListPeople handles GET /api/v1/channels/{channel}/people: who does what here,
// who is invited, and what was changed. For owners.
func (a *Accounts) ListPeople(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := a.Require(r, channel, Owner); err != nil {
		return err
	}
	people, err := a.workers(r.Context(), channel)
	if err != nil {
		return err
	}
	rows, err := a.DB.Read().QueryContext(r.Context(), "SELECT id, email, role, expires FROM account_link WHERE channel = $1 AND kind = $2 AND expires > $3 ORDER BY created DESC LIMIT $4",
		channel, linkInvite, time.Now().UnixMilli(), maxInvitations)
	open, err := db.Collect(rows, err, func(rows *sql.Rows) (i Invitation, err error) {
		var expires int64
		err = rows.Scan(&i.ID, &i.Email, &i.Role, &expires)
		i.Expires = api.Millis(expires)
		return i, err
	})
	if err != nil {
		return err
	}
	deeds, err := a.deeds(r.Context(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"people": people, "invitations": open, "deeds": deeds, "mails": a.Post != nil})
}

func (a *Accounts) workers(ctx context.Context, channel string) ([]Worker, error) {
	type row struct {
		Worker
		role Role
	}
	rows, err := a.DB.Read().QueryContext(ctx, `SELECT p.id, p.name, coalesce(p.email, ''), r.role FROM account_role r JOIN account_person p ON p.id = r.person
		WHERE r.channel = $1 ORDER BY p.name, p.id, r.role LIMIT $2`, channel, maxPeople*len(roles))
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (x row, err error) { return x, rows.Scan(&x.ID, &x.Name, &x.Email, &x.role) })
	people := []Worker{}
	for _, x := range all {
		if n := len(people); n == 0 || people[n-1].ID != x.ID {
			people = append(people, x.Worker)
		}
		last := &people[len(people)-1]
		last.Roles = append(last.Roles, x.role)
	}
	return people, err
}

// Invite handles POST /api/v1/channels/{channel}/people: a letter with a link
// that gives a role to whoever has the mailbox. Where no letters are sent, the
// answer has the link, once. The answer does not tell whether there is an account.
func (a *Accounts) Invite(w http.ResponseWriter, r *http.Request) error {
	slug := r.PathValue("channel")
	p, err := a.Require(r, slug, Owner)
	if err != nil {
		return err
	}
	var body struct {
		Email string `json:"email"`
		Role  Role   `json:"role"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if !slices.Contains(roles, body.Role) {
		return errBadRole
	}
	email, err := cleanEmail(body.Email)
	if err != nil {
		return err
	}
	c, err := a.Channel(r.Context(), slug)
	if err != nil {
		return err
	}
	if wait, ok := a.letters.Take("invite "+slug+digest(email), ""); !ok {
		return api.TooFast(wait)
	}
	l := link{id: newID(), kind: linkInvite, email: email, channel: slug, role: string(body.Role), actor: p.ID}
	if a.Post == nil {
		l.handed = 1
	}
	made := Invitation{ID: l.id, Email: email, Role: body.Role}
	var token string
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		// A second one takes the place of the first.
		if _, err := tx.Exec(ctx, "DELETE FROM account_link WHERE kind = $1 AND channel = $2 AND email = $3 AND role = $4", linkInvite, slug, email, l.role); err != nil {
			return err
		}
		var open int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM account_link WHERE kind = $1 AND channel = $2", linkInvite, slug).Scan(&open); err != nil {
			return err
		}
		if open >= maxInvitations {
			return api.Fail(http.StatusConflict, "limit_reached", "There are 50 open invitations. Take one back first.")
		}
		if token, err = makeLink(ctx, tx, l, inviteTTL); err != nil {
			return err
		}
		made.Expires = api.At(tx.Now.Add(inviteTTL))
		return note(ctx, tx, deed{slug, p.ID, "", "invited", l.role + " " + email})
	})
	if err != nil {
		return err
	}
	if a.Post == nil {
		made.Link = a.address(token)
		return api.Write(w, http.StatusCreated, made)
	}
	letter := Letter{ID: l.id, Kind: l.kind, To: email, Link: a.address(token), Channel: c.Title, Role: body.Role, From: p.Name, Language: a.language(r)}
	if err := a.Post(r.Context(), letter); err != nil {
		a.Log.Warn("an invitation could not be mailed", "channel", slug, "err", err)
		return api.Fail(http.StatusBadGateway, "mail_failed", "The mail server did not take the invitation. Check the address, and try again.").Because(err)
	}
	return api.Write(w, http.StatusCreated, made)
}

// DropInvitation handles DELETE /api/v1/channels/{channel}/invitations/{id}.
func (a *Accounts) DropInvitation(w http.ResponseWriter, r *http.Request) error {
	slug := r.PathValue("channel")
	p, err := a.Require(r, slug, Owner)
	if err != nil {
		return err
	}
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		rows, err := tx.Query(ctx, "DELETE FROM account_link WHERE id = $1 AND channel = $2 AND kind = $3 RETURNING role, email", r.PathValue("id"), slug, linkInvite)
		gone, err := db.Collect(rows, err, func(rows *sql.Rows) (s string, err error) {
			var role, email string
			err = rows.Scan(&role, &email)
			return role + " " + email, err
		})
		if err == nil && len(gone) == 0 {
			return errNoInvitation
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, deed{slug, p.ID, "", "invitation_taken_back", gone[0]})
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// TakeRole handles DELETE /api/v1/channels/{channel}/people/{person}/{role}. The
// last owner stays.
func (a *Accounts) TakeRole(w http.ResponseWriter, r *http.Request) error {
	slug, person, role := r.PathValue("channel"), r.PathValue("person"), Role(r.PathValue("role"))
	p, err := a.Require(r, slug, Owner)
	if err != nil {
		return err
	}
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "DELETE FROM account_role WHERE channel = $1 AND person = $2 AND role = $3", slug, person, role)
		if err == nil && n == 0 {
			return errNoHolder
		}
		if err != nil {
			return err
		}
		// On PostgreSQL two owners may take each other's role at the same time: the
		// row of the channel lets one of them go first.
		if _, err := tx.Exec(ctx, "UPDATE account_channel SET title = title WHERE slug = $1", slug); err != nil {
			return err
		}
		var owners int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM account_role WHERE channel = $1 AND role = $2", slug, Owner).Scan(&owners); err != nil {
			return err
		}
		if owners == 0 {
			return ErrOwner
		}
		return note(ctx, tx, deed{slug, p.ID, person, "role_taken", string(role)})
	})
	if err != nil {
		return err
	}
	a.moved(r.Context(), Post{slug, person})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *Accounts) moved(ctx context.Context, at Post) {
	if a.OnRoles != nil {
		a.OnRoles(ctx, at)
	}
}
