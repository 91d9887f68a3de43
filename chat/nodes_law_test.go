package chat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/chat"
	"souk/internal/redistest"
)

// A raid is one wherever its guests come in: counted together, declared once.
func TestNodesCountARaidTogether(t *testing.T) {
	server, log := redistest.Start(t), &chat.MemLog{}
	who := withGuests()
	for i := range 30 {
		who.guest(fmt.Sprint("r", i), "", "")
	}
	var nodes []*house
	for range 3 {
		nodes = append(nodes, onNode(t, server, &chat.Hub{Log: log, Who: who}))
	}
	mods := []*guest{nodes[0].join("mod"), nodes[1].join("mod2"), nodes[2].join("own")}
	nodes[0].set(chat.Change{RaidGuests: ptr(int64(18))})
	for _, m := range mods {
		m.next("settings")
	}
	for i := range 17 { // fewer than six on each: no node sees a raid by itself
		nodes[i%3].join(fmt.Sprint("r", i))
	}
	nodes[1].join("r17")
	for i, m := range mods {
		if set := decode[chat.Settings](t, m.next("settings").Data); set.RaidUntil == nil {
			t.Errorf("node %d knows of no raid: %+v", i, set)
		}
	}
	for i, h := range nodes {
		h.join(fmt.Sprint("r", 20+i)).refused("known_only", do("say", "text", "raid"))
	}
	raids := func() (n int) {
		for _, d := range log.Deeds("tea") {
			if d.Did == "raid" {
				n++
			}
		}
		return n
	}
	until(t, "the raid is written down", func() bool { return raids() > 0 }, func() string { return "" })
	for _, h := range nodes {
		h.stop() // what is left is stored
	}
	if n := raids(); n != 1 {
		t.Errorf("the raid was declared %d times", n)
	}
}

// What moderators do on one node holds on the others.
func TestNodesReviewAndSanctionTogether(t *testing.T) {
	log := &chat.MemLog{}
	nodes := onNodes(t, 2, redistest.Start(t), log)
	a, b := nodes[0], nodes[1]
	ana, ben, mod, mod2 := a.join("ana"), b.join("ben"), a.join("mod"), b.join("mod2")
	a.set(chat.Change{Words: ptr([]string{"fake"}), WordsDo: ptr(chat.WordsHold)})
	mod2.next("settings")

	// Held on one, approved on both at the same time: said once.
	id := ana.refused("held", do("say", "text", "is it fake?")).Message
	mod.next("held")
	if got := decode[struct{ ID string }](t, mod2.next("held").Data); got.ID != id {
		t.Errorf("the other node shows %s, not %s", got.ID, id)
	}
	approved := make(chan bool, 2)
	for _, m := range []*guest{mod, mod2} {
		go func() { approved <- m.do(do("approve", "message", id)).OK }()
	}
	if one, other := <-approved, <-approved; !one && !other {
		t.Error("nobody could approve it")
	}
	ana.next("reviewed")
	mod.must(do("notice", "text", "and then"))
	for _, g := range []*guest{ana, ben} {
		times := 0
		for e := g.next("message", "notice"); e.Type != "notice"; e = g.next("message", "notice") {
			times++
		}
		if times != 1 {
			t.Errorf("it was said %d times", times)
		}
	}

	// A shadow on one node holds on the other, and so does its end.
	mod2.must(do("shadow", "user", "ana"))
	until(t, "the other node knows of the shadow", func() bool {
		all, err := a.hub.Sanctions(t.Context(), "tea")
		return err == nil && len(all) == 1
	}, func() string { return "" })
	ana.must(do("say", "text", "to nobody"))
	for e := mod2.next("message"); !strings.HasSuffix(string(e.Data), `"text":"to nobody","shadow":true}`); e = mod2.next("message") {
		if e.Seq == 0 {
			t.Errorf("a moderator on the other node sees %s", e.Data)
		}
	}
	mod.must(do("unban", "user", "ana"))
	until(t, "the other node knows of its end", func() bool {
		all, err := b.hub.Sanctions(t.Context(), "tea")
		return err == nil && len(all) == 0
	}, func() string { return "" })

	// All that one said goes on both.
	ben.must(do("say", "text", "mine stays"))
	mod2.must(do("clear", "user", "ana"))
	ana.next("cleared")
	for i, h := range nodes {
		until(t, "it is gone", func() bool {
			return fmt.Sprint(h.join("").hello().texts(t)) == "[mine stays and then]" || fmt.Sprint(h.join("").hello().texts(t)) == "[and then mine stays]"
		},
			func() string { return fmt.Sprint(i, h.join("").hello().texts(t)) })
	}
}

// Somebody on two nodes has the limits of one person.
func TestNodesLimitAPersonOnce(t *testing.T) {
	nodes := onNodes(t, 2, redistest.Start(t), &chat.MemLog{})
	here, there := nodes[0].join("ben"), nodes[1].join("ben")
	for i := range 3 {
		here.must(do("say", "text", fmt.Sprint("number ", i)))
		there.next("message")
	}
	for i := range 2 {
		there.must(do("say", "text", fmt.Sprint("and ", i)))
	}
	there.refused("too_fast", do("say", "text", "a sixth"))
}

// deaf is a log that a node cannot write to.
type deaf struct {
	chat.Log
	away atomic.Bool
}

func (l *deaf) Append(ctx context.Context, channel string, b chat.Batch) error {
	if l.away.Load() {
		return errors.New("the disk is full")
	}
	return l.Log.Append(ctx, channel, b)
}

// What a node did and did not store, because it died or its database is away,
// another node stores: conversation and what moderators decided, as it stands by
// then, once.
func TestNodesFillWhatAnotherDidNotStore(t *testing.T) {
	server, log := redistest.Start(t), &chat.MemLog{}
	broken := &deaf{Log: log}
	a := onNode(t, server, &chat.Hub{Log: broken})
	b, c := onNode(t, server, &chat.Hub{Log: log}), onNode(t, server, &chat.Hub{Log: log})
	ana, mod, ben := a.join("ana"), a.join("mod"), b.join("ben")
	c.join("cleo")
	ana.must(do("say", "text", "stored by its own node"))
	ben.next("message")
	broken.away.Store(true)
	gone := ana.must(do("say", "text", "taken back later")).Message
	ana.must(do("say", "text", "not stored by its own node"))
	_ = mod.Send(do("ban", "id", 1, "user", "cleo")) // the reply waits for the log
	_ = mod.Send(do("slow", "id", 2, "seconds", 7))
	for decode[struct{ Seconds int }](t, ben.next("slow").Data).Seconds != 7 {
	}
	other := b.join("mod2")
	other.must(do("delete", "message", gone))
	other.must(do("slow", "seconds", 9)) // came later: what was not stored must not undo it
	started := time.Now()
	until(t, "the log has it all", func() bool {
		s, err := log.Open(t.Context(), "tea")
		if err != nil {
			t.Fatal(err)
		}
		texts := ""
		for _, e := range s.Entries {
			if e.Type == "message" {
				texts += string(e.Data)
			}
		}
		return strings.Count(texts, "not stored by its own node") == 1 && !strings.Contains(texts, "taken back") &&
			len(s.Sanctions) == 1 && s.Sanctions[0].Person == "cleo" && s.Settings.Slow == 9
	}, func() string {
		s, _ := log.Open(t.Context(), "tea")
		return fmt.Sprintf("%+v", s)
	})
	t.Logf("whole after %s; filled %d and %d", time.Since(started), b.hub.Stats().Filled, c.hub.Stats().Filled)
	if n := b.hub.Stats().Filled + c.hub.Stats().Filled; n == 0 {
		t.Error("nobody counts that it filled a gap")
	}
	broken.away.Store(false)
}
