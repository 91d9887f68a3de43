package hls

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	pullBlock  = 1 << 20   // bytes of one request for a large file
	pullBytes  = 256 << 20 // kept, of all files
	pullWays   = 64        // requests to the origin at a time
	pullAgeMax = 24 * time.Hour
)

// pull is what an edge fetches on demand: once for everybody who asks at the same time, and kept as long as the origin
// says, what was not used for longest going first. Large files come in blocks.
type pull struct {
	// configuration
	edge *Edge
	ways chan struct{}

	mu    sync.Mutex // guards everything below
	known map[blockKey]*list.Element
	order *list.List // of *block, the last used one in front
	bytes int
}

// blockKey names a block of a file: its path with the delivery directives, and its number.
type blockKey struct {
	path   string
	number int64
}

// block is one answer of the origin. It does not change once done is closed.
type block struct {
	key  blockKey
	done chan struct{}

	status  int
	header  http.Header
	body    []byte
	size    int   // what of body counts as kept; guarded by pull.mu
	media   *text // when it is a playlist
	total   int64 // bytes of the whole file
	expires time.Time
	err     error
	former  *block // what it was to replace, if it came to nothing
}

func newPull(e *Edge) *pull {
	return &pull{edge: e, ways: make(chan struct{}, pullWays), known: map[blockKey]*list.Element{}, order: list.New()}
}

// passed on as the origin sent them.
var pulledHeaders = []string{"Content-Type", "Content-Disposition", "Etag", "Cache-Control", "Last-Modified"}

func (p *pull) serve(w http.ResponseWriter, r *http.Request) *refusal {
	path := r.URL.Path + directivesOf(r.URL.RawQuery)
	first, err := p.get(r.Context(), blockKey{path, 0})
	if err != nil {
		return originAway
	}
	h := w.Header()
	for _, name := range pulledHeaders {
		if v := first.header[name]; v != nil {
			h[name] = v
		}
	}
	switch {
	case first.status != http.StatusOK && first.status != http.StatusPartialContent:
		h["Cache-Control"] = noStore
		h.Del("Etag")
		w.WriteHeader(first.status)
		w.Write(first.body)
	case first.media != nil:
		first.media.serve(w, r, first.header["Cache-Control"])
	case first.total == int64(len(first.body)):
		serveLong(w, r, bytes.NewReader(first.body))
	default:
		serveLong(w, r, &blocks{pull: p, ctx: r.Context(), first: first})
	}
	return nil
}

// directivesOf keeps of a query what selects another object, in one spelling.
func directivesOf(query string) string {
	d, err := parseDirectives(query)
	if err != nil {
		return "?_HLS_part=0" // the origin refuses it
	}
	var list []string
	if d.set {
		list = append(list, "_HLS_msn="+strconv.FormatUint(d.msn, 10))
	}
	if !d.whole {
		list = append(list, "_HLS_part="+strconv.Itoa(d.part))
	}
	if d.skip {
		list = append(list, "_HLS_skip=YES")
	}
	if list == nil {
		return ""
	}
	return "?" + strings.Join(list, "&")
}

// get returns a block, from the origin if it is not known or too old. An origin that is away makes no block too old.
func (p *pull) get(ctx context.Context, key blockKey) (*block, error) {
	b := p.find(key)
	select {
	case <-b.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.err != nil && b.former != nil {
		return b.former, nil
	}
	return b, b.err
}

// find returns a block that is here or under way.
func (p *pull) find(key blockKey) *block {
	p.mu.Lock()
	defer p.mu.Unlock()
	var former *block
	if at := p.known[key]; at != nil {
		b := at.Value.(*block)
		p.order.MoveToFront(at)
		select {
		case <-b.done:
		default:
			p.edge.count.shared.Add(1)
			return b
		}
		if time.Now().Before(b.expires) {
			p.edge.count.shared.Add(1)
			return b
		}
		if b.err == nil {
			former = b
		}
		p.remove(at)
	}
	b := &block{key: key, done: make(chan struct{}), former: former}
	p.known[key] = p.order.PushFront(b)
	if !p.edge.spawn(func() { p.load(b) }) {
		b.err = p.edge.ctx.Err()
		close(b.done)
	}
	return b
}

func (p *pull) remove(at *list.Element) {
	b := at.Value.(*block)
	p.order.Remove(at)
	delete(p.known, b.key)
	p.bytes -= b.size
	b.size = 0
}

// load fetches a block, for all who wait for it: none of them can cancel it.
func (p *pull) load(b *block) {
	ctx := p.edge.ctx
	select {
	case p.ways <- struct{}{}:
		defer func() { <-p.ways }()
		b.err = b.fetch(ctx, p.edge)
	case <-ctx.Done():
		b.err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(b.done) // of the new block, whatever b becomes
	at := p.known[b.key]
	if at == nil || at.Value != b { // pushed out meanwhile
		return
	}
	switch {
	case b.err == nil:
		b.former = nil
	case b.former != nil:
		b.former.expires = time.Now().Add(edgeRefusal)
		at.Value, b = b.former, b.former
	default:
		b.expires = time.Now().Add(edgeRefusal)
	}
	b.size = len(b.body)
	p.bytes += b.size
	for p.bytes > pullBytes || p.order.Len() > pullBytes/pullBlock*8 {
		p.remove(p.order.Back())
	}
}

var errChanged = errors.New("hls: a file of the origin changed while it was read")

func (b *block) fetch(ctx context.Context, e *Edge) error {
	from := b.key.number * pullBlock
	span := "bytes=" + strconv.FormatInt(from, 10) + "-" + strconv.FormatInt(from+pullBlock-1, 10)
	e.count.pulls.Add(1)
	a, err := e.get(ctx, b.key.path, edgeTimeout, http.Header{"Range": {span}})
	if err != nil {
		return err
	}
	b.status, b.header, b.body, b.total = a.status, a.header, a.body, int64(len(a.body))
	if b.status == http.StatusPartialContent {
		var first, last int64
		if _, err := fmt.Sscanf(a.header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &b.total); err != nil ||
			first != from || last-first+1 != int64(len(b.body)) || last >= b.total || len(b.body) > pullBlock {
			return fmt.Errorf("hls: the origin answered %s with %q", span, a.header.Get("Content-Range"))
		}
	} else if b.key.number > 0 {
		return errChanged
	}
	if a.header.Get("Content-Type") == playlistCT[0] && b.status == http.StatusOK {
		b.media = newText(b.body, a.tag())
	}
	b.expires = time.Now().Add(freshFor(a))
	return nil
}

// freshFor is how long an answer may be given to others.
func freshFor(a *answer) time.Duration {
	if a.status != http.StatusOK && a.status != http.StatusPartialContent {
		return edgeRefusal
	}
	control := a.header.Get("Cache-Control")
	_, value, ok := strings.Cut(control, "max-age=")
	if !ok || strings.Contains(control, "no-store") || strings.Contains(control, "private") {
		return 0
	}
	age, _ := strconv.Atoi(a.header.Get("Age")) // none is 0
	return min(secondsOf([]byte(value)), pullAgeMax) - time.Duration(age)*time.Second
}

// blocks reads a large file for one viewer.
type blocks struct {
	pull  *pull
	ctx   context.Context // of the viewer's request
	first *block
	at    int64
}

// Seek is for http.ServeContent.
func (b *blocks) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.first.total
	}
	if offset < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	b.at = offset
	return offset, nil
}

// Read is for http.ServeContent.
func (b *blocks) Read(buf []byte) (int, error) {
	if b.at >= b.first.total {
		return 0, io.EOF
	}
	now := b.first
	if number := b.at / pullBlock; number > 0 {
		var err error
		if now, err = b.pull.get(b.ctx, blockKey{b.first.key.path, number}); err != nil {
			return 0, err
		}
		if now.total != b.first.total || now.header.Get("Etag") != b.first.header.Get("Etag") {
			return 0, errChanged
		}
	}
	off := b.at % pullBlock
	if off >= int64(len(now.body)) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(buf, now.body[off:])
	b.at += int64(n)
	return n, nil
}
