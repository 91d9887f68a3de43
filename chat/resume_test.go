package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"souk/chat"
	"souk/chat/client"
)

func TestWelcome(t *testing.T) {
	hub := &chat.Hub{Snapshot: func(_ context.Context, channel string) chat.Snapshot {
		return chat.Snapshot{Live: true, Pin: json.RawMessage(`{"pin":"of ` + channel + `"}`)}
	}}
	in(t, hub, func(t *testing.T, h *house) {
		host := h.join("host")
		if w := host.hello(); len(w.History) != 0 || w.Slow != 0 || w.Resumed {
			t.Errorf("in an empty room: %+v", w)
		}
		for i := range 60 {
			host.must(do("say", "text", fmt.Sprint(i)))
			host.must(do("ask", "text", fmt.Sprint(i, "?")))
			h.hub.Tell("tea", chat.Event{Type: "sold", Data: i})
		}
		// What waits for the tick is in nobody's welcome yet, and in everybody's after it.
		early := h.join("ben")
		if n := int64(len(early.hello().History)); early.welcome.Seq >= 180 || n > early.welcome.Seq {
			t.Errorf("before the tick: number %d, %d events of history", early.welcome.Seq, n)
		}
		time.Sleep(time.Second)
		ana := h.knock("tea", "ana", client.Position{})
		ana.welcome = <-ana.Events() // nothing comes before it
		w := ana.hello()
		if ana.welcome.Type != "welcome" || ana.welcome.Epoch == "" || ana.welcome.Seq != 180 {
			t.Errorf("welcome is %+v", ana.welcome)
		}
		if w.You.ID != "ana" || w.You.Name != "Ana" || len(w.You.Roles) != 0 || w.You.Badges[0] != "buyer" {
			t.Errorf("you is %+v", w.You)
		}
		if !w.Live || string(w.Pin) != `{"pin":"of tea"}` {
			t.Errorf("live %v, pin %s", w.Live, w.Pin)
		}
		if len(w.History) != 50 {
			t.Fatalf("%d events of history, want 50", len(w.History))
		}
		for i, got := range w.texts(t) {
			want := fmt.Sprint(35 + i/2)
			if i%2 == 1 {
				want += "?"
			}
			if got != want {
				t.Fatalf("history %d is %q, want %q", i, got, want)
			}
		}
		host.must(do("say", "text", "next"))
		if e := ana.next("message"); e.Seq != ana.welcome.Seq+1 {
			t.Errorf("the next number is %d", e.Seq)
		}
	})
}

func TestWelcomeOfNobodyInParticular(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		reader := h.join("")
		var got map[string]any
		if err := json.Unmarshal(reader.welcome.Data, &got); err != nil {
			t.Fatal(err)
		}
		want := `map[history:[] live:false notice:<nil> pin:<nil> resumed:false rules:map[buyers_only:false calm:false known_only:false links:known raid_until:<nil>] slow:0 you:map[badges:[] id: known:false name: roles:[]]]`
		if fmt.Sprint(got) != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	})
}

// Everybody who comes back gets what was missed, whatever the moment: the
// client fails on any gap or repetition in numbers, this test on the texts.
func TestResumeIsExact(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host := h.join("host")
		ana := h.join("ana")
		const n = 400
		go func() {
			for i := range n {
				if r, err := host.Say(t.Context(), fmt.Sprint(i)); err != nil || !r.OK {
					t.Errorf("line %d: %+v, %v", i, r, err)
				}
				time.Sleep(rand.N(20 * time.Millisecond))
			}
		}()
		seen, resumed := 0, 0
		for seen < n {
			for range 1 + rand.N(20) {
				if seen == n {
					break
				}
				if got := text(t, ana.next("message")); got != fmt.Sprint(seen) {
					t.Fatalf("got %s, want %d (resumed %d times)", got, seen, resumed)
				}
				seen++
			}
			// Events that were in the client's buffer are not seen: the position must be before them.
			at := client.Position{Epoch: ana.welcome.Epoch, Seq: int64(seen)}
			epoch := ana.welcome.Epoch
			_ = ana.Drop()
			time.Sleep(rand.N(time.Second))
			ana = h.joinAt("ana", at)
			if w := ana.hello(); !w.Resumed || len(w.History) != 0 || ana.welcome.Seq != int64(seen) || ana.welcome.Epoch != epoch {
				t.Fatalf("coming back at %d: %+v, %+v", seen, ana.welcome, w)
			}
			resumed++
		}
		if resumed < 10 {
			t.Errorf("only %d times resumed", resumed)
		}
	})
}

func TestResumeWithoutProof(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		host := h.join("host")
		epoch := host.welcome.Epoch
		for i := range 10 {
			host.must(do("say", "text", fmt.Sprint(i)))
		}
		// The first has left, the others wait for the tick: nobody can have seen the second.
		if w := h.joinAt("ana", client.Position{Epoch: epoch, Seq: 2}).hello(); w.Resumed || len(w.History) != 1 {
			t.Errorf("a number that has not left yet: %+v", w)
		}
		time.Sleep(time.Second)
		fresh := func(name string, at client.Position) {
			t.Helper()
			g := h.joinAt("ben", at)
			defer g.Close()
			if w := g.hello(); w.Resumed || len(w.History) == 0 || g.welcome.Epoch != epoch {
				t.Errorf("%s: %+v, %+v", name, g.welcome, w)
			}
		}
		fresh("another epoch", client.Position{Epoch: "0000abcd", Seq: 5})
		fresh("a number never given out", client.Position{Epoch: epoch, Seq: 11})
		fresh("a negative number", client.Position{Epoch: epoch, Seq: -1})

		_ = host.Close() // it would be too slow for what follows: nobody takes its events
		for i := range chat.EntriesKept {
			h.hub.Tell("tea", chat.Event{Type: "sold", Data: i})
		}
		own := h.join("own")
		own.refused("busy", do("say", "text", "while all that is being stored"))
		time.Sleep(time.Second)
		own.must(do("say", "text", "the last"))
		time.Sleep(time.Second)
		fresh("too far behind", client.Position{Epoch: epoch, Seq: 10})
		last := int64(10 + chat.EntriesKept + 1)
		g := h.joinAt("ben", client.Position{Epoch: epoch, Seq: last - chat.EntriesKept})
		if w := g.hello(); !w.Resumed {
			t.Fatal("as far behind as the room remembers: not resumed")
		}
		n := 0
		for e := g.next("sold", "message"); ; e = g.next("sold", "message") {
			n++
			if e.Seq == last {
				break
			}
		}
		if n != chat.EntriesKept {
			t.Errorf("%d events replayed, want %d", n, chat.EntriesKept)
		}
	})
}

func TestDeletedMessagesVanish(t *testing.T) {
	log := &chat.MemLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		ana, mod := h.join("ana"), h.join("mod")
		bad := ana.must(do("say", "text", "buy at evil.example"))
		ana.must(do("say", "text", "good"))
		mod.must(do("delete", "message", bad.Message))
		e := ana.next("deleted")
		if e.Seq != 3 || string(e.Data) != `{"message":"`+bad.Message+`"}` {
			t.Errorf("got %+v", e)
		}
		mod.refused("no_such_message", do("delete", "message", bad.Message))
		mod.refused("no_such_message", do("delete"))

		if got := h.join("ben").hello().texts(t); fmt.Sprint(got) != "[good]" {
			t.Errorf("history is %q", got)
		}
		// In the replay its number is the news that it is gone.
		back := h.joinAt("ben", client.Position{Epoch: ana.welcome.Epoch, Seq: 0})
		var types []string
		for range 3 {
			types = append(types, back.next("message", "deleted").Type)
		}
		if fmt.Sprint(types) != "[deleted message deleted]" {
			t.Errorf("replay is %v", types)
		}
		h.stop()
		s, _ := log.Open(t.Context(), "tea")
		for _, e := range s.Entries {
			if string(e.Data) == "" || e.Type == "message" && text(t, client.Incoming{Data: e.Data}) != "good" {
				t.Errorf("the log still holds %s", e.Data)
			}
		}
	})
}

// A message deleted before its frame has left never leaves.
func TestDeletedBeforeTheTick(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ben, own := h.join("ben"), h.join("own")
		own.must(do("say", "text", "makes the room busy"))
		bad := own.must(do("say", "text", "slip of the tongue"))
		own.must(do("delete", "message", bad.Message))
		ben.next("message")
		for range 2 {
			if e := ben.next("message", "deleted"); e.Type != "deleted" {
				t.Errorf("got %s", e.Data)
			}
		}
	})
}

// A pin may change between the snapshot and the moment the room lets the
// joiner in. Then the snapshot is taken again.
func TestSnapshotIsNeverOlderThanItsNumber(t *testing.T) {
	var h *house
	var calls atomic.Int64
	hub := &chat.Hub{}
	hub.Snapshot = func(context.Context, string) chat.Snapshot {
		if calls.Add(1) == 1 {
			h.hub.Tell("tea", chat.Event{Type: "unpinned", Data: "old"})
			time.Sleep(time.Millisecond) // let the room number it
			return chat.Snapshot{Pin: json.RawMessage(`"old"`)}
		}
		return chat.Snapshot{}
	}
	in(t, hub, func(t *testing.T, inside *house) {
		h = inside
		ana := h.join("ana")
		if w := ana.hello(); string(w.Pin) != "null" || ana.welcome.Seq != 1 {
			t.Errorf("pin %s at %d", w.Pin, ana.welcome.Seq)
		}
		if calls.Load() != 2 {
			t.Errorf("%d snapshots taken, want 2", calls.Load())
		}
	})
}

func TestFollowComesBackByItself(t *testing.T) {
	log := &chat.MemLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		d := h.address("tea")
		d.Token = "ana"
		got := make(chan string, 100)
		end := make(chan error, 1)
		go func() {
			n := 0
			end <- client.Follow(t.Context(), d, func(c *client.Client, e client.Incoming) {
				if e.Type == "message" {
					got <- string(e.Data)
					if n++; n%3 == 0 {
						_ = c.Drop()
					}
				}
			})
		}()
		host := h.join("host")
		time.Sleep(time.Second)
		for i := range 12 {
			host.must(do("say", "text", fmt.Sprint(i)))
			time.Sleep(300 * time.Millisecond)
		}
		for i := range 12 {
			if s := text(t, client.Incoming{Data: json.RawMessage(<-got)}); s != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", s, i)
			}
		}
		host.must(do("ban", "user", "ana"))
		if err := <-end; !client.StayAway(err) || !websocket.IsCloseError(err, chat.CloseBanned) {
			t.Errorf("Follow ended with %v", err)
		}
	})
}
