package account

import (
	"errors"
	"net/http"
)

// Visitor returns a word for whoever sends r, the same each time: for a session
// its person, else for a browser that was here before. known is false for a
// browser that is made recognisable only by this answer. The word is for counting
// people apart; it is to be kept nowhere.
func (a *Accounts) Visitor(w http.ResponseWriter, r *http.Request) (word string, known bool, err error) {
	p, err := a.Person(r)
	if err == nil {
		return "person " + p.ID, true, nil
	}
	if !errors.Is(err, ErrSignIn) && !errors.Is(err, ErrBadToken) {
		return "", false, err
	}
	if word, err = a.knownDevice(r); err != nil || word != "" {
		return "device " + word, true, err
	}
	word, err = a.device(w, r)
	return "device " + word, false, err
}
