package hls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// relay follows one rendition at the origin as a player would, only that it asks for the next part together with the
// playlist that will list it, so that both are here one way after the origin has them. Its goroutine ends once nobody
// has watched for a while.
type relay struct {
	usage

	// configuration
	mirror *mirror
	track  int
	log    *slog.Logger

	first   chan struct{} // closed once there is a view, or refused
	refused *refusal

	// state, of its goroutine
	stream   *Stream // what the segments below are of
	last     *original
	tag      []string
	segments map[uint64]*segment // that the last playlist listed, by number
	heads    map[uint64]*head
	coming   map[string]*delivery
	away     time.Time // since when the origin does not answer, zero while it does
}

// await waits for the first view.
func (l *relay) await(ctx context.Context) *refusal {
	if !happened(ctx, l.first) {
		return originAway
	}
	return l.refused
}

// run follows until nobody watches, the channel is given up or the context ends.
func (l *relay) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of what is still coming
	l.coming = map[string]*delivery{}
	retry := edgeRetry
	for ctx.Err() == nil && l.mirror.refusal() == nil && !l.retire(edgeIdle) {
		err := l.step(ctx)
		if ctx.Err() != nil {
			break
		}
		l.note(err)
		switch {
		case err == nil:
			retry = edgeRetry
			if l.last.ended {
				pause(ctx, indexMaxAge) // for the channel's next show
			}
			continue
		case l.last == nil && l.stream == nil:
			l.refused = originAway
			if errors.Is(err, errNotThere) {
				l.refused = noFile
			}
			close(l.first)
			pause(ctx, edgeRefusal)
			l.end()
			return
		case errors.Is(err, errNotThere) && !l.mirror.lists(l.track):
			l.absent() // no rendition any more
		}
		pause(ctx, retry+rand.N(retry))
		retry = min(2*retry, edgeRetryMax)
	}
	l.end()
}

// end takes the rendition off the edge.
func (l *relay) end() {
	l.users.Store(retired)
	l.absent()
	select {
	case <-l.first:
	default:
		l.refused = originAway
		close(l.first)
	}
}

// absent shows that there is nothing to see.
func (l *relay) absent() {
	if l.stream != nil {
		l.stream.timeline.renditions[l.track].show(l.mirror.absent())
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// note logs when the origin goes and when it is back.
func (l *relay) note(err error) {
	switch {
	case err != nil && l.away.IsZero():
		l.away = time.Now()
		l.log.Warn("origin does not answer", "err", err)
	case err == nil && !l.away.IsZero():
		l.log.Info("origin is back", "after", time.Since(l.away))
		l.away = time.Time{}
	}
}

var errNotThere = errors.New("hls: the origin does not have it")

// step waits for the origin's next playlist and shows it.
func (l *relay) step(ctx context.Context) error {
	path, limit, header := "/hls/"+l.mirror.channel+"/"+mediaFile(l.track), firstWait, http.Header{}
	if o := l.last; o != nil {
		header["If-None-Match"] = l.tag
		if !o.ended {
			l.order(ctx, partName(o.prefix, o.tail().msn, len(o.tail().parts)))
			path += "?_HLS_msn=" + strconv.FormatUint(o.tail().msn, 10) + "&_HLS_part=" + strconv.Itoa(len(o.tail().parts))
			limit = times(blockPart, o.target)
		}
	}
	l.mirror.edge.count.playlists.Add(1)
	a, err := l.mirror.edge.get(ctx, path, limit+edgeSlack, header)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotModified:
		return nil
	case a.status != http.StatusOK:
		l.last = nil // to be asked without directives: another show has other numbers
		return fmt.Errorf("%w: %d", errNotThere, a.status)
	case len(a.body) > edgeText:
		return errTooLarge
	}
	o, err := readOriginal(a.body, l.track)
	if err != nil {
		return err
	}
	return l.take(ctx, o, newText(a.body, a.tag()))
}

// take fetches what a playlist lists and makes it the view.
func (l *relay) take(ctx context.Context, o *original, media *text) error {
	st := l.mirror.of(o.epoch)
	if st == nil {
		return errOriginal
	}
	if st != l.stream {
		l.stream, l.segments, l.heads = st, map[uint64]*segment{}, map[uint64]*head{}
	}
	l.clear(o)
	l.orderAll(ctx, o)
	for i := range o.segments {
		if err := l.fill(ctx, o, &o.segments[i]); err != nil {
			return err
		}
	}
	v := l.view(o)
	v.media = media
	st.timeline.renditions[l.track].show(v)
	l.last, l.tag = o, media.plainTag
	select {
	case <-l.first:
	default:
		close(l.first)
	}
	return nil
}

// clear forgets what is not listed any more, and cancels what was ordered and never will be.
func (l *relay) clear(o *original) {
	for msn := range l.segments {
		if msn < o.segments[0].msn {
			delete(l.segments, msn)
		}
	}
	heads := map[uint64]*head{}
	for i := range o.segments {
		if number := o.segments[i].head; l.heads[number] != nil {
			heads[number] = l.heads[number]
		}
	}
	l.heads = heads
	for name, d := range l.coming {
		if n, ok := parseName(o.prefix, name); !ok || !o.mayList(n) {
			d.cancel()
			delete(l.coming, name)
		}
	}
}

// orderAll asks for everything that is listed and not here, at once.
func (l *relay) orderAll(ctx context.Context, o *original) {
	for i := range o.segments {
		s := &o.segments[i]
		have := 0
		if known := l.segments[s.msn]; known != nil {
			have = len(known.parts)
		}
		if l.heads[s.head] == nil {
			l.order(ctx, headName(o.prefix, s.head))
		}
		for k := have; k < len(s.parts); k++ {
			l.order(ctx, partName(o.prefix, s.msn, k))
		}
	}
}

// fill makes a segment what the playlist says of it. One that was shown as complete is not touched again.
func (l *relay) fill(ctx context.Context, o *original, s *originalSegment) error {
	known := l.segments[s.msn]
	if known != nil && known.closed {
		return nil
	}
	if known == nil || s.complete && len(s.parts) == 0 {
		// When it is listed without parts its bytes are fetched if somebody asks.
		h, err := l.head(ctx, o, s.head)
		if err != nil {
			return err
		}
		known = &segment{slot: &slot{msn: s.msn, date: s.start, discontinuity: s.breaks}, head: h, start: s.start, gap: s.gap}
		l.segments[s.msn] = known
	}
	for k := len(known.parts); k < len(s.parts); k++ {
		name := partName(o.prefix, s.msn, k)
		body, contentType, err := l.receive(ctx, name)
		if err != nil {
			return err
		}
		known.parts = append(known.parts, &part{
			object: newObject(name, contentType, body), msn: s.msn, number: k, date: known.end(),
			duration: s.parts[k].duration, independent: s.parts[k].independent,
		})
		known.duration += s.parts[k].duration
		known.size += len(body)
	}
	if !s.complete {
		return nil
	}
	known.closed, known.duration = true, s.duration
	if len(known.parts) > 0 {
		chunks := make([][]byte, len(known.parts))
		for i, p := range known.parts {
			chunks[i] = p.chunks[0]
		}
		known.object = newObject(segmentName(o.prefix, s.msn), known.head.contentTypeOf(), chunks...)
	}
	return nil
}

// head returns an init section with what the multivariant playlist says of its rendition.
func (l *relay) head(ctx context.Context, o *original, number uint64) (*head, error) {
	if h := l.heads[number]; h != nil {
		return h, nil
	}
	name := headName(o.prefix, number)
	body, contentType, err := l.receive(ctx, name)
	if err != nil {
		return nil, err
	}
	h := &head{number: number, video: contentType == "video/mp4"}
	if listed := l.mirror.index.Load().listed[l.track]; listed != nil {
		h.codecs, h.width, h.height, h.frameRate = listed.codecs, listed.width, listed.height, listed.frameRate
	}
	h.object = newObject(name, contentType, body)
	l.heads[number] = h
	return h, nil
}

// view is what the segments make for viewers.
func (l *relay) view(o *original) *view {
	v := &view{target: o.target, publisher: true, ended: o.ended, index: l.mirror.index.Load().text, next: make(chan struct{})}
	for i := range o.segments {
		s := l.segments[o.segments[i].msn]
		if s.closed {
			v.segments = append(v.segments, s)
			v.tail.msn = s.msn + 1
			continue
		}
		v.tail = tail{msn: s.msn, parts: s.parts[:len(s.parts):len(s.parts)]}
		if len(s.parts) > 0 {
			v.tail.head = s.head
		}
	}
	return v
}

// delivery is a body on its way.
type delivery struct {
	done        chan struct{}
	cancel      context.CancelFunc
	body        []byte
	contentType string
	err         error
}

// failed reports whether it has come to nothing.
func (d *delivery) failed() bool {
	select {
	case <-d.done:
		return d.err != nil
	default:
		return false
	}
}

// order asks the origin for media, unless that is under way.
func (l *relay) order(ctx context.Context, name string) {
	if d := l.coming[name]; d != nil && !d.failed() {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	d := &delivery{done: make(chan struct{}), cancel: cancel}
	l.coming[name] = d
	e := l.mirror.edge
	e.count.media.Add(1)
	go func() {
		defer close(d.done)
		a, err := e.get(ctx, "/hls/"+l.mirror.channel+"/"+name, edgeTimeout, nil)
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%w: %s", errNotThere, name)
		}
		if d.err = err; err == nil {
			d.body, d.contentType = a.body, a.header.Get("Content-Type")
		}
	}()
}

// receive waits for what was ordered. What failed is ordered again by the next step.
func (l *relay) receive(ctx context.Context, name string) ([]byte, string, error) {
	l.order(ctx, name)
	d := l.coming[name]
	select {
	case <-d.done:
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	d.cancel() // it is over: this frees its context
	delete(l.coming, name)
	return d.body, d.contentType, d.err
}
