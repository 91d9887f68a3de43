package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"souk/internal/api"
	"souk/internal/db"
)

// imageTypes are the pictures accepted, by what their bytes say. No SVG: it is
// a document that can hold scripts.
var imageTypes = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}

var imagePath = regexp.MustCompile(`^/images/[0-9a-f]{64}\.(png|jpg|webp)$`)

// imageOK tells whether a product may show this address.
func imageOK(address string) bool {
	if address == "" || imagePath.MatchString(address) {
		return true
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && len(address) <= maxImageURL
}

// AddImage handles POST /api/v1/channels/{channel}/images: a raw picture.
func (s *Shop) AddImage(w http.ResponseWriter, r *http.Request) error {
	who, err := s.require(r, r.PathValue("channel"), sellers)
	if err != nil {
		return err
	}
	if wait, ok := s.images.Take(who.ID, ""); !ok {
		return api.TooFast(wait)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxImage))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return api.Fail(http.StatusRequestEntityTooLarge, "too_large", "A picture may have at most 2 MiB.")
	}
	if err != nil {
		return err
	}
	path, err := s.SaveImage(r.Context(), body)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusCreated, map[string]string{"image": path})
}

// SaveImage keeps a picture and returns its path. The name is the hash of its
// bytes, so the same picture twice is one, and a path never shows another.
func (s *Shop) SaveImage(ctx context.Context, body []byte) (path string, err error) {
	kind := http.DetectContentType(body)
	ext, ok := imageTypes[kind]
	if !ok {
		return "", api.Fail(http.StatusUnsupportedMediaType, "bad_type", "A picture must be PNG, JPEG or WebP.")
	}
	if len(body) > maxImage {
		return "", api.Fail(http.StatusRequestEntityTooLarge, "too_large", "A picture may have at most 2 MiB.")
	}
	sum := sha256.Sum256(body)
	name := hex.EncodeToString(sum[:]) + ext
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO shop_image (name, type, body, at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING", name, kind, body, tx.Millis())
		return err
	})
	return "/images/" + name, err
}

// Image handles GET /images/{name}.
func (s *Shop) Image(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	var kind string
	var body []byte
	err := s.DB.Read().QueryRowContext(r.Context(), "SELECT type, body FROM shop_image WHERE name = $1", name).Scan(&kind, &body)
	if err != nil {
		return none(err, ErrNoImage)
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	etag := `"` + strings.TrimSuffix(name, imageTypes[kind]) + `"`
	h.Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, _ = w.Write(body) // the client may be gone; nothing to undo
	return nil
}
