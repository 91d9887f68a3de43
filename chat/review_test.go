package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"souk/chat"
	"souk/chat/client"
)

// set changes what holds in room tea, as its owner does.
func (h *house) set(c chat.Change) {
	h.t.Helper()
	if _, err := h.hub.Change(h.t.Context(), "tea", chat.Person{ID: "own"}, c); err != nil {
		h.t.Fatal(err)
	}
}

func TestHeldUntilAModeratorHasReadIt(t *testing.T) {
	log := &chat.MemLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		ana, ben, mod := h.join("ana"), h.join("ben"), h.join("mod")
		h.set(chat.Change{Words: ptr([]string{"fake"}), WordsDo: ptr(chat.WordsHold), Links: ptr(chat.LinksHold)})
		first := ana.refused("held", do("say", "text", "is this fake?")).Message
		second := ana.refused("held", do("ask", "text", "like on tea.shop/x?", "product", "p1")).Message
		want := `"type":"message","from":{"id":"ana","name":"Ana","badges":["buyer"]},"text":"is this fake?","why":"word"}`
		if got := string(mod.next("held").Data); !strings.HasPrefix(got, `{"id":"`+first+`","at":"`) || !strings.HasSuffix(got, want) {
			t.Errorf("moderators are shown %s", got)
		}
		if got := decode[struct{ ID, Why, Type, Product string }](t, mod.next("held").Data); got.ID != second || got.Why != "link" || got.Type != "question" || got.Product != "p1" {
			t.Errorf("then %+v", got)
		}
		ana.refused("not_allowed", do("approve", "message", first))
		mod.must(do("approve", "message", first))
		if got := event(ben.next("message")).spoken(t); got.ID != first || got.Text != "is this fake?" || got.From.Name != "Ana" {
			t.Errorf("everybody sees %+v", got)
		}
		if got := string(ana.next("reviewed").Data); got != fmt.Sprintf(`{"message":%q,"approved":true}`, first) {
			t.Errorf("the author is told %s", got)
		}
		mod.refused("no_such_message", do("approve", "message", first))
		mod.refused("no_such_message", do("deny", "message", first))
		ana.refused("held", do("say", "text", "a fake, I say"))
		ana.refused("held", do("say", "text", "f a k e"))
		ana.refused("held", do("say", "text", "F4KE")) // a fourth must wait
		waiting, err := h.hub.Waiting(t.Context(), "tea")
		if err != nil || len(waiting) != 3 {
			t.Errorf("%d wait, %v", len(waiting), err)
		}
	})
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) { // a restart loses none of it
		ana, ben, mod := h.join("ana"), h.join("ben"), h.join("mod")
		waiting, err := h.hub.Waiting(t.Context(), "tea")
		if err != nil || len(waiting) != 3 {
			t.Fatalf("%d wait, %v", len(waiting), err)
		}
		asked := decode[struct{ ID string }](t, waiting[0]).ID
		mod.must(do("approve", "message", asked))
		if got := string(ben.next("question").Data); !strings.Contains(got, `"product":"p1"`) {
			t.Errorf("everybody sees %s", got)
		}
		mod.must(do("dismiss", "message", asked)) // it is in the hosts' queue now
		mod.must(do("deny", "message", decode[struct{ ID string }](t, waiting[1]).ID))
		for ; ; _ = 0 {
			if e := ana.next("reviewed"); strings.Contains(string(e.Data), "false") {
				break
			}
		}
		time.Sleep(31 * time.Minute) // nobody has read the third
		if waiting, err = h.hub.Waiting(t.Context(), "tea"); err != nil || len(waiting) != 0 {
			t.Errorf("%d still wait, %v", len(waiting), err)
		}
	})
}

func TestWordsAreMasked(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, ben := h.join("ana"), h.join("ben")
		h.set(chat.Change{Words: ptr([]string{"scam*", "fake tea"}), WordsDo: ptr(chat.WordsMask)})
		ana.must(do("say", "text", "such a SC@MMER, (scam!) not an escapade"))
		if got := text(t, ben.next("message")); got != "such a •••••••, (••••!) not an escapade" {
			t.Errorf("everybody reads %q", got)
		}
		ana.refused("held", do("say", "text", "this is f4ke tea")) // no word of it by itself
	})
}

func TestSites(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		if _, err := h.hub.Change(t.Context(), "tea", chat.Person{}, chat.Change{Sites: ptr([]string{"tea dot shop"})}); err == nil {
			t.Error("no host name was taken for one")
		}
		h.set(chat.Change{Links: ptr(chat.LinksBlock), Sites: ptr([]string{" https://WWW.Tea.example/shop ", ""})})
		for _, link := range []string{"https://evil.example/?https://tea.example", "https://tea.example@evil.example/", "tea.example.evil.com", "https://tea.example and evil.com", "eviltea.example.com"} {
			time.Sleep(3 * time.Second)
			ana.refused("link", do("say", "text", link))
		}
		for _, link := range []string{"https://tea.example/r?x=1", "look: www.tea.example.", "http://hot.tea.example:8080"} {
			time.Sleep(3 * time.Second)
			ana.must(do("say", "text", link))
		}
	})
}

// Somebody who is shadowed sees what they say, and moderators see it marked; it
// has no number, and nobody else ever sees it.
func TestShadow(t *testing.T) {
	log := &chat.MemLog{}
	who := withGuests()
	who.guest("troll", "d1", "n1")
	who.guest("again", "d1", "n2")
	in(t, &chat.Hub{Log: log, Who: who}, func(t *testing.T, h *house) {
		troll, ben, mod, host := h.join("troll"), h.join("ben"), h.join("mod"), h.join("host")
		troll.must(do("say", "text", "hi"))
		for _, g := range []*guest{troll, ben, mod} {
			g.next("message")
		}
		mod.must(do("shadow", "user", "troll", "text", "insults"))
		said := troll.must(do("say", "text", "you are all blind"))
		if e := troll.next("message"); e.Seq != 0 || strings.Contains(string(e.Data), "shadow") || event(e).spoken(t).ID != said.Message {
			t.Errorf("the author sees %+v %s", e, e.Data)
		}
		if e := mod.next("message"); e.Seq != 0 || !strings.HasSuffix(string(e.Data), `"text":"you are all blind","shadow":true}`) {
			t.Errorf("moderators see %+v %s", e, e.Data)
		}
		time.Sleep(4 * time.Second)
		h.join("again").must(do("say", "text", "a new name, the same browser"))
		host.must(do("say", "text", "welcome"))
		for _, want := range []string{"welcome"} {
			if got := text(t, ben.next("message")); got != want {
				t.Errorf("everybody else reads %q", got)
			}
		}
		mod.refused("not_allowed", do("shadow", "user", "host"))
		all, err := h.hub.Sanctions(t.Context(), "tea")
		if err != nil || len(all) != 1 || all[0].Kind != chat.Shadow || all[0].Name != "troll" || all[0].By.Name != "Mo" || all[0].Note != "insults" || all[0].Until != nil {
			t.Errorf("sanctions are %+v, %v", all, err)
		}
	})
	in(t, &chat.Hub{Log: log, Who: who}, func(t *testing.T, h *house) {
		troll, ben, mod := h.join("troll"), h.join("ben"), h.join("mod")
		for _, m := range ben.hello().texts(t) {
			if strings.Contains(m, "blind") {
				t.Error("it is in the history")
			}
		}
		troll.must(do("say", "text", "still blind?"))
		mod.must(do("unban", "user", "troll"))
		time.Sleep(4 * time.Second)
		troll.must(do("say", "text", "hello"))
		if got := text(t, ben.next("message")); got != "hello" {
			t.Errorf("afterwards everybody reads %q", got)
		}
	})
}

// All that somebody said goes at once, from screens, history and log, and what
// they say later stays.
func TestClear(t *testing.T) {
	log := &chat.MemLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		ana, ben, mod := h.join("ana"), h.join("ben"), h.join("mod")
		h.set(chat.Change{Words: ptr([]string{"fake"}), WordsDo: ptr(chat.WordsHold)})
		ana.must(do("say", "text", "one"))
		asked := ana.must(do("ask", "text", "two?")).Message
		answered := ana.must(do("ask", "text", "three?")).Message
		ana.refused("held", do("say", "text", "fake"))
		ben.must(do("say", "text", "mine stays"))
		mod.must(do("answer", "message", answered, "text", "yes"))
		mod.must(do("clear", "user", "ana"))
		if got := string(ben.next("cleared").Data); got != `{"user":"ana"}` {
			t.Errorf("everybody is told %s", got)
		}
		if got := h.join("").hello().texts(t); fmt.Sprint(got) != "[mine stays]" {
			t.Errorf("the history is %q", got)
		}
		mod.refused("no_such_question", do("answer", "message", asked))
		if waiting, _ := h.hub.Waiting(t.Context(), "tea"); len(waiting) != 0 {
			t.Errorf("still waiting: %s", waiting)
		}
		time.Sleep(8 * time.Second)
		ana.must(do("say", "text", "sorry"))
		// Who missed it learns of it on coming back.
		back := h.joinAt("cleo", client.Position{Epoch: ben.welcome.Epoch, Seq: ben.welcome.Seq})
		for {
			e := back.next("message", "question", "answered", "deleted", "cleared")
			if e.Type == "cleared" {
				break
			}
			if e.Type != "deleted" && text(t, e) != "mine stays" {
				t.Errorf("replayed %s", e.Data)
			}
		}
		h.join("host")
		mod.refused("not_allowed", do("clear", "user", "host"))
		mod.must(do("ban", "user", "ana", "clear", true))
		if code := ana.closed(); code != chat.CloseBanned {
			t.Errorf("closed with %d", code)
		}
	})
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		if got := h.join("").hello().texts(t); fmt.Sprint(got) != "[mine stays]" {
			t.Errorf("after a restart the history is %q", got)
		}
	})
}

// A ban may end by itself, and says why and until when.
func TestBanThatEnds(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, mod := h.join("ana"), h.join("mod")
		mod.refused("bad_request", do("ban", "user", "ana", "seconds", 366*24*3600))
		mod.refused("too_long", do("ban", "user", "ana", "text", strings.Repeat("x", 301)))
		mod.must(do("ban", "user", "ana", "seconds", 3600, "text", "enough for today, 4242 4242 4242 4242"))
		for range 2 {
			told := decode[struct {
				Until time.Time
				Note  string
			}](t, ana.next("banned").Data)
			if told.Note != "enough for today, •••• •••• •••• ••••" || time.Until(told.Until).Round(time.Second) != time.Hour {
				t.Errorf("ana is told %+v", told)
			}
			if code := ana.closed(); code != chat.CloseBanned {
				t.Errorf("closed with %d", code)
			}
			ana = h.knock("tea", "ana", client.Position{})
		}
		time.Sleep(time.Hour)
		h.join("ana").must(do("say", "text", "back"))
	})
}

// One key: only buyers write, slowly, and links are read first.
func TestCalm(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, ben, mod := h.join("ana"), h.join("ben"), h.join("mod")
		ben.refused("not_allowed", do("calm"))
		mod.must(do("calm"))
		if got := string(ben.next("rules").Data); got != `{"known_only":false,"buyers_only":true,"calm":true,"links":"hold","raid_until":null}` {
			t.Errorf("rules are %s", got)
		}
		ben.refused("buyers_only", do("say", "text", "what?"))
		ben.refused("buyers_only", do("react"))
		ana.must(do("say", "text", "quiet now"))
		if r := ana.refused("too_fast", do("say", "text", "?")); r.RetryMS < 29_000 || r.RetryMS > 30_000 {
			t.Errorf("retry_ms is %d", r.RetryMS)
		}
		time.Sleep(30 * time.Second)
		ana.refused("held", do("say", "text", "https://tea.example"))
		for range 3 {
			mod.must(do("say", "text", "moderators go on"))
		}
		mod.must(do("calm", "on", false))
		ben.must(do("say", "text", "what was that?"))

		h.set(chat.Change{BuyersOnly: ptr(true), Slow: ptr(int64(60)), SlowBuyers: ptr(false)})
		ben.refused("buyers_only", do("say", "text", "again?"))
		ana.must(do("say", "text", "one"))
		ana.must(do("say", "text", "two"))
	})
}

func TestTheSameAgain(t *testing.T) {
	who := withGuests()
	for i := range 5 {
		who.guest(fmt.Sprint("g", i), "", "")
	}
	in(t, &chat.Hub{Who: who}, func(t *testing.T, h *house) {
		ben, host := h.join("ben"), h.join("host")
		for range 2 {
			ben.must(do("say", "text", "buy from me"))
		}
		ben.refused("duplicate", do("say", "text", "BUY  frоm mе!")) // as it looks
		for range 5 {
			host.must(do("say", "text", "now in blue!"))
		}
		time.Sleep(30 * time.Second)
		ben.must(do("say", "text", "buy from me"))
		for i := range 3 {
			h.join(fmt.Sprint("g", i)).must(do("say", "text", "free tea here, look"))
		}
		h.join("g3").refused("duplicate", do("say", "text", "free tea here, look!"))
		h.join("g4").must(do("say", "text", "something else entirely"))
	})
}

// The new guests of one network share a limit, and nobody else does.
func TestOneNetworkIsLimited(t *testing.T) {
	who := withGuests()
	for i := range 20 {
		who.guest(fmt.Sprint("n", i), "", "n1")
	}
	who.guest("other", "", "n2")
	in(t, &chat.Hub{Who: who}, func(t *testing.T, h *house) {
		said, refused := 0, 0
		for i := range 20 {
			g := h.join(fmt.Sprint("n", i))
			for k := range 5 {
				if r := g.do(do("say", "text", fmt.Sprint(i, "/", k))); r.OK {
					said++
				} else if r.Code == "too_fast" {
					refused++
				}
			}
		}
		if said != 60 || refused != 40 {
			t.Errorf("%d said and %d refused of 100 at once", said, refused)
		}
		h.join("other").must(do("say", "text", "hi"))
		h.join("ben").must(do("say", "text", "hi"))
	})
}

// A card number is stored nowhere, whatever way it comes.
func TestCardNumbersAreStoredNowhere(t *testing.T) {
	const card = "4242424242424242"
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana, host := h.join("ana"), h.join("host")
		ana.refused("bad_request", do("ask", "text", "?", "product", card))
		host.refused("bad_request", do("timeout", "user", card, "seconds", 5))
		host.refused("bad_request", do("tell", "user", card, "text", "hi"))
		host.must(do("ban", "user", "01936b1e-1234-7890-9123-456789012345"))
		set, err := h.hub.Change(t.Context(), "tea", chat.Person{ID: "own"}, chat.Change{Words: ptr([]string{card})})
		if err != nil || strings.Contains(strings.Join(set.Words, ""), "4242") {
			t.Errorf("words are %q, %v", set.Words, err)
		}
	})
}
