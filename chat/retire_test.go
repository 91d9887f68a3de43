package chat_test

import (
	"testing"
	"time"

	"souk/chat"
)

func TestIdleRoomsEnd(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		ana.must(do("say", "text", "hi"))
		at := ana.Position()
		time.Sleep(2 * time.Hour) // somebody is there
		if n := h.hub.Stats().Rooms; n != 1 {
			t.Fatalf("%d rooms", n)
		}
		_ = ana.Close()
		time.Sleep(29 * time.Minute)
		if n := h.hub.Stats().Rooms; n != 1 {
			t.Errorf("%d rooms after 29 minutes", n)
		}
		time.Sleep(2 * time.Minute)
		if n := h.hub.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms after 31 minutes", n)
		}
		// Nothing is lost: it goes on where it stopped.
		ana = h.joinAt("ana", at)
		if w := ana.hello(); !w.Resumed {
			t.Errorf("not resumed: %+v", w)
		}
		ana.must(do("say", "text", "still here?"))
		if e := ana.next("message"); e.Seq != at.Seq+1 {
			t.Errorf("the next number is %d", e.Seq)
		}
	})
}

// Who comes back must not be told that all is well when the room no longer knows
// what is on the shelf.
func TestIdleRoomsForgetValues(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		ana.must(do("say", "text", "hi"))
		h.hub.Refresh("tea", chat.Event{Type: "stock", Key: "p1", Data: map[string]int{"available": 3}})
		ana.next("stock")
		at := ana.Position()
		_ = ana.Close()
		time.Sleep(31 * time.Minute)
		if back := h.joinAt("ana", at); back.hello().Resumed {
			t.Error("resumed without the stock")
		}
	})
}

// An event that comes while a room is ending opens it again.
func TestIdleRoomsHearWhatIsTold(t *testing.T) {
	in(t, &chat.Hub{}, func(t *testing.T, h *house) {
		h.hub.Tell("tea", chat.Event{Type: "live", Data: map[string]any{}})
		time.Sleep(30*time.Minute + time.Second)
		h.hub.Tell("tea", chat.Event{Type: "ended", Data: map[string]any{}})
		if seq := h.join("").welcome.Seq; seq != 2 {
			t.Errorf("the room is at %d, want 2", seq)
		}
	})
}
