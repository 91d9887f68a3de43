package chat

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"souk/internal/api"
)

// readBuffer is the reading buffer of a socket: most frames from clients are
// pongs and short lines.
const readBuffer = 512

// writeBuffers are for the handshake only; rooms write ready frames.
var writeBuffers = &sync.Pool{}

// Serve answers "GET /ws/{channel}": it upgrades, brings the viewer into the
// room, and returns; a goroutine of the hub reads on.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request) {
	if !h.originAllowed(r) {
		h.refuse(w, r, api.Fail(http.StatusForbidden, "bad_origin", "Pages of this origin may not open a room."))
		return
	}
	at := clientAddress(r)
	if !h.enter(at) {
		w.Header().Set("Retry-After", "5")
		h.refuse(w, r, api.Fail(http.StatusServiceUnavailable, "full", "No room for more viewers right now. Please try again in a moment."))
		return
	}
	var s *socket
	reading := false
	defer func() { // also after a panic of what is asked below
		if !reading {
			if s != nil {
				s.out.hangUp()
			}
			h.exit(at)
		}
	}()
	channel := r.PathValue("channel")
	person, refused := h.Who.Join(r, channel)
	s, err := h.upgrade(w, r)
	if err != nil {
		return // answered
	}
	s.channel = channel
	if refused == nil {
		if s.room = h.room(channel); s.room == nil {
			refused = errGone
		}
	}
	h.begin(r, s, person, refused)
	reading = true
	go func() {
		defer h.exit(at)
		s.run()
	}()
}

func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, e *api.Error) {
	api.Handler(func(http.ResponseWriter, *http.Request) error { return e }).ServeHTTP(w, r)
}

// originAllowed keeps pages of other sites from using a visitor's cookie. What
// is no browser sends no Origin.
func (h *Hub) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	same := func(host string) bool { return strings.EqualFold(host, u.Host) }
	return same(r.Host) || slices.ContainsFunc(h.Origins, same)
}

// upgrade makes a websocket of the request, or has answered why not.
func (h *Hub) upgrade(w http.ResponseWriter, r *http.Request) (*socket, error) {
	via := &hijacker{ResponseWriter: w, hub: h}
	packs := packsOffered(r.Header)
	u := websocket.Upgrader{
		HandshakeTimeout: writeWait,
		ReadBufferSize:   readBuffer,
		WriteBufferPool:  writeBuffers,
		// Frames are compressed in pack.go; gorilla only answers the offer and
		// inflates what comes.
		EnableCompression: packs,
		CheckOrigin:       func(*http.Request) bool { return true }, // done before
		Error: func(w http.ResponseWriter, r *http.Request, status int, reason error) {
			h.refuse(w, r, api.Fail(status, "bad_handshake", "This address speaks websocket only.").Because(reason))
		},
	}
	ws, err := u.Upgrade(via, r, nil)
	if err != nil {
		return nil, err
	}
	return &socket{hub: h, ws: ws, out: via.out, packs: packs}, nil
}

// hijacker slips the outlet between gorilla and the connection.
type hijacker struct {
	http.ResponseWriter
	hub *Hub
	out *outlet
}

func (j *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(j.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		size := j.hub.SendBuffer
		if size == 0 {
			size = sendBuffer
		}
		_ = tcp.SetWriteBuffer(size) // an optimisation: without it slow viewers are found later
	}
	j.out = newOutlet(c, &j.hub.wg, &j.hub.count.slow)
	return j.out, rw, nil
}

// begin brings an upgraded socket into its room, or tells the peer why not:
// refused is what [Who] said. Either way the socket must be read from then on.
func (h *Hub) begin(r *http.Request, s *socket, person Person, refused error) {
	person.Name = tidyName(person.Name)
	v := &viewer{person: person, out: s.out, slot: -1, packs: s.packs}
	s.out.upgraded(func() {
		if s.room == nil {
			return
		}
		select {
		case s.room.inbox <- writable{v}:
		case <-s.room.done:
		}
	})
	err := refused
	if err == nil {
		s.viewer = v
		err = s.room.arrive(r.Context(), v, positionOf(r.URL.Query()))
	}
	if err != nil {
		c := h.closing(s.channel, err)
		s.out.finish(c.code, c.reason)
	}
}

func positionOf(q url.Values) position {
	seq, err := strconv.ParseInt(q.Get("since"), 10, 64)
	if err != nil || seq < 0 {
		return position{}
	}
	return position{epoch: q.Get("epoch"), seq: seq}
}

// closing turns the reason why somebody did not get in into words for the peer.
func (h *Hub) closing(channel string, err error) closing {
	var c closing
	switch {
	case errors.As(err, &c):
		return c
	case errors.Is(err, ErrBadToken):
		return closing{CloseBadToken, "bad token"}
	case errors.Is(err, ErrNoChannel):
		return closing{CloseNoChannel, "no such channel"}
	}
	if errors.Is(err, errGone) {
		return closing{CloseRestart, "restart"}
	}
	h.Logger.Warn("somebody could not enter a room", "channel", channel, "err", err)
	return closing{CloseRestart, "restart"}
}
