package chat

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// command is what a client sends: one JSON object.
type command struct {
	ID      json.RawMessage `json:"id"` // number or string, given back in the reply
	Do      string          `json:"do"`
	Text    string          `json:"text"`
	Message string          `json:"message"`
	User    string          `json:"user"`
	Seconds int64           `json:"seconds"`
	Kind    string          `json:"kind"`
	N       *int            `json:"n"`
	Product string          `json:"product"`
	Pinned  bool            `json:"pinned"`
}

const maxCommandID = 64 // bytes of JSON

// refusal is why a command was not done: a word, a sentence, and when to try again.
type refusal struct {
	code, detail string
	retry        time.Duration
}

func refuse(code, detail string) *refusal { return &refusal{code: code, detail: detail} }

func (f refusal) after(d time.Duration) *refusal {
	f.retry = d
	return &f
}

var (
	refusedJSON     = refuse("bad_json", "A command is one JSON object like {\"id\":1,\"do\":\"say\",\"text\":\"hi\"}.")
	refusedUnknown  = refuse("unknown_command", "This server does not know that command.")
	refusedReader   = refuse("sign_in_first", "You are only reading. Sign in or join as a guest to take part.")
	refusedRole     = refuse("not_allowed", "You may not do that here.")
	refusedPerson   = refuse("not_allowed", "You may not do that to this person.")
	refusedEmpty    = refuse("empty", "There is no text.")
	refusedLong     = refuse("too_long", "The text is too long: 300 characters at most.")
	refusedFast     = refuse("too_fast", "You are sending too fast. Wait a moment.")
	refusedSlow     = refuse("too_fast", "Slow mode is on. Wait a moment.")
	refusedMuted    = refuse("timed_out", "A moderator has paused you. You can read on.")
	refusedBusy     = refuse("busy", "The room is too busy. Try again in a moment.").after(2 * time.Second)
	refusedRoom     = refuse("too_fast", "Everybody is writing at once. Wait a moment.")
	refusedHeld     = refuse("network_held", "Somebody was banned who came from where you come from. New guests from there cannot write for a while.")
	refusedUnknowns = refuse("known_only", "Only people who are known here may write right now: those with an account, who have bought something, or who came a while ago.")
	refusedLink     = refuse("link", "You may not send links here.")
	refusedWord     = refuse("blocked_word", "The host does not want one of these words here.")
	refusedName     = refuse("blocked_name", "The host does not want your name here. Choose another one.")
	refusedQueue    = refuse("busy", "Too many questions wait for an answer. Try again later.").after(time.Minute)
	refusedLetters  = refuse("busy", "Too many letters wait here for their readers.").after(time.Minute)
	refusedSettled  = refuse("no_such_question", "There is no such question, or it is settled.")
	refusedGone     = refuse("no_such_message", "There is no such message, or it is too old.")
)

func badRequest(detail string) *refusal { return refuse("bad_request", detail) }

// parse reads one client frame.
func parse(frame []byte) (command, *refusal) {
	var c command
	if trimmed := bytes.TrimLeft(frame, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return c, refusedJSON
	}
	if err := json.Unmarshal(frame, &c); err != nil {
		return command{}, refusedJSON
	}
	if !c.validID() {
		return command{}, refusedJSON
	}
	return c, nil
}

func (c command) validID() bool {
	if len(c.ID) == 0 || string(c.ID) == "null" {
		return true
	}
	return len(c.ID) <= maxCommandID && (c.ID[0] == '"' || c.ID[0] == '-' || c.ID[0] >= '0' && c.ID[0] <= '9')
}

// reply is the data of the event that answers a command.
type reply struct {
	ID      json.RawMessage `json:"id"`
	OK      bool            `json:"ok"`
	Code    string          `json:"code,omitempty"`
	Detail  string          `json:"detail,omitempty"`
	RetryMS int64           `json:"retry_ms,omitempty"`
	Message string          `json:"message,omitempty"`
}

func replyEvent(id json.RawMessage, message string, no *refusal) []byte {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	a := reply{ID: id, OK: no == nil, Message: message}
	if no != nil {
		a.Code, a.Detail = no.code, no.detail
		if no.retry > 0 {
			a.RetryMS = max(1, no.retry.Milliseconds())
		}
	}
	return appendEvent(nil, "reply", stamp{}, mustEncode(a))
}

// request is a command on its way to the room; refused is set when the reader
// already knows better.
type request struct {
	v       *viewer
	command command
	refused *refusal
}

func (q request) deliver(r *room) {
	if q.v.slot < 0 {
		return
	}
	done, no := outcome{}, q.refused
	if no == nil {
		done, no = r.do(q.v, q.command)
	}
	if no != nil {
		r.hub.count.refused.Add(1)
	}
	answer := replyEvent(q.command.ID, done.message, no)
	if no == nil && done.durable {
		r.awaiting = append(r.awaiting, awaiting{ticket: r.scribe.await(), v: q.v, reply: answer})
		return
	}
	r.whisper(q.v, answer)
}

// outcome is what a command did.
type outcome struct {
	message string // id of what was said
	durable bool   // the reply waits until it is stored
}

func (r *room) do(v *viewer, c command) (outcome, *refusal) {
	act, known := speech[c.Do]
	if !known {
		if act, known = moderation[c.Do]; !known {
			return outcome{}, refusedUnknown
		}
		if v.member != nil && !v.person.moderates() {
			return outcome{}, refusedRole
		}
		if len(r.awaiting) >= maxAwaiting {
			return outcome{}, refusedBusy
		}
	}
	if v.member == nil {
		return outcome{}, refusedReader
	}
	if left := r.muted(v.person); left > 0 {
		return outcome{}, refusedMuted.after(left)
	}
	if left := r.held(v.person, time.Now()); left > 0 && c.Do != "take" {
		return outcome{}, refusedHeld.after(left)
	}
	return act(r, v, c)
}

type action func(*room, *viewer, command) (outcome, *refusal)

// speech is what everybody may do.
var speech = map[string]action{
	"say":   (*room).say,
	"ask":   (*room).pose,
	"react": (*room).react,
	"take":  (*room).take,
}

func (r *room) say(v *viewer, c command) (outcome, *refusal) {
	return r.speak(v, "message", c.Text, func(s spoken) json.RawMessage { return mustEncode(s) })
}

// spoken is the data of messages and questions.
type spoken struct {
	ID   string  `json:"id"`
	From speaker `json:"from"`
	Text string  `json:"text"`
}

type speaker struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Badges []string `json:"badges"`
}

// speak numbers what v says; data makes the event's data of it.
func (r *room) speak(v *viewer, typ, text string, data func(spoken) json.RawMessage) (outcome, *refusal) {
	text, no := line(text)
	if no != nil {
		return outcome{}, no
	}
	if no := r.fit(v, text); no != nil {
		return outcome{}, no
	}
	if r.scribe.behind() >= maxBacklog {
		return outcome{}, refusedBusy
	}
	if no := r.pace(v); no != nil {
		return outcome{}, no
	}
	id := uuid.Must(uuid.NewV7()).String()
	from := speaker{v.person.ID, v.person.Name, list(v.person.Badges)}
	r.number(Entry{Type: typ, Message: id, Person: from.ID, Data: data(spoken{id, from, text})})
	r.flushSoon(r.tick())
	return outcome{message: id}, nil
}

// line makes text from a client fit for the room, or refuses it.
func line(text string) (string, *refusal) {
	text = tidy(text)
	switch {
	case text == "":
		return "", refusedEmpty
	case runes(text) > maxText:
		return "", refusedLong
	}
	return text, nil
}

// fit checks what v would say against what the host has decided.
func (r *room) fit(v *viewer, text string) *refusal {
	if v.person.moderates() {
		return nil
	}
	set, known := r.law.set, v.person.known(time.Now())
	switch {
	case !known && (set.KnownOnly || r.raided()):
		return refusedUnknowns
	case (set.Links == LinksBlock || set.Links == LinksKnown && !known) && hasLink(text):
		return refusedLink
	case r.law.words.In(text):
		return refusedWord
	case v.person.Guest && r.law.words.In(v.person.Name):
		return refusedName
	}
	return nil
}

// pace checks the rate limits and slow mode, and counts this one if it may pass.
func (r *room) pace(v *viewer) *refusal {
	if v.person.runs() {
		return nil
	}
	now, m := time.Now(), v.member
	slow := r.slowness()
	if d := m.said.Add(slow).Sub(now); d > 0 && slow > 0 {
		return refusedSlow.after(d)
	}
	if d := m.say.take(now, sayBurst, sayEvery); d > 0 {
		return refusedFast.after(d)
	}
	if d := r.law.pace.take(now, roomBurst, roomEvery); d > 0 {
		return refusedRoom.after(d)
	}
	m.said = now
	return nil
}

// reactions are the kinds there are: free text would be a second, unmoderated chat.
var reactions = map[string]bool{"heart": true, "fire": true, "clap": true, "laugh": true, "wow": true, "sad": true}

func (r *room) react(v *viewer, c command) (outcome, *refusal) {
	kind, n := c.Kind, 1
	if kind == "" {
		kind = "heart"
	}
	if c.N != nil {
		n = *c.N
	}
	switch {
	case !reactions[kind]:
		return outcome{}, badRequest("kind is one of heart, fire, clap, laugh, wow, sad.")
	case n < 1 || n > maxHits:
		return outcome{}, badRequest("n is 1 to 10.")
	}
	if !v.person.runs() {
		if d := v.member.hit.take(time.Now(), hitBurst, hitEvery); d > 0 {
			return outcome{}, refusedFast.after(d)
		}
	}
	r.tally[kind] += n
	r.share(act{Tally: map[string]int{kind: n}})
	r.flushSoon(r.tick())
	return outcome{}, nil
}
