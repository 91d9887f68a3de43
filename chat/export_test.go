package chat

// Remembered returns how many people a room keeps count of.
func (h *Hub) Remembered(channel string) int {
	ask := remembered{make(chan int, 1)}
	h.post(channel, ask)
	return <-ask.n
}

type remembered struct{ n chan int }

func (m remembered) deliver(r *room) { m.n <- len(r.members) }

// PanicIn makes the room's goroutine panic.
func (h *Hub) PanicIn(channel string) { h.post(channel, bomb{}) }

type bomb struct{}

func (bomb) deliver(*room) { panic("for the test") }

// Deeds returns what the log keeps of what was done in a room.
func (l *MemLog) Deeds(channel string) []Deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.room(channel).deeds
}
