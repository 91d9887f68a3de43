package main

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"souk/account"
	"souk/internal/api"
	"souk/web"
)

// Sharing limits.
const (
	qrMaxAge     = "public, max-age=3600" // the address in a code changes with --public-url only
	oembedMaxAge = 600                    // seconds
	embedWidth   = 390                    // of a frame that nobody gave a size, in CSS pixels
	embedHeight  = 844
	embedLeast   = 240
)

// Of a link that is asked about.
var (
	errNotOurs  = api.Fail(http.StatusNotFound, "no_such_page", "This address is not a page of a channel here.")
	errNoFormat = api.Fail(http.StatusNotImplemented, "bad_format", "Only format=json is spoken here.")
)

// base is where links to this server point.
func (s *souk) base(r *http.Request) string { return api.Base(s.cfg.PublicURL, r) }

// share is what other sites show of a link to a channel.
func (s *souk) share(r *http.Request, c account.Channel, a channelAnswer) *web.Share {
	base, slug := s.base(r), url.PathEscape(c.Slug)
	page := base + "/live/" + slug
	said := "Watch, ask, and buy what you see."
	if a.Pin != nil {
		said = "On air: " + a.Pin.Product.Title + ". " + said
	}
	sh := &web.Share{URL: page, Description: said, Image: a.pictureAt(base),
		OEmbed: base + "/oembed?url=" + url.QueryEscape(page)}
	if strings.HasPrefix(base, "https://") && s.cfg.EmbedSites != "" {
		sh.Player = base + "/embed/" + slug // players elsewhere must come by https
	}
	return sh
}

// getOEmbed handles GET /oembed?url=: how to put a channel into another page
// (oembed.com section 2.3.4.2).
func (s *souk) getOEmbed(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if f := q.Get("format"); f != "" && f != "json" {
		return errNoFormat
	}
	base := s.base(r)
	path, ours := strings.CutPrefix(q.Get("url"), base+"/")
	path, _, _ = strings.Cut(path, "?")
	kind, slug, _ := strings.Cut(path, "/")
	slug, err := url.PathUnescape(slug)
	switch {
	case !ours || err != nil:
		return errNotOurs
	case kind == "replay":
		return s.oEmbedReplay(w, r, slug)
	case kind != "live" && kind != "embed":
		return errNotOurs
	}
	c, err := s.accounts.Channel(r.Context(), slug)
	if err != nil {
		return err
	}
	width, height := fitted(q.Get("maxwidth"), embedWidth), fitted(q.Get("maxheight"), embedHeight)
	frame := base + "/embed/" + url.PathEscape(c.Slug)
	return s.writeOEmbed(w, base, c.Slug, map[string]any{
		"type": "video", "title": c.Title, "width": width, "height": height,
		"html": fmt.Sprintf(`<iframe src="%s" width="%d" height="%d" title="%s" loading="lazy" allow="autoplay; fullscreen; picture-in-picture; payment" style="border:0"></iframe>`,
			html.EscapeString(frame), width, height, html.EscapeString(c.Title)),
	})
}

// pictureAt is the whole address of the channel's picture, empty where there is none.
func (a channelAnswer) pictureAt(base string) string {
	if a.Picture == "" {
		return ""
	}
	return base + a.Picture
}

// writeOEmbed answers with what all answers about a channel share, added to answer.
func (s *souk) writeOEmbed(w http.ResponseWriter, base, slug string, answer map[string]any) error {
	answer["version"], answer["cache_age"] = "1.0", oembedMaxAge
	answer["provider_name"], answer["provider_url"] = "souk", base+"/"
	if width, height := s.stills.Size(slug); width > 0 {
		answer["thumbnail_url"], answer["thumbnail_width"], answer["thumbnail_height"] = base+s.stills.Path(slug), width, height
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(oembedMaxAge))
	return api.Write(w, http.StatusOK, answer)
}

// fitted is a size no larger than what was asked for, as long as that is one.
func fitted(most string, usual int) int {
	n, err := strconv.Atoi(most)
	if err != nil || n <= 0 {
		return usual
	}
	return max(embedLeast, min(n, usual))
}

// getQR handles GET /qr/{channel}.svg: the way from a picture to the page that
// sells what is in it.
func (s *souk) getQR(w http.ResponseWriter, r *http.Request) error {
	slug, ok := strings.CutSuffix(r.PathValue("name"), ".svg")
	if !ok {
		return api.Fail(http.StatusNotFound, "no_such_image", "There is no such picture.")
	}
	c, err := s.accounts.Channel(r.Context(), slug)
	if err != nil {
		return err
	}
	svg, err := web.QR(s.base(r) + "/live/" + url.PathEscape(c.Slug) + "?s=ov")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", qrMaxAge)
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, err = w.Write(svg)
	return err
}
