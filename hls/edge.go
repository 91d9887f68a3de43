package hls

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What an edge may cost its origin and itself.
const (
	edgeIdle     = 30 * time.Second // after the last viewer, a rendition is not followed any more
	edgePatience = 60 * time.Second // an origin without the show; until then viewers keep the playlist they know
	edgeRefusal  = time.Second      // what the origin has not is not asked for again
	edgeRetry    = 100 * time.Millisecond
	edgeRetryMax = 500 * time.Millisecond

	edgeChannels = 512 // followed at a time; of others only what is asked for is fetched
	edgeHops     = 4   // edges behind each other

	edgeSlack   = 3 * time.Second // beyond the time an answer may be held back
	edgeTimeout = 40 * time.Second
	edgeBody    = segmentMaxBytes
	edgeText    = 8 << 20 // of a playlist
	edgeParts   = 512     // listed in one
)

// edgeAgent is how an edge introduces itself.
const edgeAgent = "souk-edge"

// Edge serves the channels of another node, its origin, under the same names. Every rendition that somebody watches is
// followed by one reader, whatever the size of the audience: it takes the origin's playlists as they are and each part
// once, and shows them in the same views that a publisher's media is shown in. All else is fetched when it is asked
// for, once for all who ask. Set the fields before use.
type Edge struct {
	// configuration
	Origin    *url.URL          // of the other node; its path is ignored
	Transport http.RoundTripper // to the origin; nil for one of its own
	Log       *slog.Logger

	agent   string // what it calls itself, edgeAgent or longer
	dropped func() // ends Run; nil for an edge that was not made by Peers

	once   sync.Once
	id     string // tells this edge from others
	local  Origin // what is followed
	pulled *pull

	mu      sync.Mutex // serialises spawn and the end of Run
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup
	mirrors sync.Map // channel → *mirror; read by every request
	count   struct{ mirrors, relays, playlists, media, pulls, failed, shared atomic.Int64 }
}

// EdgeStats are the figures of an edge.
type EdgeStats struct {
	Channels, Renditions    int64 // followed now
	Playlists, Media, Pulls int64 // requests to the origin: by followers, and on demand
	Failed                  int64 // of these, without a usable answer
	Shared                  int64 // requests on demand that needed none
}

// Stats returns the figures so far.
func (e *Edge) Stats() EdgeStats {
	c := &e.count
	return EdgeStats{
		Channels: c.mirrors.Load(), Renditions: c.relays.Load(),
		Playlists: c.playlists.Load(), Media: c.media.Load(), Pulls: c.pulls.Load(),
		Failed: c.failed.Load(), Shared: c.shared.Load(),
	}
}

func (e *Edge) init() {
	e.once.Do(func() {
		if e.Log == nil {
			e.Log = slog.New(slog.DiscardHandler)
		}
		if e.Transport == nil {
			e.Transport = &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
				TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 64,
				DisableCompression: true, ForceAttemptHTTP2: true,
			}
		}
		var id [8]byte
		rand.Read(id[:]) // never fails since Go 1.24
		e.id = cmp.Or(e.agent, edgeAgent) + "-" + hex.EncodeToString(id[:])
		e.local.Log = e.Log
		e.local.init()
		e.pulled = newPull(e)
		e.ctx, e.cancel = context.WithCancel(context.Background())
	})
}

// Run keeps the edge until the context ends, then stops following and ends every wait of a viewer.
func (e *Edge) Run(ctx context.Context) error {
	e.init()
	<-ctx.Done()
	e.mu.Lock()
	e.cancel()
	e.mu.Unlock()
	e.local.Close()
	e.work.Wait()
	return ctx.Err()
}

// spawn starts a goroutine that Run waits for. It reports false when the edge has ended.
func (e *Edge) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx.Err() != nil {
		return false
	}
	e.work.Go(f)
	return true
}

// Serve answers for the path values channel and file as the origin's Serve does.
func (e *Edge) Serve(w http.ResponseWriter, r *http.Request) {
	e.init()
	if !welcome(w, r) {
		return
	}
	if no := e.serve(w, r); no != nil {
		no.write(w)
	}
}

func (e *Edge) serve(w http.ResponseWriter, r *http.Request) *refusal {
	file := r.PathValue("file")
	track, live := trackOf(file)
	if !live {
		track, live = pushTrack(file)
	}
	if file != indexName && !live { // media of what is followed, or something else
		if no := e.local.serve(w, r); no != noStream && no != noFile {
			return no
		}
		return e.pulled.serve(w, r)
	}
	m := e.mirror(r.PathValue("channel"))
	if m == nil {
		return e.pulled.serve(w, r)
	}
	defer m.leave()
	if no := m.await(r.Context()); no != nil {
		return no
	}
	if file == indexName {
		index := m.index.Load()
		index.serve(w, r, index.cache)
		return nil
	}
	l := m.relay(track)
	if l == nil {
		return noFile
	}
	defer l.leave()
	if no := l.await(r.Context()); no != nil {
		return no
	}
	return e.local.serve(w, r)
}

// Pull answers with whatever the origin has under the same path: asked for once, kept for as long as the origin
// allows, in pieces when it is large. It is for what never asks who wants it.
func (e *Edge) Pull(w http.ResponseWriter, r *http.Request) {
	e.init()
	if !welcome(w, r) {
		return
	}
	if no := e.pulled.serve(w, r); no != nil {
		no.write(w)
	}
}

// Refusals of an edge.
var (
	originAway = &refusal{http.StatusBadGateway, "origin_away"}
	loop       = &refusal{http.StatusLoopDetected, "loop"}
)

// ErrLoop means that the way to the origin leads back to this edge.
var ErrLoop = errors.New("hls: the origin is this edge itself")

// Guard refuses requests that have come through this edge before, or through too many edges.
func (e *Edge) Guard(next http.Handler) http.Handler {
	e.init()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops := 0
		for _, line := range r.Header["Via"] {
			hops += strings.Count(line, edgeAgent)
			if strings.Contains(line, e.id) {
				hops = edgeHops
			}
		}
		if hops >= edgeHops {
			loop.write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Sign adds the edge to the Via of a request that it passes on, as Guard expects it.
func (e *Edge) Sign(h http.Header) {
	e.init()
	h.Add("Via", "1.1 "+e.id)
}

// Probe asks the origin for its health. It fails with ErrLoop when the origin is this edge, which must serve behind
// Guard by then.
func (e *Edge) Probe(ctx context.Context) error {
	e.init()
	a, err := e.get(ctx, "/healthz", edgeSlack, nil)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusLoopDetected:
		return ErrLoop
	case a.status != http.StatusOK:
		return fmt.Errorf("hls: the origin's health is %d", a.status)
	}
	return nil
}

// answer is one of the origin's.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks the origin for a path, with a query. It follows no redirect and takes any status for an answer but those
// that say that there is nobody.
func (e *Edge) get(ctx context.Context, path string, limit time.Duration, header http.Header) (*answer, error) {
	a, err := e.fetch(ctx, path, limit, header)
	if err != nil {
		e.count.failed.Add(1)
	}
	return a, err
}

func (e *Edge) fetch(ctx context.Context, path string, limit time.Duration, header http.Header) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	path, query, _ := strings.Cut(path, "?")
	at := &url.URL{Scheme: e.Origin.Scheme, Host: e.Origin.Host, Path: path, RawQuery: query}
	r := (&http.Request{Method: http.MethodGet, URL: at, Host: at.Host, Header: http.Header{
		"User-Agent": {edgeAgent}, "Accept-Encoding": {"identity"},
	}}).WithContext(ctx)
	for k, v := range header {
		r.Header[k] = v
	}
	e.Sign(r.Header)
	resp, err := e.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = readAll(resp.Body, resp.ContentLength); err != nil {
		return nil, err
	}
	if a.status >= 500 && a.status != http.StatusLoopDetected {
		return nil, fmt.Errorf("hls: the origin answered %d", a.status)
	}
	return a, nil
}

var errTooLarge = errors.New("hls: too large an answer of the origin")

// readAll reads a body whose length may be known.
func readAll(r io.Reader, length int64) ([]byte, error) {
	if length > edgeBody {
		return nil, errTooLarge
	}
	if length >= 0 {
		b := make([]byte, length)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(r, edgeBody+1))
	if len(b) > edgeBody {
		return nil, errTooLarge
	}
	return b, err
}

// usage counts who needs something that goes on by itself, and ends it once. It has no lock: every request passes.
type usage struct {
	users atomic.Int64
	last  atomic.Int64 // when the last one left, in Unix nanoseconds
}

const retired = math.MinInt64 / 2

// enter reports false when it has ended.
func (u *usage) enter() bool { return u.users.Add(1) > 0 }

func (u *usage) leave() {
	u.last.Store(time.Now().UnixNano())
	u.users.Add(-1)
}

// retire ends it if nobody has needed it for a while.
func (u *usage) retire(idle time.Duration) bool {
	return time.Since(time.Unix(0, u.last.Load())) >= idle && u.users.CompareAndSwap(0, retired)
}
