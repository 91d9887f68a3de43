package chat

import (
	"reflect"
	"time"
)

// fact has b stored, and known to the channel's rooms on other nodes. What it
// says already holds here.
func (r *room) fact(b Batch) {
	r.scribe.fact(func(next *Batch) { next.join(b) })
	r.share(act{Fact: &b})
}

// note has b stored only: visits and deeds matter to the log alone.
func (r *room) note(b Batch) {
	r.scribe.fact(func(next *Batch) { next.join(b) })
}

// join adds what came later.
func (b *Batch) join(later Batch) {
	b.Entries = append(b.Entries, later.Entries...)
	b.Sanctions = append(b.Sanctions, later.Sanctions...)
	b.Visits = append(b.Visits, later.Visits...)
	b.Deeds = append(b.Deeds, later.Deeds...)
	b.Questions = append(b.Questions, later.Questions...)
	b.Letters = append(b.Letters, later.Letters...)
	b.Held = append(b.Held, later.Held...)
	b.Cleared = append(b.Cleared, later.Cleared...)
	if later.Settings != nil {
		b.Settings = later.Settings
	}
}

// adopt makes hold here what a room of this channel on another node says, or
// this one said before. Again is no harm. It tells nobody but those whom it
// concerns here; the log has it from there.
func (r *room) adopt(b Batch) {
	for _, s := range b.Sanctions {
		if s.Lifted {
			delete(r.sanctions, s.Person)
		} else {
			r.sanctions[s.Person] = s
		}
	}
	if len(b.Sanctions) > 0 {
		r.indexTraces()
		r.turnOut()
	}
	if b.Settings != nil && !reflect.DeepEqual(*b.Settings, r.law.set) {
		r.apply(*b.Settings)
		r.showLaw()
	}
	for _, q := range b.Questions {
		if q.State == QuestionOpen {
			r.questions[q.ID] = q
		} else {
			delete(r.questions, q.ID)
		}
	}
	for _, l := range b.Letters {
		_, known := r.letters[l.ID]
		switch {
		case l.Taken:
			r.forgetLetter(l.ID)
		case !known && l.Until.After(time.Now()):
			r.keepLetter(l)
		}
	}
	for _, h := range b.Held {
		r.adoptHeld(h)
	}
}
