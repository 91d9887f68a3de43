package hls

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// made writes a fragment with samples of the given composition offsets.
func made(t testing.TB, track int, base uint64, offsets ...int32) []byte {
	t.Helper()
	part := fmp4.Part{SequenceNumber: 77}
	if len(offsets) > 0 {
		p := &fmp4.PartTrack{ID: track, BaseTime: base}
		for _, o := range offsets {
			p.Samples = append(p.Samples, &fmp4.Sample{Duration: 3000, PTSOffset: o, Payload: []byte{1, 2, 3}})
		}
		part.Tracks = append(part.Tracks, p)
	}
	var w seekablebuffer.Buffer
	if err := part.Marshal(&w); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

func TestJoinFragments(t *testing.T) {
	for name, tt := range map[string]struct {
		leading, audio []byte
		tracks         []int
		decode         time.Duration
		present        time.Duration
		fails          bool
	}{
		"video and audio":      {made(t, 1, 900_000, 0, 0), made(t, 1, 480_000, 0), []int{1, 2}, 10 * time.Second, 10 * time.Second, false},
		"video with B-frames":  {made(t, 1, 900_000, 9000, 0), made(t, 1, 480_000, 0), []int{1, 2}, 10 * time.Second, 10100 * time.Millisecond, false},
		"negative offset":      {made(t, 1, 900_000, -9000), nil, []int{1}, 10 * time.Second, 9900 * time.Millisecond, false},
		"video alone":          {made(t, 1, 0, 0), nil, []int{1}, 0, 0, false},
		"audio is late":        {made(t, 1, 0, 0), made(t, 1, 0), []int{1}, 0, 0, false},
		"high decode time":     {made(t, 1, 90_000*1e6, 0), nil, []int{1}, 1e6 * time.Second, 1e6 * time.Second, false},
		"video without sample": {made(t, 1, 0), made(t, 1, 0, 0), nil, 0, 0, true},
		"nothing":              {nil, nil, nil, 0, 0, true},
		"cut short":            {made(t, 1, 0, 0)[:40], nil, nil, 0, 0, true},
		"audio cut short":      {made(t, 1, 0, 0), made(t, 1, 0, 0)[:40], nil, 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			body, first, err := joinFragments(tt.leading, tt.audio, 20)
			if tt.fails {
				if err == nil {
					t.Fatal("accepted")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d, p := first.startOf(videoRate); d != tt.decode || p != tt.present {
				t.Errorf("starts at %v, shown at %v", d, p)
			}
			var parts fmp4.Parts
			if err := parts.Unmarshal(body); err != nil {
				t.Fatal(err)
			}
			last := uint32(0)
			var tracks []int
			for _, p := range parts {
				if p.SequenceNumber <= last {
					t.Errorf("sequence number %d after %d", p.SequenceNumber, last)
				}
				last = p.SequenceNumber
				for _, tr := range p.Tracks {
					tracks = append(tracks, tr.ID)
					if !bytes.Equal(tr.Samples[0].Payload, []byte{1, 2, 3}) {
						t.Errorf("payload of track %d is %x", tr.ID, tr.Samples[0].Payload)
					}
				}
			}
			if len(tracks) != len(tt.tracks) || tracks[0] != tt.tracks[0] || tracks[len(tracks)-1] != tt.tracks[len(tt.tracks)-1] {
				t.Errorf("tracks %v, want %v", tracks, tt.tracks)
			}
		})
	}
}

func FuzzReadFragment(f *testing.F) {
	f.Add(made(f, 1, 900_000, 0, 9000))
	f.Add(made(f, 1, 0))
	f.Add([]byte{0, 0, 0, 8, 'm', 'o', 'o', 'f'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if fr, err := readFragment(b); err == nil && (fr.sequence+4 > len(b) || fr.track+4 > len(b) && fr.track != 0) {
			t.Errorf("fields out of bounds: %+v of %d bytes", fr, len(b))
		}
	})
}

func TestClean(t *testing.T) {
	idr, slice, sps, pps, sei := []byte{0x65, 1}, []byte{0x41, 1}, []byte{0x67, 1}, []byte{0x68, 1}, []byte{6, 1}
	for name, tt := range map[string]struct {
		in, out    [][]byte
		key, coded bool
	}{
		"nothing":            {nil, nil, false, false},
		"empty units":        {[][]byte{nil, {}}, nil, false, false},
		"key frame":          {[][]byte{idr}, [][]byte{{7}, {8}, idr}, true, true},
		"key frame with SEI": {[][]byte{sei, idr}, [][]byte{{7}, {8}, sei, idr}, true, true},
		"complete key frame": {[][]byte{sps, pps, idr}, [][]byte{sps, pps, idr}, true, true},
		"delimiter, filler":  {[][]byte{{9, 0xf0}, slice, {12, 0xff}}, [][]byte{slice}, false, true},
		"SEI alone":          {[][]byte{sei}, [][]byte{sei}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := clean(H264, tt.in)
			if p.key != tt.key || p.coded != tt.coded {
				t.Errorf("key %v, coded %v", p.key, p.coded)
			}
			if got := bytes.Join(p.withParams(VideoConfig{Codec: H264, SPS: []byte{7}, PPS: []byte{8}}), []byte("|")); !bytes.Equal(got, bytes.Join(tt.out, []byte("|"))) {
				t.Errorf("%x", got)
			}
		})
	}
	if p := clean(H264, make([][]byte, 10*maxUnits)); len(p.units) != 0 {
		t.Error("units out of nothing")
	}
}
