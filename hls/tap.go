package hls

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

// source is where a tap reads from: anything that answers requests as an LL-HLS origin does. A gohlslib.Muxer is one.
type source interface {
	Handle(w http.ResponseWriter, r *http.Request)
}

// piece is one part as read from a source, tracks joined, with its times in the source's media timeline.
type piece struct {
	body        []byte
	duration    time.Duration
	independent bool // starts with a key frame
	last        bool // completes a segment of the source

	decode, present time.Duration // of the first sample of the leading track
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

	segment, part uint64 // the first that was not read
	number        uint32 // pieces read
}

// open reads the multivariant playlist, which blocks until the source has a segment or is closed.
func (t *tap) open() error {
	body, err := t.get("index.m3u8")
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
	lead, err := t.follow(t.video)
	if err != nil {
		return nil, err
	}
	var sound *playlist.Media
	if t.audio != "" {
		if sound, err = t.follow(t.audio); err != nil {
			return nil, err
		}
	}
	if t.init == nil {
		if err := t.readInit(lead, sound); err != nil {
			return nil, err
		}
	}
	var out []piece
	for i, seg := range lead.Segments {
		msn := uint64(lead.MediaSequence + i)
		if seg.Gap || msn < t.segment {
			continue
		}
		if msn > t.segment {
			t.segment, t.part = msn, 0
		}
		if len(seg.Parts) <= int(t.part) { // parts are listed for the newest segments only
			return out, fmt.Errorf("hls: segment %d read too late", msn)
		}
		if out, err = t.fetch(out, seg.Parts, partsOf(sound, msn)); err != nil {
			return out, err
		}
		out[len(out)-1].last = true
		t.segment, t.part = msn+1, 0
	}
	return t.fetch(out, lead.Parts, partsOf(sound, uint64(lead.MediaSequence+len(lead.Segments))))
}

// fetch appends the parts of the current segment that were not read yet.
func (t *tap) fetch(out []piece, parts, sound []*playlist.MediaPart) ([]piece, error) {
	for int(t.part) < len(parts) {
		p := parts[t.part]
		body, err := t.get(p.URI)
		if err != nil {
			return out, err
		}
		var audio []byte
		if int(t.part) < len(sound) {
			if audio, err = t.get(sound[t.part].URI); err != nil {
				return out, err
			}
		}
		joined, first, err := joinFragments(body, audio, t.number)
		if err != nil {
			return out, err
		}
		t.part++
		t.number++
		next := piece{body: joined, duration: p.Duration, independent: p.Independent}
		next.decode, next.present = first.startOf(t.scale)
		out = append(out, next)
	}
	return out, nil
}

// partsOf lists the parts of one segment of a media playlist, complete or not.
func partsOf(m *playlist.Media, msn uint64) []*playlist.MediaPart {
	if m == nil || msn < uint64(m.MediaSequence) {
		return nil
	}
	i := msn - uint64(m.MediaSequence)
	switch n := uint64(len(m.Segments)); {
	case i == n:
		return m.Parts
	case i < n:
		return m.Segments[i].Parts
	}
	return nil
}

func (t *tap) readInit(lead, sound *playlist.Media) error {
	if lead.Map == nil || sound != nil && sound.Map == nil {
		return fmt.Errorf("hls: source without an init section")
	}
	leading, err := t.get(lead.Map.URI)
	if err != nil {
		return err
	}
	var audio []byte
	if sound != nil {
		if audio, err = t.get(sound.Map.URI); err != nil {
			return err
		}
	}
	t.init, t.scale, err = joinInit(leading, audio)
	return err
}

func (t *tap) follow(name string) (*playlist.Media, error) {
	body, err := t.get(name)
	if err != nil {
		return nil, err
	}
	m := new(playlist.Media)
	if err := m.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("hls: source's media playlist: %w", err)
	}
	return m, nil
}

// get asks the source for one file. An empty answer is an error: that is how the muxer says that a name is unknown.
func (t *tap) get(name string) ([]byte, error) {
	w := reply{header: http.Header{}, status: http.StatusOK}
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
	body   bytes.Buffer
}

func (w *reply) Header() http.Header         { return w.header }
func (w *reply) WriteHeader(status int)      { w.status = status }
func (w *reply) Write(p []byte) (int, error) { return w.body.Write(p) }
