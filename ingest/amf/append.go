package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Append writes values to b. It takes the types that Decode returns and the
// integers Go code has at hand; any other type is a mistake of the caller and
// panics. Members with an empty name are left out, since an empty name is how
// an object ends.
func Append(b []byte, values ...any) []byte {
	for _, v := range values {
		b = appendValue(b, v)
	}
	return b
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, markNull)
	case bool:
		if v {
			return append(b, markBoolean, 1)
		}
		return append(b, markBoolean, 0)
	case float64:
		return binary.BigEndian.AppendUint64(append(b, markNumber), math.Float64bits(v))
	case int:
		return appendValue(b, float64(v))
	case uint32:
		return appendValue(b, float64(v))
	case string:
		return appendString(b, v)
	case Object:
		b = append(b, markObject)
		for _, p := range v {
			if p.Name != "" {
				b = appendValue(appendName(b, p.Name), p.Value)
			}
		}
		return append(b, 0, 0, markObjectEnd)
	case Array:
		b = binary.BigEndian.AppendUint32(append(b, markStrictArray), uint32(len(v)))
		return Append(b, v...)
	}
	panic(fmt.Sprintf("amf: cannot write a %T", v))
}

func appendString(b []byte, s string) []byte {
	if len(s) > math.MaxUint16 {
		b = binary.BigEndian.AppendUint32(append(b, markLongString), uint32(len(s)))
		return append(b, s...)
	}
	return appendName(append(b, markString), s)
}

// appendName writes a string without a marker. A name cannot be longer than
// its 16-bit length says, so it is cut there.
func appendName(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}
