package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Witness is a transport that sees everything said on the way to Next and back.
// It changes nothing.
type Witness struct {
	Next     http.RoundTripper
	Mock     http.RoundTripper   // stripe-mock; nil: requests are not shown to it
	Book     *Book               //
	Reads    map[string][]string // object -> members that must be there
	Strict   bool                // a member that Stripe's description does not know is an error
	Complain func(format string, args ...any)

	mu   sync.Mutex      // guards seen
	seen map[string]bool // "POST /v1/refunds 200"
}

// RoundTrip implements http.RoundTripper.
func (w *Witness) RoundTrip(r *http.Request) (*http.Response, error) {
	var form []byte
	if r.Body != nil {
		var err error
		if form, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(form))
	}
	what := r.Method + " " + r.URL.Path
	op, known := w.Book.Operation(r)
	if !known {
		w.Complain("%s: Stripe has no such call", what)
	}
	resp, err := w.Next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	w.saw(fmt.Sprintf("%s %s %d", r.Method, wildcardsOf(w.Book, r), resp.StatusCode))

	params, _ := url.ParseQuery(string(form))
	if r.Method == http.MethodGet {
		params = r.URL.Query()
	}
	for _, f := range w.Book.Form(op, r.Method, params) {
		w.Complain("%s: parameter %s", what, f)
	}
	if w.Mock != nil {
		w.show(r, form, what)
	}
	if w.Strict {
		for _, f := range w.Book.Answer(op, resp.StatusCode, body) {
			w.Complain("%s: answer %d %s\n%s", what, resp.StatusCode, f, body)
		}
	}
	w.complete(what, body)
	return resp, nil
}

// show has stripe-mock judge the request. Its answers mean nothing; that it
// refuses does.
func (w *Witness) show(r *http.Request, form []byte, what string) {
	copied := r.Clone(r.Context())
	copied.URL.Scheme, copied.URL.Host = "http", "stripe-mock"
	copied.Body = io.NopCloser(bytes.NewReader(form))
	resp, err := w.Mock.RoundTrip(copied)
	if err != nil {
		w.Complain("%s: stripe-mock: %v", what, err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		said, _ := io.ReadAll(resp.Body)
		w.Complain("%s: stripe-mock refuses it: %s", what, said)
	}
}

// Event checks an event, and the object in it, as an answer is checked.
func (w *Witness) Event(body []byte) {
	var e struct {
		Type string
		Data struct{ Object json.RawMessage }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		w.Complain("event: %v", err)
		return
	}
	w.saw("event " + e.Type)
	for _, f := range append(w.Book.Object(body), w.Book.Object(e.Data.Object)...) {
		w.Complain("event %s: %s\n%s", e.Type, f, body)
	}
	w.complete("event "+e.Type, body)
}

// complete looks for what our code reads in every object of a document.
func (w *Witness) complete(what string, body []byte) {
	var doc any
	if err := json.Unmarshal(body, &doc); err != nil {
		return // said already
	}
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case []any:
			for _, item := range x {
				walk(item)
			}
		case map[string]any:
			kind, _ := x["object"].(string)
			for _, name := range w.Reads[kind] {
				if _, ok := x[name]; !ok {
					w.Complain("%s: %s without %s, which is read", what, kind, name)
				}
			}
			for _, member := range x {
				walk(member)
			}
		}
	}
	walk(doc)
}

func (w *Witness) saw(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[what] = true
}

// Seen lists what was said so far.
func (w *Witness) Seen() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]bool{}
	for what := range w.seen {
		all[what] = true
	}
	return all
}

// wildcardsOf is the path of a request with its ids left out.
func wildcardsOf(b *Book, r *http.Request) string {
	_, pattern := b.routes.Handler(r)
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}
