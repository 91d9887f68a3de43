package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"souk/internal/api"
	"souk/internal/db"
)

// Parameters of argon2id (RFC 9106) for new passwords: 19 MiB, two passes, one
// lane. Each stored hash carries its own, so these may grow later.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashBytes  = 32
	saltBytes  = 16
)

// hashPassword returns the encoded form that is stored. It is slow on purpose.
func hashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand, since Go 1.24)
	sum := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, 1, hashBytes)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, hashMemory, hashPasses, b64(salt), b64(sum))
}

// checkPassword tells whether password belongs to the encoded hash, taking as
// long for a wrong one as for the right one.
func checkPassword(encoded, password string) bool {
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// nobody is checked when an e-mail is unknown, so that the time of an answer
// does not tell which addresses have accounts.
var nobody = hashPassword("nobody signs in with this")

// checkNew refuses what is no password to have.
func checkNew(password string) error {
	if utf8.RuneCountInString(password) < minPassword || len(password) > maxPassword {
		return api.Fail(http.StatusUnprocessableEntity, "bad_password", "A password has 10 to 256 characters.")
	}
	return nil
}

// SetPassword handles PUT /api/v1/me/password. Who has a password proves it;
// who has none must have signed in a moment ago. Every other session ends.
func (a *Accounts) SetPassword(w http.ResponseWriter, r *http.Request) error {
	p, err := a.account(r)
	if err != nil {
		return err
	}
	var body struct{ Current, Password string }
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if err := checkNew(body.Password); err != nil {
		return err
	}
	var former string
	if err := a.DB.Read().QueryRowContext(r.Context(), "SELECT password FROM account_person WHERE id = $1", p.ID).Scan(&former); err != nil {
		return err
	}
	if former == "" {
		if err := p.fresh(); err != nil {
			return err
		}
	} else if wait, ok := a.wrong.Take(p.ID, ""); !ok {
		return api.TooFast(wait)
	} else if ok, err := a.check(r.Context(), former, body.Current); err != nil {
		return err
	} else if !ok {
		return errWrong
	} else {
		a.wrong.Back(p.ID)
	}
	hash := hashPassword(body.Password)
	var ended []string
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		ended, err = replacePassword(ctx, tx, p.ID, hash, p.Session)
		return err
	})
	if err != nil {
		return err
	}
	a.left(ended...)
	return api.Write(w, http.StatusOK, map[string]int{"ended": len(ended)})
}

// replacePassword gives a person another password and ends every session of
// theirs but one.
func replacePassword(ctx context.Context, tx *db.Tx, person, hash, keep string) ([]string, error) {
	if _, err := tx.Exec(ctx, "UPDATE account_person SET password = $1 WHERE id = $2", hash, person); err != nil {
		return nil, err
	}
	if err := note(ctx, tx, deed{Actor: person, Person: person, Kind: "password_changed"}); err != nil {
		return nil, err
	}
	return endOthers(ctx, tx, person, keep)
}

// freshFor is how long after a sign-in what opens further ways in may be done.
const freshFor = time.Hour

var (
	errWrong = api.Fail(http.StatusForbidden, "wrong_password", "This is not your password.")
	errStale = api.Fail(http.StatusForbidden, "sign_in_again", "Sign in again first: it has been a while, and this opens a way into your account.")
)

// fresh refuses who has not signed in lately: a browser left open opens no
// further doors.
func (p Person) fresh() error {
	if time.Since(p.SignedIn) > freshFor {
		return errStale
	}
	return nil
}
