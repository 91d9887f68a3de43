package hls

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Files of a replay.
const (
	replayIndex = indexName
	replayMedia = "media.m3u8"
	packed      = ".gz"

	endList = "#EXT-X-ENDLIST\n"
)

const (
	replayWait = 5 * time.Second  // for what is left to be put away after the end of a show
	sendChunk  = 1 << 20          // bytes of a long answer …
	sendTime   = 30 * time.Second // … and the time a client has to take them
)

var cacheReplay = []string{"public, max-age=" + seconds(mediaMaxAge)}

var noReplay = &refusal{http.StatusNotFound, "no_such_replay"}

// Replay is what a recording came to.
type Replay struct {
	Show, Channel string
	Ended         time.Time
	Duration      time.Duration
	Size          int64 // bytes of its media
}

// Replay returns the replay of a show that has ended.
func (a *Archive) Replay(show string) (Replay, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	rec := a.all[show]
	switch {
	case rec == nil || !rec.over:
	case rec.ended != nil:
		return Replay{show, rec.show.Channel, rec.ended.At, time.Duration(rec.ended.Duration), rec.ended.Bytes}, true
	case rec.recorder != nil: // about to put the last segment away
		if now := rec.recorder.now.Load(); now != nil {
			return Replay{show, rec.show.Channel, time.Now(), now.duration, now.bytes}, true
		}
	}
	return Replay{}, false
}

// renderReplay writes the media playlist of a replay.
func renderReplay(t *tape) []byte {
	b := make([]byte, 0, 1024+160*len(t.shots))
	b = append(b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:"...)
	b = strconv.AppendInt(b, int64(t.target()), 10)
	b = append(b, "\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n"...)
	for _, d := range t.ranges {
		b = d.append(b)
	}
	for i := range t.shots {
		b = t.appendSegment(b, i, true)
	}
	return append(b, endList...)
}

// renderReplayIndex writes the multivariant playlist of a replay.
func renderReplayIndex(t *tape) []byte {
	h := &head{codecs: t.codecs()}
	for i := range t.takes {
		s := &t.takes[i]
		if s.Width*s.Height > h.width*h.height {
			h.width, h.height = s.Width, s.Height
		}
		h.frameRate = max(h.frameRate, s.Rate)
	}
	l := &listing{head: h, peak: t.peak()}
	if d := t.duration(); d > 0 {
		l.average = int(float64(t.bytes()*8) / d.Seconds())
	}
	return renderIndex([]entry{{replayMedia, l}})
}

// codecs names each kind of codec once, as it was for most of the time: players make one decoder for each kind.
func (t *tape) codecs() (names []string) {
	last := map[string]time.Duration{} // longest by kind
	best := map[string]string{}
	spans := map[string]time.Duration{}
	var order []string
	for i := range t.takes {
		s := &t.takes[i]
		for _, name := range s.Codecs {
			for _, seg := range t.shots[s.from:s.to] {
				spans[name] += time.Duration(seg.Duration)
			}
			kind, _, _ := strings.Cut(name, ".")
			if _, known := best[kind]; !known {
				order = append(order, kind)
			}
			if spans[name] > last[kind] {
				best[kind], last[kind] = name, spans[name]
			}
		}
	}
	for _, kind := range order {
		names = append(names, best[kind])
	}
	return names
}

// peak is the largest bit rate of contiguous segments that last between half and one and a half target durations
// (RFC 8216bis section 4.1, Peak Segment Bit Rate), or of any segment if none last so long.
func (t *tape) peak() int {
	target := time.Duration(t.target()) * time.Second
	var peak, single float64
	for i := range t.shots {
		var span time.Duration
		var size int64
		for _, s := range t.shots[i:] {
			span += time.Duration(s.Duration)
			size += s.Length
			single = max(single, float64(s.Length*8)/time.Duration(s.Duration).Seconds())
			if span > target*3/2 {
				break
			}
			if span >= target/2 {
				peak = max(peak, float64(size*8)/span.Seconds())
			}
		}
	}
	if peak == 0 {
		peak = single
	}
	return int(math.Ceil(peak))
}

// Serve answers for the path values show and file: the replay of a show that has ended.
func (a *Archive) Serve(w http.ResponseWriter, r *http.Request) {
	if !welcome(w, r) {
		return
	}
	show, file := r.PathValue("show"), r.PathValue("file")
	if !a.await(r, show) {
		noReplay.write(w)
		return
	}
	var err error
	if file == replayIndex || file == replayMedia {
		err = a.servePlaylist(w, r, show, file)
	} else if _, ok := mediaFileNumber(file); ok {
		err = a.serveFile(w, r, show+"/"+file)
	} else {
		err = fs.ErrNotExist
	}
	if err != nil {
		noFile.write(w)
	}
}

// await reports whether there is a replay. That of a show which has just ended is waited for.
func (a *Archive) await(r *http.Request, show string) bool {
	a.mu.Lock()
	rec := a.all[show]
	due := rec != nil && rec.over
	a.mu.Unlock()
	if !due {
		return false
	}
	timer := time.NewTimer(replayWait)
	defer timer.Stop()
	select {
	case <-rec.final:
		return true
	case <-timer.C:
	case <-r.Context().Done():
	}
	return false
}

func (a *Archive) servePlaylist(w http.ResponseWriter, r *http.Request, show, file string) error {
	h := w.Header()
	h["Vary"] = varyCoding
	name, tag := file, show+"-"+file
	if acceptsGzip(r.Header) {
		name, tag = file+packed, tag+packed
	}
	body, err := a.root.ReadFile(show + "/" + name)
	if err != nil {
		return err
	}
	if name != file {
		h["Content-Encoding"] = gzipped
	}
	h["Content-Type"] = playlistCT
	h["Cache-Control"] = cacheReplay
	h.Set("Etag", strconv.Quote(tag))
	if matches(r.Header, strconv.Quote(tag)) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	io.Copy(w, bytes.NewReader(body)) // to a HEAD request net/http sends nothing
	return nil
}

func (a *Archive) serveFile(w http.ResponseWriter, r *http.Request, path string) error {
	f, err := a.root.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fs.ErrNotExist
	}
	serveSlice(w, r, f, 0, info.Size(), "video/mp4", strconv.Quote(path))
	return nil
}

// compressed is for what is written once and read often.
func compressed(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(body) // a bytes.Buffer takes everything
	z.Close()
	return b.Bytes()
}

// serveSlice answers with a take of a file that never changes.
func serveSlice(w http.ResponseWriter, r *http.Request, f *os.File, from, length int64, contentType, etag string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h["Cache-Control"] = cacheMedia
	h.Set("Etag", etag)
	var content io.ReadSeeker = f // as it is, the kernel can copy it
	if info, err := f.Stat(); from > 0 || err != nil || info.Size() != length {
		content = io.NewSectionReader(f, from, length)
	}
	serveLong(w, r, content)
}

// serveLong answers with content of any length: each piece of it must be taken in time, not the whole.
func serveLong(w http.ResponseWriter, r *http.Request, content io.ReadSeeker) {
	p, done := beginLong(w)
	defer done()
	http.ServeContent(p, r, "", time.Time{}, content)
}

// beginLong wraps a writer for a long answer. What it returns is to be called at the end.
func beginLong(w http.ResponseWriter) (p *patient, done func()) {
	p = &patient{ResponseWriter: w, control: http.NewResponseController(w)}
	p.extend()
	return p, func() { _ = p.control.SetWriteDeadline(time.Time{}) } // the next request on the connection has its own
}

// patient gives a client a deadline for every piece of a long answer. It keeps net/http's way of letting the kernel
// copy files.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) extend() { _ = p.control.SetWriteDeadline(time.Now().Add(sendTime)) }

func (p *patient) Write(b []byte) (int, error) {
	p.extend()
	return p.ResponseWriter.Write(b)
}

func (p *patient) ReadFrom(src io.Reader) (n int64, err error) {
	limit := &io.LimitedReader{R: src, N: math.MaxInt64}
	if l, ok := src.(*io.LimitedReader); ok { // the way http.ServeContent calls
		limit = l
	}
	for limit.N > 0 {
		p.extend()
		piece := &io.LimitedReader{R: limit.R, N: min(limit.N, sendChunk)}
		m, err := io.Copy(p.ResponseWriter, piece)
		n, limit.N = n+m, limit.N-m
		if err != nil || piece.N > 0 {
			return n, err
		}
	}
	return n, nil
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
