package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"souk/chat/client"
)

// enter opens channel tea's room for a caller.
func (c caller) enter() *client.Client {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	room, err := client.Connect(ctx, client.Dial{URL: "ws" + strings.TrimPrefix(c.at.HTTP, "http") + "/ws/tea", Token: c.token})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = room.Drop() })
	return room
}

// do sends a command to a room and wants it done.
func (c caller) do(room *client.Client, command string, members ...any) client.Reply {
	c.t.Helper()
	all := map[string]any{"do": command}
	for i := 0; i < len(members); i += 2 {
		all[members[i].(string)] = members[i+1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := room.Do(ctx, all)
	if err != nil || !r.OK {
		c.t.Fatalf("%v: %+v, %v", all, r, err)
	}
	return r
}

// callReview is what moderators read of the room.
func callReview(nobody, host caller) {
	t, tea := nobody.t, "/api/v1/channels/tea"
	host.call("200", "PUT", tea+"/chat-settings", `{"words":["fake"],"words_do":"hold","sites":["https://www.tea.shop/"],"buyers_only":false,"slow_buyers":false,"calm":false}`)
	rude := nobody.guest("Rude")
	room := rude.enter()
	defer room.Close()
	r, err := room.Do(t.Context(), map[string]any{"do": "ask", "text": "is it fake?", "product": "p1"})
	if err != nil || r.Code != "held" || r.Message == "" {
		t.Errorf("held: %+v, %v", r, err)
	}
	if h := host.call("200", "GET", tea+"/held", ""); h.text("held.0.id") != r.Message || h.text("held.0.why") != "word" || h.text("held.0.from.name") != "Rude" {
		t.Errorf("waiting: %s", h.raw)
	}
	if e := rude.call("200", "GET", "/api/v1/me/export", ""); e.text("chat.held.0.text") != "is it fake?" {
		t.Errorf("export: %s", e.raw)
	}
	hosting, id := host.enter(), rude.call("200", "GET", "/api/v1/me", "").text("id")
	defer hosting.Close()
	host.do(hosting, "shadow", "user", id, "text", "rude")
	if all := host.call("200", "GET", tea+"/sanctions", ""); all.text("sanctions.0.user") != id || all.text("sanctions.0.kind") != "shadow" || all.text("sanctions.0.note") != "rude" {
		t.Errorf("sanctions: %s", all.raw)
	}
	if e := rude.call("200", "GET", "/api/v1/me/export", ""); strings.Contains(string(e.raw), "shadow") {
		t.Errorf("the shadowed one can tell: %s", e.raw)
	}
	host.do(hosting, "deny", "message", r.Message)
	host.do(hosting, "unban", "user", id)
	for _, path := range []string{"/held", "/sanctions"} {
		nobody.call("401 sign_in_first", "GET", tea+path, "")
		rude.call("403 not_allowed", "GET", tea+path, "")
	}
	host.call("200", "PUT", tea+"/chat-settings", `{"words":[],"words_do":"block"}`)
}

func callRooms(nobody, host caller) {
	t, tea := nobody.t, "/api/v1/channels/tea"
	s := host.call("200", "GET", tea+"/chat-settings", "")
	if s.text("links") != "known" || s.text("known_only") != "false" {
		t.Errorf("at first: %s", s.raw)
	}
	for body, code := range map[string]string{
		`{"slow":301}`: "bad_slow", `{"links":"some"}`: "bad_links", `{"words":["` + strings.Repeat("x", 61) + `"]}`: "bad_words",
		`{"raid_guests":-1}`: "bad_raid_guests", `{"sites":["no host"]}`: "bad_sites", `{"words_do":"burn"}`: "bad_words_do", `{"raid_seconds":3601}`: "bad_raid_seconds",
	} {
		// What cannot be is not what the description lets one send.
		host.call("422 "+code, "PUT", tea+"/chat-settings", body)
	}
	s = host.call("200", "PUT", tea+"/chat-settings", `{"words":[" Scam ","","Scam"],"raid_seconds":60,"slow":1}`)
	if s.text("words.0") != "Scam" || s.text("words.1") != "" || s.text("raid_until") == "" || s.text("links") != "known" {
		t.Errorf("changed: %s", s.raw)
	}
	s = host.call("200", "PUT", tea+"/chat-settings", `{"raid_seconds":0,"slow":0}`)
	if s.text("raid_until") != "" || s.text("words.0") != "Scam" {
		t.Errorf("changed back: %s", s.raw)
	}

	callReview(nobody, host)
	mira := nobody.guest("Mira")
	inRoom, hosting := mira.enter(), host.enter()
	mira.do(inRoom, "say", "text", "is it loose leaf?")
	first := mira.do(inRoom, "ask", "text", "how hot?", "product", "p1").Message
	second := mira.do(inRoom, "ask", "text", "how long?").Message
	host.do(hosting, "answer", "message", first, "text", "not boiling")
	host.do(hosting, "dismiss", "message", second)
	mira.do(inRoom, "ask", "text", "how much?")
	host.do(hosting, "notice", "text", "tea at five", "pinned", true)
	id := mira.call("200", "GET", "/api/v1/me", "").text("id")
	host.do(hosting, "tell", "user", id, "text", "a word with you")
	if q := host.call("200", "GET", tea+"/questions", ""); q.text("questions.0.text") != "how much?" || q.text("questions.0.from.name") != "Mira" {
		t.Errorf("open questions: %s", q.raw)
	}
	if q := host.call("200", "GET", tea+"/questions?state=answered", ""); q.text("questions.0.answer") != "not boiling" || q.text("questions.0.product") != "p1" {
		t.Errorf("answered questions: %s", q.raw)
	}
	host.call("422 bad_state", "GET", tea+"/questions?state=lost", "")
	if d := host.call("200", "GET", tea+"/audit", ""); d.text("deeds.0.did") != "tell" || d.text("deeds.0.to.name") != "Mira" {
		t.Errorf("deeds: %s", d.raw)
	}
	// 50 fit one answer.
	for range 25 {
		host.call("200", "PUT", tea+"/chat-settings", `{"known_only":true}`)
		host.call("200", "PUT", tea+"/chat-settings", `{"known_only":false}`)
	}
	after := host.call("200", "GET", tea+"/audit", "").text("after")
	if d := host.call("200", "GET", tea+"/audit?after="+after, ""); d.text("deeds.0.did") == "" || d.text("after") != "" {
		t.Errorf("older deeds: %s", d.raw)
	}

	show := nobody.call("200", "GET", tea, "").text("show.id")
	replay := nobody.call("200", "GET", "/api/v1/shows/"+show+"/chat", "")
	if replay.text("events.0.data.text") != "is it loose leaf?" || replay.text("events.0.media_at") == "" {
		t.Errorf("the show's chat: %s", replay.raw)
	}
	from := replay.text("events.1.at")
	if part := nobody.call("200", "GET", "/api/v1/shows/"+show+"/chat?from="+from+"&after="+replay.text("events.0.seq"), ""); part.text("events.0.data.text") != "how hot?" {
		t.Errorf("from %s on: %s", from, part.raw)
	}
	for _, query := range []string{"from=x", "to=x", "after=x"} {
		nobody.call("400 bad_position", "GET", "/api/v1/shows/"+show+"/chat?"+query, "")
	}
	nobody.call("404 no_such_show", "GET", "/api/v1/shows/none/chat", "")

	x := mira.call("200", "GET", "/api/v1/me/export", "")
	if x.text("account.name") != "Mira" || x.text("chat.messages.2.data.text") != "how hot?" || x.text("chat.letters.0.data.text") != "a word with you" {
		t.Errorf("export: %s", x.raw)
	}
	host.call("409 last_owner", "DELETE", "/api/v1/me", "")
	if gone := mira.call("200", "DELETE", "/api/v1/me", ""); !strings.Contains(fmt.Sprint(gone.header["Set-Cookie"]), "Max-Age=0") {
		t.Errorf("the cookie stays: %v", gone.header)
	}
	mira.call("401 bad_token", "GET", "/api/v1/me", "")
	after1 := nobody.call("200", "GET", "/api/v1/shows/"+show+"/chat", "")
	if strings.Contains(string(after1.raw), "Mira") || !strings.Contains(string(after1.raw), "tea at five") {
		t.Errorf("after the erasure: %s", after1.raw)
	}
	if d := host.call("200", "GET", tea+"/audit?after="+after, ""); strings.Contains(string(d.raw), "Mira") {
		t.Errorf("a name stays in the audit list: %s", d.raw)
	}
}
