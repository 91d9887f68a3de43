package hls

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// What the other nodes may cost this one.
const (
	peerMost     = 64               // nodes followed at a time
	peerFresh    = time.Second      // how long an answer of Where is good for
	peerHeld     = 10 * time.Minute // how long a node that had a replay is believed to have it
	peerUnheld   = 5 * time.Second  // how long a replay that nobody had is not looked for again
	peerKnown    = 4096             // channels and replays remembered, of each
	peerLook     = 2 * time.Second  // for all the others to say whether they have a replay
	peerAgent    = edgeAgent + "-peer"
	peerMarkName = "Via"
)

// Peers serves the shows of this node and of those it stands among, under the same names and with the same answers,
// whichever of them is asked. A channel whose publisher is on another node is followed there as an [Edge] follows its
// origin, and a replay is fetched from the node that has it. What a node asks another for is answered from there or not
// at all, so that no request goes round.
//
// Set the fields, then Run. Its methods are safe from any goroutine.
type Peers struct {
	// configuration
	Origin  *Origin
	Archive *Archive
	Stills  *Stills
	// Where returns the base URL of the node that has the channel's publisher, or had it last; "" for this one and for
	// nobody. It fails when that cannot be told now.
	Where func(ctx context.Context, channel string) (node string, err error)
	// Others returns the base URLs of the other nodes.
	Others    func() []string
	Transport http.RoundTripper // to the other nodes; nil for one of its own
	Log       *slog.Logger

	channels, replays directory

	mu     sync.Mutex // guards everything below
	ctx    context.Context
	cancel context.CancelFunc
	edges  map[string]*Edge // by base URL
	work   sync.WaitGroup
	ended  bool
}

// Run follows other nodes until the context ends, then ends every wait of a viewer.
func (p *Peers) Run(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	p.ended = true
	if p.cancel != nil {
		p.cancel()
	}
	p.mu.Unlock()
	p.work.Wait()
	return context.Cause(ctx)
}

// edge returns what follows a node, nil when there are too many of them or the time is over.
func (p *Peers) edge(node string) *Edge {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.edges[node]; e != nil {
		return e
	}
	at, err := url.Parse(node)
	if err != nil || at.Host == "" || p.ended || len(p.edges) >= peerMost && !p.makeRoom() {
		return nil
	}
	if p.edges == nil {
		p.edges = map[string]*Edge{}
		p.ctx, p.cancel = context.WithCancel(context.Background())
	}
	ctx, cancel := context.WithCancel(p.ctx)
	e := &Edge{Origin: at, Transport: p.Transport, Log: p.Log.With("node", node), agent: peerAgent, dropped: cancel}
	e.init()
	p.edges[node] = e
	p.work.Go(func() { _ = e.Run(ctx) })
	return e
}

// makeRoom forgets a node that nobody watches. The caller holds the lock.
func (p *Peers) makeRoom() bool {
	for node, e := range p.edges {
		if e.count.mirrors.Load() == 0 {
			e.dropped()
			delete(p.edges, node)
			return true
		}
	}
	return false
}

// Relayed reports whether a request was made by another node, which wants to know what this one has.
func Relayed(r *http.Request) bool {
	for _, line := range r.Header[peerMarkName] {
		if strings.Contains(line, peerAgent) {
			return true
		}
	}
	return false
}

// Relay marks a request that is passed on to another node.
func Relay(h http.Header) { h.Add(peerMarkName, "1.1 "+peerAgent) }

// Of returns the base URL of the node to ask about a channel's picture and encoder; "" when that is this one.
func (p *Peers) Of(ctx context.Context, channel string) string {
	if st, ok := p.Origin.Stream(channel); ok && st.session.Load() != nil {
		return ""
	}
	return p.channels.find(ctx, channel, func(ctx context.Context) (string, time.Duration, error) {
		node, err := p.Where(ctx, channel)
		return node, peerFresh, err
	})
}

// Holder returns the base URL of the node that has a show's recording; "" when that is this one, or nobody.
func (p *Peers) Holder(ctx context.Context, show string) string {
	if p.Archive.has(show) {
		return ""
	}
	return p.replays.find(ctx, show, func(ctx context.Context) (string, time.Duration, error) {
		if node := p.look(ctx, show); node != "" {
			return node, peerHeld, nil
		}
		return "", peerUnheld, nil
	})
}

// look asks all others at once who has a replay.
func (p *Peers) look(ctx context.Context, show string) string {
	others := p.Others()
	ctx, cancel := context.WithTimeout(ctx, peerLook)
	defer cancel()
	said := make(chan string, len(others))
	asked := 0
	for _, node := range others {
		e := p.edge(node)
		if e == nil {
			continue
		}
		asked++
		go func() { // ends with ctx
			a, err := e.get(ctx, "/hls/replay/"+url.PathEscape(show)+"/"+replayIndex, peerLook, nil)
			if err != nil || a.status != http.StatusOK {
				node = ""
			}
			said <- node
		}()
	}
	for range asked {
		if node := <-said; node != "" {
			return node
		}
	}
	return ""
}

// Serve answers for the path values channel and file as [Origin.Serve] does.
func (p *Peers) Serve(w http.ResponseWriter, r *http.Request) {
	if !welcome(w, r) {
		return
	}
	if no := p.serve(w, r); no != nil {
		no.write(w)
	}
}

func (p *Peers) serve(w http.ResponseWriter, r *http.Request) *refusal {
	if Relayed(r) {
		return p.Origin.serve(w, r)
	}
	node := p.Of(r.Context(), r.PathValue("channel"))
	if node == "" {
		return p.Origin.serve(w, r)
	}
	if !isPlaylist(r.PathValue("file")) { // names are never given twice: what this node knows it has
		if no := p.Origin.serve(w, r); no != noStream && no != noFile {
			return no
		}
	}
	e := p.edge(node)
	if e == nil {
		return originAway
	}
	return e.serve(w, r)
}

// isPlaylist reports whether a file is the same name for other bytes as time goes by.
func isPlaylist(file string) bool {
	_, push := pushTrack(file)
	return push || strings.HasSuffix(file, ".m3u8")
}

// ServeReplay answers for the path values show and file as [Archive.Serve] does.
func (p *Peers) ServeReplay(w http.ResponseWriter, r *http.Request) {
	var node string
	if !Relayed(r) {
		node = p.Holder(r.Context(), r.PathValue("show"))
	}
	p.pull(w, r, node, p.Archive.Serve)
}

// ServeStill answers for the path value file as [Stills.Serve] does.
func (p *Peers) ServeStill(w http.ResponseWriter, r *http.Request) {
	var node string
	if channel, ok := strings.CutSuffix(r.PathValue("file"), ".jpg"); ok && !Relayed(r) {
		node = p.Of(r.Context(), channel)
	}
	p.pull(w, r, node, p.Stills.Serve)
}

// pull answers from another node, or from here where none is named.
func (p *Peers) pull(w http.ResponseWriter, r *http.Request, node string, here http.HandlerFunc) {
	if node == "" {
		here(w, r)
		return
	}
	if !welcome(w, r) {
		return
	}
	no := originAway
	if e := p.edge(node); e != nil {
		no = e.pulled.serve(w, r)
	}
	if no != nil {
		no.write(w)
	}
}

// Viewers returns how many watch a channel's show through this node without a page of ours.
func (p *Peers) Viewers(channel string) (n int) {
	count := func(o *Origin) {
		if st, ok := o.Stream(channel); ok {
			n += st.Viewers()
		}
	}
	count(p.Origin)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.edges {
		count(&e.local)
	}
	return n
}

// directory remembers for a while what had to be looked for, and asks once for all who want to know the same.
type directory struct {
	mu    sync.Mutex // guards known
	known map[string]*whereabouts
}

type whereabouts struct {
	first chan struct{} // closed with the first answer

	mu    sync.Mutex // guards the rest
	node  string
	until time.Time
	busy  bool
}

// find returns what is known of a name. Whoever finds that too old asks again; meanwhile, and when there is no answer,
// the old one is good.
func (d *directory) find(ctx context.Context, name string, ask func(context.Context) (string, time.Duration, error)) string {
	at, first := d.at(name)
	if !first {
		select {
		case <-at.first:
		case <-ctx.Done():
			return ""
		}
	}
	at.mu.Lock()
	due := !at.busy && time.Now().After(at.until)
	at.busy = at.busy || due
	node := at.node
	at.mu.Unlock()
	if !due {
		return node
	}
	// Others wait for the answer, whatever becomes of this request.
	said, fresh, err := ask(context.WithoutCancel(ctx))
	at.mu.Lock()
	defer at.mu.Unlock()
	if err == nil {
		at.node = said
	} else if !errors.Is(err, context.Canceled) {
		fresh = peerFresh
	}
	at.until, at.busy = time.Now().Add(fresh), false
	if first {
		close(at.first)
	}
	return at.node
}

// at returns the entry of a name; first tells that it is new and the caller the one to ask.
func (d *directory) at(name string) (at *whereabouts, first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := d.known[name]; at != nil {
		return at, false
	}
	if d.known == nil || len(d.known) >= peerKnown { // somebody makes names up; what is needed is soon known again
		d.known = map[string]*whereabouts{}
	}
	at = &whereabouts{first: make(chan struct{})}
	d.known[name] = at
	return at, true
}
