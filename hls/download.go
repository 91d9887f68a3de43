package hls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// Download is a recording made into files that play by themselves: one for each take of the show in which encoders
// sent the same kind of media, which nearly always is all of it. Fragments are taken as they are on disk; only their
// times are moved, so that what follows a drop starts where the media before it ended. Close it after use.
type Download struct {
	archive *Archive
	id      string
	tape    tape
	parts   []*joined
}

// Download opens the recording of a show that has ended, or fails with ErrNoRecording or ErrStillOnAir.
func (a *Archive) Download(show string) (*Download, error) {
	a.mu.Lock()
	rec := a.all[show]
	switch {
	case rec == nil:
		a.mu.Unlock()
		return nil, ErrNoRecording
	case rec.ended == nil:
		a.mu.Unlock()
		return nil, ErrStillOnAir
	}
	a.mu.Unlock()
	d := &Download{archive: a, id: show}
	if err := d.open(); err != nil {
		d.Close()
		if errors.Is(err, fs.ErrNotExist) { // removed this very moment
			err = ErrNoRecording
		}
		return nil, err
	}
	return d, nil
}

func (d *Download) open() error {
	root, err := d.archive.root.OpenRoot(d.id)
	if err != nil {
		return err
	}
	defer root.Close()
	b, err := root.ReadFile(journalName)
	if err != nil {
		return err
	}
	sizes, err := mediaFiles(root)
	if err != nil {
		return err
	}
	d.tape, _ = readJournal(b, sizes)
	for i := range d.tape.takes {
		in := &d.tape.takes[i]
		f, err := root.Open(mediaFileName(in.File))
		if err != nil {
			return err
		}
		m, err := readMeasure(f, in, d.tape.segments[in.from:in.to])
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", mediaFileName(in.File), err), f.Close())
		}
		if n := len(d.parts); n == 0 || !d.parts[n-1].add(m) {
			d.parts = append(d.parts, newJoined(m))
		}
	}
	for _, p := range d.parts {
		p.seal()
	}
	return nil
}

// Files is how many files the recording makes.
func (d *Download) Files() int { return len(d.parts) }

// ServeMP4 answers with the one file. It must be one.
func (d *Download) ServeMP4(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Etag", strconv.Quote(d.id+"-download"))
	serveLong(w, r, d.parts[0].reader())
}

// Close closes the files.
func (d *Download) Close() {
	for _, p := range d.parts {
		for _, m := range p.measures {
			_ = m.file.Close() // only read
		}
	}
}

// measure is one media file with all that joining needs to know of it.
type measure struct {
	file     *os.File
	take     *take
	segments []shot
	init     []byte
	traks    map[uint32][]byte // of the init section, by track
	scales   map[uint32]int64  // their time scales
	first    map[uint32]int64  // decode time of their first sample
	sequence uint32            // of the first fragment
	last     uint32            // of the last one
	base     time.Duration     // the earliest of first
	span     time.Duration     // from there to the end of the last sample
}

// readMeasure reads the init section, the first and the last segment.
func readMeasure(f *os.File, in *take, segments []shot) (*measure, error) {
	m := &measure{file: f, take: in, segments: segments, scales: map[uint32]int64{}, first: map[uint32]int64{}}
	m.init = make([]byte, in.Init)
	if _, err := f.ReadAt(m.init, 0); err != nil {
		return nil, err
	}
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(m.init)); err != nil {
		return nil, err
	}
	for _, t := range init.Tracks {
		m.scales[uint32(t.ID)] = int64(t.TimeScale)
	}
	var err error
	if m.traks, err = traksOf(m.init); err != nil {
		return nil, err
	}
	m.base = math.MaxInt64
	for i, s := range []shot{segments[0], segments[len(segments)-1]} {
		body := make([]byte, s.Length)
		if _, err := f.ReadAt(body, s.Offset); err != nil {
			return nil, err
		}
		var parts fmp4.Parts
		if err := parts.Unmarshal(body); err != nil {
			return nil, err
		}
		for _, p := range parts {
			if i == 0 && m.sequence == 0 {
				m.sequence = p.SequenceNumber
			}
			m.last = p.SequenceNumber
			for _, t := range p.Tracks {
				id := uint32(t.ID)
				scale := m.scales[id]
				if scale <= 0 {
					return nil, errBox
				}
				at := int64(t.BaseTime)
				if _, known := m.first[id]; !known { // a track that starts later than the first segment starts late
					m.first[id] = at
					m.base = min(m.base, span(at, scale))
				}
				for _, s := range t.Samples {
					at += int64(s.Duration)
				}
				m.span = max(m.span, span(at, scale))
			}
		}
	}
	m.span -= m.base
	return m, nil
}

// traksOf are the trak boxes of an init section by their track ids.
func traksOf(init []byte) (map[uint32][]byte, error) {
	traks := map[uint32][]byte{}
	var trak []byte
	err := boxes(init, 0, len(init), func(kind string, from, to int) error {
		switch kind {
		case "trak":
			trak = init[from:to]
			return errDescend
		case "moov":
			return errDescend
		case "tkhd":
			id := 12 // after version, flags and two times (ISO 14496-12 section 8.3.2)
			if to-from > 0 && init[from] == 1 {
				id = 20
			}
			if to-from < id+4 || trak == nil {
				return errBox
			}
			traks[binary.BigEndian.Uint32(init[from+id:])] = trak
		}
		return nil
	})
	return traks, err
}

// within reports whether all tracks of m are just so among those of n.
func (m *measure) within(n *measure) bool {
	for id, trak := range m.traks {
		if !bytes.Equal(trak, n.traks[id]) {
			return false
		}
	}
	return true
}

// joined is one file made of media files that go together: an init section that knows all tracks, an index, and the
// segments of all.
type joined struct {
	measures []*measure
	init     *measure // whose init section it is
	head     []byte   // init section and index
	pieces   []piecePlace
	size     int64
}

// piecePlace is one segment in a joined file.
type piecePlace struct {
	at       int64 // in the joined file
	from     *measure
	segment  *shot
	sequence uint32
	start    time.Duration // of the take in the joined file
}

func newJoined(m *measure) *joined { return &joined{measures: []*measure{m}, init: m} }

// add adds a media file, if the tracks of all fit one init section.
func (j *joined) add(m *measure) bool {
	switch {
	case m.within(j.init):
	case j.init.within(m):
		j.init = m
	default:
		return false
	}
	j.measures = append(j.measures, m)
	return true
}

// seal lays the file out.
func (j *joined) seal() {
	var start time.Duration
	sequence := uint32(1)
	var starts []time.Duration
	for _, m := range j.measures {
		at := start
		for i := range m.segments {
			s := &m.segments[i]
			j.pieces = append(j.pieces, piecePlace{from: m, segment: s, start: start, sequence: sequence})
			starts = append(starts, at)
			at += time.Duration(s.Duration)
		}
		sequence += m.last - m.sequence + 1
		start = (start + m.span).Truncate(time.Millisecond) + time.Millisecond // a sample of rounding must fit in between
	}
	j.head = append(slices.Clone(j.init.init), j.index(starts, start)...)
	j.size = int64(len(j.head))
	for i := range j.pieces {
		j.pieces[i].at = j.size
		j.size += j.pieces[i].segment.Length
	}
}

// index is a sidx box (ISO 14496-12 section 8.16.3): without it players know neither how long the file is nor where to
// go for a time.
func (j *joined) index(starts []time.Duration, end time.Duration) []byte {
	scale := j.init.scales[leadingTrack] // some players take the index's times for the track's
	b := binary.BigEndian.AppendUint32(nil, uint32(32+12*len(j.pieces)))
	b = append(b, "sidx\x00\x00\x00\x00"...)
	b = binary.BigEndian.AppendUint32(b, leadingTrack)
	b = binary.BigEndian.AppendUint32(b, uint32(scale))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // earliest time, offset of what follows, reserved
	b = binary.BigEndian.AppendUint16(b, uint16(len(j.pieces)))
	starts = append(starts, end)
	for i, p := range j.pieces {
		b = binary.BigEndian.AppendUint32(b, uint32(p.segment.Length))
		b = binary.BigEndian.AppendUint32(b, uint32(ticks(starts[i+1], scale)-ticks(starts[i], scale)))
		sap := uint32(0)
		if p.segment.Key {
			sap = 1<<31 | 1<<28 // starts with a stream access point of type 1
		}
		b = binary.BigEndian.AppendUint32(b, sap)
	}
	return b
}

// reader reads the file from its start. Each reader keeps one segment in memory.
func (j *joined) reader() *joinedReader { return &joinedReader{joined: j, loaded: -1} }

type joinedReader struct {
	*joined
	at     int64
	loaded int // piece in buf, -1 for none
	buf    []byte
}

func (r *joinedReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	r.at = offset
	return offset, nil
}

func (r *joinedReader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	if r.at < int64(len(r.head)) {
		n := copy(p, r.head[r.at:])
		r.at += int64(n)
		return n, nil
	}
	i := sort.Search(len(r.pieces), func(i int) bool { return r.pieces[i].at > r.at }) - 1
	if i != r.loaded {
		if err := r.load(i); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.at-r.pieces[i].at:])
	r.at += int64(n)
	return n, nil
}

// load reads a segment and moves its times.
func (r *joinedReader) load(i int) error {
	p := &r.pieces[i]
	r.loaded = -1
	r.buf = slices.Grow(r.buf[:0], int(p.segment.Length))[:p.segment.Length]
	if _, err := p.from.file.ReadAt(r.buf, p.segment.Offset); err != nil {
		return err
	}
	if err := p.move(r.buf); err != nil {
		return err
	}
	r.loaded = i
	return nil
}

// move patches decode times and sequence numbers of all fragments.
func (p *piecePlace) move(body []byte) error {
	var track uint32
	return boxes(body, 0, len(body), func(kind string, from, to int) error {
		switch kind {
		case "moof", "traf":
			return errDescend
		case "mfhd":
			if to-from < 8 {
				return errBox
			}
			n := binary.BigEndian.Uint32(body[from+4:])
			binary.BigEndian.PutUint32(body[from+4:], n-p.from.sequence+p.sequence)
		case "tfhd":
			if to-from < 8 {
				return errBox
			}
			track = binary.BigEndian.Uint32(body[from+4:])
		case "tfdt":
			if to-from < 12 || body[from] != 1 {
				return errBox
			}
			scale := p.from.scales[track]
			by := ticks(p.start, scale) - ticks(p.from.base, scale)
			at := int64(binary.BigEndian.Uint64(body[from+4:]))
			binary.BigEndian.PutUint64(body[from+4:], uint64(max(0, at+by)))
		}
		return nil
	})
}
