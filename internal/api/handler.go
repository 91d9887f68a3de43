package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
)

// MaxBody is the largest JSON body read, in bytes.
const MaxBody = 64 << 10

// Handler answers a request or returns the reason why it did not.
type Handler func(http.ResponseWriter, *http.Request) error

// ServeHTTP runs h outside a [Wrap]: errors are answered, faults not logged.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		answer(w, r, err, slog.New(slog.DiscardHandler))
	}
}

// Wrap makes h an [http.Handler] that logs faults to log and survives a panic
// of h: it ends the one request.
func Wrap(log *slog.Logger, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); {
			case p == nil:
			case p == http.ErrAbortHandler: // the agreed way to drop a connection
				panic(p)
			default:
				log.Error("panic in a handler", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				answer(w, r, errors.New("panic"), log)
			}
		}()
		if err := h(w, r); err != nil {
			answer(w, r, err, log)
		}
	})
}

func answer(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	var e *Error
	if !errors.As(err, &e) {
		if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
			return // the client has left; there is nobody to answer
		}
		e = Fail(http.StatusInternalServerError, "internal", "Something went wrong on our side. Please try again.").Because(err)
	}
	if id := w.Header().Get(RequestID); id != "" && e.Status >= 500 {
		e = e.With("request", id)
	}
	if e.Status >= 500 {
		log.Error("request failed", "method", r.Method, "path", r.URL.Path, "code", e.Code, "err", err, "request", w.Header().Get(RequestID))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	if ms, ok := e.Extra["retry_ms"].(int64); ok { // RFC 9110, section 10.2.3, counts in seconds
		w.Header().Set("Retry-After", strconv.FormatInt((ms+999)/1000, 10))
	}
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(e)
}

// RequestID is the header that names a request in answers and in the log.
const RequestID = "X-Request-Id"

// Read decodes the JSON body of r into v. Unknown members are ignored, so that
// an older server serves a newer page.
func Read(w http.ResponseWriter, r *http.Request, v any) error {
	if t := r.Header.Get("Content-Type"); t != "" {
		media, _, err := mime.ParseMediaType(t)
		// Only JSON: a form sent across sites cannot carry this type.
		if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
			return Fail(http.StatusUnsupportedMediaType, "bad_type", "The body must be application/json.")
		}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxBody))
	if err := d.Decode(v); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return Fail(http.StatusRequestEntityTooLarge, "too_large", "The body is too large.")
		}
		return Fail(http.StatusBadRequest, "bad_json", "The body is not the JSON this call expects.").Because(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Fail(http.StatusBadRequest, "bad_json", "The body holds more than one JSON value.")
	}
	return nil
}

// Write answers v as JSON. Answers are private unless the caller has set
// Cache-Control before.
func Write(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone; nothing to undo
	return nil
}
