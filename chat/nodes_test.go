package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"souk/chat"
	"souk/chat/client"
	"souk/chat/redisbus"
	"souk/internal/redistest"
)

// onNodes opens n houses over one log, joined by a real Redis.
func onNodes(t *testing.T, n int, server *redistest.Server, log chat.Log) []*house {
	t.Helper()
	var all []*house
	for range n {
		all = append(all, onNode(t, server, &chat.Hub{Log: log}))
	}
	return all
}

func onNode(t *testing.T, server *redistest.Server, hub *chat.Hub) *house {
	t.Helper()
	hub.Bus = busTo(t, server)
	return onTCP(t, hub)
}

func busTo(t *testing.T, server *redistest.Server) *redisbus.Bus {
	t.Helper()
	bus, err := redisbus.Open(server.URL(), testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = bus.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return bus
}

func TestTwoNodesAreOneRoom(t *testing.T) {
	nodes := onNodes(t, 2, redistest.Start(t), &chat.MemLog{})
	a, b := nodes[0], nodes[1]
	ana, ben := a.join("ana"), b.join("ben")
	if ana.welcome.Epoch != ben.welcome.Epoch {
		t.Fatalf("epochs %s and %s", ana.welcome.Epoch, ben.welcome.Epoch)
	}
	said := ana.must(do("say", "text", "hi"))
	here, there := ana.next("message"), ben.next("message")
	if here.Seq != there.Seq || text(t, there) != "hi" || event(there).spoken(t).ID != said.Message {
		t.Errorf("here %+v, there %+v", here, there)
	}
	b.hub.Tell("tea", chat.Event{Type: "pinned", MediaAt: time.UnixMilli(1_790_000_000_123), Data: map[string]string{"pin": "p1"}})
	here, there = ana.next("pinned"), ben.next("pinned")
	if here.Seq != there.Seq || here.MediaAt.UnixMilli() != 1_790_000_000_123 {
		t.Errorf("here %+v, there %+v", here, there)
	}
	ben.must(do("react", "kind", "fire", "n", 3))
	if got := decode[struct{ Counts map[string]int }](t, ana.next("reactions").Data); got.Counts["fire"] != 3 {
		t.Errorf("reactions: %v", got)
	}

	// What happened is there for those who come back, on whichever node.
	back := b.joinAt("cleo", client.Position{Epoch: ana.welcome.Epoch, Seq: ana.welcome.Seq})
	if !back.hello().Resumed || text(t, back.next("message")) != "hi" {
		t.Error("no resume on the other node")
	}

	// Personal events find their person.
	a.hub.Whisper("tea", chat.To{Person: "ben"}, chat.Event{Type: "order", Data: map[string]string{"id": "o1"}})
	ben.next("order")

	// What a moderator does holds everywhere, at once.
	mod := b.join("mod")
	mod.must(do("delete", "message", said.Message))
	gone := ana.next("deleted")
	if got := decode[struct{ Message string }](t, gone.Data); got.Message != said.Message {
		t.Errorf("deleted %s", gone.Data)
	}
	if got := a.join("own").hello().texts(t); len(got) != 0 {
		t.Errorf("history is still %q", got)
	}
	mod.must(do("timeout", "user", "ana", "seconds", 600))
	ana.next("timeout")
	ana.refused("timed_out", do("say", "text", "still here"))
	mod.must(do("slow", "seconds", 60))
	for decode[struct{ Seconds int }](t, ana.next("slow").Data).Seconds != 60 {
	}
	cleo := a.join("cleo")
	back.must(do("say", "text", "one"))
	cleo.next("message")
	cleo.refused("too_fast", do("say", "text", "two"))
	mod.must(do("ban", "user", "cleo"))
	if code := cleo.closed(); code != chat.CloseBanned {
		t.Errorf("on the other node: closed with %d", code)
	}
	if code := back.closed(); code != chat.CloseBanned {
		t.Errorf("on this node: closed with %d", code)
	}
}

// A value that changed is read anew by the other nodes, once, and not by the
// one that said so.
func TestNodesRereadWhatIsStale(t *testing.T) {
	server, log := redistest.Start(t), &chat.MemLog{}
	said := make(chan string, 16)
	var nodes []*house
	for _, name := range []string{"a", "b"} {
		hub := &chat.Hub{Log: log, Reread: func(channel, typ, key string) { said <- name + " " + channel + " " + typ + " " + key }}
		nodes = append(nodes, onNode(t, server, hub))
	}
	ana, ben := nodes[0].join("ana"), nodes[1].join("ben")
	nodes[0].hub.Stale("tea", "stock", "cup")
	if got := <-said; got != "b tea stock cup" {
		t.Errorf("read anew: %s", got)
	}
	ana.must(do("say", "text", "after it"))
	ben.next("message")
	ana.next("message")
	if len(said) > 0 {
		t.Errorf("and %s", <-said)
	}
}

// People are counted once, wherever they are, and a node that dies takes its
// own with it.
func TestNodesCountPeopleOnce(t *testing.T) {
	server := redistest.Start(t)
	nodes := onNodes(t, 2, server, &chat.MemLog{})
	ana := nodes[0].join("ana")
	nodes[1].join("ana")
	nodes[1].join("ben")
	nodes[1].join("")
	for decode[struct{ Count int }](t, ana.next("viewers").Data).Count != 3 {
	}
	nodes[1].stop()
	for decode[struct{ Count int }](t, ana.next("viewers").Data).Count != 1 {
	}
}

// screen is what one viewer sees, and how it came about.
type screen struct {
	mu      sync.Mutex
	shown   []string // ids
	epochs  []string
	faults  []string
	last    time.Time // when something new came
	longest time.Duration
}

func (s *screen) take(e client.Incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Type {
	case "welcome":
		var w struct {
			Resumed bool
			History []client.Incoming
		}
		if err := json.Unmarshal(e.Data, &w); err != nil {
			s.faults = append(s.faults, err.Error())
		}
		s.epochs = append(s.epochs, e.Epoch)
		if !w.Resumed {
			s.shown = nil
			for _, m := range w.History {
				s.put(m)
			}
		}
	case "message":
		now := time.Now()
		if !s.last.IsZero() {
			s.longest = max(s.longest, now.Sub(s.last))
		}
		s.last = now
		s.put(e)
	}
}

func (s *screen) put(e client.Incoming) {
	var m struct{ ID string }
	if err := json.Unmarshal(e.Data, &m); err != nil || m.ID == "" {
		s.faults = append(s.faults, string(e.Data))
	}
	if slices.Contains(s.shown, m.ID) {
		s.faults = append(s.faults, "twice: "+m.ID)
	}
	s.shown = append(s.shown, m.ID)
}

// outage has three nodes talk, each a message every 20 ms, while something
// happens to Redis, and checks that in the end all screens and the log say the
// same: everything, once, in one order.
func outage(t *testing.T, trouble func(t *testing.T, server *redistest.Server), args ...string) {
	server := redistest.Start(t, args...)
	log := &chat.MemLog{}
	nodes := onNodes(t, 3, server, log)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var talk, watch sync.WaitGroup
	screens := make([]*screen, len(nodes))
	said := make([][]string, len(nodes))
	quiet := make(chan struct{})
	for i, h := range nodes {
		s := &screen{}
		screens[i] = s
		watch.Go(func() {
			_ = client.Follow(ctx, h.address("tea"), func(_ *client.Client, e client.Incoming) { s.take(e) })
		})
		owner := h.join("own")
		talk.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-quiet:
					return
				case <-owner.Events():
				case <-tick.C:
					r, err := owner.Say(ctx, fmt.Sprint(i, "/", n))
					if err != nil || !r.OK {
						t.Errorf("node %d: %+v, %v", i, r, err)
						return
					}
					said[i] = append(said[i], r.Message)
				}
			}
		})
	}
	trouble(t, server)
	close(quiet)
	talk.Wait()

	total := 0
	for _, ids := range said {
		total += len(ids)
	}
	stored := func() (ids []string) {
		state, err := log.Open(t.Context(), "tea")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range state.Entries {
			ids = append(ids, e.Message)
		}
		return ids
	}
	tail := func(ids []string) string { return fmt.Sprint(ids[max(0, len(ids)-50):]) }
	until(t, "all nodes show what the log says", func() bool {
		ids := stored()
		if len(ids) != total {
			return false
		}
		for _, s := range screens {
			s.mu.Lock()
			same := tail(s.shown) == tail(ids)
			s.mu.Unlock()
			if !same {
				return false
			}
		}
		return true
	}, func() string {
		what := fmt.Sprintf("said %d, stored %d", total, len(stored()))
		for i, s := range screens {
			s.mu.Lock()
			what += fmt.Sprintf("; node %d shows %d", i, len(s.shown))
			s.mu.Unlock()
		}
		return what
	})
	ids := stored()
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != total {
		t.Errorf("%d of %d messages are in the log", n, total)
	}
	for i, s := range screens {
		t.Logf("node %d: %d messages of its own, epochs %v, longest silence %s, forks %d", i, len(said[i]), s.epochs, s.longest, nodes[i].hub.Stats().Forks)
		for _, f := range s.faults {
			t.Errorf("node %d: %s", i, f)
		}
		if s.longest > maxSilence {
			t.Errorf("node %d was silent for %s", i, s.longest)
		}
	}
}

// maxSilence is what a test grants on a busy machine; the bound of the design
// is busWait and forkWait together.
const maxSilence = 2 * time.Second

func TestRedisKilledAndEmpty(t *testing.T) {
	outage(t, func(t *testing.T, server *redistest.Server) {
		let(t, time.Second)
		server.Kill()
		let(t, time.Second)
		server.Restart()
		let(t, 2*time.Second)
	})
}

func TestRedisKilledAndBackFromDisk(t *testing.T) {
	outage(t, func(t *testing.T, server *redistest.Server) {
		let(t, time.Second)
		server.Kill()
		server.Restart()
		let(t, 2*time.Second)
	}, "--appendonly", "yes", "--appendfsync", "everysec")
}

func TestRedisStalls(t *testing.T) {
	outage(t, func(t *testing.T, server *redistest.Server) {
		for range 2 {
			let(t, time.Second)
			server.Stall()
			let(t, 1500*time.Millisecond)
			server.Resume()
		}
		let(t, 2*time.Second)
	})
}

func TestRedisEmptied(t *testing.T) {
	outage(t, func(t *testing.T, server *redistest.Server) {
		let(t, time.Second)
		server.Do("FLUSHALL")
		let(t, 2*time.Second)
	})
}

func TestRedisDropsSubscribers(t *testing.T) {
	outage(t, func(t *testing.T, server *redistest.Server) {
		for range 5 {
			let(t, 300*time.Millisecond)
			server.Do("CLIENT KILL TYPE pubsub")
		}
		let(t, time.Second)
	})
}

// let lets time pass: the trouble is measured in it.
func let(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// until waits for a fact.
func until(t *testing.T, what string, ok func() bool, state func() string) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("not so within %s: %s: %s", patience, what, state())
		case <-poll.C:
		}
	}
}

func testLogger(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(testLog{t}, nil)) }
