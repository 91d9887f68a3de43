package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/account"
	"souk/ingest"
	"souk/internal/testcard"
)

// answers is a running server whose every answer is held against the
// description.
type answers struct {
	document
	t        *testing.T
	server   *souk
	at       ready
	host     credentials
	encoder  ingest.Encoder
	letters  chan account.Letter
	operates map[string]map[string]any
	seen     map[string]bool // "GET /path 200" of calls, "404 no_such_order" of refusals
}

// serveAnswers runs the demo's shop in this process, on free ports, until the
// test ends. A show waits for its encoder for as long as grace.
func serveAnswers(t *testing.T, grace time.Duration) *answers {
	t.Helper()
	a := &answers{document: readDescription(t), t: t, seen: map[string]bool{}}
	a.operates = a.operations()
	cfg, _, err := parse(&cli{env: func(string) (string, bool) { return "", false }}, "demo", []string{
		"--http", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", t.TempDir(), "--grace", grace.String()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, stop := context.WithCancel(context.Background())
	open, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- serve(ctx, cfg, log, func(ctx context.Context, s *souk, ln *listeners) (any, []part, error) {
			defer close(open)
			a.server, a.at = s, ln.ready()
			a.takeLetters(s)
			host, err := s.seed(ctx)
			if err != nil {
				return nil, nil, err
			}
			a.host = host
			key, err := s.accounts.StreamKey(ctx, demoChannel)
			a.encoder = ingest.Encoder{URL: a.at.RTMP + "/" + key, Clip: testcard.Clip(), Loop: true, Log: log}
			return nil, nil, err
		})
	}()
	select {
	case <-open:
	case err := <-ended:
		t.Fatal("the server ended: ", err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return a
}

// caller is one person at the API; without a token nobody in particular.
type caller struct {
	*answers
	token string
}

// answer is what came back: the bytes, and what they say when they are JSON.
type answer struct {
	raw    []byte
	json   map[string]any
	header http.Header
}

// text returns the member at a path such as "order.lines.0.title", "" when
// there is none.
func (a answer) text(path string) string {
	var v any = a.json
	for _, name := range strings.Split(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(inner) {
				return ""
			}
			v = inner[i]
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// call makes a call and wants its answer to be a status, or a status with a
// code, or one of several: "200", "409 sold_out", "200|429 too_fast". The body
// goes out as it is, as JSON unless the headers (pairs) say otherwise.
func (c caller) call(want, method, path, body string, headers ...string) answer {
	c.t.Helper()
	r, err := http.NewRequest(method, c.at.HTTP+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	a := answer{header: resp.Header}
	if a.raw, err = io.ReadAll(resp.Body); err != nil {
		c.t.Fatal(err)
	}
	got := fmt.Sprint(resp.StatusCode)
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.raw, &a.json); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, a.raw)
		}
		if code := a.text("code"); code != "" {
			got += " " + code
		}
	}
	if !slices.Contains(strings.Split(want, "|"), got) {
		c.t.Fatalf("%s %s: %s instead of %s: %.800s", method, path, got, want, a.raw)
	}
	c.compare(r.Method, r.URL, r.Header, body, resp, a)
	return a
}

// compare holds a call and its answer against the description.
func (c caller) compare(method string, u *url.URL, header http.Header, body string, resp *http.Response, a answer) {
	c.t.Helper()
	name, op := c.find(method, u.Path)
	status := fmt.Sprint(resp.StatusCode)
	complain := func(wrong []string) {
		c.t.Helper()
		for _, w := range wrong {
			c.t.Errorf("%s %s, %s: %s", method, u.Path, status, w)
		}
	}
	if code := a.text("code"); code != "" {
		c.seen[status+" "+code] = true
	}
	if op == nil { // not a call, which has to be said in the common form
		complain(c.check(map[string]any{"$ref": "#/components/schemas/Problem"}, a.json, "body"))
		return
	}
	c.seen[name+" "+status] = true
	for parameter := range u.Query() {
		if !c.declares(op, "query", parameter) {
			complain([]string{"the parameter " + parameter + " is not described"})
		}
	}
	for _, parameter := range []string{"Idempotency-Key", "Stripe-Signature"} {
		if header.Get(parameter) != "" && resp.StatusCode < 300 && !c.declares(op, "header", parameter) {
			complain([]string{"the header " + parameter + " is not described"})
		}
	}
	described := c.follow(object(op, "responses", status))
	if described == nil {
		complain([]string{"this status is not described"})
		return
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	content := object(described, "content")
	switch {
	case content == nil && len(a.raw) > 0:
		complain([]string{"no body is described, and here is one"})
	case content == nil:
	case object(content, mediaType) == nil:
		complain([]string{"the type " + mediaType + " is not described"})
	case a.json != nil:
		complain(c.check(object(content, mediaType, "schema"), a.json, "body"))
	}
	if sent := object(op, "requestBody", "content", "application/json", "schema"); sent != nil && body != "" && resp.StatusCode < 300 {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			complain([]string{err.Error()})
		}
		complain(c.check(sent, v, "request"))
	}
}

func (c caller) declares(op map[string]any, in, name string) bool {
	list, _ := op["parameters"].([]any)
	return slices.ContainsFunc(list, func(p any) bool {
		described := c.follow(p.(map[string]any))
		return described["in"] == in && described["name"] == name
	})
}

// find returns the described call that a path belongs to.
func (c caller) find(method, path string) (name string, op map[string]any) {
	segments := strings.Split(path, "/")
	for name, op := range c.operates {
		m, template, _ := strings.Cut(name, " ")
		if m == method && slices.EqualFunc(strings.Split(template, "/"), segments, func(t, s string) bool {
			return t == s || strings.HasPrefix(t, "{") && s != ""
		}) {
			return name, op
		}
	}
	return "", nil
}

// until asks for a path until ok, within half a minute.
func (c caller) until(path string, ok func(answer) bool) answer {
	c.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		a := c.call("200", "GET", path, "")
		if ok(a) {
			return a
		}
		select {
		case <-deadline:
			c.t.Fatalf("never: %s; last: %s", path, a.raw)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stream runs the encoder until the test ends or the server refuses it.
func (a *answers) stream() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = a.encoder.Run(ctx) // ends with the test, or with its key
	}()
	a.t.Cleanup(func() {
		stop()
		<-ended
	})
}

// guest is a new viewer.
func (a *answers) guest(name string) caller {
	a.t.Helper()
	made := caller{answers: a}.call("201", "POST", "/api/v1/guests", fmt.Sprintf(`{"name":%q}`, name))
	return caller{a, made.text("token")}
}

// buyer is a guest who can pay and be sent something.
func (a *answers) buyer(name, method string) caller {
	a.t.Helper()
	b := a.guest(name)
	b.call("200", "PUT", "/api/v1/me", `{"email":"b@example.com","address":{"name":"B","line1":"1 High St","line2":"Flat 2","city":"Leeds","region":"Yorkshire","postal_code":"LS1 1AA","country":"GB","phone":"+44 113 4960000"}}`)
	b.call("200", "POST", "/api/v1/me/payment-methods", fmt.Sprintf(`{"test":%q}`, method))
	return b
}

// png is a picture as far as its first bytes say.
var png = string(bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), make([]byte, 64)}, nil))
