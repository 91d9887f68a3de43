package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/stripe/stripe-mock/embedded"
)

// Book is Stripe's description of its API.
type Book struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]*schema }

	routes *http.ServeMux
}

type operation struct {
	Parameters []struct {
		Name, In string
		Schema   *schema
	}
	RequestBody struct{ Content map[string]media }
	Responses   map[string]struct{ Content map[string]media }
}

type media struct{ Schema *schema }

// schema is the part of JSON Schema that the description uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Enum       []any
	Nullable   bool
	AnyOf      []*schema
	Properties map[string]*schema
	Required   []string
	Items      *schema
	Additional json.RawMessage `json:"additionalProperties"` // absent, false, or a schema
	MaxLength  int
}

// Read opens the description that stripe-mock carries.
func Read() (*Book, error) {
	b := &Book{routes: http.NewServeMux()}
	if err := json.Unmarshal(embedded.OpenAPISpec, b); err != nil {
		return nil, err
	}
	// The standard mux does the matching; ids keep their braces.
	for path := range b.Paths {
		b.routes.HandleFunc(wildcards(path), func(http.ResponseWriter, *http.Request) {})
	}
	return b, nil
}

// wildcards spells {payment_intent} as {payment_intent}, and what the mux does
// not take as a name by number.
func wildcards(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = fmt.Sprintf("{x%d}", i)
		}
	}
	return strings.Join(parts, "/")
}

// Operation finds what the description says about a request; ok is false when
// Stripe has no such call.
func (b *Book) Operation(r *http.Request) (operation, bool) {
	_, pattern := b.routes.Handler(r)
	for path, verbs := range b.Paths {
		if wildcards(path) == pattern {
			op, ok := verbs[strings.ToLower(r.Method)]
			return op, ok
		}
	}
	return operation{}, false
}

// Answer checks an answer's body and returns what is wrong with it.
func (b *Book) Answer(op operation, status int, body []byte) []string {
	said, ok := op.Responses[fmt.Sprint(status)]
	if !ok {
		said = op.Responses["default"]
	}
	return b.Value(said.Content["application/json"].Schema, body)
}

// Object checks an object that says its own kind.
func (b *Book) Object(body []byte) []string {
	var o struct{ Object string }
	if err := json.Unmarshal(body, &o); err != nil {
		return []string{err.Error()}
	}
	s := b.Components.Schemas[o.Object]
	if s == nil {
		return []string{fmt.Sprintf("Stripe has no object %q", o.Object)}
	}
	return b.Value(s, body)
}

// Value checks JSON against a schema.
func (b *Book) Value(s *schema, body []byte) []string {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return []string{err.Error()}
	}
	return b.check(s, v, "")
}

func (b *Book) resolve(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = b.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// check returns what is wrong with v, each finding with the path to it.
func (b *Book) check(s *schema, v any, at string) []string {
	if s = b.resolve(s); s == nil {
		return []string{at + ": the description says nothing about it"}
	}
	if v == nil {
		if s.Nullable || s.Type == "" && len(s.AnyOf) == 0 {
			return nil
		}
		return []string{at + ": null"}
	}
	if len(s.AnyOf) > 0 {
		return b.anyOf(s.AnyOf, v, at)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return []string{fmt.Sprintf("%s: %v is none of %v", at, v, s.Enum)}
	}
	switch x := v.(type) {
	case map[string]any:
		if s.Type == "object" {
			return b.object(s, x, at)
		}
	case []any:
		if s.Type == "array" {
			var all []string
			for i, item := range x {
				all = append(all, b.check(s.Items, item, fmt.Sprintf("%s[%d]", at, i))...)
			}
			return all
		}
	case string:
		if s.MaxLength > 0 && len(x) > s.MaxLength {
			return []string{fmt.Sprintf("%s: longer than %d", at, s.MaxLength)}
		}
		if s.Type == "string" {
			return nil
		}
	case bool:
		if s.Type == "boolean" {
			return nil
		}
	case float64:
		if s.Type == "number" || s.Type == "integer" && x == float64(int64(x)) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: %v is no %s", at, v, s.Type)}
}

// anyOf takes the branch with the fewest complaints.
func (b *Book) anyOf(branches []*schema, v any, at string) []string {
	var best []string
	for i, s := range branches {
		found := b.check(s, v, at)
		if len(found) == 0 {
			return nil
		}
		if i == 0 || len(found) < len(best) {
			best = found
		}
	}
	return best
}

func (b *Book) object(s *schema, v map[string]any, at string) []string {
	var all []string
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			all = append(all, at+"."+name+": missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		switch p := s.Properties[name]; {
		case p != nil:
			all = append(all, b.check(p, v[name], at+"."+name)...)
		case len(s.Properties) > 0 && (len(s.Additional) == 0 || string(s.Additional) == "false"):
			all = append(all, at+"."+name+": unknown to Stripe")
		case len(s.Additional) > 0 && s.Additional[0] == '{':
			var more schema
			if json.Unmarshal(s.Additional, &more) == nil {
				all = append(all, b.check(&more, v[name], at+"."+name)...)
			}
		}
	}
	return all
}
