package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Limits of what waits for a moderator.
const (
	maxHeld       = 200 // at a time
	maxPersonHeld = 3   // of one person: they wait until somebody has read those
	heldLasts     = 30 * time.Minute
)

// Why something is held.
const (
	heldWord    = "word"
	heldLink    = "link"
	heldNetwork = "network"
)

// States of what was held.
const (
	heldOpen     = "open"
	heldApproved = "approved"
	heldDenied   = "denied"
)

// Held is something said that waits until a moderator has read it.
type Held struct {
	ID      string // the message's, also once it is approved
	At      time.Time
	Until   time.Time
	Person  string
	Name    string
	Badges  []string
	Type    string // message or question
	Text    string
	Product string
	Why     string
	State   string // open; else it waits no more
}

// waitingFor is the data of `held`: to moderators, and in the API.
type waitingFor struct {
	ID      string  `json:"id"`
	At      string  `json:"at"`
	Type    string  `json:"type"`
	From    speaker `json:"from"`
	Text    string  `json:"text"`
	Product string  `json:"product,omitempty"`
	Why     string  `json:"why"`
}

func (h Held) shown() waitingFor {
	return waitingFor{
		ID: h.ID, At: h.At.UTC().Format(timeLayout), Type: h.Type, From: speaker{h.Person, h.Name, list(h.Badges)},
		Text: h.Text, Product: h.Product, Why: h.Why,
	}
}

// reviewed is the data of `reviewed`: to moderators and to the author.
type reviewed struct {
	Message  string `json:"message"`
	Approved bool   `json:"approved"`
}

// hold puts what v would say before the moderators. The refusal it returns says
// so: nobody else has seen it yet.
func (r *room) hold(v *viewer, s saying, why string) (outcome, *refusal) {
	now := time.Now()
	r.dropHeld(now)
	theirs := 0
	for _, h := range r.held {
		if h.Person == v.person.ID {
			theirs++
		}
	}
	switch {
	case theirs >= maxPersonHeld:
		return outcome{}, refusedWaits
	case len(r.held) >= maxHeld:
		return outcome{}, refusedReview
	}
	h := Held{
		ID: s.id, At: now.UTC().Truncate(time.Millisecond), Until: now.Add(heldLasts).UTC().Truncate(time.Millisecond),
		Person: v.person.ID, Name: v.person.Name, Badges: list(v.person.Badges),
		Type: s.typ, Text: s.text, Product: s.product, Why: why, State: heldOpen,
	}
	r.held[h.ID] = h
	r.fact(Batch{Held: []Held{h}})
	r.showHeld(h)
	no := *refusedHeld
	if why == heldNetwork {
		no = *refusedNetwork.after(r.heldBack(v.person, now))
	}
	no.message = h.ID
	return outcome{}, &no
}

// showHeld tells the moderators on this node what waits.
func (r *room) showHeld(h Held) {
	whisper{to: To{Roles: moderators}, event: appendEvent(nil, "held", stamp{}, mustEncode(h.shown()))}.show(r)
}

// review ends the waiting, here and in the log, and tells whom it concerns.
func (r *room) review(h Held, state string) {
	delete(r.held, h.ID)
	h.State = state
	h.Text = ""
	r.fact(Batch{Held: []Held{h}})
	r.showReviewed(h)
	r.vouch(h)
}

func (r *room) showReviewed(h Held) {
	if h.State != heldApproved && h.State != heldDenied {
		return // nobody has read it
	}
	event := appendEvent(nil, "reviewed", stamp{}, mustEncode(reviewed{h.ID, h.State == heldApproved}))
	whisper{to: To{Roles: moderators, Person: h.Person}, event: event}.show(r)
}

// vouch lets somebody go on speaking whom a moderator has let speak although
// they came from a banned one's network.
func (r *room) vouch(h Held) {
	if h.State == heldApproved && h.Why == heldNetwork {
		r.law.vouched[h.Person] = true
	}
}

// adoptHeld is for what other nodes hold and have read.
func (r *room) adoptHeld(h Held) {
	_, known := r.held[h.ID]
	switch {
	case h.State == heldOpen && !known && h.Until.After(time.Now()):
		r.held[h.ID] = h
		r.showHeld(h)
	case h.State != heldOpen && known:
		delete(r.held, h.ID)
		r.showReviewed(h)
		r.vouch(h)
	case h.State != heldOpen:
		r.vouch(h)
	}
}

// dropHeld forgets what nobody has read in time.
func (r *room) dropHeld(now time.Time) {
	for _, h := range r.held {
		if !h.Until.After(now) {
			r.review(h, "over")
		}
	}
}

// approve is the command by which a moderator lets through what was held.
func (r *room) approve(v *viewer, c command) (outcome, *refusal) {
	h, waits := r.held[c.Message]
	if !waits {
		return outcome{}, refusedNotHeld
	}
	r.record(v.person, Deed{Did: "approve", Person: h.Person, PersonName: h.Name, Message: h.ID})
	s := saying{id: h.ID, typ: h.Type, text: h.Text, product: h.Product, from: speaker{h.Person, h.Name, list(h.Badges)}}
	r.review(h, heldApproved)
	if h.Type == "question" && len(r.questions) >= maxQuestions {
		return outcome{}, refusedQueue
	}
	r.publish(s)
	return outcome{message: h.ID, durable: true}, nil
}

// deny is the command by which a moderator drops what was held.
func (r *room) deny(v *viewer, c command) (outcome, *refusal) {
	h, waits := r.held[c.Message]
	if !waits {
		return outcome{}, refusedNotHeld
	}
	r.record(v.person, Deed{Did: "deny", Person: h.Person, PersonName: h.Name, Message: h.ID})
	r.review(h, heldDenied)
	return outcome{durable: true}, nil
}

// unhold drops everything of a person that waits.
func (r *room) unhold(person string) {
	for _, h := range r.held {
		if h.Person == person {
			r.review(h, heldDenied)
		}
	}
}

// Waiting returns what waits for a moderator of a channel, oldest first, as in
// the event `held`.
func (h *Hub) Waiting(ctx context.Context, channel string) ([]json.RawMessage, error) {
	return ask(ctx, h, channel, func(r *room, answer func([]json.RawMessage)) {
		r.dropHeld(time.Now())
		all := slices.SortedFunc(maps.Values(r.held), func(a, b Held) int { return cmp.Compare(a.ID, b.ID) }) // ids are in the order of time
		out := make([]json.RawMessage, len(all))
		for i, one := range all {
			out[i] = mustEncode(one.shown())
		}
		answer(out)
	})
}
