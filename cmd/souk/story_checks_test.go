package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/testscript"
)

var mediaSequence = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)`)

// goesOnCmd compares two playlists of one show: the numbering never goes back,
// and no name stands for two things.
func goesOnCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: goes-on BEFORE AFTER")
	}
	before, after := numbered(ts, args[0]), numbered(ts, args[1])
	if after.first < before.first {
		ts.Fatalf("media sequence went back from %d to %d", before.first, after.first)
	}
	for uri, n := range before.uris {
		if m, ok := after.uris[uri]; ok && m != n {
			ts.Fatalf("%s was segment %d and is now %d", uri, n, m)
		}
	}
	for uri, n := range after.uris {
		for was, m := range before.uris {
			if n == m && uri != was {
				ts.Fatalf("segment %d was %s and is now %s", n, was, uri)
			}
		}
	}
}

type playlist struct {
	first int
	uris  map[string]int // segment URI to media sequence number
}

func numbered(ts *testscript.TestScript, file string) playlist {
	text := ts.ReadFile(file)
	m := mediaSequence.FindStringSubmatch(text)
	if m == nil {
		ts.Fatalf("%s has no media sequence:\n%s", file, text)
	}
	p := playlist{uris: map[string]int{}}
	p.first, _ = strconv.Atoi(m[1])
	n := p.first
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			p.uris[line] = n
			n++
		}
	}
	return p
}

func neverLoggedCmd(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if all := w.logs + w.log.String(); strings.Contains(all, args[0]) {
		ts.Fatalf("a secret is in the log:\n%s", all)
	}
}

// rushCmd lets N guests with saved cards tap for one product in the same
// instant, each twice with the same key, as nervous thumbs do.
func rushCmd(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	buyers := make([]string, n)
	for i := range buyers {
		var guest struct{ Token string }
		post(ts, "POST", "/api/v1/guests", "", "", fmt.Sprintf(`{"name":"Buyer %d"}`, i), &guest)
		post(ts, "PUT", "/api/v1/me", guest.Token, "", `{"email":"b@example.com","address":{"name":"B","line1":"1 High St","city":"Leeds","country":"GB"}}`, nil)
		post(ts, "POST", "/api/v1/me/payment-methods", guest.Token, "", `{"test":"pm_card_visa"}`, nil)
		buyers[i] = guest.Token
	}
	var mu sync.Mutex
	seen := map[string]int{}
	start := make(chan struct{})
	var all sync.WaitGroup
	for _, token := range buyers {
		key := uuid.Must(uuid.NewV7()).String()
		for range 2 {
			all.Go(func() {
				<-start
				var answer struct {
					Code  string
					Order struct{ ID, State string }
				}
				post(ts, "POST", "/api/v1/orders", token, key, `{"channel":"tea","product":"`+args[1]+`","quantity":1}`, &answer)
				mu.Lock()
				defer mu.Unlock()
				seen[answer.Code+answer.Order.State]++
			})
		}
	}
	close(start)
	all.Wait()
	if seen["paid"] != 2 || seen["sold_out"] != 2*(n-1) {
		ts.Fatalf("answers: %v; want one buyer paid (told twice) and the rest sold_out", seen)
	}
}

// post sends JSON and decodes whatever comes back.
func post(ts *testscript.TestScript, method, path, token, key, body string, answer any) {
	r, err := http.NewRequest(method, ts.Getenv("HTTP")+path, strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if answer != nil {
		ts.Check(json.Unmarshal(b, answer))
	}
}
