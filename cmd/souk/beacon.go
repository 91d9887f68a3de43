package main

import (
	"net/http"
	"net/netip"
	"time"

	"souk/internal/api"
	"souk/show"
)

// Limits of what pages report.
const (
	maxReported   = 20                     // cards in one report
	reportsAtOnce = 30                     // of one person, then one per reportRefill
	reportRefill  = 2 * time.Second        // …
	countedAtOnce = 600                    // different browsers of one address, then one per countedRefill: a
	countedRefill = 200 * time.Millisecond // phone carrier puts thousands of people behind one
)

// beacons limits who is counted.
type beacons struct {
	reports api.Limiter[string]
	counted api.Limiter[netip.Prefix]
}

func newBeacons() *beacons {
	return &beacons{
		reports: api.Limiter[string]{Burst: reportsAtOnce, Every: reportRefill},
		counted: api.Limiter[netip.Prefix]{Burst: countedAtOnce, Every: countedRefill},
	}
}

// postSeen handles POST /api/v1/channels/{channel}/seen: that somebody watches,
// which cards they have seen, and which sheets they have opened. A person counts
// once at each, and so does a browser; a browser that is not known yet is made
// known, and counts with its next report: whoever wants to be many has to keep
// many cookies, and gets no more of them from one address than guests.
func (s *souk) postSeen(w http.ResponseWriter, r *http.Request) error {
	var body struct{ Seen, Opened []string }
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	if len(body.Seen) > maxReported || len(body.Opened) > maxReported {
		return api.Fail(http.StatusUnprocessableEntity, "bad_seen", "A report has at most 20 cards.").With("field", "seen")
	}
	channel := r.PathValue("channel")
	if _, err := s.accounts.Channel(r.Context(), channel); err != nil {
		return err
	}
	person, known, err := s.accounts.Visitor(w, r)
	if err != nil {
		return err
	}
	if wait, ok := s.beacons.counted.Take(api.Client(r), person); !ok {
		return api.TooFast(wait)
	}
	if !known {
		return api.Write(w, http.StatusAccepted, map[string]bool{"counted": false})
	}
	if wait, ok := s.beacons.reports.Take(person, ""); !ok {
		return api.TooFast(wait)
	}
	if err := s.board.Saw(r.Context(), channel, show.Watched, "", person); err != nil {
		return err
	}
	for step, pins := range map[string][]string{show.Seen: body.Seen, show.Opened: body.Opened} {
		for _, pin := range pins {
			if pin != "" {
				if ours, err := s.shop.PinOn(r.Context(), channel, pin); err != nil {
					return err
				} else if !ours {
					continue
				}
			}
			if err := s.board.Saw(r.Context(), channel, step, pin, person); err != nil {
				return err
			}
		}
	}
	return api.Write(w, http.StatusAccepted, map[string]bool{"counted": true})
}
