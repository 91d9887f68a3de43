package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"
)

// description is the API as OpenAPI 3.1. Tests hold it against routes.go, the
// refusals in the source, and what a running server answers.
//
//go:embed openapi.json
var description []byte

// descriptionTag changes with the description.
var descriptionTag = func() string {
	sum := sha256.Sum256(description)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}()

// getDescription handles GET /api/v1/openapi.json.
func getDescription(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("ETag", descriptionTag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(description))
}
