package chat

import (
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"souk/internal/fold"
)

// Limits of saying the same again.
const (
	sameWithin    = 30 * time.Second
	sameByPerson  = 2  // times in that while one may say the same
	sameByAll     = 3  // times all whom nobody knows may, together
	sameMinPerson = 8  // code points below which a text is an exclamation: "+1", "sold!"
	sameMinAll    = 12 // the same for a text by many
	maxSaid       = 8  // texts remembered of one person
	maxCopied     = 5000
)

// Limits of the guests of one network whom nobody knows, together.
const (
	networkBurst = 60
	networkEvery = 100 * time.Millisecond
)

// spoken is the data of messages and questions.
type spoken struct {
	ID     string  `json:"id"`
	From   speaker `json:"from"`
	Text   string  `json:"text"`
	Shadow bool    `json:"shadow,omitempty"` // to moderators: nobody else but the author sees it
}

type speaker struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Badges []string `json:"badges"`
}

// saying is something on its way into the room.
type saying struct {
	id, typ, text, product string // typ is message or question
	from                   speaker
}

func (r *room) say(v *viewer, c command) (outcome, *refusal) {
	return r.speak(v, saying{typ: "message", text: c.Text})
}

// speak takes what v says through all that may be against it. What passes is
// numbered; what a moderator must read first is held; what only its author may
// see is shown to them.
func (r *room) speak(v *viewer, s saying) (outcome, *refusal) {
	text, no := line(s.text)
	if no != nil {
		return outcome{}, no
	}
	s.text = text
	if r.scribe.behind() >= maxBacklog {
		return outcome{}, refusedBusy
	}
	if no := r.mayWrite(v.person); no != nil {
		return outcome{}, no
	}
	found := r.read(v.person, &s)
	if found.no != nil {
		return outcome{}, found.no
	}
	if no := r.pace(v); no != nil {
		return outcome{}, no
	}
	if no := r.again(v, s.text); no != nil {
		return outcome{}, no
	}
	s.id = uuid.Must(uuid.NewV7()).String()
	s.from = speaker{v.person.ID, v.person.Name, list(v.person.Badges)}
	switch {
	case r.shadowed(v.person):
		r.whisperBack(s)
	case found.hold != "":
		return r.hold(v, s, found.hold)
	case r.heldBack(v.person, time.Now()) > 0:
		return r.hold(v, s, heldNetwork)
	default:
		r.publish(s)
	}
	return outcome{message: s.id}, nil
}

// publish numbers what was said.
func (r *room) publish(s saying) {
	said := spoken{ID: s.id, From: s.from, Text: s.text}
	var data json.RawMessage
	if s.typ == "question" {
		r.queue(s)
		data = mustEncode(asked{said, s.product})
	} else {
		data = mustEncode(said)
	}
	r.number(Entry{Type: s.typ, Message: s.id, Person: s.from.ID, Data: data})
	r.flushSoon(r.tick())
}

// whisperBack shows what a shadowed person says to them, as if it were said, and
// to moderators, marked. It has no number and is kept nowhere.
func (r *room) whisperBack(s saying) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	said := spoken{ID: s.id, From: s.from, Text: s.text}
	event := func() []byte {
		return appendEvent(nil, s.typ, stamp{at: now}, mustEncode(asked{said, s.product}))
	}
	whisper{to: To{Person: s.from.ID}, event: event()}.deliver(r)
	said.Shadow = true
	whisper{to: To{Roles: moderators}, event: event()}.deliver(r)
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

// mayWrite checks whether p is among those who may write now.
func (r *room) mayWrite(p Person) *refusal {
	if p.moderates() {
		return nil
	}
	set := r.law.set
	switch {
	case r.buyersOnly() && !p.bought():
		return refusedBuyers
	case (set.KnownOnly || r.raided()) && !p.known(time.Now()):
		return refusedUnknowns
	}
	return nil
}

// finding is what reading a text has led to: a refusal, or why it must be held.
type finding struct {
	no   *refusal
	hold string
}

// read checks what p would say against what the host does not want, and masks
// what is to be masked.
func (r *room) read(p Person, s *saying) (f finding) {
	if p.moderates() {
		return f
	}
	if hasLink(s.text, r.law.sites) {
		switch rule := r.linkRule(); {
		case rule == LinksHold:
			f.hold = heldLink
		case rule == LinksBlock || rule == LinksKnown && !p.known(time.Now()):
			return finding{no: refusedLink}
		}
	}
	if r.law.words.In(s.text) {
		switch r.law.set.WordsDo {
		case WordsHold:
			f.hold = heldWord
		case WordsMask:
			if s.text = r.law.words.Mask(s.text, maskedLetter); r.law.words.In(s.text) {
				f.hold = heldWord // spread over several words: a person must look
			}
		default:
			return finding{no: refusedWord}
		}
	}
	if p.Guest && r.law.words.In(p.Name) {
		return finding{no: refusedName}
	}
	return f
}

// pace checks the rate limits and slow mode, and counts this one if it may pass.
func (r *room) pace(v *viewer) *refusal {
	p := v.person
	if p.runs() {
		return nil
	}
	now, m := time.Now(), v.member
	if slow := r.slowFor(p); slow > 0 {
		if d := m.said.Add(slow).Sub(now); d > 0 {
			return refusedSlow.after(d)
		}
	}
	if d := m.say.take(now, sayBurst, sayEvery); d > 0 {
		return refusedFast.after(d)
	}
	if d := r.law.pace.take(now, roomBurst, roomEvery); d > 0 {
		return refusedRoom.after(d)
	}
	if p.Network != "" && !p.Local && !p.known(now) {
		if d := r.crowdOf(p.Network).take(now, networkBurst, networkEvery); d > 0 {
			return refusedNeighbours.after(d)
		}
	}
	m.said = now
	return nil
}

// crowdOf is what the new guests of a network may still say together.
func (r *room) crowdOf(network string) *bucket {
	b := r.law.crowds[network]
	if b == nil {
		b = &bucket{}
		r.law.crowds[network] = b
	}
	return b
}

// again refuses what was said before, by the same person or by many whom nobody
// knows, and remembers this one.
func (r *room) again(v *viewer, text string) *refusal {
	if v.person.moderates() {
		return nil
	}
	now := time.Now()
	same := fingerprint(text)
	mine := 0
	for _, s := range v.member.texts {
		if s.what == same && now.Sub(s.at) < sameWithin {
			mine++
		}
	}
	if mine >= sameByPerson && runes(text) >= sameMinPerson {
		return refusedAgain
	}
	if !v.person.known(now) && runes(text) >= sameMinAll {
		if r.law.copies[same].by(now) >= sameByAll {
			return refusedCopy
		}
		r.law.copies[same] = r.law.copies[same].and(now)
	}
	v.member.remember(same, now)
	return nil
}

// said is a text as it is recognised again, and when.
type said struct {
	what uint64
	at   time.Time
}

func (m *member) remember(what uint64, now time.Time) {
	m.texts = append(m.texts, said{what, now})
	m.texts = m.texts[max(0, len(m.texts)-maxSaid):]
}

// copies is when one text was said lately.
type copies []time.Time

func (c copies) by(now time.Time) int {
	return len(slices.DeleteFunc(slices.Clone(c), func(at time.Time) bool { return now.Sub(at) >= sameWithin }))
}

func (c copies) and(now time.Time) copies {
	c = append(c, now)
	return c[max(0, len(c)-sameByAll):]
}

var seed = maphash.MakeSeed()

// fingerprint is the same for texts that look the same.
func fingerprint(text string) uint64 {
	look := fold.Skeleton(strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) {
			return -1
		}
		return r
	}, text))
	if look == "" { // signs only
		look = text
	}
	return maphash.String(seed, look)
}

// heard takes note of what was said on another node: limits are those of the
// person, wherever they speak.
func (m *member) heard(e Entry) {
	if e.At.After(m.said) {
		m.said = e.At
	}
	m.say.take(time.Now(), sayBurst, sayEvery)
	var s struct{ Text string }
	if json.Unmarshal(e.Data, &s) == nil {
		m.remember(fingerprint(s.Text), e.At)
	}
}

// tidySpeech forgets what limits nobody any more.
func (r *room) tidySpeech(now time.Time) {
	for network, b := range r.law.crowds {
		if b.full(now) {
			delete(r.law.crowds, network)
		}
	}
	for what, c := range r.law.copies {
		if c.by(now) == 0 || len(r.law.copies) > maxCopied {
			delete(r.law.copies, what)
		}
	}
}
