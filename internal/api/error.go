package api

import (
	"encoding/json"
	"fmt"
	"maps"
)

// Error is an answer that says no: a stable word for the machine, a sentence
// for the person, and a cause that is only logged.
type Error struct {
	Status int
	Code   string
	Detail string
	Extra  map[string]any // further members of the problem document
	Cause  error
}

// Fail makes an Error. detail is a sentence shown to people.
func Fail(status int, code, detail string) *Error {
	return &Error{Status: status, Code: code, Detail: detail}
}

// Because returns a copy of e that carries cause into the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// With returns a copy of e with one more member in its document.
func (e *Error) With(key string, v any) *Error {
	c := *e
	c.Extra = maps.Clone(e.Extra)
	if c.Extra == nil {
		c.Extra = map[string]any{}
	}
	c.Extra[key] = v
	return &c
}

// Error is for the log.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Code, e.Cause)
	}
	return e.Code + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is compare the stable word, so that a package can keep its
// refusals as values and return enriched copies of them.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// MarshalJSON is the problem document of RFC 9457, section 3, with `code`.
func (e *Error) MarshalJSON() ([]byte, error) {
	doc := maps.Clone(e.Extra)
	if doc == nil {
		doc = map[string]any{}
	}
	doc["status"], doc["code"], doc["detail"] = e.Status, e.Code, e.Detail
	return json.Marshal(doc)
}
