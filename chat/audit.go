package chat

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Deed is what somebody did to a room or to a person in it, as the channel's
// owner and hosts can read it later. It never has what a deleted message said.
type Deed struct {
	ID         string
	At         time.Time
	Actor      string // "" for the room itself
	ActorName  string
	Did        string // the command, or `settings`
	Person     string // to whom; "" for nobody
	PersonName string
	Message    string
	Detail     json.RawMessage // nil for none
}

// record writes down what by does.
func (r *room) record(by Person, d Deed) {
	d.ID = uuid.Must(uuid.NewV7()).String()
	d.At = time.Now().UTC().Truncate(time.Millisecond)
	d.Actor, d.ActorName = by.ID, by.Name
	if m := r.members[d.Person]; m != nil && d.PersonName == "" {
		d.PersonName = m.person.Name
	}
	r.fact(Batch{Deeds: []Deed{d}})
}
