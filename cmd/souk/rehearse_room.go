package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"souk/chat/client"
)

// Of the talk.
const (
	saidPrefix  = "rehearsal "    // marks our own messages among people's
	saidPending = 8192            // messages whose hearing is measured at once
	heardWithin = 5 * time.Second // of being said; later is not measured
	pinHold     = 5 * time.Second // how long the rehearsal's own pin stays, at least
)

// house is the audience: everybody in the room and in front of the picture.
type house struct {
	*rehearsal

	// state
	inside   atomic.Int64
	joined   atomic.Int64
	nameless atomic.Int64 // viewers who only read: the server makes no more guests for this address
	returns  atomic.Int64 // came back after a lost connection
	gaps     atomic.Int64
	refused  counts
	messages atomic.Int64 // heard, our own and people's
	said     atomic.Int64
	unsaid   counts
	heard    spread // from our saying to each viewer's hearing
	pinHeard spread // from the server's time of a pin to each viewer's room
	pinShown spread // …and to each viewer's playlist
	picture  picture

	mu       sync.Mutex // guards what follows
	speakers []*client.Client
	spoken   map[string]time.Time // by text
	pinned   map[string]time.Time // by pin, on the server's clock
}

func newHouse(r *rehearsal) *house {
	return &house{rehearsal: r, spoken: map[string]time.Time{}, pinned: map[string]time.Time{}}
}

// viewer comes in at its moment, and stays until the end.
func (h *house) viewer(ctx context.Context, from time.Time) {
	if sleepUntil(ctx, from) != nil {
		return
	}
	token, err := h.door.guest(ctx)
	if err != nil {
		var no *refusal
		if !errors.As(err, &no) || no.Code != "too_fast" {
			h.refused.add(err)
			return
		}
		h.nameless.Add(1)
	}
	var watching sync.WaitGroup
	if h.video {
		watching.Go(func() { h.watch(ctx) })
	}
	h.listen(ctx, token)
	watching.Wait()
}

// listen is in the room, and comes back to it, until the end.
func (h *house) listen(ctx context.Context, token string) {
	var in *client.Client
	defer func() { h.left(in) }()
	dial := client.Dial{
		URL:    "ws" + strings.TrimPrefix(h.door.base, "http") + "/ws/" + url.PathEscape(h.channel),
		Token:  token,
		Header: http.Header{"Origin": {h.door.base}},
	}
	err := client.Follow(ctx, dial, func(c *client.Client, e client.Incoming) {
		if c != in {
			if in == nil {
				h.joined.Add(1)
			} else {
				h.left(in)
				h.returns.Add(1)
			}
			in = c
			h.came(c, token != "")
		}
		h.hear(e)
	})
	switch {
	case errors.Is(err, client.ErrGap):
		h.gaps.Add(1)
	case ctx.Err() == nil:
		h.refused.add(err)
	}
}

func (h *house) came(c *client.Client, named bool) {
	h.inside.Add(1)
	if named {
		h.mu.Lock()
		h.speakers = append(h.speakers, c)
		h.mu.Unlock()
	}
}

func (h *house) left(c *client.Client) {
	if c == nil {
		return
	}
	h.inside.Add(-1)
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, s := range h.speakers {
		if s == c {
			h.speakers[i] = h.speakers[len(h.speakers)-1]
			h.speakers = h.speakers[:len(h.speakers)-1]
			return
		}
	}
}

// hear notes what one viewer heard.
func (h *house) hear(e client.Incoming) {
	now := time.Now()
	switch e.Type {
	case "message":
		h.messages.Add(1)
		var m struct{ Text string }
		if decode(e.Data, &m) && strings.HasPrefix(m.Text, saidPrefix) {
			h.mu.Lock()
			at, ours := h.spoken[m.Text]
			h.mu.Unlock()
			if ours {
				h.heard.add(now.Sub(at))
			}
		}
	case "pinned":
		var p struct{ Pin string }
		if decode(e.Data, &p) {
			h.pinHeard.add(max(0, now.Sub(e.At)))
			h.mu.Lock()
			h.pinned[p.Pin] = e.At
			h.mu.Unlock()
		}
	}
}

// talk has one viewer after the other say something.
func (h *house) talk(ctx context.Context) {
	if h.rehearsal.talk == 0 || h.viewers == 0 {
		return
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / h.rehearsal.talk))
	defer tick.Stop()
	var saying sync.WaitGroup
	defer saying.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if c := h.speaker(); c != nil {
			saying.Go(func() { h.say(ctx, c, n) })
		}
	}
}

func (h *house) speaker() *client.Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.speakers) == 0 || len(h.spoken) >= saidPending {
		return nil
	}
	return h.speakers[rand.IntN(len(h.speakers))]
}

func (h *house) say(ctx context.Context, c *client.Client, n int) {
	text := fmt.Sprintf("%s%d.%d", saidPrefix, h.started.UnixMilli(), n)
	h.mu.Lock()
	h.spoken[text] = time.Now()
	h.mu.Unlock()
	reply, err := c.Say(ctx, text)
	switch {
	case err == nil && reply.OK:
		h.said.Add(1)
	case err == nil:
		h.unsaid.count(reply.Code)
	case ctx.Err() == nil:
		h.unsaid.add(err)
	}
	_ = sleepUntil(ctx, time.Now().Add(heardWithin))
	h.mu.Lock()
	delete(h.spoken, text)
	h.mu.Unlock()
}

// pin has the host pin what is for sale, and put back what was there.
func (h *house) pin(ctx context.Context, token string) {
	product := h.product
	if token == "" || product == "" {
		return
	}
	path := "/api/v1/channels/" + url.PathEscape(h.channel) + "/pin"
	put := func(ctx context.Context, product string) {
		if err := h.door.call(ctx, http.MethodPut, path, token, nil, map[string]string{"product": product}, nil); err != nil {
			h.refused.add(err)
		}
	}
	if sleepUntil(ctx, h.started.Add(h.span/3)) != nil {
		return
	}
	put(ctx, product)
	_ = sleepUntil(ctx, h.started.Add(max(h.span*4/5, h.span/3+pinHold)))
	ctx = context.WithoutCancel(ctx)
	switch former := h.found.Pin; {
	case former == nil:
		if err := h.door.call(ctx, http.MethodDelete, path, token, nil, nil, nil); err != nil {
			h.refused.add(err)
		}
	case former.Product.ID != product:
		put(ctx, former.Product.ID)
	}
}
