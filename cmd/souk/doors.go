package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"souk/account"
	"souk/internal/api"
	"souk/shop/mail"
)

// sessionCheck is how soon a session that was ended elsewhere (on another node,
// by an operator) loses its sockets here.
const sessionCheck = 5 * time.Second

// openDoors wires the ways to sign in.
func (s *souk) openDoors() {
	s.accounts.PublicURL = s.cfg.PublicURL
	s.accounts.Language, s.accounts.OnRoles = s.pages.Language, s.knowNow
	if s.note != nil {
		s.accounts.Post = s.post
	}
}

// post words a letter and mails it.
func (s *souk) post(ctx context.Context, l account.Letter) error {
	n := mail.Note{ID: l.ID, To: l.To, From: "souk", Lang: l.Language, Link: l.Link}
	say := func(key string) string {
		role, _ := s.pages.Say(l.Language, "door.role_"+string(l.Role))
		sentence, dir := s.pages.Say(l.Language, "mail."+l.Kind+"_"+key, "channel", l.Channel, "role", role, "name", l.From)
		n.Dir = dir
		return sentence
	}
	n.Subject, n.Button = say("subject"), say("button")
	n.Lines, n.After = []string{say("lead")}, []string{say("after")}
	if l.Channel != "" {
		n.From = l.Channel
	}
	return s.note(ctx, n)
}

// watchSessions closes the sockets of sessions that are over, until ctx ends.
// Those that end on this node are closed at once.
func (s *souk) watchSessions(ctx context.Context) error {
	tick := time.NewTicker(sessionCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		gone, err := s.accounts.Gone(ctx, s.hub.Sessions())
		if err != nil && ctx.Err() == nil {
			s.log.Error("watch sessions", "err", err)
		}
		for _, id := range gone {
			s.hub.Expel(id)
		}
	}
}

// offerSetup says in the log how a server that nobody owns gets its owner, and
// returns the same for the ready file.
func (s *souk) offerSetup(ctx context.Context) (any, error) {
	link, err := s.accounts.Setup(ctx)
	if err != nil || link == "" {
		return nil, err
	}
	s.log.Warn("nobody owns this server yet: open the link to set it up", "link", link)
	return map[string]string{"setup": link}, nil
}

// printSetup shows the link to whoever started the server at a terminal.
func printSetup(c *cli, extra any) {
	if doc, ok := extra.(map[string]string); ok {
		fmt.Fprintf(c.out, "\n  Set up your shop: %s\n\n", doc["setup"])
	}
}

// waysIn is how one may sign in by the address that a request came by.
type waysIn struct {
	Passkey bool `json:"passkey"`
	Link    bool `json:"link"`  // by mail
	Setup   bool `json:"setup"` // nobody owns the server yet
}

func (s *souk) waysIn(r *http.Request) (waysIn, error) {
	unclaimed, err := s.accounts.Unclaimed(r.Context())
	return waysIn{Passkey: s.accounts.PasskeysAt(r), Link: s.note != nil, Setup: unclaimed}, err
}

// getSignIn handles GET /api/v1/sign-in.
func (s *souk) getSignIn(w http.ResponseWriter, r *http.Request) error {
	ways, err := s.waysIn(r)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, ways)
}

// knowNow shows in a room what somebody's roles are now. What fails here is
// caught up with by watchRoles.
func (s *souk) knowNow(ctx context.Context, post account.Post) {
	roles, err := s.accounts.Roles(ctx, post.Channel, post.Person)
	if err == nil {
		err = s.knowRoles(ctx, post, roles)
	}
	if err != nil {
		s.log.Error("roles in a room", "channel", post.Channel, "err", err)
	}
}
