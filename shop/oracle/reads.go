package oracle

import (
	"errors"
	"go/ast"
	"go/types"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Reads finds, in the source of package stripe, which members of Stripe's
// objects are read: object -> names on the wire.
func Reads() (map[string][]string, error) {
	all, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
	}, "souk/shop/stripe")
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || len(all[0].Errors) > 0 {
		return nil, errors.New("package stripe does not load")
	}
	reads := map[string][]string{}
	for _, file := range all[0].Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if kind, name := member(all[0].TypesInfo.Selections[sel]); name != "" && !slices.Contains(reads[kind], name) {
					reads[kind] = append(reads[kind], name)
				}
			}
			return true
		})
	}
	return reads, nil
}

// member is what a selection reads off the wire: nothing for parameters,
// methods, errors and our own types.
func member(s *types.Selection) (object, name string) {
	if s == nil || s.Kind() != types.FieldVal {
		return "", ""
	}
	t := s.Recv()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || !strings.HasPrefix(named.Obj().Pkg().Path(), "github.com/stripe/stripe-go") {
		return "", ""
	}
	body, ok := named.Underlying().(*types.Struct)
	if !ok || strings.HasSuffix(named.Obj().Name(), "Params") {
		return "", ""
	}
	for i := range body.NumFields() {
		if body.Field(i).Name() == s.Obj().Name() {
			wire, _, _ := strings.Cut(reflect.StructTag(body.Tag(i)).Get("json"), ",")
			return snake(named.Obj().Name()), wire
		}
	}
	return "", ""
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// snake is Stripe's name for what stripe-go calls PaymentIntent.
func snake(name string) string { return strings.ToLower(hump.ReplaceAllString(name, "${1}_${2}")) }
