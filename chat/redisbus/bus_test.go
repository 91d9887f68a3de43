package redisbus

import (
	"context"
	"testing"

	"souk/chat"
	"souk/chat/chattest"
	"souk/internal/db/dbtest"
	"souk/internal/redistest"
)

func TestBus(t *testing.T) {
	server := redistest.Start(t)
	chattest.ExerciseBus(t, func(t *testing.T) func() chat.Bus {
		server.Do("FLUSHALL")
		return func() chat.Bus { return node(t, server) }
	})
}

// node opens a running end of the bus.
func node(t testing.TB, server *redistest.Server) *Bus {
	t.Helper()
	b, err := Open(server.URL(), dbtest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return b
}
