package account

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/mail"
	"strings"

	"github.com/google/uuid"

	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/fold"
)

// errLogin does not say which of the two was wrong.
var errLogin = api.Fail(http.StatusUnauthorized, "bad_login", "E-mail or password is wrong.")

type who struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Login handles POST /api/v1/login.
func (a *Accounts) Login(w http.ResponseWriter, r *http.Request) error {
	var body struct{ Email, Password string }
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if wait, ok := a.logins.Take(api.Client(r), ""); !ok {
		return api.TooFast(wait)
	}
	email := foldEmail(body.Email)
	door, err := a.throttled(r, email)
	if err != nil {
		return err
	}
	var me who
	hash := nobody
	err = a.DB.Read().QueryRowContext(r.Context(), "SELECT id, name, password FROM account_person WHERE email = $1", email).
		Scan(&me.ID, &me.Name, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if hash == "" {
		hash = nobody // an account without a password takes as long to say no
	}
	ok, err := a.check(r.Context(), hash, body.Password)
	if err != nil {
		return err
	}
	if !ok || me.ID == "" {
		return errLogin
	}
	a.wrong.Back(door)
	return a.enter(w, r, byPassword, func(context.Context, *db.Tx) (who, error) { return me, nil })
}

// enter signs in and answers as every way to sign in does.
func (a *Accounts) enter(w http.ResponseWriter, r *http.Request, way string, first func(context.Context, *db.Tx) (who, error)) error {
	token, me, err := a.signIn(w, r, way, first)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"token": token, "account": me})
}

// throttled counts a try at an account, whether it is there or not, and refuses
// it after too many wrong ones. A browser in which its owner was signed in
// before is counted alone: a stranger who guesses does not lock them out.
func (a *Accounts) throttled(r *http.Request, email string) (door string, err error) {
	door = digest(email)
	device, err := a.knownDevice(r)
	if err != nil {
		return "", err
	}
	if device != "" {
		var n int
		err := a.DB.Read().QueryRowContext(r.Context(), `SELECT count(*) FROM account_session s JOIN account_person p ON p.id = s.person
			WHERE p.email = $1 AND s.device = $2`, email, device).Scan(&n)
		if err != nil {
			return "", err
		}
		if n > 0 {
			door += device
		}
	}
	if wait, ok := a.wrong.Take(door, ""); !ok {
		return "", api.TooFast(wait)
	}
	return door, nil
}

// check hashes with bounded parallelism: a flood of sign-ins must not take the
// memory and the cores of the show.
func (a *Accounts) check(ctx context.Context, hash, password string) (bool, error) {
	if len(password) > maxPassword {
		return false, nil
	}
	select {
	case a.hashing <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-a.hashing }()
	return checkPassword(hash, password), nil
}

// Guest handles POST /api/v1/guests: a viewer without an account.
func (a *Accounts) Guest(w http.ResponseWriter, r *http.Request) error {
	var body struct{ Name string }
	if r.ContentLength != 0 { // a guest need not say anything
		if err := api.Read(w, r, &body); err != nil {
			return err
		}
	}
	if at := api.Client(r); !api.Own(at) { // a rehearsal on the server itself is no flood
		if wait, ok := a.guests.Take(at, ""); !ok {
			return api.TooFast(wait)
		}
	}
	name, err := cleanName(body.Name)
	if err != nil {
		return err
	}
	if name == "" {
		name = guestName()
	}
	device, err := a.device(w, r)
	if err != nil {
		return err
	}
	var token string
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		if err := free(ctx, tx, name); err != nil {
			return err
		}
		id := newID()
		_, err := tx.Exec(ctx, "INSERT INTO account_person (id, name, skeleton, created) VALUES ($1, $2, $3, $4)", id, name, fold.Skeleton(name), tx.Millis())
		if err != nil {
			return err
		}
		token, err = open(ctx, tx, visit{person: id, device: device, agent: agentOf(r), network: networkOf(r), ttl: guestTTL})
		return err
	})
	if err != nil {
		return err
	}
	a.setCookie(w, token, guestTTL)
	return api.Write(w, http.StatusCreated, map[string]string{"token": token, "name": name})
}

// NewAccount is what CreateAccount needs.
type NewAccount struct{ Email, Name, Password string }

// CreateAccount makes an account and returns its id. Errors: bad_email,
// bad_name, bad_password, email_taken.
func (a *Accounts) CreateAccount(ctx context.Context, n NewAccount) (id string, err error) {
	email, err := cleanEmail(n.Email)
	if err != nil {
		return "", err
	}
	name, err := cleanName(n.Name)
	if err != nil {
		return "", err
	}
	if name == "" {
		name, _, _ = strings.Cut(email, "@")
	}
	if err := checkNew(n.Password); err != nil {
		return "", err
	}
	hash := hashPassword(n.Password)
	err = a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		id, err = addAccount(ctx, tx, email, name, hash)
		return err
	})
	return id, err
}

// addAccount writes an account; hash may be empty: it signs in otherwise.
func addAccount(ctx context.Context, tx *db.Tx, email, name, hash string) (id string, err error) {
	id = newID()
	n, err := tx.Changed(ctx, `INSERT INTO account_person (id, name, skeleton, email, password, contact, created)
		VALUES ($1, $2, $3, $4, $5, $4, $6) ON CONFLICT (email) DO NOTHING`, id, name, fold.Skeleton(name), email, hash, tx.Millis())
	if err == nil && n == 0 {
		return "", api.Fail(http.StatusConflict, "email_taken", "There is an account with this e-mail.")
	}
	return id, err
}

// AccountByEmail returns the id of an account; found is false when there is none.
func (a *Accounts) AccountByEmail(ctx context.Context, email string) (id string, found bool, err error) {
	err = a.DB.Read().QueryRowContext(ctx, "SELECT id FROM account_person WHERE email = $1", foldEmail(email)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return id, err == nil, err
}

func foldEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func cleanEmail(s string) (string, error) {
	s = foldEmail(s)
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || len(s) > maxEmail {
		return "", api.Fail(http.StatusUnprocessableEntity, "bad_email", "This is not an e-mail address.")
	}
	return s, nil
}

// newID returns a UUIDv7: unguessable and in order of making.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
