package amf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	amf0 "github.com/yutopp/go-amf0"
)

func TestRoundTrip(t *testing.T) {
	values := []any{
		"connect", 1.0, nil, true, false,
		Object{
			{"app", "live"},
			{"nested", Object{{"list", Array{"a", 2.0, nil, Array{}}}}},
			{"empty", Object{}},
		},
		"", strings.Repeat("x", math.MaxUint16+1), "Straße",
	}
	got, err := Decode(Append(nil, values...))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, values) {
		t.Errorf("decoded %v\nwant    %v", got, values)
	}
}

func TestDecodeCanonicalises(t *testing.T) {
	name := func(s string) []byte { return appendName(nil, s) }
	number := Append(nil, 1500.0)[1:]
	end := []byte{0, 0, markObjectEnd}
	for what, tc := range map[string]struct {
		in   []byte
		want any
	}{
		"undefined":   {[]byte{markUndefined}, nil},
		"unsupported": {[]byte{markUnsupported}, nil},
		"date":        {join([]byte{markDate}, number, []byte{0, 0}), 1500.0},
		"long string": {join([]byte{markLongString, 0, 0, 0, 2}, []byte("hi")), "hi"},
		"xml":         {join([]byte{markXML, 0, 0, 0, 3}, []byte("<a>")), "<a>"},
		"not utf-8":   {join([]byte{markString}, name("a\xff")), "a\uFFFD"},
		"ecma array, nested object after a scalar, count wrong": {
			join([]byte{markECMAArray, 0xff, 0xff, 0xff, 0xff}, name("a"), Append(nil, 1.0),
				name("b"), Append(nil, Object{{"c", "d"}}), end),
			Object{{"a", 1.0}, {"b", Object{{"c", "d"}}}},
		},
		"typed object": {
			join([]byte{markTyped}, name("Class"), name("a"), Append(nil, true), end),
			Object{{"a", true}},
		},
	} {
		got, err := Decode(tc.in)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], tc.want) {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, tc.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := func(n int) []byte {
		return bytes.Repeat([]byte{markStrictArray, 0, 0, 0, 1}, n)
	}
	for what, in := range map[string][]byte{
		"strict array of 2^31-1":       {markStrictArray, 0x7f, 0xff, 0xff, 0xff},
		"the same inside an object":    join([]byte{markObject}, appendName(nil, "a"), []byte{markStrictArray, 0x7f, 0xff, 0xff, 0xff}),
		"one level too deep":           append(deep(MaxDepth+1), markNull),
		"deep and unfinished":          deep(1 << 16),
		"too many values":              bytes.Repeat([]byte{markNull}, MaxValues+1),
		"number cut short":             {markNumber, 0, 0},
		"boolean cut short":            {markBoolean},
		"string cut short":             {markString, 0, 9, 'a'},
		"long string cut short":        {markLongString, 0xff, 0xff, 0xff, 0xff, 'a'},
		"object key past the end":      {markObject, 0, 200, 'a'},
		"object without end":           join([]byte{markObject}, appendName(nil, "a"), []byte{markNull}),
		"empty name that is no end":    {markObject, 0, 0, markNull},
		"ecma array cut in its count":  {markECMAArray, 0, 0},
		"strict array cut in its list": {markStrictArray, 0, 0, 0, 2, markNull, markString},
		"date cut short":               join([]byte{markDate}, make([]byte, 9)),
		"reference":                    {0x07, 0, 0},
		"movie clip":                   {0x04},
		"amf3 switch":                  {0x11, 1},
		"stray object end":             {markObjectEnd},
		"unknown marker":               {0xee},
	} {
		if v, err := Decode(in); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, %v", what, v, err)
		}
	}
	if _, err := Decode(append(deep(MaxDepth), markNull)); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
}

func TestAppendPanicsOnForeignTypes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a struct was written as AMF")
		}
	}()
	Append(nil, struct{}{})
}

func TestObjectGet(t *testing.T) {
	o := Object{{"a", 1.0}, {"a", 2.0}}
	if o.Get("a") != 1.0 || o.Get("b") != nil {
		t.Errorf("got %v and %v", o.Get("a"), o.Get("b"))
	}
}

// FuzzDecode checks that nothing panics, and that whatever decodes is written
// in a dialect that the library's own, unguarded decoder reads to the end.
func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, "connect", 1.0, Object{{"app", "live"}, {"list", Array{"avc1", 1.0}}}))
	f.Add([]byte{markStrictArray, 0x7f, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{markObject, 0, 1, 'a'}, 40))
	f.Add(join([]byte{markECMAArray, 0, 0, 0, 9}, appendName(nil, "k"), []byte{markUndefined, 0, 0, markObjectEnd}))
	f.Add(binary.BigEndian.AppendUint32([]byte{markLongString}, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := Decode(b)
		if err != nil {
			return
		}
		out := Append(nil, values...)
		again, err := Decode(out)
		if err != nil || !bytes.Equal(Append(nil, again...), out) {
			t.Fatalf("%x is not stable: %v", out, err)
		}
		r := bytes.NewReader(out)
		lib := amf0.NewDecoder(r)
		for i, want := range values {
			if s, ok := want.(string); ok && len(s) > math.MaxUint16 {
				return // beyond any command the guard lets through
			}
			var v any
			if err := lib.Decode(&v); err != nil {
				t.Fatalf("value %d of %x: %v", i, out, err)
			}
		}
		if r.Len() != 0 {
			t.Fatalf("%d bytes left of %x", r.Len(), out)
		}
	})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
