package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v2"

	"souk/chat/client"
)

// readRoomDescription reads docs/asyncapi.yaml together with the schemas of the
// API that it names.
func readRoomDescription(t *testing.T) document {
	t.Helper()
	text, err := os.ReadFile("../../docs/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var loose any
	if err := yaml.Unmarshal(text, &loose); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(strict(loose))
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b, &d.root); err != nil {
		t.Fatal(err)
	}
	own := object(d.root, "components", "schemas")
	for name, schema := range object(readDescription(t).root, "components", "schemas") {
		if own[name] != nil {
			t.Errorf("two schemas are called %s", name)
		}
		own[name] = schema
	}
	return d
}

// strict turns what YAML gives into what JSON knows, and a reference to the
// API's description into one to here.
func strict(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := map[string]any{}
		for name, member := range v {
			out[fmt.Sprint(name)] = strict(member)
		}
		return out
	case []any:
		for i := range v {
			v[i] = strict(v[i])
		}
		return v
	case string:
		return strings.TrimPrefix(v, "../cmd/souk/openapi.json")
	}
	return v
}

// alternatives are the schemas of events or commands, by their word.
func (d document) alternatives(t *testing.T, of, by string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	list, _ := object(d.root, "components", "schemas", of)["oneOf"].([]any)
	for _, one := range list {
		schema := d.follow(one.(map[string]any))
		word, _ := object(schema, "properties", by)["const"].(string)
		if word == "" || all[word] != nil {
			t.Fatalf("an alternative of %s without a word of its own: %v", of, schema)
		}
		all[word] = schema
	}
	return all
}

// audience listens to a room and holds every event against its schema.
type audience struct {
	caller
	d      document
	types  map[string]map[string]any
	sends  map[string]map[string]any
	seen   map[string]bool
	room   *client.Client
	letter string
}

func (a *audience) take(e client.Incoming) {
	a.t.Helper()
	schema := a.types[e.Type]
	if schema == nil {
		a.t.Errorf("nobody described events of type %s", e.Type)
		return
	}
	a.seen[e.Type] = true
	event := map[string]any{"type": e.Type}
	if e.Epoch != "" {
		event["epoch"] = e.Epoch
	}
	if e.Seq != 0 || e.Epoch != "" {
		event["seq"] = float64(e.Seq)
	}
	for name, at := range map[string]time.Time{"at": e.At, "media_at": e.MediaAt} {
		if !at.IsZero() {
			event[name] = at.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	var data any
	if err := json.Unmarshal(e.Data, &data); err != nil {
		a.t.Fatal(err)
	}
	event["data"] = data
	for _, wrong := range a.d.check(schema, event, e.Type) {
		a.t.Error(wrong)
	}
	if members, ok := data.(map[string]any); ok && members["letter"] != nil {
		a.letter = fmt.Sprint(members["letter"])
	}
}

// until takes events up to one of the type.
func (a *audience) until(typ string) {
	a.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case e, ok := <-a.room.Events():
			if !ok {
				a.t.Fatalf("waiting for %s: %v", typ, a.room.Err())
			}
			if a.take(e); e.Type == typ {
				return
			}
		case <-limit:
			a.t.Fatalf("no %s", typ)
		}
	}
}

// do holds a command, and the reply, against their schemas.
func (a *audience) do(command string, members ...any) client.Reply {
	a.t.Helper()
	sent := map[string]any{"id": 1.0, "do": command}
	for i := 0; i < len(members); i += 2 {
		sent[members[i].(string)] = members[i+1]
		if n, ok := members[i+1].(int); ok {
			sent[members[i].(string)] = float64(n)
		}
	}
	if a.sends[command] == nil {
		a.t.Errorf("nobody described the command %s", command)
	}
	for _, wrong := range a.d.check(a.sends[command], sent, command) {
		a.t.Error(wrong)
	}
	a.seen["do "+command] = true
	return a.caller.do(a.room, command, members...)
}

// TestAsyncAPI goes through a show in its room and holds everything that the
// server sends against docs/asyncapi.yaml. At the end every described event has
// come and every described command was sent.
func TestAsyncAPI(t *testing.T) {
	s := serveAnswers(t, time.Second)
	d := readRoomDescription(t)
	types, sends, seen := d.alternatives(t, "Event", "type"), d.alternatives(t, "Command", "do"), map[string]bool{}
	enter := func(c caller) *audience {
		return &audience{caller: c, d: d, types: types, sends: sends, seen: seen, room: c.enter()}
	}
	nobody := caller{answers: s}
	hosting := caller{s, nobody.call("200", "POST", "/api/v1/login", fmt.Sprintf(`{"email":%q,"password":%q}`, s.host.Email, s.host.Password)).text("token")}
	mira := s.buyer("Mira", "pm_card_visa")
	id := mira.call("200", "GET", "/api/v1/me", "").text("id")
	host, guest := enter(hosting), enter(mira)

	product := nobody.call("200", "GET", "/api/v1/channels/tea/products", "").text("products.0.id")
	first := guest.do("say", "text", "hello").Message
	host.until("message")
	question := guest.do("ask", "text", "how hot?", "product", product).Message
	host.do("answer", "message", question, "text", "very")
	guest.until("answered")
	question = guest.do("ask", "text", "how long?").Message
	host.do("dismiss", "message", question)
	host.until("dismissed")
	guest.do("react", "kind", "clap", "n", 2)
	host.until("reactions")
	host.do("notice", "text", "tea at five", "pinned", true)
	guest.until("pinned_notice")
	host.do("slow", "seconds", 1)
	guest.until("slow")
	host.do("raid", "seconds", 0)
	host.until("settings")
	host.do("tell", "user", id, "text", "a word")
	guest.until("private")
	guest.do("take", "message", guest.letter)
	host.do("delete", "message", first)
	guest.until("deleted")
	host.call("200", "PUT", "/api/v1/channels/tea/chat-settings", `{"words":["fake"],"words_do":"hold"}`)
	host.do("slow", "seconds", 0)
	held := func() string {
		r, err := guest.room.Do(t.Context(), map[string]any{"do": "say", "text": "fake"})
		if err != nil || r.Code != "held" {
			t.Fatalf("%+v, %v", r, err)
		}
		host.until("held")
		return r.Message
	}
	host.do("approve", "message", held())
	guest.until("reviewed")
	host.do("deny", "message", held())
	guest.until("reviewed")
	host.do("shadow", "user", id)
	for r := (client.Reply{}); !r.OK; { // the guest has said much by now
		var err error
		if r, err = guest.room.Do(t.Context(), map[string]any{"do": "say", "text": "to myself"}); err != nil || !r.OK && r.RetryMS == 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		time.Sleep(time.Duration(r.RetryMS) * time.Millisecond)
	}
	guest.until("message")
	host.do("unban", "user", id)
	host.do("clear", "user", id)
	guest.until("cleared")
	host.do("calm", "on", true)
	host.do("calm", "on", false)

	s.stream()
	guest.until("live")
	offer := `{"product":"` + product + `","offer":{"price":{"amount":100,"currency":"USD"},"seconds":600}}`
	host.call("200", "PUT", "/api/v1/channels/tea/pin", offer)
	guest.until("pinned")
	mira.call("200", "POST", "/api/v1/orders", `{"channel":"tea","product":"`+product+`","quantity":1}`, "Idempotency-Key", newKey())
	guest.until("order")
	guest.until("you")
	host.until("stock")
	guest.until("sold")
	rare := hosting.call("201", "POST", "/api/v1/channels/tea/products", `{"sku":"rare","title":"Rare","price":{"amount":900,"currency":"USD"},"stock":0}`).text("id")
	mira.call("201", "POST", "/api/v1/waitlist", `{"channel":"tea","product":"`+rare+`"}`)
	hosting.call("200", "PATCH", "/api/v1/products/"+rare, `{"stock":1}`)
	guest.until("turn")
	guest.do("take", "message", guest.letter)
	turn := mira.call("200", "GET", "/api/v1/me/holds", "").text("holds.0.id")
	mira.call("204", "DELETE", "/api/v1/holds/"+turn, "")
	guest.until("hold")
	one := `{"person":"` + id + `","product":"` + rare + `","price":{"amount":100,"currency":"USD"},"seconds":600}`
	personal := hosting.call("201", "POST", "/api/v1/channels/tea/offers", one).text("offer.id")
	guest.until("offer")
	hosting.call("204", "DELETE", "/api/v1/channels/tea/offers/"+personal, "")
	guest.until("offer")
	mira.call("200", "POST", "/api/v1/orders", `{"channel":"tea","tip":{"amount":500,"currency":"USD"},"thanks":true}`, "Idempotency-Key", newKey())
	guest.until("tipped")
	host.call("200", "PATCH", "/api/v1/products/"+product, `{"price":{"amount":900,"currency":"USD"}}`)
	host.call("204", "DELETE", "/api/v1/channels/tea/pin", "")
	guest.until("price")
	guest.until("unpinned")

	enter(caller{answers: s}).until("viewers") // a reader's welcome, with a history
	host.do("timeout", "user", id, "seconds", 1)
	guest.until("timeout")
	host.call("200", "POST", "/api/v1/channels/tea/ingest/rotate", "")
	guest.until("paused")
	guest.until("ended")
	host.do("ban", "user", id, "seconds", 60, "text", "enough")
	guest.until("banned")
	host.do("unban", "user", id)
	for range 20 {
		select {
		case e := <-host.room.Events():
			host.take(e)
		default:
		}
	}

	delete(types, "reply") // the client keeps those to itself; it knows their members
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		if !seen[typ] && typ != "health" && typ != "endpoint" && typ != "gap" { // said only of a stream with a fault, of a merchant's program, and to who reads slowly
			t.Errorf("nobody has seen %s", typ)
		}
	}
	for _, command := range slices.Sorted(maps.Keys(sends)) {
		if !seen["do "+command] {
			t.Errorf("nobody has sent %s", command)
		}
	}
}
