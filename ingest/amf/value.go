package amf

import "errors"

// Limits of one message. Real encoders stay far below: OBS sends an object of
// twenty numbers, one level deep.
const (
	// MaxDepth is how many objects and arrays may be inside one another.
	MaxDepth = 12
	// MaxValues counts every value of a message, members included.
	MaxValues = 4096
)

// ErrMalformed is returned for bytes that are not AMF0, or that go beyond the
// limits of this package.
var ErrMalformed = errors.New("amf: malformed or excessive value")

// Marker bytes, section 2.1.
const (
	markNumber      = 0x00
	markBoolean     = 0x01
	markString      = 0x02
	markObject      = 0x03
	markNull        = 0x05
	markUndefined   = 0x06
	markECMAArray   = 0x08
	markObjectEnd   = 0x09
	markStrictArray = 0x0a
	markDate        = 0x0b
	markLongString  = 0x0c
	markUnsupported = 0x0d
	markXML         = 0x0f
	markTyped       = 0x10
)

// Object is an anonymous or typed object or an ECMA array: names in the order
// they were sent. A decoded value is one of nil, bool, float64, string, Object
// and Array.
type Object []Property

// Property is one member of an Object.
type Property struct {
	Name  string
	Value any
}

// Array is a strict array.
type Array []any

// Get returns the first member of that name, and nil when there is none.
func (o Object) Get(name string) any {
	for _, p := range o {
		if p.Name == name {
			return p.Value
		}
	}
	return nil
}
