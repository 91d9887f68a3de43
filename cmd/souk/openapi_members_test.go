package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"souk/account"
	"souk/chat"
	"souk/ingest"
	"souk/shop"
	"souk/show"
)

// answered are the types behind described schemas.
var answered = map[string]any{
	"Address":        account.Address{},
	"AccountExport":  account.Export{},
	"Channel":        channelAnswer{},
	"Carrier":        shop.CarrierView{},
	"Checkpoint":     shop.Checkpoint{},
	"Ruling":         shop.Ruling{},
	"Seller":         shop.Seller{},
	"Terms":          shop.Terms{},
	"Withdrawal":     shop.Withdrawal{},
	"WithdrawalDone": shop.WithdrawalDone{},
	"ChatChange":     chat.Change{},
	"ChatExport":     chat.Export{},
	"ChatSettings":   chat.Settings{},
	"Deed":           chat.Done{},
	"Invitation":     account.Invitation{},
	"Passkey":        account.Passkey{},
	"RoleDeed":       account.Deed{},
	"SignIn":         account.Session{},
	"Takings":        takings{},
	"Worker":         account.Worker{},
	"Coupon":         shop.Coupon{},
	"Decline":        shop.Decline{},
	"Entry":          show.Entry{},
	"Hold":           shop.Hold{},
	"Ingest":         ingestAnswer{},
	"Me":             me{},
	"Method":         shop.Method{},
	"Money":          shop.Money{},
	"NewOffer":       shop.NewOffer{},
	"NewProduct":     shop.NewProduct{},
	"Numbers":        numbersAnswer{},
	"Offer":          shop.Offer{},
	"Order":          shop.Order{},
	"Personal":       shop.Personal{},
	"Pin":            shop.Pin{},
	"Place":          shop.Place{},
	"Played":         chat.Played{},
	"Policy":         account.EncoderPolicy{},
	"Product":        shop.Product{},
	"Publisher":      ingest.Publisher{},
	"Question":       chat.Asked{},
	"Recording":      recordingAnswer{},
	"RecordingState": recordingState{},
	"Region":         shop.Region{},
	"Endpoint":       shop.Endpoint{},
	"Delivery":       shop.Delivery{},
	"Replay":         replayAnswer{},
	"Selling":        shop.Selling{},
	"Show":           show.Show{},
	"ShowAnswer":     showAnswer{},
	"Tips":           shop.Tips{},
	"Waiting":        shop.Lines{},
}

// asked are those of them that clients send: what may be left out of a request
// cannot be seen on its type.
var asked = []string{"ChatChange", "NewOffer", "NewProduct"}

// A running server leaves out what there is nothing to say about. This test
// sees those members too: a schema has the members of its type, and those that
// are always there are required.
func TestOpenAPIMembers(t *testing.T) {
	d := readDescription(t)
	for name, v := range answered {
		schema := object(d.root, "components", "schemas", name)
		for _, wrong := range d.likeType(schema, reflect.TypeOf(v), name, slices.Contains(asked, name)) {
			t.Error(wrong)
		}
	}
}

// likeType returns how a schema differs from what encoding/json makes of a type.
func (d document) likeType(schema map[string]any, of reflect.Type, at string, sent bool) (wrong []string) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		if of.Kind() == reflect.Slice {
			schema = object(d.follow(schema), "items")
		}
		of = of.Elem()
	}
	schema = d.follow(schema)
	if alternatives, ok := schema["oneOf"].([]any); ok { // null or the thing itself
		schema = d.follow(alternatives[len(alternatives)-1].(map[string]any))
	}
	if of.Kind() != reflect.Struct || says[json.Marshaler](of) || says[encoding.TextMarshaler](of) {
		return nil
	}
	properties, always := object(schema, "properties"), []string{}
	missing := maps.Clone(properties)
	for _, f := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		delete(missing, name)
		if properties[name] == nil {
			wrong = append(wrong, at+"."+name+" is not described")
			continue
		}
		if options == "" {
			always = append(always, name)
		}
		wrong = append(wrong, d.likeType(object(properties, name), f.Type, at+"."+name, sent)...)
	}
	for name := range missing {
		wrong = append(wrong, at+"."+name+" is described, and nobody says it")
	}
	var required []string
	list, _ := schema["required"].([]any)
	for _, name := range list {
		required = append(required, name.(string))
	}
	slices.Sort(always)
	slices.Sort(required)
	if !sent && !slices.Equal(always, required) {
		wrong = append(wrong, fmt.Sprintf("%s always has %q, and %q are required", at, always, required))
	}
	return wrong
}

// says tells whether values of a type have their own way into JSON.
func says[T any](of reflect.Type) bool { return of.Implements(reflect.TypeFor[T]()) }
