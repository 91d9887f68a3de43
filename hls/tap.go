package hls

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

// source is where a tap reads from: anything that answers requests as an LL-HLS origin does. A gohlslib.Muxer is one.
type source interface {
	Handle(w http.ResponseWriter, r *http.Request)
}

// tap is the one client of a source: it follows its media playlists and fetches every part once. It is used by one
// goroutine at a time.
type tap struct {
	src    source
	prefix string // of the source's paths

	video, audio string // media playlists of the leading track and of the audio rendition, if that is separate
	codecs       []string
	init         []byte
	scale        int64

	segment uint64 // the first that was not read
	part    int    // likewise in it
	number  uint32 // pieces read

	lead, sound sheet           // the media playlists as last read
	answers     [2]bytes.Buffer // to the requests for a part and its audio
}

// open reads the multivariant playlist, which blocks until the source has a segment or is closed.
func (t *tap) open() error {
	body, err := t.get("index.m3u8", new(bytes.Buffer))
	if err != nil {
		return err
	}
	var index playlist.Multivariant
	if err := index.Unmarshal(body); err != nil {
		return fmt.Errorf("hls: source's multivariant playlist: %w", err)
	}
	if len(index.Variants) != 1 {
		return fmt.Errorf("hls: source has %d variants", len(index.Variants))
	}
	t.video, t.codecs = index.Variants[0].URI, index.Variants[0].Codecs
	for _, r := range index.Renditions {
		if r.URI != nil {
			t.audio = *r.URI
		}
	}
	return nil
}

// read returns what the source published since the last call, oldest first. It never blocks on a source that has
// content.
func (t *tap) read() ([]piece, error) {
	if err := t.follow(t.video, &t.lead); err != nil {
		return nil, err
	}
	if t.audio != "" {
		if err := t.follow(t.audio, &t.sound); err != nil {
			return nil, err
		}
	}
	if t.init == nil {
		if err := t.readInit(); err != nil {
			return nil, err
		}
	}
	var out []piece
	var err error
	for i, seg := range t.lead.segments {
		msn := t.lead.first + uint64(i)
		if seg.gap || msn < t.segment {
			continue
		}
		if msn > t.segment {
			t.segment, t.part = msn, 0
		}
		if seg.to-seg.from <= t.part { // parts are listed for the newest segments only
			return out, fmt.Errorf("hls: segment %d read too late", msn)
		}
		if out, err = t.fetch(out, msn); err != nil {
			return out, err
		}
		out[len(out)-1].last = true
		t.segment, t.part = msn+1, 0
	}
	return t.fetch(out, t.lead.first+uint64(len(t.lead.segments)))
}

// fetch appends the parts of a segment that were not read yet.
func (t *tap) fetch(out []piece, msn uint64) ([]piece, error) {
	parts, sound := t.lead.partsOf(msn), t.sound.partsOf(msn)
	for t.part < len(parts) {
		p := parts[t.part]
		body, err := t.get(string(p.uri), &t.answers[0])
		if err != nil {
			return out, err
		}
		var audio []byte
		if t.part < len(sound) {
			if audio, err = t.get(string(sound[t.part].uri), &t.answers[1]); err != nil {
				return out, err
			}
		}
		joined, first, err := joinFragments(body, audio, t.number)
		if err != nil {
			return out, err
		}
		t.part++
		t.number++
		next := piece{body: joined, duration: p.duration, independent: p.independent}
		next.decode, next.present = first.startOf(t.scale)
		out = append(out, next)
	}
	return out, nil
}

func (t *tap) readInit() error {
	if t.lead.init == "" || t.audio != "" && t.sound.init == "" {
		return fmt.Errorf("hls: source without an init section")
	}
	leading, err := t.get(t.lead.init, new(bytes.Buffer))
	if err != nil {
		return err
	}
	var audio []byte
	if t.audio != "" {
		if audio, err = t.get(t.sound.init, new(bytes.Buffer)); err != nil {
			return err
		}
	}
	t.init, t.scale, err = joinInit(leading, audio)
	return err
}

// follow reads a media playlist.
func (t *tap) follow(name string, m *sheet) error {
	if _, err := t.get(name, &m.text); err != nil {
		return err
	}
	return m.scan()
}

// get asks the source for one file. The answer is written over what buf held and is good until buf is used again. An
// empty answer is an error: that is how gohlslib says that a name is unknown.
func (t *tap) get(name string, buf *bytes.Buffer) ([]byte, error) {
	buf.Reset()
	w := reply{header: http.Header{}, status: http.StatusOK, body: buf}
	t.src.Handle(&w, &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Path: t.prefix + name},
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{},
	})
	if w.status != http.StatusOK || w.body.Len() == 0 {
		return nil, fmt.Errorf("hls: source answered %d with %d bytes for %s", w.status, w.body.Len(), name)
	}
	return w.body.Bytes(), nil
}

// reply is the http.ResponseWriter of a request that never leaves the process.
type reply struct {
	header http.Header
	status int
	body   *bytes.Buffer
}

func (w *reply) Header() http.Header         { return w.header }
func (w *reply) WriteHeader(status int)      { w.status = status }
func (w *reply) Write(p []byte) (int, error) { return w.body.Write(p) }
