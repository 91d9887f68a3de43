package chat_test

import (
	"testing"
	"time"

	"souk/chat"
	"souk/chat/client"
)

func TestOnlyModeratorsModerate(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, cleo := h.join("ana"), h.join("cleo")
		m := ana.must(do("say", "text", "hi")).Message
		for _, command := range []map[string]any{
			do("delete", "message", m), do("timeout", "user", "ana", "seconds", 10), do("ban", "user", "ana"),
			do("unban", "user", "ana"), do("notice", "text", "free tea"), do("slow", "seconds", 10),
		} {
			cleo.refused("not_allowed", command)
		}
		for _, who := range []string{"own", "host", "mod"} {
			g := h.join(who)
			g.must(do("slow", "seconds", 1))
			g.must(do("slow", "seconds", 0))
			g.must(do("notice", "text", "tea at five"))
			g.must(do("timeout", "user", "ben", "seconds", 10))
			g.must(do("unban", "user", "ben"))
			g.must(do("ban", "user", "ben"))
			g.must(do("unban", "user", "ben"))
			g.must(do("delete", "message", ana.must(do("say", "text", "hi")).Message))
		}
		if got := string(cleo.next("notice").Data); got != `{"text":"tea at five"}` {
			t.Errorf("notice is %s", got)
		}
	})
}

func TestWhoMayActAgainstWhom(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		g := map[string]*guest{}
		for _, who := range []string{"own", "host", "mod", "mod2", "ana"} {
			g[who] = h.join(who)
		}
		for _, c := range []struct {
			by, against string
			may         bool
		}{
			{"mod", "own", false}, {"mod", "host", false}, {"mod", "mod2", false}, {"mod", "mod", false}, {"mod", "ana", true},
			{"host", "own", false}, {"host", "host", false}, {"host", "mod", true},
			{"own", "host", false}, {"own", "own", false}, {"own", "mod2", true},
		} {
			r := g[c.by].do(do("timeout", "user", c.against, "seconds", 1))
			if r.OK != c.may || !r.OK && r.Code != "not_allowed" {
				t.Errorf("%s against %s: %+v", c.by, c.against, r)
			}
		}
		for _, user := range []string{"", "a b", "a\x00b", "é", string(make([]byte, 65))} {
			g["own"].refused("bad_request", do("ban", "user", user))
		}
	})
}

func TestTimeout(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, mod := h.join("ana"), h.join("mod")
		for _, s := range []int{0, -5, 14*24*3600 + 1} {
			mod.refused("bad_request", do("timeout", "user", "ana", "seconds", s))
		}
		mod.must(do("timeout", "user", "ana", "seconds", 60))
		said := decode[struct {
			Seconds int64
			Until   time.Time
		}](t, ana.next("timeout").Data)
		if said.Seconds != 60 || time.Until(said.Until).Round(time.Second) != 60*time.Second {
			t.Errorf("ana is told %+v", said)
		}
		time.Sleep(20 * time.Second)
		if r := ana.refused("timed_out", do("say", "text", "why?")); r.RetryMS < 39_000 || r.RetryMS > 40_000 {
			t.Errorf("retry_ms is %d", r.RetryMS)
		}
		ana.refused("timed_out", do("react"))
		_ = ana.Close()
		ana = h.join("ana") // coming back is allowed, and does not help
		ana.refused("timed_out", do("ask", "text", "why?"))
		mod.must(do("say", "text", "calm down"))
		ana.next("message") // reading goes on
		time.Sleep(40 * time.Second)
		ana.must(do("say", "text", "sorry"))

		mod.must(do("timeout", "user", "ana", "seconds", 60))
		mod.must(do("unban", "user", "ana"))
		ana.must(do("say", "text", "thanks"))
	})
}

func TestBan(t *testing.T) {
	who := people{"mod": teaPeople["mod"], "ana": {ID: "a1", Name: "Ana"}, "other tab": {ID: "a1", Name: "Ana"},
		"new name": {ID: "a1", Name: "Anna"}, "new guest": {ID: "a2", Name: "Ana"}, "own": teaPeople["own"]}
	in(t, &chat.Hub{Who: who}, func(t *testing.T, h *house) {
		mod, ana, tab := h.join("mod"), h.join("ana"), h.join("other tab")
		mod.must(do("ban", "user", "a1"))
		for _, g := range []*guest{ana, tab} {
			if code := g.closed(); code != chat.CloseBanned {
				t.Errorf("closed with %d", code)
			}
		}
		for _, token := range []string{"ana", "new name"} {
			if code := h.knock("tea", token, client.Position{}).closed(); code != chat.CloseBanned {
				t.Errorf("%s: closed with %d", token, code)
			}
		}
		mod.refused("bad_request", do("timeout", "user", "a1", "seconds", 5))
		mod.refused("bad_request", do("shadow", "user", "a1"))
		// Somebody else, and the same hands with a new guest session, may come in.
		h.join("new guest").must(do("say", "text", "hello again"))
		h.join("")
		mod.must(do("unban", "user", "a1"))
		h.join("ana").must(do("say", "text", "I am back"))

		// The owner cannot be locked out, not even while away.
		mod.must(do("ban", "user", "own"))
		own := h.join("own")
		own.must(do("ban", "user", "mod"))
		if code := mod.closed(); code != chat.CloseBanned {
			t.Errorf("the moderator is closed with %d", code)
		}
		if n := h.hub.Stats().Banned; n != 5 {
			t.Errorf("%d bans counted, want 5", n)
		}
	})
}
