package chat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk/chat"
)

// in runs a story in a bubble with a house in memory.
func in(t *testing.T, hub *chat.Hub, story func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := inMemory(t, hub)
		defer h.stop()
		story(t, h)
	})
}

func do(command string, members ...any) map[string]any {
	m := map[string]any{"do": command}
	for i := 0; i < len(members); i += 2 {
		m[members[i].(string)] = members[i+1]
	}
	return m
}

func TestMessagesReachEverybodyInOrder(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host, ana, reader := h.join("host"), h.join("ana"), h.join("")
		const n = 300
		go func() {
			for i := range n {
				if r, err := host.Say(t.Context(), fmt.Sprint("line ", i)); err != nil || !r.OK {
					t.Errorf("line %d: %+v, %v", i, r, err)
				}
			}
		}()
		for _, g := range []*guest{host, ana, reader} {
			for i := range n {
				// That the numbers are consecutive, the client checks of every event.
				if got, want := text(t, g.next("message")), fmt.Sprint("line ", i); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
		}
	})
}

func TestMessageCarriesItsAuthor(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		start := time.Now()
		r := ana.must(do("say", "text", "is it <b>blue</b>?"))
		e := ana.next("message")
		s := event(e).spoken(t)
		if s.ID == "" || s.ID != r.Message {
			t.Errorf("the reply names message %q, the event %q", r.Message, s.ID)
		}
		if s.From.ID != "ana" || s.From.Name != "Ana" || len(s.From.Badges) != 1 || s.From.Badges[0] != "buyer" {
			t.Errorf("from is %+v", s.From)
		}
		if s.Text != "is it <b>blue</b>?" {
			t.Errorf("text is %q", s.Text)
		}
		if e.Seq != ana.welcome.Seq+1 || e.At.Before(start) || e.At.After(time.Now()) {
			t.Errorf("seq %d at %s", e.Seq, e.At)
		}
		q := ana.must(do("ask", "text", "how big?"))
		if s := event(ana.next("question")).spoken(t); s.ID != q.Message || s.Text != "how big?" {
			t.Errorf("question is %+v", s)
		}
	})
}

func TestTextIsCleanedBeforeItIsSaid(t *testing.T) {
	log := &chat.MemLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		host := h.join("host")
		host.must(do("say", "text", "  my card\u202E is 4242 4242 4242 4242\n\x07ok "))
		want := "my card is •••• •••• •••• •••• ok"
		if got := text(t, host.next("message")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		h.stop()
		s, err := log.Open(t.Context(), "tea")
		if err != nil || len(s.Entries) != 1 || strings.Contains(string(s.Entries[0].Data), "4242") {
			t.Errorf("the log holds %s (%v)", s.Entries[0].Data, err)
		}
	})
}

func TestRefusals(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host, reader := h.join("host"), h.join("")
		host.refused("empty", do("say", "text", " \t\u200B\u202E "))
		host.refused("empty", do("say"))
		host.refused("too_long", do("say", "text", strings.Repeat("é", 301)))
		host.must(do("say", "text", strings.Repeat("e\u0301", 300))) // 300 after NFC
		host.refused("unknown_command", do("dance"))
		host.refused("unknown_command", do(""))
		host.refused("bad_request", do("react", "kind", "<script>"))
		host.refused("bad_request", do("react", "n", 11))
		host.refused("bad_request", do("react", "n", 0))
		for _, command := range []string{"say", "ask", "react"} {
			reader.refused("sign_in_first", do(command, "text", "hi"))
		}
		reader.refused("sign_in_first", do("ban", "user", "ana"))
		if n := h.hub.Stats().Refused; n != 12 {
			t.Errorf("%d refusals counted, want 12", n)
		}
	})
}

func TestRateLimit(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, ben, host := h.join("ana"), h.join("ben"), h.join("host")
		for range 5 {
			ana.must(do("say", "text", "buy!"))
		}
		r := ana.refused("too_fast", do("ask", "text", "buy?"))
		if r.RetryMS <= 0 || r.RetryMS > 2000 {
			t.Fatalf("retry_ms is %d", r.RetryMS)
		}
		ben.must(do("say", "text", "somebody else may"))
		// Another tab, or coming back, does not refill it.
		again := h.join("ana")
		_ = ana.Close()
		again.refused("too_fast", do("say", "text", "buy!"))

		time.Sleep(time.Duration(r.RetryMS)*time.Millisecond - time.Millisecond)
		again.refused("too_fast", do("say", "text", "buy!"))
		time.Sleep(time.Millisecond)
		again.must(do("say", "text", "buy!"))
		again.refused("too_fast", do("say", "text", "buy!"))
		_ = again.Close()
		time.Sleep(2 * time.Second)
		h.join("ana").must(do("say", "text", "one more after two seconds"))

		for range 50 {
			host.must(do("say", "text", "the host is exempt"))
		}
	})
}

func TestSlowMode(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		mod, ana, own := h.join("mod"), h.join("ana"), h.join("own")
		mod.must(do("slow", "seconds", 30))
		if got := string(ana.next("slow").Data); got != `{"seconds":30}` {
			t.Errorf("slow says %s", got)
		}
		ana.must(do("say", "text", "first"))
		time.Sleep(10 * time.Second)
		if r := ana.refused("too_fast", do("say", "text", "second")); r.RetryMS != 20_000 {
			t.Errorf("retry_ms is %d, want 20000", r.RetryMS)
		}
		_ = ana.Close()
		time.Sleep(15 * time.Second)
		ana = h.join("ana") // whoever leaves and comes back waits as long
		if got := ana.hello().Slow; got != 30 {
			t.Errorf("welcome says slow %d", got)
		}
		ana.refused("too_fast", do("say", "text", "second"))
		time.Sleep(5 * time.Second)
		ana.must(do("say", "text", "second"))
		own.must(do("say", "text", "the owner"))
		own.must(do("say", "text", "is exempt"))
		mod.must(do("slow", "seconds", 0))
		ana.must(do("say", "text", "third"))
		mod.refused("bad_request", do("slow", "seconds", 301))
		mod.refused("bad_request", do("slow", "seconds", -1))
	})
}

func TestReactionsAreCounted(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, host := h.join("ana"), h.join("host")
		host.must(do("say", "text", "clap now")) // the room is not quiet: what follows waits for the tick
		for range 3 {
			host.must(do("react", "kind", "clap", "n", 10))
			ana.must(do("react"))
		}
		var sum map[string]int
		frames := 0
		for sum["clap"] < 30 || sum["heart"] < 3 {
			counts := decode[struct{ Counts map[string]int }](t, ana.next("reactions").Data).Counts
			if sum == nil {
				sum = map[string]int{}
			}
			for kind, n := range counts {
				sum[kind] += n
			}
			frames++
		}
		if sum["clap"] != 30 || sum["heart"] != 3 || frames != 1 {
			t.Errorf("%v in %d events, want 30 claps and 3 hearts in one", sum, frames)
		}
		for range 7 {
			ana.must(do("react"))
		}
		if r := ana.refused("too_fast", do("react")); r.RetryMS != 490 { // the tick took 10
			t.Errorf("retry_ms is %d, want 490", r.RetryMS)
		}
	})
}

func TestFirstEventLeavesAtOnceThenOneFramePerTick(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host, ana := h.join("host"), h.join("ana")
		time.Sleep(5 * time.Second) // a quiet room; the count of viewers has gone out
		frames := h.hub.Stats().Frames
		start := time.Now()
		host.must(do("say", "text", "0"))
		ana.next("message")
		if d := time.Since(start); d != 0 {
			t.Errorf("the first message took %s", d)
		}
		for i := range 10 {
			host.must(do("say", "text", fmt.Sprint(i)))
		}
		for range 10 {
			ana.next("message")
		}
		if d := time.Since(start); d != 10*time.Millisecond {
			t.Errorf("the rest took %s, want one tick", d)
		}
		if n := h.hub.Stats().Frames - frames; n != 2 {
			t.Errorf("%d frames for 11 messages, want 2", n)
		}
		// What cannot wait does not, and takes along what was waiting.
		host.must(do("say", "text", "before the pin"))
		start = time.Now()
		h.hub.Tell("tea", chat.Event{Type: "pinned", Data: map[string]string{"pin": "p1"}})
		ana.next("message")
		ana.next("pinned")
		if d := time.Since(start); d > 10*time.Millisecond {
			t.Errorf("the pin took %s", d)
		}
	})
}

func TestToldEventsAreNumberedAndTimed(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		at := time.Date(2026, 11, 20, 19, 0, 0, 120e6, time.UTC)
		h.hub.Tell("tea", chat.Event{Type: "pinned", MediaAt: at, Data: json.RawMessage(`{"pin":"p1"}`)})
		e := ana.next("pinned")
		if e.Seq != ana.welcome.Seq+1 || !e.MediaAt.Equal(at) || string(e.Data) != `{"pin":"p1"}` {
			t.Errorf("got %+v", e)
		}
		h.hub.Tell("tea", chat.Event{Type: "no such\"type", Data: 1})
		h.hub.Tell("tea", chat.Event{Type: "notice", Data: func() {}})
		h.hub.Tell("tea", chat.Event{Type: "ended", Data: nil})
		if e := ana.next("notice", "ended"); e.Type != "ended" || e.Seq != ana.welcome.Seq+2 {
			t.Errorf("got %+v; what cannot be encoded must not use up a number", e)
		}
	})
}

func TestLatestValues(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		stock := func(product string, n int) {
			h.hub.Refresh("tea", chat.Event{Type: "stock", Key: product, Data: map[string]any{"product": product, "available": n}})
		}
		ana := h.join("ana")
		stock("cup", 9)
		ana.next("stock")
		for n := range 9 { // within one gap only the newest value travels
			stock("cup", 8-n)
			stock("pot", 5)
		}
		var got []string
		for range 2 {
			got = append(got, string(ana.next("stock").Data))
		}
		want := []string{`{"available":0,"product":"cup"}`, `{"available":5,"product":"pot"}`}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		ben := h.join("ben")
		for i := range 2 {
			if e := ben.next("stock"); string(e.Data) != want[i] || e.Seq != 0 {
				t.Errorf("a joiner got %s, want %s", e.Data, want[i])
			}
		}
	})
}

func TestWhisper(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, ana2, ben, host, reader := h.join("ana"), h.join("ana"), h.join("ben"), h.join("host"), h.join("")
		h.hub.Whisper("tea", chat.To{Person: "ana", Roles: []string{"merchant"}}, chat.Event{Type: "order", Data: map[string]string{"id": "o1"}})
		h.hub.Whisper("tea", chat.To{}, chat.Event{Type: "order", Data: map[string]string{"id": "nobody's"}})
		h.hub.Tell("tea", chat.Event{Type: "sold", Data: map[string]string{}})
		for _, g := range []*guest{ana, ana2, host} {
			e := g.next("order", "sold")
			if e.Type != "order" || string(e.Data) != `{"id":"o1"}` || e.Seq != 0 {
				t.Errorf("got %+v first", e)
			}
			if e := g.next("order", "sold"); e.Type != "sold" {
				t.Errorf("got %+v second", e)
			}
		}
		for _, g := range []*guest{ben, reader} {
			if e := g.next("order", "sold"); e.Type != "sold" {
				t.Errorf("somebody else got %s", e.Data)
			}
		}
	})
}
