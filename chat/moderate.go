package chat

import (
	"strconv"
	"time"
)

// moderation is what owner, host and moderators may do.
var moderation = map[string]action{
	"delete":  (*room).erase,
	"timeout": (*room).mute,
	"ban":     (*room).ban,
	"unban":   (*room).unban,
	"notice":  (*room).notice,
	"slow":    (*room).setSlow,
}

// muted returns how much longer a person may not send; 0: may.
func (r *room) muted(p Person) time.Duration {
	s, ok := r.sanctions[p.ID]
	if !ok || p.runs() {
		return 0
	}
	return max(0, time.Until(s.Until))
}

// erase takes the text of a message out of history, replay and log. Its number
// stays and becomes the news that it is gone, so that whoever replays it later
// finds no gap.
func (r *room) erase(_ *viewer, c command) (outcome, *refusal) {
	old, ok := r.ring.find(c.Message)
	if !ok {
		return outcome{}, refusedGone
	}
	gone := Entry{Seq: old.Seq, At: old.At, Type: "deleted", Data: mustEncode(map[string]string{"message": c.Message})}
	r.overwrite(old, gone)
	r.number(Entry{Type: gone.Type, Data: gone.Data})
	r.flushSoon(r.urgentGap())
	return outcome{durable: true}, nil
}

func (r *room) mute(v *viewer, c command) (outcome, *refusal) {
	d := time.Duration(c.Seconds) * time.Second
	if c.Seconds < 1 || c.Seconds > int64(maxMute/time.Second) {
		return outcome{}, badRequest("seconds is 1 to 1209600.")
	}
	if no := r.mayAct(v, c.User); no != nil {
		return outcome{}, no
	}
	if s, ok := r.sanctions[c.User]; ok && s.Until.IsZero() {
		return outcome{}, badRequest("This person is banned. Unban first.")
	}
	until := time.Now().Add(d).UTC().Truncate(time.Millisecond)
	if no := r.sanction(Sanction{Person: c.User, Until: until, By: v.person.ID}); no != nil {
		return outcome{}, no
	}
	whisper{
		to: To{Person: c.User},
		event: appendEvent(nil, "timeout", stamp{}, mustEncode(map[string]any{
			"seconds": c.Seconds, "until": until.Format(timeLayout),
		})),
	}.deliver(r)
	return outcome{durable: true}, nil
}

func (r *room) ban(v *viewer, c command) (outcome, *refusal) {
	if no := r.mayAct(v, c.User); no != nil {
		return outcome{}, no
	}
	if no := r.sanction(Sanction{Person: c.User, By: v.person.ID}); no != nil {
		return outcome{}, no
	}
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		if r.sockets[i].person.ID == c.User {
			r.drop(r.sockets[i], CloseBanned, "banned")
		}
	}
	return outcome{durable: true}, nil
}

func (r *room) unban(v *viewer, c command) (outcome, *refusal) {
	if no := r.mayAct(v, c.User); no != nil {
		return outcome{}, no
	}
	if _, ok := r.sanctions[c.User]; ok {
		delete(r.sanctions, c.User)
		r.scribe.sanction(Sanction{Person: c.User, By: v.person.ID, Lifted: true})
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

// validUser keeps out what no account makes and a database may not take.
func validUser(id string) bool {
	if id == "" || len(id) > maxUserID {
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
			if !old.Until.IsZero() && !old.Until.After(now) {
				delete(r.sanctions, id)
			}
		}
		if len(r.sanctions) >= maxSanctioned {
			return refuse("busy", "Too many people are banned here. Unban some first.")
		}
	}
	r.sanctions[s.Person] = s
	r.scribe.sanction(s)
	return nil
}

func (r *room) notice(_ *viewer, c command) (outcome, *refusal) {
	text, no := line(c.Text)
	if no != nil {
		return outcome{}, no
	}
	r.number(Entry{Type: "notice", Data: mustEncode(map[string]string{"text": text})})
	r.flushSoon(r.urgentGap())
	return outcome{durable: true}, nil
}

func (r *room) setSlow(_ *viewer, c command) (outcome, *refusal) {
	if c.Seconds < 0 || c.Seconds > int64(maxSlow/time.Second) {
		return outcome{}, badRequest("seconds is 0 to 300.")
	}
	r.slow = time.Duration(c.Seconds) * time.Second
	r.scribe.slow(r.slow)
	refresh{key: latestKey{typ: "slow"}, data: []byte(`{"seconds":` + strconv.FormatInt(c.Seconds, 10) + `}`)}.deliver(r)
	return outcome{durable: true}, nil
}
