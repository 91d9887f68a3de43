package hls

import (
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"sort"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// measure is one media file with all that joining needs to know of it.
type measure struct {
	file     int
	shots    []shot
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
func readMeasure(root *os.Root, in *take, shots []shot) (*measure, error) {
	f, err := root.Open(mediaFileName(in.File))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := &measure{file: in.File, shots: shots, scales: map[uint32]int64{}, first: map[uint32]int64{}}
	if err := m.readInit(f, in.Init); err != nil {
		return nil, err
	}
	m.base = math.MaxInt64
	if err := m.readFragments(f, shots[0]); err != nil {
		return nil, err
	}
	if err := m.readFragments(f, shots[len(shots)-1]); err != nil {
		return nil, err
	}
	m.span -= m.base
	return m, nil
}

func (m *measure) readInit(f *os.File, size int64) (err error) {
	m.init = make([]byte, size)
	if _, err := f.ReadAt(m.init, 0); err != nil {
		return err
	}
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(m.init)); err != nil {
		return err
	}
	for _, t := range init.Tracks {
		m.scales[uint32(t.ID)] = int64(t.TimeScale)
	}
	m.traks, err = traksOf(m.init)
	return err
}

// readFragments takes times and numbers out of one segment.
func (m *measure) readFragments(f *os.File, s shot) error {
	body := make([]byte, s.Length)
	if _, err := f.ReadAt(body, s.Offset); err != nil {
		return err
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(body); err != nil {
		return err
	}
	for _, p := range parts {
		if len(m.first) == 0 {
			m.sequence = p.SequenceNumber
		}
		m.last = p.SequenceNumber
		for _, t := range p.Tracks {
			id := uint32(t.ID)
			scale := m.scales[id]
			if scale <= 0 {
				return errBox
			}
			at := int64(t.BaseTime)
			if _, known := m.first[id]; !known { // a track that is not in the first segment starts later than that
				m.first[id] = at
				m.base = min(m.base, span(at, scale))
			}
			for _, s := range t.Samples {
				at += int64(s.Duration)
			}
			m.span = max(m.span, span(at, scale))
		}
	}
	return nil
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
	shot     *shot
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
		for i := range m.shots {
			s := &m.shots[i]
			j.pieces = append(j.pieces, piecePlace{from: m, shot: s, start: start, sequence: sequence})
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
		j.size += j.pieces[i].shot.Length
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
		b = binary.BigEndian.AppendUint32(b, uint32(p.shot.Length))
		b = binary.BigEndian.AppendUint32(b, uint32(ticks(starts[i+1], scale)-ticks(starts[i], scale)))
		sap := uint32(0)
		if p.shot.Key {
			sap = 1<<31 | 1<<28 // starts with a stream access point of type 1
		}
		b = binary.BigEndian.AppendUint32(b, sap)
	}
	return b
}

// reader reads the file from its start. Each reader keeps one segment in memory and one media file open.
func (j *joined) reader(archive *os.Root, id string) *joinedReader {
	return &joinedReader{joined: j, archive: archive, id: id, loaded: -1}
}

type joinedReader struct {
	*joined
	archive *os.Root
	id      string

	file   *os.File // nil before the first
	of     *measure // whose file is open
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
	r.buf = slices.Grow(r.buf[:0], int(p.shot.Length))[:p.shot.Length]
	if p.from != r.of {
		r.close()
		f, err := r.archive.Open(r.id + "/" + mediaFileName(p.from.file))
		if err != nil {
			return err
		}
		r.file, r.of = f, p.from
	}
	if _, err := r.file.ReadAt(r.buf, p.shot.Offset); err != nil {
		return err
	}
	if err := p.move(r.buf); err != nil {
		return err
	}
	r.loaded = i
	return nil
}

func (r *joinedReader) close() {
	if r.file != nil {
		_ = r.file.Close() // only read
		r.file, r.of = nil, nil
	}
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
