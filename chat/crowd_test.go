package chat_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"souk/chat"
	"souk/chat/client"
)

// TestCrowd is the room under everything at once, on real sockets with small
// buffers: people talk, leave without a word and come back, ping, read slowly,
// are refused, while the shop tells and refreshes. Everybody must end up with
// the same numbered events.
func TestCrowd(t *testing.T) {
	if testing.Short() {
		crowd(t, 8, 100)
		return
	}
	crowd(t, 30, 400)
}

func crowd(t *testing.T, size, lines int) {
	who := people{"host": teaPeople["host"]}
	for i := range size {
		id := fmt.Sprint("p", i)
		who[id] = chat.Person{ID: id, Name: id}
	}
	h := onTCP(t, &chat.Hub{Who: who, SendBuffer: 8 << 10})
	host := h.busy("host")

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	histories := make([][]string, size) // what each has seen
	for i := range size {
		wg.Go(func() { histories[i] = visitor(ctx, t, h, fmt.Sprint("p", i)) })
	}
	for h.hub.Viewers("tea") <= size {
		if ctx.Err() != nil {
			t.Fatal("the crowd has not gathered")
		}
		runtime.Gosched()
	}
	for i := range lines {
		if r, err := host.Say(ctx, fmt.Sprint("line ", i)); err != nil || !r.OK {
			t.Fatalf("line %d: %+v, %v", i, r, err)
		}
		switch {
		case i%10 == 0:
			h.hub.Tell("tea", chat.Event{Type: "pinned", Data: make([]int, 2000)})
		case i%3 == 0:
			h.hub.Refresh("tea", chat.Event{Type: "stock", Key: fmt.Sprint(i % 7), Data: i})
			h.hub.Whisper("tea", chat.To{Person: fmt.Sprint("p", i%size)}, chat.Event{Type: "order", Data: i})
		}
		time.Sleep(rand.N(5 * time.Millisecond))
	}
	h.hub.Tell("tea", chat.Event{Type: "ended", Data: nil})
	wg.Wait()
	longest := slices.MaxFunc(histories, func(a, b []string) int { return len(a) - len(b) })
	for i, seen := range histories { // they came at different times, but all stayed to the end
		if !slices.Equal(seen, longest[len(longest)-len(seen):]) {
			t.Errorf("p%d has not seen what the others have: %d of %d events", i, len(seen), len(longest))
		}
	}
	s := h.hub.Stats()
	if len(longest) < lines || s.Resumed < int64(size) || s.UnprovableResumes > 0 {
		t.Errorf("%d events seen, %+v", len(longest), s)
	}
	t.Logf("%+v", s)
}

// visitor stays until the show ends and returns the numbered events it saw, in
// order. It leaves and comes back all the time.
func visitor(ctx context.Context, t *testing.T, h *house, who string) (seen []string) {
	d := h.address("tea")
	d.Token = who
	d.NetDial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(8 << 10)
		}
		return c, err
	}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	ended := false
	err := client.Follow(ctx, d, func(c *client.Client, e client.Incoming) {
		switch n := rand.IntN(200); {
		case n == 0:
			_ = c.Drop()
		case n < 3:
			_ = c.Close()
		case n < 20:
			_ = c.Send(do("react", "id", 7))
		case n < 30:
			_ = c.Send(do("say", "id", 8, "text", who)) // mostly too fast
		case n < 40:
			time.Sleep(rand.N(20 * time.Millisecond))
		case n < 60:
			_ = c.Ping("are you there?")
		}
		if ended || e.Seq == 0 || e.Type == "welcome" {
			return
		}
		seen = append(seen, fmt.Sprintf("%d %s %x", e.Seq, e.Type, crc32.ChecksumIEEE(e.Data)))
		if e.Type == "ended" {
			ended = true
			leave()
		}
	})
	if !ended {
		t.Errorf("%s left before the end: %v", who, err)
	}
	return seen
}
