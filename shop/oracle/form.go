package oracle

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Form checks a request's parameters, nested ones too, and returns what is
// wrong with them.
func (b *Book) Form(op operation, method string, form url.Values) []string {
	want := op.RequestBody.Content["application/x-www-form-urlencoded"].Schema
	if method == http.MethodGet {
		want = &schema{Type: "object", Properties: map[string]*schema{}}
		for _, p := range op.Parameters {
			if p.In == "query" {
				want.Properties[p.Name] = p.Schema
			}
		}
	}
	if want == nil {
		if len(form) > 0 {
			return []string{fmt.Sprintf("takes no parameters, got %v", slices.Collect(maps.Keys(form)))}
		}
		return nil
	}
	return b.check(want, b.typed(want, tree(form)), "")
}

// tree turns a[b][0]=c into {"a":{"b":{"0":"c"}}}.
func tree(form url.Values) map[string]any {
	root := map[string]any{}
	for name, values := range form {
		at, path := root, strings.Split(strings.ReplaceAll(name, "]", ""), "[")
		for _, step := range path[:len(path)-1] {
			next, ok := at[step].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[step] = next
			}
			at = next
		}
		at[path[len(path)-1]] = values[0]
	}
	return root
}

// typed gives a form's text the types that the schema asks for, where the text
// allows it; where not, it stays text and fails the check.
func (b *Book) typed(s *schema, v any) any {
	s = b.resolve(s)
	if s == nil {
		return v
	}
	if len(s.AnyOf) > 0 {
		for _, branch := range s.AnyOf {
			if t := b.typed(branch, v); len(b.check(branch, t, "")) == 0 {
				return t
			}
		}
		return b.typed(s.AnyOf[0], v)
	}
	switch x := v.(type) {
	case map[string]any:
		if s.Type == "array" {
			var list []any
			for _, i := range slices.Sorted(maps.Keys(x)) {
				list = append(list, b.typed(s.Items, x[i]))
			}
			return list
		}
		o := map[string]any{}
		for name, value := range x {
			o[name] = b.typed(s.Properties[name], value)
		}
		return o
	case string:
		switch s.Type {
		case "integer", "number":
			if n, err := strconv.ParseFloat(x, 64); err == nil {
				return n
			}
		case "boolean":
			if x == "true" || x == "false" {
				return x == "true"
			}
		}
	}
	return v
}
