package chat

import (
	"net/http"
	"net/netip"

	"souk/internal/api"
)

// enter counts a socket in, unless there are too many, in all or of its
// address, or the hub is closed. Run waits for its exit.
func (h *Hub) enter(at netip.Prefix) bool {
	most := h.PerAddress
	if most == 0 {
		most = maxPerAddress
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.count.sockets.Load() >= maxViewers || h.from[at] >= most {
		return false
	}
	if at.IsValid() {
		if h.from == nil {
			h.from = map[netip.Prefix]int{}
		}
		h.from[at]++
	}
	h.count.sockets.Add(1)
	h.wg.Add(1)
	return true
}

func (h *Hub) exit(at netip.Prefix) {
	if at.IsValid() {
		h.mu.Lock()
		if h.from[at]--; h.from[at] == 0 {
			delete(h.from, at)
		}
		h.mu.Unlock()
	}
	h.count.sockets.Add(-1)
	h.wg.Done()
}

// clientAddress is what the sockets of one client have in common. It is not
// valid for the server's own machine, and for what is no address.
func clientAddress(r *http.Request) netip.Prefix {
	at := api.Client(r)
	if api.Own(at) {
		return netip.Prefix{}
	}
	return at
}
