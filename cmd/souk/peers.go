package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"souk/hls"
	"souk/internal/api"
	"souk/show"
)

// pinsEvery is how often a node with an encoder looks for cards that others
// pinned. Rooms hear of them at once; the playlist's mark may come so much later.
const pinsEvery = time.Second

// movedEvery is how often it is looked for shows that began here and ended on
// another node.
const movedEvery = 15 * time.Second

// pinsBack is how far it looks back, for what was written while it looked. No window is shorter, so that nothing is
// marked again that has left it.
const pinsBack = 5 * time.Second

// joinPeers has every node answer for the media of all.
func (s *souk) joinPeers() {
	s.peers = &hls.Peers{
		Origin: s.origin, Archive: s.archive, Stills: s.stills,
		Where: s.streams.Where, Others: s.streams.Others, Log: s.log,
	}
	s.archive.OnReplay = func(id string, r hls.Replay) {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		if err := s.keepReplay(ctx, id, r); err != nil {
			s.log.Error("replay not made known to the other nodes", "show", id, "err", err)
		}
	}
}

func (s *souk) keepReplay(ctx context.Context, id string, r hls.Replay) error {
	return s.board.Keep(ctx, id, show.Recording{DurationMS: r.Duration.Milliseconds(), Size: r.Size})
}

// tellReplays makes known what this node recorded when it was alone.
func (s *souk) tellReplays(ctx context.Context) error {
	if s.peers == nil {
		return nil
	}
	replays, _ := s.archive.Shows()
	for _, id := range replays {
		r, ok := s.archive.Replay(id)
		if sh, err := s.board.Find(ctx, id); err != nil || !ok || sh.Recording.DurationMS == r.Duration.Milliseconds() {
			continue
		}
		if err := s.keepReplay(ctx, id, r); err != nil {
			return err
		}
	}
	return nil
}

// finishMoved makes replays of what was recorded here of shows that went on, and
// ended, on another node.
func (s *souk) finishMoved(ctx context.Context) {
	_, unfinished := s.archive.Shows()
	for _, id := range unfinished {
		if sh, err := s.board.Find(ctx, id); err != nil || sh.State != show.Ended {
			continue
		} else if st, ok := s.origin.Stream(sh.Channel); ok && st.Show() == id {
			s.origin.End(sh.Channel)
		}
		s.archive.End(id)
	}
}

// media are the ways to what is on air, to what was, and to pictures.
func (s *souk) media() (live, replay, still http.HandlerFunc) {
	if s.peers != nil {
		return s.peers.Serve, s.peers.ServeReplay, s.peers.ServeStill
	}
	return s.origin.Serve, s.archive.Serve, s.stills.Serve
}

// pictureOf is where the channel's picture can be had, empty where there is none.
func (s *souk) pictureOf(ctx context.Context, channel string) string {
	if s.peers != nil && s.peers.Of(ctx, channel) != "" {
		return "/thumb/" + channel + ".jpg"
	}
	return s.stills.Path(channel)
}

// followOthers marks the timelines of this node with what was pinned on others,
// and ends here what ended there.
func (s *souk) followOthers(ctx context.Context) error {
	tick := time.NewTicker(pinsEvery)
	defer tick.Stop()
	moved := time.NewTicker(movedEvery)
	defer moved.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-moved.C:
			s.finishMoved(ctx)
		case now := <-tick.C:
			for _, on := range s.board.Running() {
				s.markFrom(ctx, on, now.Add(-pinsBack))
			}
		}
	}
}

func (s *souk) markFrom(ctx context.Context, on show.Show, since time.Time) {
	stream, ok := s.origin.Stream(on.Channel)
	if !ok {
		return
	}
	if began := on.StartedAt.Std(); since.Before(began) {
		since = began
	}
	marks, err := s.shop.RecentMarks(ctx, on.Channel, since)
	if err != nil && ctx.Err() == nil {
		s.log.Error("pins of other nodes", "channel", on.Channel, "err", err)
	}
	for _, m := range marks { // what is marked already stays as it is
		if stream.Mark(dateRange(m)) {
			s.keepMark(on.ID, m)
		}
	}
}

// atPublisher has a call answered by the node with the channel's encoder, or
// here when that does not answer: then no encoder is on.
func (s *souk) atPublisher(here api.Handler) api.Handler {
	return s.at(func(r *http.Request) string { return s.peers.Of(r.Context(), r.PathValue("channel")) }, here, here)
}

// atRecording has a call answered by the node with the show's recording.
func (s *souk) atRecording(here api.Handler) api.Handler {
	return s.at(func(r *http.Request) string { return s.peers.Holder(r.Context(), r.PathValue("show")) }, here,
		func(http.ResponseWriter, *http.Request) error { return errNodeAway })
}

var errNodeAway = api.Fail(http.StatusBadGateway, "node_away", "The server that has this does not answer. Try again in a moment.")

// at passes a call on, as it came, to the node that where names. That node
// decides who may call: it knows the same people.
func (s *souk) at(where func(*http.Request) string, here, away api.Handler) api.Handler {
	if s.peers == nil {
		return here
	}
	way := &http.Transport{ResponseHeaderTimeout: answerTimeout, IdleConnTimeout: idleTimeout, DisableCompression: true}
	return func(w http.ResponseWriter, r *http.Request) error {
		if hls.Relayed(r) {
			return here(w, r)
		}
		node := where(r)
		to, err := url.Parse(node)
		if node == "" || err != nil {
			return here(w, r)
		}
		var failed error
		proxy := httputil.ReverseProxy{
			Transport: way,
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(to)
				p.Out.Host = p.In.Host // links and the check for other sites go by the name people use
				p.SetXForwarded()
				hls.Relay(p.Out.Header)
			},
			ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				s.log.Warn("another node does not answer", "node", node, "path", r.URL.Path, "err", err)
				failed = away(w, r)
			},
		}
		proxy.ServeHTTP(w, r)
		return failed
	}
}
