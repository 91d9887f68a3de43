package chat

import "maps"

// came and went keep which sessions of accounts have a socket here.
func (h *Hub) came(session string) {
	if session == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions == nil {
		h.sessions = map[string]int{}
	}
	h.sessions[session]++
}

func (h *Hub) went(session string) {
	if session == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[session]--; h.sessions[session] <= 0 {
		delete(h.sessions, session)
	}
}

// Sessions returns the sessions of accounts that have a socket on this node, in
// no order.
func (h *Hub) Sessions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]string, 0, len(h.sessions))
	for id := range maps.Keys(h.sessions) {
		all = append(all, id)
	}
	return all
}

// Expel closes every socket of a session on this node with [CloseBadToken]: it
// was ended elsewhere. Waits like Tell, for each room.
func (h *Hub) Expel(session string) {
	h.mu.Lock()
	here := h.sessions[session] > 0
	var channels []string
	for channel := range h.rooms {
		channels = append(channels, channel)
	}
	h.mu.Unlock()
	if !here || session == "" {
		return
	}
	for _, channel := range channels {
		h.post(channel, inRoom(func(r *room) {
			for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
				if v := r.sockets[i]; v.person.Session == session {
					r.drop(v, CloseBadToken, "signed out")
				}
			}
		}))
	}
}
