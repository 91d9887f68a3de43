package hls

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Header values that responses share.
var (
	anyOrigin  = []string{"*"}
	exposed    = []string{"Age, Date, Content-Length, Content-Range, ETag"}
	playlistCT = []string{"application/vnd.apple.mpegurl"}
	byteRanges = []string{"bytes"}
	varyCoding = []string{"Accept-Encoding"}
	gzipped    = []string{"gzip"}
	noStore    = []string{"no-store"}
	cacheMedia = []string{"public, max-age=" + seconds(mediaMaxAge) + ", immutable"}
	cacheIndex = []string{"public, max-age=" + seconds(indexMaxAge)}
	cacheLive  = []string{"public, max-age=" + seconds(liveMaxAge)}
	cacheEnded = []string{"public, max-age=" + seconds(endedReadable)}

	// A reload that was waited for stays true for as long as players may wait for the next one.
	cacheReload = func() map[time.Duration][]string {
		all := map[time.Duration][]string{}
		for _, n := range targetDurations {
			target := time.Duration(n) * time.Second
			all[target] = []string{"public, max-age=" + seconds(target)}
		}
		return all
	}()
)

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// refusal is an answer other than the file: a stable word in a plain text body.
type refusal struct {
	status int
	word   string
}

var (
	noStream    = &refusal{http.StatusNotFound, "no_such_stream"}
	noFile      = &refusal{http.StatusNotFound, "no_such_file"}
	notPlayable = &refusal{http.StatusNotFound, "not_playable_yet"}
	badReload   = &refusal{http.StatusBadRequest, "bad_directive"}
	tooFarAhead = &refusal{http.StatusBadRequest, "too_far_ahead"}
	badMethod   = &refusal{http.StatusMethodNotAllowed, "bad_method"}
)

// Serve answers for the path values channel and file. It is safe for any number of callers and never waits longer than
// the client does. A client that does not read is for the WriteTimeout of the http.Server to end; that must leave room
// for the longest wait, three target durations.
func (o *Origin) Serve(w http.ResponseWriter, r *http.Request) {
	if !welcome(w, r) {
		return
	}
	if no := o.serve(w, r); no != nil {
		no.write(w)
	}
}

// serve answers a request for a file, or says why not and leaves the answer to the caller.
func (o *Origin) serve(w http.ResponseWriter, r *http.Request) *refusal {
	st, ok := o.Stream(r.PathValue("channel"))
	if !ok {
		return noStream
	}
	file := r.PathValue("file")
	switch file {
	case indexName:
		return st.serveIndex(w, r)
	case dvrName:
		return st.serveDVR(w, r)
	}
	if track, ok := trackOf(file); ok {
		return st.serveMedia(w, r, track)
	}
	if track, ok := pushTrack(file); ok {
		return st.servePush(w, r, track)
	}
	return st.serveObject(w, r, file)
}

// welcome says that pages of all sites may read the answer, and reports whether one is due: the method is taken, and asks
// for more than what is allowed.
func welcome(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposed
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Range, If-None-Match, Cache-Control")
		h.Set("Access-Control-Max-Age", seconds(mediaMaxAge))
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		badMethod.write(w)
	}
	return false
}

func (no *refusal) write(w http.ResponseWriter) {
	h := w.Header()
	h["Cache-Control"] = noStore
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(no.word)+1))
	w.WriteHeader(no.status)
	io.WriteString(w, no.word+"\n")
}

// serveIndex answers with the multivariant playlist. While a publisher is on whose first segment is not complete yet,
// it waits for that.
func (st *Stream) serveIndex(w http.ResponseWriter, r *http.Request) *refusal {
	v := st.playableView(r)
	if !v.playable() {
		return notPlayable
	}
	cache := cacheIndex
	if v.ended {
		cache = cacheEnded
	}
	v.index.serve(w, r, cache)
	return nil
}

// playableView is the newest view, or the first one that has a segment.
func (st *Stream) playableView(r *http.Request) *view {
	v, _ := st.timeline.until(r.Context(), 0, firstWait, func(v *view) bool { return v.playable() || !v.publisher })
	return v
}

// serveMedia answers with a media playlist, at once or as the delivery directives say (RFC 8216bis section 6.2.5.2). A
// rendition that has gone is not found, so that players switch to another.
func (st *Stream) serveMedia(w http.ResponseWriter, r *http.Request, track int) *refusal {
	d, err := parseDirectives(r.URL.RawQuery)
	if err != nil {
		return badReload
	}
	st.audience.see(r)
	if v := st.playableView(r); !v.playable() {
		return notPlayable
	}
	v := st.timeline.look(track)
	if v == nil || v.off {
		return noFile
	}
	cache := cacheLive
	if d.set {
		if v.tooFar(d) {
			return tooFarAhead
		}
		limit := times(blockPart, v.target)
		if d.whole {
			limit = times(blockWhole, v.target)
		}
		var met bool
		v, met = st.timeline.until(r.Context(), track, limit, func(v *view) bool {
			return v.ended || v.off || v.has(d.msn, d.part, d.whole)
		})
		if v.off {
			return noFile
		}
		cache = cacheReload[v.target]
		if !met { // unchanged and overdue: players count a miss, where an error would stop them
			cache = noStore
		}
	}
	if v.ended {
		cache = cacheEnded
	}
	media := v.media
	if d.skip {
		media = media.delta()
	}
	media.serve(w, r, cache)
	return nil
}

func times(n float64, d time.Duration) time.Duration { return time.Duration(n * float64(d)) }

// directives are a blocking reload's query.
type directives struct {
	set   bool
	msn   uint64
	part  int
	whole bool // no part named: the complete segment is wanted
	skip  bool // a delta update will do
}

var errDirective = errors.New("hls: bad delivery directive")

// parseDirectives reads the query by hand: it is on the path of every reload, and anything else in it is of no
// concern here.
func parseDirectives(query string) (d directives, err error) {
	d.whole = true
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "_HLS_msn":
			var ok bool
			if d.msn, ok = canonical(value); !ok || d.msn > math.MaxInt64 {
				return d, errDirective
			}
			d.set = true
		case "_HLS_part":
			n, ok := canonical(value)
			if !ok {
				return d, errDirective
			}
			d.part, d.whole = int(min(n, math.MaxInt32)), false
		case "_HLS_skip":
			// v2 would let us leave out date ranges too, which we do not offer; what a later draft may add is full text.
			d.skip = value == "YES" || value == "v2"
		}
	}
	if !d.whole && !d.set {
		return d, errDirective
	}
	return d, nil
}

// advanceParts is the Advance Part Limit: three seconds of parts.
const advanceParts = int((3*time.Second + partTarget - 1) / partTarget)

// tooFar reports whether the directives name something that players of this playlist cannot expect next.
func (v *view) tooFar(d directives) bool {
	if v.ended {
		return false
	}
	switch {
	case d.msn > v.tail.msn+1:
		return true
	case d.msn == v.tail.msn && !d.whole:
		return d.part >= len(v.tail.parts)+advanceParts
	case d.msn == v.tail.msn+1 && !d.whole:
		return d.part >= advanceParts
	}
	return false
}

// serveObject answers with a segment, part or init section. The part that the playlist hints at is waited for.
func (st *Stream) serveObject(w http.ResponseWriter, r *http.Request, file string) *refusal {
	track, name, ok := st.timeline.locate(file)
	if !ok { // of a former process, or none
		return st.serveRecorded(w, r, file)
	}
	v := st.timeline.look(track)
	o, hint := v.find(name)
	if o == nil && hint {
		v, _ = st.timeline.until(r.Context(), track, times(blockWhole, v.target), func(v *view) bool {
			return !v.hinted(name.number, name.part)
		})
		o, _ = v.find(name)
	}
	if o == nil {
		return st.serveRecorded(w, r, file)
	}
	o.serve(w, r)
	return nil
}

func (t *text) serve(w http.ResponseWriter, r *http.Request, cache []string) {
	h := w.Header()
	h["Content-Type"] = playlistCT
	h["Cache-Control"] = cache
	h["Vary"] = varyCoding
	body, length, etag := t.plain, t.plainLen, t.plainTag
	if acceptsGzip(r.Header) {
		body = t.gz()
		length, etag = t.zipLen, t.zipTag
		h["Content-Encoding"] = gzipped
	}
	h["Etag"] = etag
	if matches(r.Header, etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Length"] = length
	if r.Method == http.MethodHead {
		return
	}
	w.Write(body)
}

func (o *object) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Content-Type"] = o.contentType
	h["Cache-Control"] = cacheMedia
	h["Accept-Ranges"] = byteRanges
	h["Etag"] = o.etag
	if len(r.Header["Range"]) > 0 {
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(o, 0, int64(o.size)))
		return
	}
	if matches(r.Header, o.etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Length"] = o.contentLength
	if r.Method == http.MethodHead {
		return
	}
	o.WriteTo(w)
}

// acceptsGzip reads Accept-Encoding as far as real clients use it (RFC 9110 section 12.5.3).
func acceptsGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			coding, weight, _ := strings.Cut(item, ";")
			if strings.TrimSpace(coding) != "gzip" {
				continue
			}
			q, weighed := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			if !weighed {
				return true
			}
			v, err := strconv.ParseFloat(q, 64)
			return err == nil && v > 0
		}
	}
	return false
}

// matches reports whether If-None-Match names the tag.
func matches(h http.Header, tag string) bool {
	for _, line := range h["If-None-Match"] {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
			if item == tag || item == "*" {
				return true
			}
		}
	}
	return false
}
