package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// methods are the members of a path that are calls.
var methods = []string{"get", "put", "post", "patch", "delete"}

// operations maps every described call, as "GET /path", to its operation.
func (d document) operations() map[string]map[string]any {
	all := map[string]map[string]any{}
	for path := range object(d.root, "paths") {
		for _, method := range methods {
			if op := object(d.root, "paths", path, method); op != nil {
				all[strings.ToUpper(method)+" "+path] = op
			}
		}
	}
	return all
}

// bodies calls f with every described answer that has a body.
func (d document) bodies(f func(call, status, mediaType string, content map[string]any)) {
	for call, op := range d.operations() {
		for status, r := range object(op, "responses") {
			answer := d.follow(r.(map[string]any))
			for mediaType, content := range object(answer, "content") {
				f(call, status, mediaType, content.(map[string]any))
			}
		}
	}
}

// codes are the refusals of a call, as "404 no_such_order".
func (d document) codes() map[string][]string {
	all := map[string][]string{}
	d.bodies(func(call, status, mediaType string, content map[string]any) {
		if mediaType == "application/problem+json" {
			words, _ := object(content, "schema", "properties", "code")["enum"].([]any)
			for _, word := range words {
				all[call] = append(all[call], fmt.Sprint(status, " ", word))
			}
		}
	})
	return all
}

// mounted lists the patterns of a server that was built, not run.
func mounted(t *testing.T, flags ...string) (patterns []string) {
	t.Helper()
	cfg, _, err := parse(&cli{env: func(string) (string, bool) { return "", false }}, "serve", append(flags, "--data", t.TempDir()), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := build(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.db.Close()
	s.mount(func(pattern string, _ http.Handler) { patterns = append(patterns, pattern) })
	return patterns
}

// beside are the described calls outside /api/v1.
var beside = []string{"POST /hooks/stripe", "POST /hooks/carrier/{id}", "GET /images/{name}"}

func TestOpenAPIDescribesEveryCall(t *testing.T) {
	described := slices.Sorted(maps.Keys(readDescription(t).operations()))
	api := func(patterns []string) []string {
		patterns = slices.DeleteFunc(patterns, func(p string) bool {
			return !strings.Contains(p, " /api/v1/") && !slices.Contains(beside, p)
		})
		slices.Sort(patterns)
		return patterns
	}
	if have := api(mounted(t)); !slices.Equal(have, described) {
		t.Errorf("mounted, not described: %q\ndescribed, not mounted: %q", without(have, described), without(described, have))
	}
	live := api(mounted(t, "--stripe-secret-key", "sk_test_1", "--stripe-webhook-secret", "whsec_1"))
	if gone := without(described, live); !slices.Equal(gone, []string{"GET /api/v1/sandbox/methods", "POST /api/v1/sandbox/orders/{id}/dispute"}) {
		t.Errorf("with Stripe keys these are gone: %q", gone)
	}
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// What tools stumble over: a $ref to nothing, a parameter that is not declared,
// an example that its own schema refuses.
func TestOpenAPIIsSound(t *testing.T) {
	d := readDescription(t)
	used := map[string]bool{}
	d.walk(t, d.root, "#", used)
	for kind, all := range object(d.root, "components") {
		for name := range all.(map[string]any) {
			if kind != "securitySchemes" && !used["#/components/"+kind+"/"+name] {
				t.Errorf("component %s/%s is used by nobody", kind, name)
			}
		}
	}
	ids := map[string]string{}
	for call, op := range d.operations() {
		method, path, _ := strings.Cut(call, " ")
		id, _ := op["operationId"].(string)
		if id == "" || ids[id] != "" {
			t.Errorf("%s: operationId %q is empty or taken by %q", call, id, ids[id])
		}
		ids[id] = call
		declared := map[string]bool{}
		for _, at := range []map[string]any{object(d.root, "paths", path), op} {
			list, _ := at["parameters"].([]any)
			for _, p := range list {
				p := d.follow(p.(map[string]any))
				declared[fmt.Sprint(p["in"], " ", p["name"])] = true
			}
		}
		for _, segment := range strings.Split(path, "/") {
			if name, ok := strings.CutPrefix(segment, "{"); ok && !declared["path "+strings.TrimSuffix(name, "}")] {
				t.Errorf("%s: parameter %s is not declared", call, name)
			}
		}
		// The origin check stands before every call that changes something.
		if method != "GET" && !strings.HasPrefix(path, "/hooks/") && !slices.Contains(d.codes()[call], "403 cross_origin") {
			t.Errorf("%s: cross_origin is missing", call)
		}
		if _, secured := op["security"]; secured && call != "POST /api/v1/logout" && call != orderOfAnybody && !slices.Contains(d.codes()[call], "401 sign_in_first") {
			t.Errorf("%s: needs a session, but sign_in_first is missing", call)
		}
	}
	d.bodies(func(call, status, mediaType string, content map[string]any) {
		if (status >= "400") != (mediaType == "application/problem+json") {
			t.Errorf("%s: %s is %s", call, status, mediaType)
		}
	})
}

// walk visits everything below v: it notes the references and checks the
// examples against the schemas beside them.
func (d document) walk(t *testing.T, v any, at string, used map[string]bool) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			d.walk(t, item, fmt.Sprint(at, "/", i), used)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			used[ref] = true
			if d.follow(v) == nil {
				t.Errorf("%s: %s leads nowhere", at, ref)
			}
		}
		schema, examples := v, []any{}
		if list, ok := v["examples"].([]any); ok {
			examples = list
		} else if one, ok := v["example"]; ok {
			schema, examples = object(v, "schema"), []any{one}
		}
		for _, example := range examples {
			for _, wrong := range d.check(schema, example, at+" example") {
				t.Error(wrong)
			}
		}
		for name, member := range v {
			if name != "example" && name != "examples" {
				d.walk(t, member, at+"/"+name, used)
			}
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	get := func(tag string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/openapi.json", nil)
		r.Header.Set("If-None-Match", tag)
		getDescription(w, r)
		return w
	}
	first := get("")
	if first.Code != http.StatusOK || first.Header().Get("Content-Type") != "application/json" || first.Body.String() != string(description) {
		t.Errorf("%d %v", first.Code, first.Header())
	}
	if again := get(first.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("with its own ETag: %d, %d bytes", again.Code, again.Body.Len())
	}
}

// orderOfAnybody answers the same to nobody in particular as to a stranger.
const orderOfAnybody = "GET /api/v1/orders/{id}"

// elsewhere are the refusals that no described call can answer with.
var elsewhere = map[string]string{
	"422 bad_bps":           "souk fee set",
	"422 bad_fixed":         "souk fee set",
	"409 channel_exists":    "souk user add",
	"409 email_taken":       "souk user add",
	"404 no_such_challenge": "the sandbox's bank, a page",
	"422 bad_answer":        "the sandbox's bank, a page",
	"422 bad_letter":        "what another part of the server sends to one person",
	"403 bad_origin":        "a room, a websocket",
	"404 no_such_page":      "oEmbed, for other sites",
	"501 bad_format":        "oEmbed, for other sites",
	"400 bad_request":       "the admin port, how late the process is",
	"502 node_away":         "another server of --redis that does not answer",
	"502 origin_away":       "an edge whose origin does not answer",
	"503 full":              "a room, a websocket",
}

// The words that the source refuses with, those of the description and those
// of the protocol document are the same.
func TestOpenAPICodes(t *testing.T) {
	source := refusals(t, ".", "../../account", "../../chat", "../../show", "../../shop", "../../shop/sandbox", "../../internal/api")
	for code, where := range elsewhere {
		if !source[code] {
			t.Errorf("%s, of %s, is gone: take it off the list", code, where)
		}
		delete(source, code)
	}
	described := map[string]bool{}
	d := readDescription(t)
	general, _ := object(d.root, "info")["description"].(string) // what may happen to any request
	for _, m := range regexp.MustCompile("([45][0-9][0-9]) `([a-z_]+)`").FindAllStringSubmatch(general, -1) {
		described[m[1]+" "+m[2]] = true
	}
	for _, codes := range d.codes() {
		for _, code := range codes {
			described[code] = true
		}
	}
	equal(t, "refused in the source", source, "described", described)
	equal(t, "described", described, "in docs/protocol.md", tabled(t))
}

func equal(t *testing.T, nameA string, a map[string]bool, nameB string, b map[string]bool) {
	t.Helper()
	inA, inB := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))
	if more := without(inA, inB); len(more) > 0 {
		t.Errorf("%s, but not %s: %q", nameA, nameB, more)
	}
	if more := without(inB, inA); len(more) > 0 {
		t.Errorf("%s, but not %s: %q", nameB, nameA, more)
	}
}

// tabled reads the table of codes in docs/protocol.md: a status, then words.
func tabled(t *testing.T) map[string]bool {
	t.Helper()
	doc, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(doc), "### Errors")
	section, _, _ := strings.Cut(after, "\n### ")
	all := map[string]bool{}
	row, word := regexp.MustCompile(`(?m)^\| (\d{3}) \| ([^|]+) \|`), regexp.MustCompile("`([a-z_]+)`")
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		for _, w := range word.FindAllStringSubmatch(m[2], -1) {
			all[m[1]+" "+w[1]] = true
		}
	}
	return all
}

// refusals finds the codes that packages refuse with, by how they say it:
// api.Fail(http.StatusX, "code", …), bad("field", …) which is 422 bad_field,
// and a check("field") that passes its field on to bad.
func refusals(t *testing.T, folders ...string) map[string]bool {
	t.Helper()
	statuses := map[string]int{}
	for n := 400; n < 600; n++ {
		statuses["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(http.StatusText(n))] = n
	}
	all := map[string]bool{}
	note := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		switch called(call) {
		case "Fail":
			status, isConstant := call.Args[0].(*ast.SelectorExpr)
			code, isLiteral := literal(call.Args[1])
			if isConstant && isLiteral {
				all[fmt.Sprint(statuses[status.Sel.Name], " ", code)] = true
			}
		case "bad", "check":
			if field, ok := literal(call.Args[0]); ok {
				all["422 bad_"+field] = true
			}
		}
		return true
	}
	for _, folder := range folders {
		names, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(names) == 0 {
			t.Fatal(folder, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, note)
		}
	}
	return all
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
