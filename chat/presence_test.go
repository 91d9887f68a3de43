package chat_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"souk/chat"
	"souk/chat/client"
)

func count(t *testing.T, e client.Incoming) int {
	t.Helper()
	return decode[struct{ Count int }](t, e.Data).Count
}

func TestViewersArePeople(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		if n := h.hub.Viewers("tea"); n != 0 {
			t.Errorf("%d viewers of a room that nobody opened", n)
		}
		ana := h.join("ana")
		tabs := []*guest{h.join("ana"), h.join("ana")}
		ben := h.join("ben")
		reader := h.join("")
		h.join("")
		if n := count(t, reader.next("viewers")); n != 3 { // as of joining
			t.Errorf("the first reader hears %d, want 3", n)
		}
		if n := h.hub.Viewers("tea"); n != 4 {
			t.Errorf("%d viewers, want Ana, Ben and two readers", n)
		}
		for _, g := range append(tabs, ben, reader) {
			_ = g.Close()
		}
		time.Sleep(5 * time.Second)
		if n := h.hub.Viewers("tea"); n != 2 {
			t.Errorf("%d viewers, want Ana and a reader", n)
		}
		var last int
		for last != 2 {
			last = count(t, ana.next("viewers"))
		}
	})
}

// Who watches without a socket is a viewer too, in a room that nobody opened and
// in one that is told of it.
func TestViewersOutside(t *testing.T) {
	var outside atomic.Int64
	outside.Store(3)
	in(t, &chat.Hub{Outside: func(string) int { return int(outside.Load()) }}, func(t *testing.T, h *house) {
		if n := h.hub.Viewers("tea"); n != 3 {
			t.Errorf("%d viewers, want 3 players", n)
		}
		ana := h.join("ana")
		if n := count(t, ana.next("viewers")); n != 4 {
			t.Errorf("%d viewers, want Ana and 3 players", n)
		}
		outside.Store(5)
		for count(t, ana.next("viewers")) != 6 {
		}
		if n := h.hub.Viewers("tea"); n != 6 {
			t.Errorf("%d viewers, want 6", n)
		}
	})
}

func TestViewersAreToldSeldom(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		ana.next("viewers")
		var crowd []*guest
		start := time.Now()
		for range 30 {
			crowd = append(crowd, h.join(""))
			time.Sleep(100 * time.Millisecond)
		}
		told := 0
		for n := 0; n != 31; told++ {
			n = count(t, ana.next("viewers"))
		}
		if d := time.Since(start); d > 8*time.Second {
			t.Errorf("the count came after %s", d)
		}
		if told > 3 {
			t.Errorf("told %d times in a few seconds", told)
		}
		// Nothing changes: the count is only a sign of life.
		start = time.Now()
		if n := count(t, ana.next("viewers")); n != 31 {
			t.Errorf("count is %d", n)
		}
		if d := time.Since(start).Round(time.Second); d < 20*time.Second || d > 22*time.Second {
			t.Errorf("a sign of life after %s, want 20 s", d)
		}
		_ = crowd
	})
}

func TestTooManySocketsOfOnePerson(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		for range 20 {
			h.join("ana")
		}
		if code := h.knock("tea", "ana", client.Position{}).closed(); code != chat.CloseAbuse {
			t.Errorf("the 21st is closed with %d", code)
		}
		h.join("ben")
	})
}

// A room forgets people who left, once they could do nothing they cannot do anew.
func TestMembersAreForgotten(t *testing.T) {
	who := people{}
	for i := range 50 {
		id := fmt.Sprint("p", i)
		who[id] = chat.Person{ID: id, Name: id}
	}
	in(t, &chat.Hub{Who: who}, func(t *testing.T, h *house) {
		for id := range who {
			g := h.join(id)
			for range 5 {
				g.must(do("say", "text", "hi"))
			}
			_ = g.Close()
		}
		time.Sleep(8 * time.Second)
		if n := h.hub.Remembered("tea"); n == 0 {
			t.Error("forgotten before the rate limit was over")
		}
		time.Sleep(4 * time.Second)
		if n := h.hub.Remembered("tea"); n != 0 {
			t.Errorf("%d people remembered", n)
		}
	})
}
