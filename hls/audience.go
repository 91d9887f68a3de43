package hls

import (
	"hash/maphash"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// audienceSpan is how long a player is taken to watch after it last asked for a playlist. Players of a live
	// playlist ask at least once in a target duration, of which this is twice the longest.
	audienceSpan = 20 * time.Second

	audienceShards = 16
	maxAudience    = 100_000 // players known of one show; beyond that they are not counted
)

// audience counts who watches a stream without a page of ours. A page is counted by its room, so its requests are none
// of this: a browser marks them as coming from the same site. All others are told apart by address and program, once
// each however often they ask; a push is one viewer while it lasts.
type audience struct {
	seed   maphash.Seed
	pushes atomic.Int64
	shards [audienceShards]struct {
		mu   sync.Mutex // guards seen
		seen map[uint64]time.Time
	}
}

func newAudience() *audience { return &audience{seed: maphash.MakeSeed()} }

// ours reports whether a request was made by a page of this server (Fetch Metadata; browsers send that on secure
// origins only, and a Referer in any case).
func ours(r *http.Request) bool {
	if r.UserAgent() == edgeAgent { // it counts its own players
		return true
	}
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 0 {
		return site[0] == "same-origin"
	}
	from := r.Header["Referer"]
	if len(from) == 0 {
		return false
	}
	at, err := url.Parse(from[0])
	return err == nil && at.Host == r.Host
}

// see takes note of a player that has asked for a playlist.
func (a *audience) see(r *http.Request) {
	if ours(r) {
		return
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	var h maphash.Hash
	h.SetSeed(a.seed)
	h.WriteString(host)
	h.WriteByte(0)
	h.WriteString(r.UserAgent())
	key := h.Sum64()
	s := &a.shards[key%audienceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[uint64]time.Time{}
	}
	if _, known := s.seen[key]; !known && len(s.seen) >= maxAudience/audienceShards {
		return
	}
	s.seen[key] = time.Now()
}

// attend counts a push until leave is called.
func (a *audience) attend(r *http.Request) (leave func()) {
	if ours(r) {
		return func() {}
	}
	a.pushes.Add(1)
	return func() { a.pushes.Add(-1) }
}

// count forgets players that have stopped asking and returns how many are left.
func (a *audience) count(now time.Time) int {
	n := int(a.pushes.Load())
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		for key, at := range s.seen {
			if now.Sub(at) > audienceSpan {
				delete(s.seen, key)
			}
		}
		n += len(s.seen)
		s.mu.Unlock()
	}
	return n
}

// Viewers returns how many watch the stream without a page of ours: players by address and program, and pushes.
func (st *Stream) Viewers() int { return st.audience.count(time.Now()) }
