package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"souk/internal/api"
)

// maxNote is how much moderators may write beside a ban, in code points.
const maxNote = 300

// holds tells whether a sanction is not over.
func (s Sanction) holds(now time.Time) bool { return s.Until.IsZero() || s.Until.After(now) }

// under returns the sanction of a kind that p is under. A guest is under those
// of their browser, too.
func (r *room) under(p Person, kind string) (Sanction, bool) {
	if p.runs() {
		return Sanction{}, false
	}
	now := time.Now()
	if s, ok := r.sanctions[p.ID]; ok && s.Kind == kind && s.holds(now) {
		return s, true
	}
	if p.Device != "" && p.Guest && len(p.Roles) == 0 {
		if s, ok := r.sanctions[r.law.devices[p.Device]]; ok && s.Kind == kind && s.holds(now) {
			return s, true
		}
	}
	return Sanction{}, false
}

// muted returns how much longer a person may not send; 0: may.
func (r *room) muted(p Person) time.Duration {
	s, ok := r.sanctions[p.ID]
	if !ok || s.Kind != Timeout || p.runs() {
		return 0
	}
	return max(0, time.Until(s.Until))
}

// barred tells whether p may not come in at all, and why.
func (r *room) barred(p Person) (Sanction, bool) { return r.under(p, Ban) }

// shadowed tells whether only moderators see what p says.
func (r *room) shadowed(p Person) bool {
	_, yes := r.under(p, Shadow)
	return yes
}

// banned is the data of `banned`, the last thing that somebody gets who was.
type banned struct {
	Until *api.Time `json:"until"` // nil: for good
	Note  string    `json:"note,omitempty"`
}

func (s Sanction) told() []byte {
	return appendEvent(nil, "banned", stamp{}, mustEncode(banned{s.until(), s.Note}))
}

func (s Sanction) until() *api.Time {
	if s.Until.IsZero() {
		return nil
	}
	at := api.At(s.Until)
	return &at
}

// turnOut closes the sockets of those who may not be here.
func (r *room) turnOut() {
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		v := r.sockets[i]
		if s, is := r.barred(v.person); is {
			v.out.send(textFrame(s.told())) // a socket that is full gets the close alone
			r.drop(v, CloseBanned, "banned")
		}
	}
}

// sentence reads what a moderator decides about a person: for how long (only a
// timeout must end), and what to write beside it.
func (r *room) sentence(v *viewer, c command, kind string, most time.Duration) (Sanction, *refusal) {
	switch {
	case kind == Timeout && (c.Seconds < 1 || c.Seconds > int64(most/time.Second)):
		return Sanction{}, badRequest("seconds is 1 to 1209600.")
	case c.Seconds < 0 || c.Seconds > int64(most/time.Second):
		return Sanction{}, badRequest("seconds is 1 to 31536000, or left out for good.")
	}
	if no := r.mayAct(v, c.User); no != nil {
		return Sanction{}, no
	}
	note := tidy(c.Text)
	if runes(note) > maxNote {
		return Sanction{}, refusedLong
	}
	now := time.Now()
	s := Sanction{Person: c.User, Kind: kind, At: now.UTC().Truncate(time.Millisecond), By: v.person.ID, Note: note}
	if c.Seconds > 0 {
		s.Until = now.Add(time.Duration(c.Seconds) * time.Second).UTC().Truncate(time.Millisecond)
	}
	if m := r.members[c.User]; m != nil {
		s.Name = m.person.Name
	} else if e, ok := r.lastOf(c.User); ok {
		s.Name = e.Name
	}
	return s, nil
}

// lastOf returns who a person was when they last spoke.
func (r *room) lastOf(person string) (speaker, bool) {
	for i := len(r.ring.entries) - 1; i >= 0; i-- {
		if e := r.ring.entries[i]; e.Person == person {
			var said spoken
			if err := json.Unmarshal(e.Data, &said); err == nil && said.From.ID == person {
				return said.From, true
			}
		}
	}
	return speaker{}, false
}

// carryOut makes a sentence hold, has it stored, and writes down who did it.
func (r *room) carryOut(v *viewer, s Sanction, c command) (outcome, *refusal) {
	if no := r.sanction(s); no != nil {
		return outcome{}, no
	}
	detail := map[string]any{}
	if c.Seconds > 0 {
		detail["seconds"] = c.Seconds
	}
	if s.Note != "" {
		detail["text"] = s.Note
	}
	d := Deed{Did: s.Kind, Person: s.Person, PersonName: s.Name}
	if len(detail) > 0 {
		d.Detail = mustEncode(detail)
	}
	r.record(v.person, d)
	if c.Clear {
		r.takeAll(v.person, s.Person, s.Name)
	}
	return outcome{durable: true}, nil
}

// shadow is the command by which somebody goes on speaking to nobody.
func (r *room) shadow(v *viewer, c command) (outcome, *refusal) {
	s, no := r.sentence(v, c, Shadow, maxBan)
	if no != nil {
		return outcome{}, no
	}
	if is, ok := r.sanctions[c.User]; ok && is.Kind == Ban && is.holds(time.Now()) {
		return outcome{}, refusedBanned
	}
	if m := r.members[c.User]; m != nil && m.person.Guest {
		s.Devices = slices.Clone(m.devices)
	}
	return r.carryOut(v, s, c)
}

// Sentence is a sanction as moderators read it.
type Sentence struct {
	User  string    `json:"user"`
	Name  string    `json:"name"`
	Kind  string    `json:"kind"`
	At    *api.Time `json:"at"` // nil: from before this was noted
	Until *api.Time `json:"until"`
	By    Someone   `json:"by"`
	Note  string    `json:"note"`
}

// Sanctions returns who may not do what in a channel's room, the newest first.
func (h *Hub) Sanctions(ctx context.Context, channel string) ([]Sentence, error) {
	return ask(ctx, h, channel, func(r *room, answer func([]Sentence)) {
		now, all := time.Now(), []Sentence{}
		for _, s := range r.sanctions {
			if !s.holds(now) {
				continue
			}
			one := Sentence{User: s.Person, Name: s.Name, Kind: s.Kind, Until: s.until(), By: Someone{ID: s.By}, Note: s.Note}
			if m := r.members[s.By]; m != nil {
				one.By.Name = m.person.Name
			}
			if !s.At.IsZero() {
				at := api.At(s.At)
				one.At = &at
			}
			all = append(all, one)
		}
		slices.SortFunc(all, func(a, b Sentence) int {
			if a.At == nil || b.At == nil {
				return cmp.Compare(a.User, b.User)
			}
			return cmp.Or(b.At.Std().Compare(a.At.Std()), cmp.Compare(a.User, b.User))
		})
		answer(all)
	})
}
