package main

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// document is the description as the tests look into it, and a validator for
// the part of JSON Schema (2020-12) that it uses.
//
// The published schemas are open, because members will be added and clients
// must not fail on them. Here they are closed: an answer with a member that
// nobody described is a fault of the description.
type document struct{ root map[string]any }

func readDescription(t *testing.T) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(description, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// object returns the member of v that is an object, nil when there is none.
func object(v map[string]any, names ...string) map[string]any {
	for _, name := range names {
		v, _ = v[name].(map[string]any)
	}
	return v
}

// follow returns what v stands for: itself, or what its $ref names.
func (d document) follow(v map[string]any) map[string]any {
	ref, ok := v["$ref"].(string)
	if !ok {
		return v
	}
	return d.follow(object(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
}

// layers are the schemas that hold at once: a schema and what its $ref names.
func (d document) layers(schema map[string]any) []map[string]any {
	all := []map[string]any{schema}
	if ref, ok := schema["$ref"].(string); ok {
		all = append(all, d.layers(object(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))...)
	}
	return all
}

// annotations say something to people and nothing about values.
var annotations = []string{"$ref", "description", "default", "examples", "format"}

// check returns what is wrong with v, each with the path to it.
func (d document) check(schema map[string]any, v any, at string) (wrong []string) {
	layers := d.layers(schema)
	for _, s := range layers {
		if s == nil {
			return []string{at + ": a $ref leads nowhere"}
		}
		for keyword, want := range s {
			if slices.Contains(annotations, keyword) {
				continue
			}
			rule, ok := rules[keyword]
			if !ok {
				wrong = append(wrong, at+": the validator does not know "+keyword)
			} else if why := rule(want, v); why != "" {
				wrong = append(wrong, at+": "+why)
			}
		}
		if alternatives, ok := s["oneOf"].([]any); ok {
			wrong = append(wrong, d.checkOneOf(alternatives, v, at)...)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		wrong = append(wrong, d.checkMembers(layers, v, at)...)
	case []any:
		for _, s := range layers {
			if items := object(s, "items"); items != nil {
				for i, item := range v {
					wrong = append(wrong, d.check(items, item, fmt.Sprintf("%s[%d]", at, i))...)
				}
			}
		}
	}
	return wrong
}

func (d document) checkOneOf(alternatives []any, v any, at string) (wrong []string) {
	fits := 0
	for i, a := range alternatives {
		alternative, _ := a.(map[string]any)
		if why := d.check(alternative, v, fmt.Sprintf("%s(%d)", at, i)); why == nil {
			fits++
		} else {
			wrong = append(wrong, why...)
		}
	}
	if fits == 1 {
		return nil
	}
	return append(wrong, fmt.Sprintf("%s: fits %d of %d alternatives", at, fits, len(alternatives)))
}

func (d document) checkMembers(layers []map[string]any, v map[string]any, at string) (wrong []string) {
	for name, member := range v {
		known := false
		for _, s := range layers {
			if property := object(s, "properties", name); property != nil {
				known = true
				wrong = append(wrong, d.check(property, member, at+"."+name)...)
			}
		}
		for _, s := range layers {
			if s["oneOf"] != nil {
				known = true // to the alternative that fits
			}
			if more, ok := s["additionalProperties"]; ok && !known {
				known = more == true
				if schema, ok := more.(map[string]any); ok {
					known = true
					wrong = append(wrong, d.check(schema, member, at+"."+name)...)
				}
			}
		}
		if !known {
			wrong = append(wrong, at+"."+name+": nobody described this member")
		}
	}
	return wrong
}

// rules are the keywords that look at one value; a rule says why the value is
// wrong. Those that look inside are above.
var rules = map[string]func(want, v any) string{
	"oneOf":                func(any, any) string { return "" },
	"items":                func(any, any) string { return "" },
	"properties":           func(any, any) string { return "" },
	"additionalProperties": func(any, any) string { return "" },

	"type": func(want, v any) string {
		types, several := want.([]any)
		if !several {
			types = []any{want}
		}
		for _, name := range types {
			if isA(name, v) {
				return ""
			}
		}
		return fmt.Sprintf("%v is not of type %v", v, want)
	},
	"const": func(want, v any) string {
		return unless(reflect.DeepEqual(want, v), "%v is not %v", v, want)
	},
	"enum": func(want, v any) string {
		return unless(slices.ContainsFunc(want.([]any), func(w any) bool { return reflect.DeepEqual(w, v) }), "%v is none of %v", v, want)
	},
	"required": func(want, v any) string {
		members, ok := v.(map[string]any)
		for _, name := range want.([]any) {
			if _, there := members[name.(string)]; ok && !there {
				return name.(string) + " is missing"
			}
		}
		return ""
	},
	"pattern": func(want, v any) string {
		text, ok := v.(string)
		return unless(!ok || regexp.MustCompile(want.(string)).MatchString(text), "%v does not match %v", v, want)
	},
	"minLength": func(want, v any) string { return unless(length(v, want) >= want.(float64), "%v is too short", v) },
	"maxLength": func(want, v any) string { return unless(length(v, want) <= want.(float64), "%v is too long", v) },
	"maxItems": func(want, v any) string {
		list, _ := v.([]any)
		return unless(float64(len(list)) <= want.(float64), "%d items are too many", len(list))
	},
	"minimum": func(want, v any) string {
		n, ok := v.(float64)
		return unless(!ok || n >= want.(float64), "%v is below %v", v, want)
	},
	"maximum": func(want, v any) string {
		n, ok := v.(float64)
		return unless(!ok || n <= want.(float64), "%v is above %v", v, want)
	},
}

func unless(ok bool, format string, args ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// length of a text; what is no text is as long as wanted.
func length(v, want any) float64 {
	if text, ok := v.(string); ok {
		return float64(utf8.RuneCountInString(text))
	}
	return want.(float64)
}

func isA(name, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

// The validator can fail, by every keyword and at every depth.
func TestOpenAPIValidatorCatches(t *testing.T) {
	d := document{root: map[string]any{}}
	parse := func(text string) (v any) {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	d.root["base"] = parse(`{"type":"object","required":["a"],"properties":{"a":{"type":"integer"},"b":{"type":"string"}}}`)
	for _, c := range []struct{ schema, good, bad string }{
		{`{"type":"integer"}`, `3`, `3.5`},
		{`{"type":"number"}`, `3.5`, `"3"`},
		{`{"type":"boolean"}`, `true`, `null`},
		{`{"type":["string","null"]}`, `null`, `1`},
		{`{"const":"x"}`, `"x"`, `"y"`},
		{`{"enum":["x",1]}`, `1`, `2`},
		{`{"type":"string","pattern":"^a+$"}`, `"aa"`, `"ab"`},
		{`{"type":"string","minLength":2}`, `"éé"`, `"é"`},
		{`{"type":"string","maxLength":2}`, `"éé"`, `"ééé"`},
		{`{"minimum":1}`, `1`, `0`},
		{`{"maximum":1}`, `1`, `2`},
		{`{"type":"array","items":{"type":"string"}}`, `["a"]`, `["a",1]`},
		{`{"maxItems":1}`, `[1]`, `[1,2]`},
		{`{"type":"object","properties":{"a":{}}}`, `{"a":1}`, `{"b":1}`},
		{`{"type":"object","required":["a"],"properties":{"a":{}}}`, `{"a":null}`, `{}`},
		{`{"type":"object","additionalProperties":{"type":"string"}}`, `{"b":"1"}`, `{"b":1}`},
		{`{"type":"object","additionalProperties":true}`, `{"b":1}`, `[]`},
		{`{"type":"object","additionalProperties":false}`, `{}`, `{"b":1}`},
		{`{"oneOf":[{"type":"null"},{"type":"string"}]}`, `null`, `1`},
		{`{"oneOf":[{"type":"integer"},{"minimum":5}]}`, `4`, `6`},
		{`{"oneOf":[{"type":"null"},{"type":"object","properties":{"a":{}}}]}`, `{"a":1}`, `{"b":1}`},
		{`{"$ref":"#/base"}`, `{"a":1}`, `{"a":"1"}`},
		{`{"$ref":"#/base","required":["b"]}`, `{"a":1,"b":"x"}`, `{"a":1}`},
		{`{"$ref":"#/base","properties":{"b":{"const":"x"}}}`, `{"a":1,"b":"x"}`, `{"a":1,"b":"y"}`},
		{`{"type":"object","properties":{"a":{"type":"array","items":{"$ref":"#/base"}}}}`, `{"a":[{"a":1}]}`, `{"a":[{"a":1,"c":1}]}`},
		{`{"description":"d"}`, `1`, `{"unseen":1}`},
	} {
		schema := parse(c.schema).(map[string]any)
		if wrong := d.check(schema, parse(c.good), "v"); wrong != nil {
			t.Errorf("%s refuses %s: %q", c.schema, c.good, wrong)
		}
		if wrong := d.check(schema, parse(c.bad), "v"); wrong == nil {
			t.Errorf("%s lets %s pass", c.schema, c.bad)
		}
	}
	for _, schema := range []string{`{"uniqueItems":true}`, `{"$ref":"#/nowhere"}`} {
		if wrong := d.check(parse(schema).(map[string]any), nil, "v"); wrong == nil {
			t.Errorf("%s is taken although it cannot be checked", schema)
		}
	}
}
