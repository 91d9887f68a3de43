package account

import (
	"context"
	"database/sql"
	"net/http"
	"sync"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

const (
	maxSessions = 200         // in one list
	seenEvery   = time.Minute // how often it is written down that sessions are used
	maxSeen     = 10_000      // sessions that wait for that; more are not noted
)

var errNoSession = api.Fail(http.StatusNotFound, "no_such_session", "You have no such session.")

// Session is one sign-in.
type Session struct {
	ID      string   `json:"id"`
	Way     string   `json:"way"`     // password, passkey, link or setup; empty for guests
	Agent   string   `json:"agent"`   // the browser, as it calls itself
	Network string   `json:"network"` // the address block it was opened from
	Created api.Time `json:"created_at"`
	Seen    api.Time `json:"seen_at"` // within a minute
	Expires api.Time `json:"expires_at"`
	Current bool     `json:"current"` // the one that asks
}

// Sessions returns where a person is signed in, the last used first.
func (a *Accounts) Sessions(ctx context.Context, p Person) ([]Session, error) {
	rows, err := a.DB.Read().QueryContext(ctx, `SELECT id, way, agent, network, created, seen, expires FROM account_session
		WHERE person = $1 AND expires > $2 ORDER BY seen DESC, created DESC LIMIT $3`, p.ID, time.Now().UnixMilli(), maxSessions)
	return db.Collect(rows, err, func(rows *sql.Rows) (s Session, err error) {
		var created, seen, expires int64
		err = rows.Scan(&s.ID, &s.Way, &s.Agent, &s.Network, &created, &seen, &expires)
		s.Created, s.Seen, s.Expires = api.Millis(created), api.Millis(seen), api.Millis(expires)
		s.Current = s.ID == p.Session
		return s, err
	})
}

// ListSessions handles GET /api/v1/me/sessions.
func (a *Accounts) ListSessions(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Person(r)
	if err != nil {
		return err
	}
	all, err := a.Sessions(r.Context(), p)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"sessions": all})
}

// DropSession handles DELETE /api/v1/me/sessions/{id}: that device is signed
// out, and what it has open closes.
func (a *Accounts) DropSession(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Person(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "DELETE FROM account_session WHERE id = $1 AND person = $2", id, p.ID)
		if err == nil && n == 0 {
			return errNoSession
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, deed{Actor: p.ID, Person: p.ID, Kind: "session_ended"})
	})
	if err != nil {
		return err
	}
	a.left(id)
	if id == p.Session {
		a.ForgetCookie(w)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// DropSessions handles DELETE /api/v1/me/sessions: signed out everywhere but
// here, or with ?here=1 here too.
func (a *Accounts) DropSessions(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Person(r)
	if err != nil {
		return err
	}
	keep := p.Session
	if r.URL.Query().Get("here") == "1" {
		keep = ""
		a.ForgetCookie(w)
	}
	var ended []string
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		if ended, err = endOthers(ctx, tx, p.ID, keep); err != nil {
			return err
		}
		return note(ctx, tx, deed{Actor: p.ID, Person: p.ID, Kind: "sessions_ended"})
	})
	if err != nil {
		return err
	}
	a.left(ended...)
	return api.Write(w, http.StatusOK, map[string]int{"ended": len(ended)})
}

// endOthers ends every session of a person but one.
func endOthers(ctx context.Context, tx *db.Tx, person, keep string) ([]string, error) {
	rows, err := tx.Query(ctx, "DELETE FROM account_session WHERE person = $1 AND id <> $2 RETURNING id", person, keep)
	return db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
}

// Gone returns those of the sessions that are over.
func (a *Accounts) Gone(ctx context.Context, sessions []string) ([]string, error) {
	if len(sessions) == 0 {
		return nil, nil
	}
	list, args := db.In([]any{time.Now().UnixMilli()}, sessions)
	rows, err := a.DB.Read().QueryContext(ctx, "SELECT id FROM account_session WHERE expires > $1 AND id IN ("+list+")", args...)
	alive, err := db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, id := range alive {
		here[id] = true
	}
	var gone []string
	for _, id := range sessions {
		if !here[id] {
			gone = append(gone, id)
		}
	}
	return gone, nil
}

// seen collects which sessions are used, so that reading who asks writes
// nothing.
type seen struct {
	mu  sync.Mutex // guards ids
	ids map[string]struct{}
}

func (s *seen) note(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]struct{}{}
	}
	if len(s.ids) < maxSeen {
		s.ids[id] = struct{}{}
	}
}

func (s *seen) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for id := range s.ids {
		all = append(all, id)
	}
	s.ids = nil
	return all
}

// keepSeen writes down, until ctx ends, when sessions were last used.
func (a *Accounts) keepSeen(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ids := a.seen.take()
		if len(ids) == 0 {
			continue
		}
		err := a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
			for _, id := range ids {
				if _, err := tx.Exec(ctx, "UPDATE account_session SET seen = $1 WHERE id = $2", tx.Millis(), id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			a.Log.Error("sessions in use", "err", err)
		}
	}
}
