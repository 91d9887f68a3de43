package account

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits of links.
const (
	asksPerIP       = 10              // links an address may ask for, then one per askRefill
	askRefill       = time.Minute     // …
	lettersPerEmail = 3               // letters one mailbox gets, then one per letterRefill
	letterRefill    = 5 * time.Minute // …
	maxWishes       = 64              // links that wait to be written; more are refused
	linkTTL         = 15 * time.Minute
	inviteTTL       = 7 * 24 * time.Hour
)

// Kinds of links, as stored and as told.
const (
	linkSignIn = "sign_in"
	linkReset  = "reset"
	linkInvite = "invite"
	linkSetup  = "setup" // stored nowhere: setup.go
)

// errLink does not say whether there ever was such a link.
var errLink = api.Fail(http.StatusGone, "link_ended", "This link was used before or is too old. Ask for a new one.")

// wish is a link that somebody asked for by mail.
type wish struct{ kind, email, device, language string }

// AskLink handles POST /api/v1/sign-in/link: a letter with a link that signs
// in, or that sets a new password. The answer is the same, and comes as fast,
// whether the address has an account or not: who it belongs to is looked up
// afterwards.
func (a *Accounts) AskLink(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Email string `json:"email"`
		Reset bool   `json:"reset"`
	}
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if a.Post == nil {
		return api.Fail(http.StatusConflict, "no_mail", "This server sends no mails. Sign in with your password or a passkey.")
	}
	email, err := cleanEmail(body.Email)
	if err != nil {
		return err
	}
	if wait, ok := a.asks.Take(api.Client(r), ""); !ok {
		return api.TooFast(wait)
	}
	if wait, ok := a.letters.Take(digest(email), ""); !ok {
		return api.TooFast(wait)
	}
	device, err := a.device(w, r)
	if err != nil {
		return err
	}
	ask := wish{kind: linkSignIn, email: email, device: device, language: a.language(r)}
	if body.Reset {
		ask.kind = linkReset
	}
	select {
	case a.wanted <- ask:
	default:
		return api.TooFast(askRefill)
	}
	return api.Write(w, http.StatusAccepted, map[string]int64{"expires_ms": linkTTL.Milliseconds()})
}

func (a *Accounts) language(r *http.Request) string {
	if a.Language == nil {
		return "en"
	}
	return a.Language(r)
}

// link is a row of account_link.
type link struct {
	id, kind, email, channel, role, actor, device string

	handed int64 // 1: shown to who invites; it signs nobody in who was there before
}

// makeLink writes a link and returns its token.
func makeLink(ctx context.Context, tx *db.Tx, l link, ttl time.Duration) (token string, err error) {
	token = secret(tokenBytes)
	_, err = tx.Exec(ctx, `INSERT INTO account_link (id, token, kind, email, channel, role, actor, device, handed, created, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		l.id, digest(token), l.kind, l.email, l.channel, l.role, l.actor, l.device, l.handed, tx.Millis(), tx.Now.Add(ttl).UnixMilli())
	return token, err
}

const linkColumns = "id, kind, email, channel, role, actor, device, handed"

func scanLink(row interface{ Scan(...any) error }) (l link, err error) {
	err = row.Scan(&l.id, &l.kind, &l.email, &l.channel, &l.role, &l.actor, &l.device, &l.handed)
	if errors.Is(err, sql.ErrNoRows) {
		err = errLink
	}
	return l, err
}

// LookAtLink handles POST /api/v1/links: what a link is for. It uses nothing up:
// programs that look at the links of mails come by before their readers do.
func (a *Accounts) LookAtLink(w http.ResponseWriter, r *http.Request) error {
	var body struct{ Token string }
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if wait, ok := a.opens.Take(api.Client(r), body.Token); !ok {
		return api.TooFast(wait)
	}
	if a.setup.is(body.Token) {
		return api.Write(w, http.StatusOK, linkAnswer{Kind: linkSetup, SameBrowser: true})
	}
	l, err := scanLink(a.DB.Read().QueryRowContext(r.Context(), "SELECT "+linkColumns+" FROM account_link WHERE token = $1 AND expires > $2",
		digest(body.Token), time.Now().UnixMilli()))
	if err != nil {
		return err
	}
	device, err := a.knownDevice(r)
	if err != nil {
		return err
	}
	answer := linkAnswer{Kind: l.kind, Email: l.email, Role: l.role, SameBrowser: device != "" && device == l.device}
	if l.kind == linkInvite {
		c, err := a.Channel(r.Context(), l.channel)
		if err != nil {
			return err
		}
		_, there, err := a.AccountByEmail(r.Context(), l.email)
		if err != nil {
			return err
		}
		answer.Channel, answer.New = c.Title, !there
	}
	return api.Write(w, http.StatusOK, answer)
}

// linkAnswer is what a link is for.
type linkAnswer struct {
	Kind        string `json:"kind"`
	Email       string `json:"email,omitempty"`
	Channel     string `json:"channel,omitempty"` // its title
	Role        string `json:"role,omitempty"`
	New         bool   `json:"new"`          // using it makes an account
	SameBrowser bool   `json:"same_browser"` // it was asked for in this one
}

// UseLink handles POST /api/v1/links/use: it signs in, sets a password, or takes
// up an invitation. A link works once.
func (a *Accounts) UseLink(w http.ResponseWriter, r *http.Request) error {
	var body struct{ Token, Name, Password string }
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if wait, ok := a.opens.Take(api.Client(r), ""); !ok {
		return api.TooFast(wait)
	}
	name, err := cleanName(body.Name)
	if err != nil {
		return err
	}
	hash := ""
	if body.Password != "" {
		if err := checkNew(body.Password); err != nil {
			return err
		}
		hash = hashPassword(body.Password)
	}
	asks, err := a.Person(r)
	if err != nil {
		asks = Person{} // nobody in particular
	}
	var ended []string
	var post Post
	err = a.enter(w, r, byLink, func(ctx context.Context, tx *db.Tx) (me who, err error) {
		l, err := scanLink(tx.QueryRow(ctx, "DELETE FROM account_link WHERE token = $1 AND expires > $2 RETURNING "+linkColumns, digest(body.Token), tx.Millis()))
		if err != nil {
			return me, err
		}
		if l.kind == linkReset && hash == "" {
			return me, api.Fail(http.StatusUnprocessableEntity, "bad_password", "Choose a new password, of 10 to 256 characters.")
		}
		err = tx.QueryRow(ctx, "SELECT id, name FROM account_person WHERE email = $1", l.email).Scan(&me.ID, &me.Name)
		switch {
		case errors.Is(err, sql.ErrNoRows) && l.kind == linkInvite:
			if me.Name = name; name == "" {
				me.Name, _, _ = strings.Cut(l.email, "@")
			}
			me.ID, err = addAccount(ctx, tx, l.email, me.Name, hash)
		case errors.Is(err, sql.ErrNoRows):
			err = errLink // the account went in the meantime
		case err == nil && l.handed == 1 && asks.ID != me.ID:
			err = ErrSignIn.With("email", l.email)
		}
		if err != nil {
			return me, err
		}
		switch l.kind {
		case linkReset:
			ended, err = replacePassword(ctx, tx, me.ID, hash, "")
		case linkInvite:
			if err = grant(ctx, tx, l.channel, me.ID, Role(l.role)); err == nil {
				post = Post{l.channel, me.ID}
				err = note(ctx, tx, deed{l.channel, l.actor, me.ID, "role_given", l.role})
			}
		}
		return me, err
	})
	if err != nil {
		return err
	}
	a.left(ended...)
	if post.Person != "" {
		a.moved(r.Context(), post)
	}
	return nil
}
