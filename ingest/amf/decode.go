package amf

import (
	"encoding/binary"
	"math"
	"strings"
)

// Decode reads all values of b. The result shares no memory with b. Undefined
// and unsupported become nil, a date its milliseconds, XML and long strings
// plain strings, a typed object loses its class name; bytes that are not UTF-8
// are replaced. References and AMF3 are refused: no encoder sends them.
func Decode(b []byte) ([]any, error) {
	d := decoder{rest: b}
	var values []any
	for len(d.rest) > 0 {
		v, err := d.value(0)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

type decoder struct {
	rest  []byte
	count int
}

func (d *decoder) value(depth int) (any, error) {
	d.count++
	if d.count > MaxValues || depth > MaxDepth {
		return nil, ErrMalformed
	}
	mark, err := d.take(1)
	if err != nil {
		return nil, err
	}
	switch mark[0] {
	case markNumber:
		return d.number()
	case markBoolean:
		b, err := d.take(1)
		return err == nil && b[0] != 0, err
	case markString:
		return d.text(2)
	case markLongString, markXML:
		return d.text(4)
	case markNull, markUndefined, markUnsupported:
		return nil, nil
	case markDate:
		ms, err := d.number()
		if err != nil {
			return nil, err
		}
		_, err = d.take(2) // time zone, reserved (section 2.13)
		return ms, err
	case markObject:
		return d.members(depth)
	case markTyped:
		if _, err := d.text(2); err != nil {
			return nil, err
		}
		return d.members(depth)
	case markECMAArray:
		// The count is a hint that senders get wrong; the end marker decides.
		if _, err := d.take(4); err != nil {
			return nil, err
		}
		return d.members(depth)
	case markStrictArray:
		return d.array(depth)
	}
	return nil, ErrMalformed
}

func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.rest) {
		return nil, ErrMalformed
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

func (d *decoder) number() (float64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// text reads a string whose length takes width bytes, 2 or 4.
func (d *decoder) text(width int) (string, error) {
	b, err := d.take(width)
	if err != nil {
		return "", err
	}
	n := uint64(binary.BigEndian.Uint16(b))
	if width == 4 {
		n = uint64(binary.BigEndian.Uint32(b))
	}
	if n > uint64(len(d.rest)) {
		return "", ErrMalformed
	}
	b, err = d.take(int(n))
	return strings.ToValidUTF8(string(b), "\uFFFD"), err
}

func (d *decoder) members(depth int) (Object, error) {
	o := Object{}
	for {
		name, err := d.text(2)
		if err != nil {
			return nil, err
		}
		if name == "" {
			end, err := d.take(1)
			if err != nil || end[0] != markObjectEnd {
				return nil, ErrMalformed
			}
			return o, nil
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o = append(o, Property{name, v})
	}
}

func (d *decoder) array(depth int) (Array, error) {
	b, err := d.take(4)
	if err != nil {
		return nil, err
	}
	// Every element takes at least its marker, so a larger count is a lie.
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(d.rest)) {
		return nil, ErrMalformed
	}
	a := Array{}
	for range n {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}
