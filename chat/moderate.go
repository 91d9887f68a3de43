package chat

import (
	"time"

	"github.com/google/uuid"

	"souk/internal/api"
	"souk/internal/cards"
)

// moderation is what owner, host and moderators may do.
var moderation = map[string]action{
	"delete":  (*room).erase,
	"timeout": (*room).mute,
	"ban":     (*room).ban,
	"unban":   (*room).unban,
	"notice":  (*room).notice,
	"slow":    (*room).setSlow,
	"raid":    (*room).setRaid,
	"answer":  (*room).answer,
	"dismiss": (*room).dismiss,
	"tell":    (*room).write,
	"shadow":  (*room).shadow,
	"clear":   (*room).clear,
	"approve": (*room).approve,
	"deny":    (*room).deny,
	"calm":    (*room).setCalm,
}

// erase takes the text of a message out of history, replay and log. Its number
// stays and becomes the news that it is gone, so that whoever replays it later
// finds no gap.
func (r *room) erase(v *viewer, c command) (outcome, *refusal) {
	old, ok := r.ring.find(c.Message)
	if !ok {
		return outcome{}, refusedGone
	}
	r.record(v.person, Deed{Did: "delete", Person: old.Person, Message: c.Message})
	r.takeBack(old)
	return outcome{durable: true}, nil
}

// takeBack is what erase does to an entry.
func (r *room) takeBack(old *Entry) {
	message := old.Message
	if old.Type == "question" {
		r.unask(message)
	}
	gone := Entry{Seq: old.Seq, At: old.At, Type: "deleted", Data: mustEncode(map[string]string{"message": message})}
	r.overwrite(old, gone)
	r.number(Entry{Type: gone.Type, Data: gone.Data})
	r.flushSoon(r.urgentGap())
}

func (r *room) mute(v *viewer, c command) (outcome, *refusal) {
	s, no := r.sentence(v, c, Timeout, maxMute)
	if no != nil {
		return outcome{}, no
	}
	if is, ok := r.sanctions[c.User]; ok && is.Kind == Ban && is.holds(time.Now()) {
		return outcome{}, refusedBanned
	}
	done, no := r.carryOut(v, s, c)
	if no == nil {
		whisper{
			to: To{Person: c.User},
			event: appendEvent(nil, "timeout", stamp{}, mustEncode(map[string]any{
				"seconds": c.Seconds, "until": s.Until.Format(timeLayout),
			})),
		}.deliver(r)
	}
	return done, no
}

func (r *room) ban(v *viewer, c command) (outcome, *refusal) {
	s, no := r.sentence(v, c, Ban, maxBan)
	if no != nil {
		return outcome{}, no
	}
	r.traces(&s)
	done, no := r.carryOut(v, s, c)
	if no == nil {
		r.unhold(s.Person)
		r.turnOut()
	}
	return done, no
}

func (r *room) unban(v *viewer, c command) (outcome, *refusal) {
	if no := r.mayAct(v, c.User); no != nil {
		return outcome{}, no
	}
	if _, ok := r.sanctions[c.User]; ok {
		delete(r.sanctions, c.User)
		r.indexTraces()
		r.record(v.person, Deed{Did: "unban", Person: c.User})
		r.fact(Batch{Sanctions: []Sanction{{Person: c.User, By: v.person.ID, Lifted: true}}})
	}
	return outcome{durable: true}, nil
}

// mayAct checks the person a moderator acts against. Roles are known only of
// who is in the room or was lately; of others the owner can undo it.
func (r *room) mayAct(v *viewer, user string) *refusal {
	if !validUser(user) {
		return badRequest("user is the id of a person, as in from.id.")
	}
	if user == v.person.ID {
		return refusedPerson
	}
	m := r.members[user]
	if m != nil && (m.person.runs() || m.person.moderates() && !v.person.runs()) {
		return refusedPerson
	}
	return nil
}

// validUser keeps out what no account makes and a database may not take, and
// what is a card number and no id.
func validUser(id string) bool {
	if id == "" || len(id) > maxUserID {
		return false
	}
	if _, err := uuid.Parse(id); err != nil && cards.Mask(id) != id {
		return false
	}
	for _, b := range []byte(id) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

func (r *room) sanction(s Sanction) *refusal {
	now := time.Now()
	if len(r.sanctions) >= maxSanctioned {
		for id, old := range r.sanctions {
			if !old.holds(now) {
				delete(r.sanctions, id)
			}
		}
		if len(r.sanctions) >= maxSanctioned {
			return refuse("busy", "Too many people are banned here. Unban some first.")
		}
	}
	r.sanctions[s.Person] = s
	r.indexTraces()
	r.fact(Batch{Sanctions: []Sanction{s}})
	return nil
}

// notice speaks for the room. A pinned one stays for those who come later, until
// the next; a pinned one without text takes it down.
func (r *room) notice(v *viewer, c command) (outcome, *refusal) {
	text := ""
	if c.Text != "" || !c.Pinned {
		var no *refusal
		if text, no = line(c.Text); no != nil {
			return outcome{}, no
		}
	}
	r.record(v.person, Deed{Did: "notice", Detail: mustEncode(map[string]any{"text": text, "pinned": c.Pinned})})
	if text != "" {
		r.number(Entry{Type: "notice", Data: mustEncode(map[string]string{"text": text})})
		r.flushSoon(r.urgentGap())
	}
	if c.Pinned {
		set := r.law.set
		set.Notice = nil
		if text != "" {
			set.Notice = &Notice{Text: text, At: api.At(time.Now())}
		}
		r.settle(set)
	}
	return outcome{durable: true}, nil
}

func (r *room) setSlow(v *viewer, c command) (outcome, *refusal) {
	if c.Seconds < 0 || c.Seconds > int64(maxSlow/time.Second) {
		return outcome{}, badRequest("seconds is 0 to 300.")
	}
	set := r.law.set
	set.Slow = c.Seconds
	r.record(v.person, Deed{Did: "slow", Detail: mustEncode(map[string]int64{"seconds": c.Seconds})})
	r.settle(set)
	return outcome{durable: true}, nil
}

// setCalm is the command `calm`: one key for when a room boils over.
func (r *room) setCalm(v *viewer, c command) (outcome, *refusal) {
	set := r.law.set
	set.Calm = c.On == nil || *c.On
	r.record(v.person, Deed{Did: "calm", Detail: mustEncode(map[string]bool{"on": set.Calm})})
	r.settle(set)
	return outcome{durable: true}, nil
}
