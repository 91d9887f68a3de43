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

func TestReadFragment(t *testing.T) {
	both := appendFragment(nil, 3,
		traf{track: 1, samples: []sample{{at: 900_000, duration: 3000, offset: 9000, size: 1}}, size: 1},
		traf{track: 2, samples: []sample{{at: 480_000, duration: 1024, key: true, size: 1}}, size: 1})
	both = append(both, 1, 2)
	for name, tt := range map[string]struct {
		body            []byte
		decode, present time.Duration
		fails           bool
	}{
		"one track":            {made(t, 1, 900_000, 0, 0), 10 * time.Second, 10 * time.Second, false},
		"B-frames":             {made(t, 1, 900_000, 9000, 0), 10 * time.Second, 10100 * time.Millisecond, false},
		"negative offset":      {made(t, 1, 900_000, -9000), 10 * time.Second, 9900 * time.Millisecond, false},
		"high decode time":     {made(t, 1, 90_000*1e6, 0), 1e6 * time.Second, 1e6 * time.Second, false},
		"the first of two":     {both, 10 * time.Second, 10100 * time.Millisecond, false},
		"track without sample": {made(t, 1, 0), 0, 0, false},
		"nothing":              {nil, 0, 0, true},
		"cut short":            {made(t, 1, 0, 0)[:40], 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := readFragment(tt.body)
			if (err != nil) != tt.fails {
				t.Fatalf("error %v", err)
			}
			if d, p := f.startOf(videoRate); d != tt.decode || p != tt.present {
				t.Errorf("starts at %v, shown at %v", d, p)
			}
		})
	}
}

// What is written is what mediacommon writes, but for the samples.
func TestAppendFragment(t *testing.T) {
	for name, samples := range map[string][]sample{
		"key frame":  {{at: 7, duration: 3, size: 3, key: true}},
		"B-frames":   {{at: 7, duration: 3, size: 3, key: true, offset: 5}, {at: 10, duration: 4, size: 3, offset: -2}},
		"no key":     {{at: 1 << 40, duration: 3, size: 3}},
		"no samples": nil,
	} {
		t.Run(name, func(t *testing.T) {
			part := fmp4.Part{SequenceNumber: 77}
			video := &fmp4.PartTrack{ID: 1}
			payload := []byte{1, 2, 3}
			var data []byte
			for i, s := range samples {
				if i == 0 {
					video.BaseTime = uint64(s.at)
				}
				video.Samples = append(video.Samples, &fmp4.Sample{Duration: s.duration, PTSOffset: s.offset, IsNonSyncSample: !s.key, Payload: payload})
				data = append(data, payload...)
			}
			if len(samples) > 0 {
				part.Tracks = append(part.Tracks, video)
			}
			part.Tracks = append(part.Tracks, &fmp4.PartTrack{ID: 2, BaseTime: 9, Samples: []*fmp4.Sample{{Duration: 1024, Payload: payload}}})
			var want seekablebuffer.Buffer
			if err := part.Marshal(&want); err != nil {
				t.Fatal(err)
			}
			got := appendFragment(nil, 77, traf{track: 1, samples: samples, size: len(data)},
				traf{track: 2, samples: []sample{{at: 9, duration: 1024, key: true, size: 3}}, size: 3})
			if got = append(append(got, data...), payload...); !bytes.Equal(got, want.Bytes()) {
				t.Errorf("got\n%x, want\n%x", got, want.Bytes())
			}
		})
	}
}

func FuzzReadFragment(f *testing.F) {
	f.Add(made(f, 1, 900_000, 0, 9000))
	f.Add(made(f, 1, 0))
	f.Add([]byte{0, 0, 0, 8, 'm', 'o', 'o', 'f'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if f, err := readFragment(b); err == nil {
			_, _ = f.startOf(videoRate)
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
