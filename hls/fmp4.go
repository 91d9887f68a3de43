package hls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

var errBox = errors.New("hls: malformed fragment")

// joinInit makes one init section of the leading track's and the audio's; audio may be nil. It returns the time scale
// of the leading track too.
func joinInit(leading, audio []byte) (body []byte, scale int64, err error) {
	var in fmp4.Init
	if err := in.Unmarshal(bytes.NewReader(leading)); err != nil {
		return nil, 0, fmt.Errorf("hls: init section: %w", err)
	}
	if len(in.Tracks) != 1 || in.Tracks[0].TimeScale == 0 {
		return nil, 0, fmt.Errorf("hls: init section: %d tracks", len(in.Tracks))
	}
	scale = int64(in.Tracks[0].TimeScale)
	if audio == nil {
		return leading, scale, nil
	}
	var more fmp4.Init
	if err := more.Unmarshal(bytes.NewReader(audio)); err != nil {
		return nil, 0, fmt.Errorf("hls: init section of the audio: %w", err)
	}
	if len(more.Tracks) != 1 {
		return nil, 0, fmt.Errorf("hls: init section of the audio: %d tracks", len(more.Tracks))
	}
	in.Tracks[0].ID = leadingTrack
	more.Tracks[0].ID = audioTrack
	in.Tracks = append(in.Tracks, more.Tracks[0])
	var w seekablebuffer.Buffer
	if err := in.Marshal(&w); err != nil {
		return nil, 0, fmt.Errorf("hls: joining init sections: %w", err)
	}
	return w.Bytes(), scale, nil
}

// fragment is where the fields of one moof lie that joining tracks changes, and the times of its first sample.
type fragment struct {
	sequence int // offset of mfhd.sequence_number
	track    int // offset of tfhd.track_ID, 0 when there is no traf
	decode   int64
	offset   int64 // composition offset of the first sample
}

// readFragment finds the fields in a body of one moof and an mdat (ISO 14496-12 section 8.8). Of several tracks the first
// counts, which leads.
func readFragment(body []byte) (fragment, error) {
	var f fragment
	err := boxes(body, 0, len(body), func(kind string, from, to int) error {
		switch kind {
		case "traf":
			if f.track == 0 {
				return errDescend
			}
		case "moof":
			return errDescend
		case "mfhd":
			if to-from < 8 {
				return errBox
			}
			f.sequence = from + 4
		case "tfhd":
			if to-from < 8 {
				return errBox
			}
			f.track = from + 4
		case "tfdt":
			switch {
			case to-from >= 12 && body[from] == 1:
				f.decode = int64(binary.BigEndian.Uint64(body[from+4:]))
			case to-from >= 8 && body[from] == 0:
				f.decode = int64(binary.BigEndian.Uint32(body[from+4:]))
			default:
				return errBox
			}
		case "trun":
			off, err := firstOffset(body[from:to])
			f.offset = off
			return err
		}
		return nil
	})
	if err == nil && f.sequence == 0 {
		err = errBox
	}
	return f, err
}

// firstOffset reads the composition offset of the first sample of a trun payload.
func firstOffset(b []byte) (int64, error) {
	if len(b) < 8 {
		return 0, errBox
	}
	flags, at := binary.BigEndian.Uint32(b)&0xffffff, 8
	for _, field := range [...]uint32{0x1, 0x4, 0x100, 0x200, 0x400} { // everything before the offset
		if flags&field != 0 {
			at += 4
		}
	}
	if flags&0x800 == 0 || binary.BigEndian.Uint32(b[4:]) == 0 {
		return 0, nil
	}
	if len(b) < at+4 {
		return 0, errBox
	}
	return int64(int32(binary.BigEndian.Uint32(b[at:]))), nil
}

var errDescend = errors.New("descend")

// boxes calls visit with the payload bounds of each box in body[from:to]; errDescend makes it walk that payload too.
func boxes(body []byte, from, to int, visit func(kind string, from, to int) error) error {
	for from < to {
		if to-from < 8 {
			return errBox
		}
		size := int(binary.BigEndian.Uint32(body[from:]))
		if size < 8 || size > to-from {
			return errBox
		}
		err := visit(string(body[from+4:from+8]), from+8, from+size)
		if err == errDescend {
			err = boxes(body, from+8, from+size, visit)
		}
		if err != nil {
			return err
		}
		from += size
	}
	return nil
}

// joinFragments puts the audio's fragment behind the leading one's, so that a part carries both tracks. It patches its
// arguments and returns a body of its own, no larger than it need be. Fragments address their data relative to their own moof, so this is a valid sequence of two movie fragments.
// number is the part's in its run; audio may be empty.
func joinFragments(leading, audio []byte, number uint32) (body []byte, first fragment, err error) {
	first, err = readFragment(leading)
	if err != nil {
		return nil, first, err
	}
	if first.track == 0 {
		return nil, first, fmt.Errorf("%w: no leading track", errBox)
	}
	binary.BigEndian.PutUint32(leading[first.sequence:], 2*number+1)
	if len(audio) == 0 {
		return bytes.Clone(leading), first, nil
	}
	second, err := readFragment(audio)
	if err != nil {
		return nil, first, err
	}
	if second.track == 0 { // gohlslib writes a fragment without samples when the audio is late
		return bytes.Clone(leading), first, nil
	}
	binary.BigEndian.PutUint32(audio[second.sequence:], 2*number+2)
	binary.BigEndian.PutUint32(audio[second.track:], audioTrack)
	return slices.Concat(leading, audio), first, nil
}

// startOf converts a fragment's first decode and presentation time.
func (f fragment) startOf(scale int64) (decode, present time.Duration) {
	return span(f.decode, scale), span(f.decode+f.offset, scale)
}
