package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"souk/internal/api"
)

// Letter is an event for one person, which waits for them: they get it at once,
// and whenever they come back, until they have taken it or it is over.
type Letter struct {
	ID     string
	Person string
	At     time.Time
	Until  time.Time
	Type   string
	Data   json.RawMessage // an object
	Taken  bool            // gone; the rest but the ID is of no account
}

// private is the data of what a host writes to one person.
type private struct {
	From speaker `json:"from"`
	Text string  `json:"text"`
}

// Send puts e into the hands of one person: now, if they are in the room, and
// again whenever they come back, until they take it or until has come (at most
// 30 days). e.Data must become a JSON object; the event that arrives has the
// letter's id in it as `letter`. Unlike [Hub.Whisper] it returns only once the
// letter is stored. Errors are [api.Error]s.
func (h *Hub) Send(ctx context.Context, channel, person string, e Event, until time.Time) (id string, err error) {
	data, ok := h.encode(channel, e)
	if !ok || !bytes.HasPrefix(data, []byte("{")) || !validUser(person) {
		return "", api.Fail(http.StatusUnprocessableEntity, "bad_letter", "This cannot be sent to one person.")
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	if most := now.Add(maxLetterLasts); until.After(most) {
		until = most
	}
	l := Letter{ID: uuid.Must(uuid.NewV7()).String(), Person: person, At: now, Until: until.UTC().Truncate(time.Millisecond), Type: e.Type, Data: data}
	sent, err := ask(ctx, h, channel, func(r *room, answer func(bool)) {
		if !r.post(l) {
			answer(false)
			return
		}
		r.awaiting = append(r.awaiting, awaiting{ticket: r.scribe.await(), done: func() { answer(true) }})
	})
	if err == nil && !sent {
		err = api.Fail(http.StatusConflict, "limit_reached", "Too many letters wait here for their readers.")
	}
	return l.ID, err
}

// Recall takes a letter back that nobody need see any more.
func (h *Hub) Recall(channel, id string) {
	h.post(channel, inRoom(func(r *room) { r.discard(id) }))
}

// post keeps a letter and hands it over, unless too many wait.
func (r *room) post(l Letter) bool {
	r.dropLetters(l.At)
	var theirs []string
	for _, id := range r.letterOrder {
		if r.letters[id].Person == l.Person {
			theirs = append(theirs, id)
		}
	}
	if len(theirs) >= maxPersonLetters {
		r.discard(theirs[0])
	}
	if len(r.letters) >= maxLetters {
		return false
	}
	r.keepLetter(l)
	r.fact(Batch{Letters: []Letter{l}})
	return true
}

// keepLetter keeps a letter and hands it to its reader, if they are here.
func (r *room) keepLetter(l Letter) {
	r.letters[l.ID] = l
	r.letterOrder = append(r.letterOrder, l.ID)
	event := l.event()
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		if v := r.sockets[i]; v.person.ID == l.Person {
			r.whisper(v, event)
		}
	}
}

func (l Letter) event() []byte {
	data := append([]byte(`{"letter":"`+l.ID+`"`), ',')
	if rest := bytes.TrimSpace(l.Data[1:]); rest[0] == '}' {
		data = append(data[:len(data)-1], rest...)
	} else {
		data = append(data, rest...)
	}
	return appendEvent(nil, l.Type, stamp{at: l.At}, data)
}

// waiting returns the events that wait for a person, oldest first.
func (r *room) waiting(person string) (events [][]byte) {
	if person == "" {
		return nil
	}
	now := time.Now()
	for _, id := range r.letterOrder {
		if l := r.letters[id]; l.Person == person && l.Until.After(now) {
			events = append(events, l.event())
		}
	}
	return events
}

// discard forgets a letter, here and in the log.
func (r *room) discard(id string) {
	l, ok := r.letters[id]
	if !ok {
		return
	}
	r.forgetLetter(id)
	r.fact(Batch{Letters: []Letter{{ID: id, Person: l.Person, Taken: true}}})
}

func (r *room) forgetLetter(id string) {
	delete(r.letters, id)
	for i, one := range r.letterOrder {
		if one == id {
			r.letterOrder = append(r.letterOrder[:i], r.letterOrder[i+1:]...)
			return
		}
	}
}

// dropLetters forgets those that are over.
func (r *room) dropLetters(now time.Time) {
	for id, l := range r.letters {
		if !l.Until.After(now) {
			r.discard(id)
		}
	}
}

// write is the command `tell`: a private message of a host.
func (r *room) write(v *viewer, c command) (outcome, *refusal) {
	text, no := line(c.Text)
	if no != nil {
		return outcome{}, no
	}
	if !validUser(c.User) || c.User == v.person.ID {
		return outcome{}, badRequest("user is the id of another person, as in from.id.")
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	l := Letter{
		ID: uuid.Must(uuid.NewV7()).String(), Person: c.User, At: now, Until: now.Add(letterLasts), Type: "private",
		Data: mustEncode(private{speaker{v.person.ID, v.person.Name, list(v.person.Badges)}, text}),
	}
	if !r.post(l) {
		return outcome{}, refusedLetters
	}
	r.record(v.person, Deed{Did: "tell", Person: c.User, Message: l.ID})
	return outcome{message: l.ID, durable: true}, nil
}

// take is the command `take`: a person has seen a letter.
func (r *room) take(v *viewer, c command) (outcome, *refusal) {
	if l, ok := r.letters[c.Message]; ok && l.Person == v.person.ID {
		r.discard(l.ID)
	}
	return outcome{}, nil
}
