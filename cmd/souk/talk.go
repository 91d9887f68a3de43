package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"souk/account"
	"souk/chat"
	"souk/internal/api"
)

// The answers here are about rooms, and about what they keep of people.

// knowCheck is how soon a role that was given elsewhere (an operator's command,
// another node) shows in the rooms here.
const knowCheck = 5 * time.Second

// moderators may see what waits for an answer.
var moderators = []account.Role{account.Owner, account.Host, account.Moderator}

// getChatSettings handles GET /api/v1/channels/{channel}/chat-settings.
func (s *souk) getChatSettings(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, conductors...); err != nil {
		return err
	}
	set, err := s.hub.Settings(r.Context(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, set)
}

// putChatSettings handles PUT /api/v1/channels/{channel}/chat-settings.
func (s *souk) putChatSettings(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	p, err := s.accounts.Require(r, channel, conductors...)
	if err != nil {
		return err
	}
	var c chat.Change
	if err := api.Read(w, r, &c); err != nil {
		return err
	}
	set, err := s.hub.Change(r.Context(), channel, chat.Person{ID: p.ID, Name: p.Name}, c)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, set)
}

// getAudit handles GET /api/v1/channels/{channel}/audit: who did what in the
// room, the newest first.
func (s *souk) getAudit(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, conductors...); err != nil {
		return err
	}
	deeds, more, err := s.records.Deeds(r.Context(), channel, r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	answer := map[string]any{"deeds": deeds}
	if more {
		answer["after"] = deeds[len(deeds)-1].ID
	}
	return api.Write(w, http.StatusOK, answer)
}

// getHeld handles GET /api/v1/channels/{channel}/held.
func (s *souk) getHeld(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, moderators...); err != nil {
		return err
	}
	held, err := s.hub.Waiting(r.Context(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"held": held})
}

// getSanctions handles GET /api/v1/channels/{channel}/sanctions.
func (s *souk) getSanctions(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, moderators...); err != nil {
		return err
	}
	all, err := s.hub.Sanctions(r.Context(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"sanctions": all})
}

// getQuestions handles GET /api/v1/channels/{channel}/questions.
func (s *souk) getQuestions(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, moderators...); err != nil {
		return err
	}
	state := r.URL.Query().Get("state")
	switch state {
	case "":
		state = chat.QuestionOpen
	case chat.QuestionOpen, chat.QuestionAnswered, chat.QuestionDismissed:
	default:
		return api.Fail(http.StatusUnprocessableEntity, "bad_state", "state is open, answered or dismissed.").With("field", "state")
	}
	asked, err := s.records.Questions(r.Context(), channel, state)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"questions": asked})
}

// getShowChat handles GET /api/v1/shows/{show}/chat: what was said during a
// show, by the moments of its video.
func (s *souk) getShowChat(w http.ResponseWriter, r *http.Request) error {
	now, err := s.board.Find(r.Context(), r.PathValue("show"))
	if err != nil {
		return err
	}
	from, to := now.StartedAt.Std(), time.Now()
	if !now.EndedAt.Std().IsZero() {
		to = now.EndedAt.Std()
	}
	q := r.URL.Query()
	for name, limit := range map[string]*time.Time{"from": &from, "to": &to} {
		given := q.Get(name)
		if given == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, given)
		if err != nil {
			return api.Fail(http.StatusBadRequest, "bad_position", name+" is a moment such as 2026-11-20T19:00:00.000Z.").With("field", name)
		}
		if name == "from" && at.After(from) || name == "to" && at.Before(to) {
			*limit = at
		}
	}
	var after int64
	if given := q.Get("after"); given != "" {
		if after, err = strconv.ParseInt(given, 10, 64); err != nil || after < 0 {
			return api.Fail(http.StatusBadRequest, "bad_position", "after is the seq of an event.").With("field", "after")
		}
	}
	events, more, err := s.records.Replay(r.Context(), now.Channel, from, to, after)
	if err != nil {
		return err
	}
	answer := map[string]any{"events": events}
	if more {
		answer["after"] = events[len(events)-1].Seq
	}
	return api.Write(w, http.StatusOK, answer)
}

// exportMe handles GET /api/v1/me/export: everything that is kept of a person,
// by the part of the house that keeps it.
func (s *souk) exportMe(w http.ResponseWriter, r *http.Request) error {
	p, err := s.accounts.Person(r)
	if err != nil {
		return err
	}
	answer := map[string]any{}
	for name, export := range s.exports() {
		if answer[name], err = export(r.Context(), p); err != nil {
			return fmt.Errorf("export of %s: %w", name, err)
		}
	}
	w.Header().Set("Content-Disposition", `attachment; filename="souk-export.json"`)
	return api.Write(w, http.StatusOK, answer)
}

// exports are what the parts of the house keep of a person.
func (s *souk) exports() map[string]func(context.Context, account.Person) (any, error) {
	return map[string]func(context.Context, account.Person) (any, error){
		"account": func(ctx context.Context, p account.Person) (any, error) { return s.accounts.Export(ctx, p) },
		"chat":    func(ctx context.Context, p account.Person) (any, error) { return s.records.Export(ctx, p.ID) },
		"shop":    func(ctx context.Context, p account.Person) (any, error) { return s.shop.Export(ctx, p.ID) },
	}
}

// eraseMe handles DELETE /api/v1/me.
func (s *souk) eraseMe(w http.ResponseWriter, r *http.Request) error {
	p, err := s.accounts.Person(r)
	if err != nil {
		return err
	}
	for _, erase := range s.erasers() {
		if err := erase(r.Context(), p.ID); err != nil {
			return err
		}
	}
	s.accounts.ForgetCookie(w)
	return api.Write(w, http.StatusOK, struct{}{})
}

// erasers take a person out of the parts of the house, one after the other: who
// may refuse comes first, and who says who is asking comes last, so that what was
// interrupted can be asked for again. Erasing twice changes nothing.
func (s *souk) erasers() []func(ctx context.Context, person string) error {
	return []func(context.Context, string) error{
		s.accounts.MayErase,
		func(ctx context.Context, person string) error { return s.hub.Forget(ctx, s.records, person) },
		s.shop.Erase,
		s.accounts.Erase,
	}
}

// knowBuyer shows in a room that somebody has paid.
func (s *souk) knowBuyer(channel, person string) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	roles, err := s.accounts.Roles(ctx, channel, person)
	if err != nil {
		s.log.Error("roles of a buyer", "channel", channel, "err", err)
		return
	}
	s.hub.Know(channel, chat.Person{ID: person, Roles: words(roles), Badges: badges(roles, true)})
}

// watchRoles shows in the rooms when somebody's roles change, until ctx ends.
func (s *souk) watchRoles(ctx context.Context) error {
	tick := time.NewTicker(knowCheck)
	defer tick.Stop()
	before, err := s.accounts.AllRoles(ctx)
	for {
		if err != nil && ctx.Err() == nil {
			s.log.Error("watch roles", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		var now map[account.Post][]account.Role
		if now, err = s.accounts.AllRoles(ctx); err != nil {
			continue
		}
		for _, post := range account.Changed(before, now) {
			if err = s.knowRoles(ctx, post, now[post]); err != nil {
				break
			}
		}
		if err == nil {
			before = now
		}
	}
}

func (s *souk) knowRoles(ctx context.Context, post account.Post, roles []account.Role) error {
	paid, err := s.shop.HasPaid(ctx, post.Person)
	if err == nil {
		s.hub.Know(post.Channel, chat.Person{ID: post.Person, Roles: words(roles), Badges: badges(roles, paid)})
	}
	return err
}
