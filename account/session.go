package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"souk/internal/api"
	"souk/internal/db"
)

// Cookie is the name of the session cookie.
const Cookie = "souk_session"

const (
	tokenBytes = 32  // a session token of 256 bits
	idBytes    = 12  // what a session is called outside
	maxAgent   = 200 // bytes kept of how a browser calls itself
)

// Ways to sign in, as stored and as shown.
const (
	byPassword = "password"
	byPasskey  = "passkey"
	byLink     = "link"
	bySetup    = "setup"
)

// Person returns who sends r: the bearer token if there is one, else the
// cookie. Errors: ErrSignIn without either, ErrBadToken for one that is
// unknown or has expired.
func (a *Accounts) Person(r *http.Request) (Person, error) {
	token := bearer(r)
	if token == "" {
		if token = cookie(r); token == "" {
			return Person{}, ErrSignIn
		}
	}
	return a.PersonByToken(r.Context(), token)
}

// PersonByToken returns the holder of a token, or ErrBadToken.
func (a *Accounts) PersonByToken(ctx context.Context, token string) (Person, error) {
	var p Person
	var email sql.NullString
	var address string
	var created int64
	err := a.DB.Read().QueryRowContext(ctx, `
		SELECT p.id, p.name, p.email, p.contact, p.address, s.device, s.id, s.created
		FROM account_session s JOIN account_person p ON p.id = s.person
		WHERE s.token = $1 AND s.expires > $2`, digest(token), time.Now().UnixMilli()).
		Scan(&p.ID, &p.Name, &email, &p.Email, &address, &p.Device, &p.Session, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Person{}, ErrBadToken
	}
	if err != nil {
		return Person{}, err
	}
	p.Guest, p.SignedIn = !email.Valid, time.UnixMilli(created)
	if !p.Guest {
		a.seen.note(p.Session)
	}
	if address != "" {
		p.Address = new(Address)
		err = json.Unmarshal([]byte(address), p.Address)
	}
	return p, err
}

// account returns who asks, if they have an account.
func (a *Accounts) account(r *http.Request) (Person, error) {
	p, err := a.Person(r)
	if err == nil && p.Guest {
		err = ErrGuest
	}
	return p, err
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func cookie(r *http.Request) string {
	c, err := r.Cookie(Cookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// visit is what a new session is about.
type visit struct {
	person, device, way, agent, network string
	ttl                                 time.Duration
}

// open writes a session and returns its token.
func open(ctx context.Context, tx *db.Tx, v visit) (string, error) {
	token := secret(tokenBytes)
	_, err := tx.Exec(ctx, `INSERT INTO account_session (token, id, person, device, way, agent, network, created, seen, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`,
		digest(token), secret(idBytes), v.person, v.device, v.way, v.agent, v.network, tx.Millis(), tx.Now.Add(v.ttl).UnixMilli())
	return token, err
}

// signIn gives whoever sends r a new session of a person, within the write that
// also does what came before it. The session that the browser had goes: what was
// put there before the sign-in is worth nothing after it.
func (a *Accounts) signIn(w http.ResponseWriter, r *http.Request, way string, first func(context.Context, *db.Tx) (who, error)) (token string, me who, err error) {
	device, err := a.device(w, r)
	if err != nil {
		return "", who{}, err
	}
	former := cookie(r)
	var ended string
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		if me, err = first(ctx, tx); err != nil {
			return err
		}
		if ended, err = end(ctx, tx, former); err != nil {
			return err
		}
		token, err = open(ctx, tx, visit{person: me.ID, device: device, way: way, agent: agentOf(r), network: networkOf(r), ttl: accountTTL})
		return err
	})
	if err != nil {
		return "", me, err
	}
	a.left(ended)
	a.setCookie(w, token, accountTTL)
	return token, me, nil
}

// end deletes the session of a token and returns what it was called; "" for no
// session.
func end(ctx context.Context, tx *db.Tx, token string) (id string, err error) {
	if token == "" {
		return "", nil
	}
	err = tx.QueryRow(ctx, "DELETE FROM account_session WHERE token = $1 RETURNING id", digest(token)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return id, err
}

// left tells that sessions are over.
func (a *Accounts) left(sessions ...string) {
	for _, id := range sessions {
		if id != "" && a.Ended != nil {
			a.Ended(id)
		}
	}
}

// agentOf is how a browser calls itself, cut to size.
func agentOf(r *http.Request) string {
	s := strings.ToValidUTF8(r.UserAgent(), "")
	for len(s) > maxAgent {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// networkOf is the address block that a request comes from, as a person
// recognises their own.
func networkOf(r *http.Request) string {
	at := api.Client(r)
	if !at.IsValid() {
		return ""
	}
	return wide(at.Addr()).String()
}

func (a *Accounts) setCookie(w http.ResponseWriter, token string, ttl time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: Cookie, Value: token, Path: "/", MaxAge: int(ttl.Seconds()),
		HttpOnly: true, Secure: a.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// Logout handles POST /api/v1/logout: the session ends everywhere, at once.
func (a *Accounts) Logout(w http.ResponseWriter, r *http.Request) error {
	token := bearer(r)
	if token == "" {
		token = cookie(r)
	}
	var ended string
	err := a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		ended, err = end(ctx, tx, token)
		return err
	})
	if err != nil {
		return err
	}
	a.left(ended)
	a.ForgetCookie(w)
	return api.Write(w, http.StatusOK, struct{}{})
}

// ForgetCookie takes the session cookie out of a browser.
func (a *Accounts) ForgetCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: Cookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: a.Secure, SameSite: http.SameSiteLaxMode})
}
