package chat_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"souk/chat"
)

func TestMessagesReachEverybodyInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := inMemory(t, &chat.Hub{})
		defer h.stop()
		host, ana, reader := h.join("host"), h.join("ana"), h.join("")
		const n = 300
		go func() {
			for i := range n {
				host.must(map[string]any{"do": "say", "text": fmt.Sprint("line ", i)})
			}
		}()
		for _, g := range []*guest{host, ana, reader} {
			for i := range n {
				if got, want := text(t, g.next("message")), fmt.Sprint("line ", i); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
		}
	})
}
