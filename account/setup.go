package account

import (
	"context"
	"crypto/subtle"
	"net/http"
	"sync"

	"souk/internal/api"
	"souk/internal/db"
)

var (
	errSetup = api.Fail(http.StatusForbidden, "bad_setup", "This link does not set up this server. The right one is in the log of the server's last start.")
	errSetUp = api.Fail(http.StatusConflict, "already_set_up", "This server has an owner. Sign in, or ask them to invite you.")
)

// setup is the way in to a server that nobody owns. Its token is in memory only
// and new with each start: who can read the server's log may claim it.
type setup struct {
	mu    sync.Mutex // guards token
	token string
}

func (s *setup) is(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token != "" && subtle.ConstantTimeCompare([]byte(s.token), []byte(token)) == 1
}

func (s *setup) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token == ""
}

func (s *setup) set(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Setup returns the link by which the first account is made, "" on a server
// that has one. Call it once, at the start.
func (a *Accounts) Setup(ctx context.Context) (link string, err error) {
	owned, err := a.owned(ctx, a.DB.Read())
	if err != nil || owned {
		return "", err
	}
	token := secret(tokenBytes)
	a.setup.set(token)
	return a.address(token), nil
}

// Unclaimed tells whether the server still waits for its first account.
func (a *Accounts) Unclaimed(ctx context.Context) (bool, error) {
	if a.setup.closed() {
		return false, nil
	}
	owned, err := a.owned(ctx, a.DB.Read())
	return !owned && err == nil, err
}

func (a *Accounts) owned(ctx context.Context, on db.Reader) (bool, error) {
	var n int
	err := on.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT id FROM account_person WHERE email IS NOT NULL LIMIT 1) AS one").Scan(&n)
	return n > 0, err
}

// Claim handles POST /api/v1/setup: the first account, with a channel of its
// own.
func (a *Accounts) Claim(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Token, Email, Name, Password string
		Channel                      Channel
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if wait, ok := a.opens.Take(api.Client(r), ""); !ok {
		return api.TooFast(wait)
	}
	owned, err := a.owned(r.Context(), a.DB.Read())
	switch {
	case err != nil:
		return err
	case owned:
		return errSetUp
	case !a.setup.is(body.Token):
		return errSetup
	}
	email, err := cleanEmail(body.Email)
	if err != nil {
		return err
	}
	name, err := cleanName(body.Name)
	if err != nil {
		return err
	}
	if name == "" {
		return api.Fail(http.StatusUnprocessableEntity, "bad_name", "A name needs at least one character that shows.")
	}
	if err := checkNew(body.Password); err != nil {
		return err
	}
	if err := body.Channel.clean(); err != nil {
		return err
	}
	hash := hashPassword(body.Password)
	err = a.enter(w, r, bySetup, func(ctx context.Context, tx *db.Tx) (me who, err error) {
		// Two people with the link, or two servers over one database: one wins:
		// the row holds the second one up until the first has made its account.
		if _, err := tx.Exec(ctx, "INSERT INTO account_secret (name, value) VALUES ('set up', '1') ON CONFLICT (name) DO UPDATE SET value = '1'"); err != nil {
			return me, err
		}
		owned, err := a.owned(ctx, tx)
		if err != nil {
			return me, err
		}
		if owned {
			return me, errSetUp
		}
		if me.ID, err = addAccount(ctx, tx, email, name, hash); err != nil {
			return me, err
		}
		me.Name = name
		if _, err := addChannel(ctx, tx, body.Channel); err != nil {
			return me, err
		}
		for _, role := range []Role{Owner, Merchant} {
			if err := grant(ctx, tx, body.Channel.Slug, me.ID, role); err != nil {
				return me, err
			}
		}
		return me, note(ctx, tx, deed{body.Channel.Slug, me.ID, me.ID, "set_up", ""})
	})
	if err == nil {
		a.setup.set("")
	}
	return err
}
