package hls

import (
	"encoding/binary"
	"errors"
	"time"
)

var errBox = errors.New("hls: malformed fragment")

// fragment is when the first sample of a moof is decoded and shown.
type fragment struct {
	decode int64
	offset int64 // composition offset
}

// readFragment reads the times of one moof (ISO 14496-12 section 8.8). Of several tracks the first counts, which leads.
func readFragment(body []byte) (fragment, error) {
	var f fragment
	numbered, tracked := false, false
	err := boxes(body, 0, len(body), func(kind string, from, to int) error {
		switch kind {
		case "traf":
			if !tracked {
				tracked = true
				return errDescend
			}
		case "moof":
			return errDescend
		case "mfhd":
			if to-from < 8 {
				return errBox
			}
			numbered = true
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
	if err == nil && !numbered {
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

// startOf converts a fragment's first decode and presentation time.
func (f fragment) startOf(scale int64) (decode, present time.Duration) {
	return span(f.decode, scale), span(f.decode+f.offset, scale)
}
