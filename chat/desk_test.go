package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"souk/chat"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

func TestQuestions(t *testing.T) {
	log := &chat.MemLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		ana, host, reader := h.join("ana"), h.join("host"), h.join("")
		first := ana.must(do("ask", "text", "how hot?", "product", "p1")).Message
		if got := string(reader.next("question").Data); got != fmt.Sprintf(`{"id":%q,"from":{"id":"ana","name":"Ana","badges":["buyer"]},"text":"how hot?","product":"p1"}`, first) {
			t.Errorf("asked: %s", got)
		}
		second := ana.must(do("ask", "text", "how long?")).Message
		third := ana.must(do("ask", "text", "how much?")).Message
		ana.refused("not_allowed", do("answer", "message", first))
		host.must(do("answer", "message", first, "text", "80 degrees"))
		var said struct {
			ID, Question, Text, Product, Answer string
			From                                struct{ Name string }
		}
		if err := json.Unmarshal(reader.next("answered").Data, &said); err != nil || said.Question != first || said.Answer != "80 degrees" || said.From.Name != "Ana" || said.Product != "p1" {
			t.Errorf("answered: %+v, %v", said, err)
		}
		host.refused("no_such_question", do("answer", "message", first))
		host.must(do("answer", "message", second)) // on air
		if got := string(reader.next("answered").Data); strings.Contains(got, `"answer"`) {
			t.Errorf("answered on air: %s", got)
		}
		host.must(do("dismiss", "message", third))
		if got := string(host.next("dismissed").Data); got != fmt.Sprintf(`{"question":%q}`, third) {
			t.Errorf("dismissed: %s", got)
		}
		host.refused("no_such_question", do("dismiss", "message", third))
		time.Sleep(10 * time.Second)
		fourth := ana.must(do("ask", "text", "rude?")).Message
		host.must(do("delete", "message", fourth))
		host.refused("no_such_question", do("answer", "message", fourth))
		host.must(do("delete", "message", said.ID)) // an answer, too, can be taken back
		for _, product := range []string{"a b", strings.Repeat("x", 65)} {
			ana.refused("bad_request", do("ask", "text", "?", "product", product))
		}
	})
	// What waits survives a restart.
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		h.join("host").refused("no_such_question", do("answer", "message", "gone"))
	})
}

func TestTooManyQuestions(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host := h.join("host")
		for i := range 200 {
			host.must(do("ask", "text", fmt.Sprint("question ", i)))
		}
		host.refused("busy", do("ask", "text", "one more"))
		host.must(do("say", "text", "talking goes on"))
	})
}

func TestLetters(t *testing.T) {
	log := &chat.MemLog{}
	var offer string
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		host, ana, tab, ben := h.join("host"), h.join("ana"), h.join("ana"), h.join("ben")
		ana.refused("not_allowed", do("tell", "user", "ben", "text", "psst"))
		host.refused("bad_request", do("tell", "user", "host", "text", "me"))
		id := host.must(do("tell", "user", "ana", "text", "the blue one is yours")).Message
		want := fmt.Sprintf(`{"letter":%q,"from":{"id":"host","name":"Hana","badges":[]},"text":"the blue one is yours"}`, id)
		for _, g := range []*guest{ana, tab} {
			if got := string(g.next("private").Data); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		var err error
		if offer, err = h.hub.Send(t.Context(), "tea", "cleo", chat.Event{Type: "offer", Data: map[string]any{"product": "p1"}}, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := string(h.join("cleo").next("offer").Data); got != fmt.Sprintf(`{"letter":%q,"product":"p1"}`, offer) {
			t.Errorf("who comes later gets %s", got)
		}
		ben.must(do("take", "message", id)) // not his: no harm, and nothing told
		if got := h.join("ana").next("private"); string(got.Data) != want {
			t.Errorf("who comes back gets %s", got.Data)
		}
		ana.must(do("take", "message", id))
		ana = h.join("ana")
		ben.must(do("say", "text", "hi"))
		if e := ana.next("private", "message"); e.Type != "message" {
			t.Errorf("a letter that was taken comes again: %s", e.Data)
		}
		for i := range 11 { // ten wait, the oldest goes
			host.must(do("tell", "user", "ben", "text", fmt.Sprint(i)))
		}
		back := h.join("ben")
		if got := text(t, back.next("private")); got != "1" {
			t.Errorf("the oldest that waits is %s", got)
		}
		for _, data := range []any{"no object", []int{1}, nil} {
			if _, err := h.hub.Send(t.Context(), "tea", "ana", chat.Event{Type: "offer", Data: data}, time.Now().Add(time.Hour)); err == nil {
				t.Errorf("%v was sent", data)
			}
		}
		if _, err := h.hub.Send(t.Context(), "tea", "ana", chat.Event{Type: "empty", Data: struct{}{}}, time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
		ana.next("empty")
	})
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) { // after a restart
		cleo := h.join("cleo")
		cleo.next("offer")
		h.hub.Recall("tea", offer)
		h.join("ana").must(do("say", "text", "hi"))
		cleo = h.join("cleo")
		h.join("ben").must(do("say", "text", "ho"))
		if e := cleo.next("offer", "message"); e.Type != "message" {
			t.Error("an offer that was recalled comes again")
		}
		time.Sleep(25 * time.Hour)
		if e := h.join("ben").next("private", "viewers"); e.Type != "viewers" {
			t.Errorf("a letter that is over comes again: %s", e.Data)
		}
	})
}

func TestPinnedNotice(t *testing.T) {
	log := &chat.MemLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		mod, ana := h.join("mod"), h.join("ana")
		mod.must(do("notice", "text", "shipping is free today", "pinned", true))
		ana.next("notice")
		if n := h.join("").hello().Notice; n == nil || n.Text != "shipping is free today" {
			t.Errorf("a joiner sees %+v", n)
		}
		mod.must(do("notice", "text", "back in five"))
		if n := h.join("").hello().Notice; n == nil || n.Text != "shipping is free today" {
			t.Errorf("an ordinary notice took the pinned one down: %+v", n)
		}
	})
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		mod, reader := h.join("mod"), h.join("")
		if n := reader.hello().Notice; n == nil {
			t.Error("a restart took the notice down")
		}
		mod.must(do("notice", "pinned", true))
		if got := string(reader.next("pinned_notice").Data); got != `{}` {
			t.Errorf("taken down: %s", got)
		}
		if n := h.join("").hello().Notice; n != nil {
			t.Errorf("still there: %+v", n)
		}
		mod.refused("empty", do("notice"))
	})
}

// onDatabase opens a house on TCP over a database, and its archive.
func onDatabase(t *testing.T, d *db.DB) (*house, *chat.Archive) {
	h := onTCP(t, &chat.Hub{Log: &chat.SQLLog{DB: d}})
	return h, &chat.Archive{DB: d, Logger: dbtest.Logger(t), Keep: 24 * time.Hour}
}

func TestArchive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		start := time.Now()
		h, a := onDatabase(t, d)
		ana, ben, host := h.join("ana"), h.join("ben"), h.join("host")
		ana.must(do("say", "text", "first"))
		gone := ana.must(do("say", "text", "gone")).Message
		asked := ana.must(do("ask", "text", "how hot?")).Message
		ben.must(do("say", "text", "from Ben"))
		host.must(do("delete", "message", gone))
		host.must(do("answer", "message", asked, "text", "very"))
		host.must(do("timeout", "user", "ana", "seconds", 5))
		host.must(do("tell", "user", "ana", "text", "sorry"))

		texts := func() (all []string) {
			events, more, err := a.Replay(t.Context(), "tea", start, time.Now().Add(time.Second), 0)
			if err != nil || more {
				t.Fatal(more, err)
			}
			for _, e := range events {
				all = append(all, e.Type+" "+decode[struct{ Text string }](t, e.Data).Text)
			}
			return all
		}
		if got := fmt.Sprint(texts()); got != "[message first question how hot? message from Ben answered how hot?]" {
			t.Errorf("the replay is %s", got)
		}
		deeds, more, err := a.Deeds(t.Context(), "tea", "")
		if err != nil || more || len(deeds) != 4 || deeds[1].Did != "timeout" || deeds[1].To.Name != "Ana" || deeds[1].By.Name != "Hana" || string(deeds[1].Detail) != `{"seconds":5}` {
			t.Errorf("deeds %+v, %v", deeds, err)
		}
		if older, _, err := a.Deeds(t.Context(), "tea", deeds[1].ID); err != nil || len(older) != 2 {
			t.Errorf("older deeds %+v, %v", older, err)
		}
		e, err := a.Export(t.Context(), "ana")
		if err != nil || len(e.Messages) != 2 || !e.Complete || len(e.Questions) != 1 || len(e.Letters) != 1 || len(e.Sanctions) != 1 || len(e.Deeds) != 4 {
			t.Errorf("export %+v, %v", e, err)
		}

		if err := h.hub.Forget(t.Context(), a, "ana"); err != nil {
			t.Fatal(err)
		}
		if code := ana.closed(); code != chat.CloseBadToken {
			t.Errorf("the socket is closed with %d", code)
		}
		if got := fmt.Sprint(texts()); got != "[message from Ben]" {
			t.Errorf("after the erasure the replay is %s", got)
		}
		if w := h.join("").hello(); len(w.History) != 1 {
			t.Errorf("the history is %+v", w.History)
		}
		e, err = a.Export(t.Context(), "ana")
		if err != nil || len(e.Messages)+len(e.Questions)+len(e.Letters) != 0 || e.Deeds[0].To != nil && e.Deeds[0].To.Name != "" {
			t.Errorf("after the erasure: %+v, %v", e, err)
		}
	}, schema)
}

// What is old goes, and the numbers go on.
func TestRetention(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := &chat.SQLLog{DB: d}
		if _, err := log.Open(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		old, now := time.Now().Add(-48*time.Hour).UTC().Truncate(time.Millisecond), time.Now().UTC().Truncate(time.Millisecond)
		entry := func(seq int64, at time.Time) chat.Entry {
			return chat.Entry{Seq: seq, At: at, Type: "message", Message: fmt.Sprint("m", seq), Person: "ana", Data: json.RawMessage(`{"text":"hi"}`)}
		}
		for channel, entries := range map[string][]chat.Entry{"tea": {entry(1, old), entry(2, old)}, "silk": {entry(1, old), entry(2, now)}} {
			if _, err := log.Open(t.Context(), channel); err != nil {
				t.Fatal(err)
			}
			if err := log.Append(t.Context(), channel, chat.Batch{
				Entries: entries, Deeds: []chat.Deed{{ID: "d1", At: old, Did: "ban"}, {ID: "d2", At: now, Did: "ban"}},
				Visits:    []chat.Visit{{Person: "ana", Since: old}, {Person: "ben", Since: now}},
				Letters:   []chat.Letter{{ID: "l1", Person: "ana", At: old, Until: old, Type: "offer", Data: json.RawMessage(`{}`)}},
				Sanctions: []chat.Sanction{{Person: "eve", Devices: []string{"d"}, Network: "n", NetworkUntil: old}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		a := &chat.Archive{DB: d, Logger: dbtest.Logger(t), Keep: 24 * time.Hour}
		ended := make(chan struct{})
		go func() { _ = a.Run(ctx); close(ended) }()
		waitFor(t, func() bool {
			e, err := a.Export(t.Context(), "ana")
			return err == nil && len(e.Visits) == 0
		})
		stop()
		<-ended
		tea, err := log.Open(t.Context(), "tea")
		if err != nil || tea.Last() != 2 || len(tea.Entries) != 1 || string(tea.Entries[0].Data) != "{}" || tea.Entries[0].Person != "" {
			t.Errorf("tea has %+v, %v", tea.Entries, err)
		}
		if s := tea.Sanctions; len(s) != 1 || s[0].Network != "" || len(s[0].Devices) != 1 {
			t.Errorf("sanctions %+v", s)
		}
		if silk, err := log.Open(t.Context(), "silk"); err != nil || len(silk.Entries) != 1 || silk.Entries[0].Person != "ana" {
			t.Errorf("silk has %+v, %v", silk.Entries, err)
		}
		if deeds, _, err := a.Deeds(t.Context(), "tea", ""); err != nil || len(deeds) != 1 || deeds[0].ID != "d2" {
			t.Errorf("deeds %+v, %v", deeds, err)
		}
	}, schema)
}

// waitFor asks until ok.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	limit, tick := time.NewTimer(patience), time.NewTicker(10*time.Millisecond)
	defer limit.Stop()
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not within %s", patience)
		}
	}
}
