package chat

import (
	"bytes"
	"encoding/json"
	"time"
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
	On      *bool           `json:"on"`
	Clear   bool            `json:"clear"`
}

const maxCommandID = 64 // bytes of JSON

// refusal is why a command was not done: a word, a sentence, and when to try again.
type refusal struct {
	code, detail string
	retry        time.Duration
	message      string // id of what was said and is held
}

func refuse(code, detail string) *refusal { return &refusal{code: code, detail: detail} }

func (f refusal) after(d time.Duration) *refusal {
	f.retry = d
	return &f
}

var (
	refusedJSON       = refuse("bad_json", "A command is one JSON object like {\"id\":1,\"do\":\"say\",\"text\":\"hi\"}.")
	refusedUnknown    = refuse("unknown_command", "This server does not know that command.")
	refusedReader     = refuse("sign_in_first", "You are only reading. Sign in or join as a guest to take part.")
	refusedRole       = refuse("not_allowed", "You may not do that here.")
	refusedPerson     = refuse("not_allowed", "You may not do that to this person.")
	refusedEmpty      = refuse("empty", "There is no text.")
	refusedLong       = refuse("too_long", "The text is too long: 300 characters at most.")
	refusedFast       = refuse("too_fast", "You are sending too fast. Wait a moment.")
	refusedSlow       = refuse("too_fast", "Slow mode is on. Wait a moment.")
	refusedMuted      = refuse("timed_out", "A moderator has paused you. You can read on.")
	refusedBusy       = refuse("busy", "The room is too busy. Try again in a moment.").after(2 * time.Second)
	refusedRoom       = refuse("too_fast", "Everybody is writing at once. Wait a moment.")
	refusedAgain      = refuse("duplicate", "You have said this already.").after(sameWithin)
	refusedCopy       = refuse("duplicate", "Several people have just said exactly this.").after(sameWithin)
	refusedNeighbours = refuse("too_fast", "Many new guests from your network are writing at once. Wait a moment.")
	refusedHeld       = refuse("held", "A moderator reads this before others see it.")
	refusedNetwork    = refuse("held", "Somebody from your network was banned lately, and you are new here. Until you are not, a moderator reads what you write before others see it.")
	refusedWaits      = refuse("held", "Wait until a moderator has read what you wrote before.")
	refusedReview     = refuse("busy", "Too much waits for the moderators. Try again later.").after(time.Minute)
	refusedNotHeld    = refuse("no_such_message", "This does not wait for a moderator, or not any more.")
	refusedBuyers     = refuse("buyers_only", "Only people who have bought something may write right now.")
	refusedBanned     = badRequest("This person is banned. Unban first.")
	refusedUnknowns   = refuse("known_only", "Only people who are known here may write right now: those with an account, who have bought something, or who came a while ago.")
	refusedLink       = refuse("link", "You may not send links here.")
	refusedWord       = refuse("blocked_word", "The host does not want one of these words here.")
	refusedName       = refuse("blocked_name", "The host does not want your name here. Choose another one.")
	refusedQueue      = refuse("busy", "Too many questions wait for an answer. Try again later.").after(time.Minute)
	refusedLetters    = refuse("busy", "Too many letters wait here for their readers.").after(time.Minute)
	refusedSettled    = refuse("no_such_question", "There is no such question, or it is settled.")
	refusedGone       = refuse("no_such_message", "There is no such message, or it is too old.")
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
		a.Code, a.Detail, a.Message = no.code, no.detail, no.message
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
	if no == nil && done.durable || no != nil && no.message != "" {
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
	if r.law.set.Calm {
		if no := r.mayWrite(v.person); no != nil {
			return outcome{}, no
		}
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
