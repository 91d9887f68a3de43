package chat_test

import (
	"fmt"
	"testing"

	"souk/chat"
	"souk/chat/chattest"
)

func TestMemBus(t *testing.T) {
	chattest.ExerciseBus(t, func(*testing.T) func() chat.Bus {
		var names []string
		for i := range 8 {
			names = append(names, fmt.Sprint("n", i))
		}
		ends := chat.NewMemBus(names...)
		return func() chat.Bus {
			defer func() { ends = ends[1:] }()
			return ends[0]
		}
	})
}
