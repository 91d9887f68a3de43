package account

import (
	"context"
	"net/url"
	"strings"
	"time"

	"souk/internal/db"
)

const (
	letterTries   = 4
	letterPause   = 5 * time.Second // before the second try, twice as long before each further one
	letterTimeout = 30 * time.Second
)

// Letter is a mail with a link for one person.
type Letter struct {
	ID       string // stays the same when it is sent again
	Kind     string // sign_in, reset or invite
	To       string
	Link     string
	Channel  string // its title, of an invitation
	Role     Role   // the same
	From     string // who invites, by name
	Language string
}

// address is where a link leads. The token is in the fragment, which no server
// and no log sees, and which a program that only fetches the page leaves out.
func (a *Accounts) address(token string) string {
	base := a.PublicURL
	if base == "" {
		base = a.Home
	}
	return strings.TrimRight(base, "/") + "/enter#" + url.PathEscape(token)
}

// write makes the links that were asked for and sends them, until ctx ends. A
// link that was not sent by then is lost, and asked for again.
func (a *Accounts) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case ask := <-a.wanted:
			if err := a.grantWish(ctx, ask); err != nil && ctx.Err() == nil {
				a.Log.Error("a link by mail", "kind", ask.kind, "err", err)
			}
		}
	}
}

func (a *Accounts) grantWish(ctx context.Context, ask wish) error {
	_, found, err := a.AccountByEmail(ctx, ask.email)
	if err != nil || !found {
		return err
	}
	l := link{id: newID(), kind: ask.kind, email: ask.email, device: ask.device}
	var token string
	err = a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		token, err = makeLink(ctx, tx, l, linkTTL)
		return err
	})
	if err != nil {
		return err
	}
	return a.send(ctx, Letter{ID: l.id, Kind: l.kind, To: l.email, Link: a.address(token), Language: ask.language})
}

// send tries a few times: a mail server that is away for a moment is no reason
// to leave somebody outside.
func (a *Accounts) send(ctx context.Context, l Letter) (err error) {
	for try := range letterTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(letterPause << (try - 1)):
			}
		}
		once, cancel := context.WithTimeout(ctx, letterTimeout)
		err = a.Post(once, l)
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}
