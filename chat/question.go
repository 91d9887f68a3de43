package chat

import (
	"time"

	"github.com/google/uuid"
)

// States of a question.
const (
	QuestionOpen      = "open"
	QuestionAnswered  = "answered"
	QuestionDismissed = "dismissed"
)

// Question is something asked, until a host has answered it or let it go.
type Question struct {
	ID      string // of the message
	At      time.Time
	Person  string
	Name    string
	Text    string
	Product string // what it is about; "" for nothing
	State   string
	Answer  string    // "" when it was answered on air
	Settled time.Time // zero while open
}

// asked is the data of a question.
type asked struct {
	spoken
	Product string `json:"product,omitempty"`
}

// answered is the data of an answer.
type answered struct {
	ID       string  `json:"id"` // of this answer, by which it can be deleted
	Question string  `json:"question"`
	From     speaker `json:"from"` // who asked
	Text     string  `json:"text"` // what
	Product  string  `json:"product,omitempty"`
	Answer   string  `json:"answer,omitempty"` // left out when it was given on air
}

// pose is the command `ask`.
func (r *room) pose(v *viewer, c command) (outcome, *refusal) {
	if c.Product != "" && !validUser(c.Product) {
		return outcome{}, badRequest("product is the id of a product.")
	}
	if len(r.questions) >= maxQuestions {
		return outcome{}, refusedQueue
	}
	return r.speak(v, saying{typ: "question", text: c.Text, product: c.Product})
}

// queue puts a question before the hosts.
func (r *room) queue(s saying) {
	q := Question{
		ID: s.id, At: time.Now().UTC().Truncate(time.Millisecond), Person: s.from.ID, Name: s.from.Name,
		Text: s.text, Product: s.product, State: QuestionOpen,
	}
	r.questions[q.ID] = q
	r.fact(Batch{Questions: []Question{q}})
}

// answer shows everybody a question and what the host says to it.
func (r *room) answer(v *viewer, c command) (outcome, *refusal) {
	q, open := r.questions[c.Message]
	if !open {
		return outcome{}, refusedSettled
	}
	said := ""
	if c.Text != "" {
		text, no := line(c.Text)
		if no != nil {
			return outcome{}, no
		}
		said = text
	}
	from := speaker{ID: q.Person, Name: q.Name, Badges: []string{}}
	if m := r.members[q.Person]; m != nil {
		from.Badges = list(m.person.Badges)
	}
	r.settleQuestion(q, QuestionAnswered, said)
	r.record(v.person, Deed{Did: "answer", Person: q.Person, PersonName: q.Name, Message: q.ID})
	id := uuid.Must(uuid.NewV7()).String()
	r.number(Entry{Type: "answered", Message: id, Person: q.Person, Data: mustEncode(answered{id, q.ID, from, q.Text, q.Product, said})})
	r.flushSoon(r.urgentGap())
	return outcome{durable: true}, nil
}

// dismiss takes a question off the queue; the room only hears of it who runs it.
func (r *room) dismiss(v *viewer, c command) (outcome, *refusal) {
	q, open := r.questions[c.Message]
	if !open {
		return outcome{}, refusedSettled
	}
	r.settleQuestion(q, QuestionDismissed, "")
	r.record(v.person, Deed{Did: "dismiss", Person: q.Person, PersonName: q.Name, Message: q.ID})
	whisper{to: To{Roles: moderators}, event: appendEvent(nil, "dismissed", stamp{}, mustEncode(map[string]string{"question": q.ID}))}.deliver(r)
	return outcome{durable: true}, nil
}

func (r *room) settleQuestion(q Question, state, said string) {
	delete(r.questions, q.ID)
	q.State, q.Answer, q.Settled = state, said, time.Now().UTC().Truncate(time.Millisecond)
	r.fact(Batch{Questions: []Question{q}})
}

// unask takes a deleted question out of the queue and its text out of the log.
func (r *room) unask(message string) {
	q, open := r.questions[message]
	if !open {
		q = Question{ID: message}
	}
	delete(r.questions, message)
	q.Text, q.Name, q.Person, q.State, q.Settled = "", "", "", QuestionDismissed, time.Now().UTC().Truncate(time.Millisecond)
	r.fact(Batch{Questions: []Question{q}})
}
