package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"souk/internal/api"
	"souk/show"
	"souk/web"
)

// pageShows is how many shows of a channel one answer has.
const pageShows = 20

// pastShow is a show as everybody may see it.
type pastShow struct {
	ID        string        `json:"id"`
	State     show.State    `json:"state"`
	StartedAt api.Time      `json:"started_at"`
	EndedAt   api.Time      `json:"ended_at,omitzero"`
	Replay    *replayAnswer `json:"replay"`
}

// listShows handles GET /api/v1/channels/{channel}/shows: newest first, 20 at a
// time; ?after= continues after a show's id.
func (s *souk) listShows(w http.ResponseWriter, r *http.Request) error {
	c, err := s.accounts.Channel(r.Context(), r.PathValue("channel"))
	if err != nil {
		return err
	}
	all, err := s.board.Shows(r.Context(), c.Slug, r.URL.Query().Get("after"), pageShows+1)
	if err != nil {
		return err
	}
	more := len(all) > pageShows
	all = all[:min(len(all), pageShows)]
	shows := make([]pastShow, len(all))
	for i, sh := range all {
		a := s.showAnswer(sh)
		shows[i] = pastShow{ID: a.ID, State: a.State, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Replay: a.Replay}
	}
	doc := map[string]any{"shows": shows}
	if more {
		doc["after"] = all[pageShows-1].ID
	}
	return api.Write(w, http.StatusOK, doc)
}

// bootReplay gives the page of a replay its show, its channel and who opens it.
func (s *souk) bootReplay(r *http.Request, id string) (web.First, bool, error) {
	sh, c, err := s.showOnItsChannel(r.Context(), id)
	if errors.Is(err, show.ErrNoShow) {
		return web.First{}, false, nil
	}
	if err != nil {
		return web.First{}, false, notFound(err)
	}
	who, err := s.bootMe(r)
	if err != nil {
		return web.First{}, false, err
	}
	return web.First{
		Title: c.Title,
		Data:  map[string]any{"show": s.showAnswer(sh), "channel": c, "me": who},
		Share: s.shareReplay(r, sh, c),
	}, true, nil
}

// showOnItsChannel finds a show and what its channel is like now.
func (s *souk) showOnItsChannel(ctx context.Context, id string) (show.Show, channelAnswer, error) {
	sh, err := s.board.Find(ctx, id)
	if err != nil {
		return sh, channelAnswer{}, err
	}
	known, err := s.accounts.Channel(ctx, sh.Channel)
	if err != nil {
		return sh, channelAnswer{}, err
	}
	c, err := s.channelAnswer(ctx, known)
	return sh, c, err
}

// shareReplay is what other sites show of a link to a replay.
func (s *souk) shareReplay(r *http.Request, sh show.Show, c channelAnswer) *web.Share {
	base := s.base(r)
	page := base + "/replay/" + url.PathEscape(sh.ID)
	return &web.Share{
		URL:         page,
		Description: "The show of " + sh.StartedAt.Std().UTC().Format("2 January 2006") + ", to watch again. Everything in it is sold at today's price.",
		Image:       c.pictureAt(base),
		OEmbed:      base + "/oembed?url=" + url.QueryEscape(page),
	}
}

// oEmbedReplay answers for a link to a replay: a link with a picture, as a page
// that sells at today's price is for nobody's frame (oembed.com section 2.3.4.3).
func (s *souk) oEmbedReplay(w http.ResponseWriter, r *http.Request, id string) error {
	sh, c, err := s.showOnItsChannel(r.Context(), id)
	if err != nil {
		return err
	}
	return s.writeOEmbed(w, s.base(r), c.Slug, map[string]any{
		"type": "link", "title": c.Title + ", " + sh.StartedAt.Std().UTC().Format("2 January 2006"),
	})
}
