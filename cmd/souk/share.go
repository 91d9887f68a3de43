package main

import (
	"net/http"
	"net/url"
	"strings"

	"souk/internal/api"
	"souk/web"
)

// qrMaxAge is how long a code may be kept: the address in it changes with --public-url only.
const qrMaxAge = "public, max-age=3600"

// base is where links point that leave the page: into a picture, a mail or
// another site. It ends without a slash.
func (s *souk) base(r *http.Request) string {
	switch {
	case s.cfg.PublicURL != "":
		return s.cfg.PublicURL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
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
