package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"souk/account"
	"souk/ingest"
	"souk/internal/api"
	"souk/shop"
	"souk/show"
	"souk/web"
)

// The answers here put together what several packages know about a channel.

// channelAnswer is one channel as everybody may see it.
type channelAnswer struct {
	Slug    string     `json:"slug"`
	Title   string     `json:"title"`
	Live    bool       `json:"live"`
	State   string     `json:"state"` // offline, live, paused, ended
	Show    *show.Show `json:"show,omitempty"`
	Viewers int        `json:"viewers"`
	HLS     string     `json:"hls"`
	Picture string     `json:"picture,omitempty"`
	Pin     *shop.Pin  `json:"pin,omitempty"`
}

func (s *souk) channelAnswer(ctx context.Context, c account.Channel) (channelAnswer, error) {
	a := channelAnswer{Slug: c.Slug, Title: c.Title, State: "offline", Viewers: s.hub.Viewers(c.Slug), HLS: "/hls/" + c.Slug + "/index.m3u8", Picture: s.pictureOf(ctx, c.Slug)}
	now, running := s.board.Current(c.Slug)
	if !running {
		var err error
		if now, running, err = s.board.Last(ctx, c.Slug); err != nil {
			return a, err
		}
	}
	if running {
		a.Show, a.State, a.Live = &now, string(now.State), now.State == show.Live
	}
	pin, err := s.shop.CurrentPin(ctx, c.Slug)
	a.Pin = pin
	return a, err
}

// listChannels handles GET /api/v1/channels.
func (s *souk) listChannels(w http.ResponseWriter, r *http.Request) error {
	all, err := s.channels(r.Context())
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"channels": all})
}

func (s *souk) channels(ctx context.Context) ([]channelAnswer, error) {
	known, err := s.accounts.Channels(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]channelAnswer, 0, len(known))
	for _, c := range known {
		a, err := s.channelAnswer(ctx, c)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// getChannel handles GET /api/v1/channels/{channel}.
func (s *souk) getChannel(w http.ResponseWriter, r *http.Request) error {
	c, err := s.accounts.Channel(r.Context(), r.PathValue("channel"))
	if err != nil {
		return err
	}
	a, err := s.channelAnswer(r.Context(), c)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, a)
}

// ingestAnswer is what a host needs to go on air, and how the stream is doing.
type ingestAnswer struct {
	Server    string                `json:"server"`
	Key       string                `json:"stream_key"`
	Publisher ingest.Publisher      `json:"publisher"`
	Policy    account.EncoderPolicy `json:"policy"`
	OBS       []ingest.Paste        `json:"obs"` // for several renditions out of OBS, one for each kind of computer
}

// getIngest handles GET /api/v1/channels/{channel}/ingest: the two fields for
// the encoder, and how its stream is doing.
func (s *souk) getIngest(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, conductors...); err != nil {
		return err
	}
	key, err := s.accounts.StreamKey(r.Context(), channel)
	if err != nil {
		return err
	}
	policy, err := s.accounts.EncoderPolicy(r.Context(), channel)
	if err != nil {
		return err
	}
	publisher, _ := s.ingest.Publisher(channel)
	return api.Write(w, http.StatusOK, ingestAnswer{
		Server: s.rtmpServer(r), Key: key, Publisher: publisher, Policy: policy, OBS: ingest.Pastes(ingest.Policy(policy)),
	})
}

// rotateKey handles POST /api/v1/channels/{channel}/ingest/rotate.
func (s *souk) rotateKey(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, conductors...); err != nil {
		return err
	}
	key, err := s.accounts.RotateKey(r.Context(), channel)
	if err != nil {
		return err
	}
	s.cutPublisher(channel)
	return api.Write(w, http.StatusOK, map[string]string{"stream_key": key})
}

// cutPublisher ends the connection that came with a key which has been
// replaced.
func (s *souk) cutPublisher(channel string) {
	s.ingest.Kick(channel, "The stream key was replaced. Copy the new one from the studio.")
}

// rtmpServer is the address to paste into an encoder: the host by which people
// reach the pages, with the port of the RTMP listener.
func (s *souk) rtmpServer(r *http.Request) string {
	host := r.Host
	if at := s.cfg.public(); at != nil {
		host = at.Host
	}
	return "rtmp://" + net.JoinHostPort((&url.URL{Host: host}).Hostname(), s.rtmpPort) + "/live"
}

// me is a person with what they can pay with.
type me struct {
	account.Me
	Methods any `json:"payment_methods"`
}

// getMe handles GET /api/v1/me.
func (s *souk) getMe(w http.ResponseWriter, r *http.Request) error {
	p, err := s.accounts.Person(r)
	if err != nil {
		return err
	}
	answer, err := s.me(r.Context(), p)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, answer)
}

func (s *souk) me(ctx context.Context, p account.Person) (m me, err error) {
	if m.Me, err = s.accounts.Me(ctx, p); err != nil {
		return m, err
	}
	m.Methods, err = s.shop.Methods(ctx, p.ID)
	return m, err
}

// putMe handles PUT /api/v1/me.
func (s *souk) putMe(w http.ResponseWriter, r *http.Request) error {
	p, err := s.accounts.SetMe(w, r)
	if err != nil {
		return err
	}
	answer, err := s.me(r.Context(), p)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, answer)
}

// getConfig handles GET /api/v1/config: what every page must know.
func (s *souk) getConfig(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	return api.Write(w, http.StatusOK, map[string]any{
		"sandbox": s.sandbox != nil, "stripe_publishable_key": s.cfg.StripePublishableKey,
		"currencies": shop.Currencies(),
	})
}

// boot gives a page what it would ask for first.
func (s *souk) boot(r *http.Request, view web.View, id string) (web.First, bool, error) {
	switch view {
	case web.Home:
		all, err := s.channels(r.Context())
		return web.First{Data: map[string]any{"channels": all}}, true, err
	case web.Live, web.Embed:
		c, err := s.accounts.Channel(r.Context(), id)
		if err != nil {
			return web.First{}, false, notFound(err)
		}
		a, err := s.channelAnswer(r.Context(), c)
		first := web.First{Title: c.Title, Data: a}
		if view == web.Live {
			first.Share = s.share(r, c, a)
		}
		return first, true, err
	case web.Overlay:
		c, err := s.accounts.Channel(r.Context(), id)
		return web.First{Title: c.Title}, err == nil, notFound(err)
	case web.Replay:
		return s.bootReplay(r, id)
	case web.Wallet:
		me, err := s.bootMe(r)
		return web.First{Data: map[string]any{"me": me}}, true, err
	case web.Studio, web.Merchant, web.Account, web.Enter, web.Numbers:
		me, err := s.bootMe(r)
		if err != nil {
			return web.First{}, false, err
		}
		ways, err := s.waysIn(r)
		return web.First{Data: map[string]any{"me": me, "ways": ways}}, true, err
	case web.Dock:
		c, err := s.accounts.Channel(r.Context(), id)
		if err != nil {
			return web.First{}, false, notFound(err)
		}
		me, err := s.bootMe(r)
		return web.First{Title: c.Title, Data: map[string]any{"me": me}}, true, err
	default:
		return web.First{}, true, nil
	}
}

// bootMe is who opens the page; nil for nobody in particular.
func (s *souk) bootMe(r *http.Request) (*me, error) {
	p, err := s.accounts.Person(r)
	if errors.Is(err, account.ErrSignIn) || errors.Is(err, account.ErrBadToken) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := s.me(r.Context(), p)
	return &m, err
}

// notFound keeps a missing channel from being a fault.
func notFound(err error) error {
	if errors.Is(err, account.ErrNoChannel) {
		return nil
	}
	return err
}
