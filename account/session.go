package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Cookie is the name of the session cookie.
const Cookie = "souk_session"

// tokenBytes makes a session token of 256 bits.
const tokenBytes = 32

// Person returns who sends r: the bearer token if there is one, else the
// cookie. Errors: ErrSignIn without either, ErrBadToken for one that is
// unknown or has expired.
func (a *Accounts) Person(r *http.Request) (Person, error) {
	token := bearer(r)
	if token == "" {
		c, err := r.Cookie(Cookie)
		if err != nil || c.Value == "" {
			return Person{}, ErrSignIn
		}
		token = c.Value
	}
	return a.PersonByToken(r.Context(), token)
}

// PersonByToken returns the holder of a token, or ErrBadToken.
func (a *Accounts) PersonByToken(ctx context.Context, token string) (Person, error) {
	var p Person
	var email sql.NullString
	var address string
	err := a.DB.Read().QueryRowContext(ctx, `
		SELECT p.id, p.name, p.email, p.contact, p.address, s.device
		FROM account_session s JOIN account_person p ON p.id = s.person
		WHERE s.token = $1 AND s.expires > $2`, digest(token), time.Now().UnixMilli()).
		Scan(&p.ID, &p.Name, &email, &p.Email, &address, &p.Device)
	if errors.Is(err, sql.ErrNoRows) {
		return Person{}, ErrBadToken
	}
	if err != nil {
		return Person{}, err
	}
	p.Guest = !email.Valid
	if address != "" {
		p.Address = new(Address)
		err = json.Unmarshal([]byte(address), p.Address)
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

// open writes a session and returns its token.
func open(ctx context.Context, tx *db.Tx, person, device string, ttl time.Duration) (string, error) {
	token := secret(tokenBytes)
	_, err := tx.Exec(ctx, "INSERT INTO account_session (token, person, device, created, expires) VALUES ($1, $2, $3, $4, $5)",
		digest(token), person, device, tx.Millis(), tx.Now.Add(ttl).UnixMilli())
	return token, err
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
	if c, err := r.Cookie(Cookie); token == "" && err == nil {
		token = c.Value
	}
	err := a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM account_session WHERE token = $1", digest(token))
		return err
	})
	if err != nil {
		return err
	}
	a.ForgetCookie(w)
	return api.Write(w, http.StatusOK, struct{}{})
}

// ForgetCookie takes the session cookie out of a browser.
func (a *Accounts) ForgetCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: Cookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: a.Secure, SameSite: http.SameSiteLaxMode})
}
