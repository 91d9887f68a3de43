package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"souk/chat"
	"souk/chat/client"
	"souk/internal/api"
)

// people is a chat.Who: the token of somebody is their id. "" reads only.
type people map[string]chat.Person

func (p people) Join(r *http.Request, channel string) (chat.Person, error) {
	if channel == "nowhere" {
		return chat.Person{}, chat.ErrNoChannel
	}
	token := r.URL.Query().Get("token")
	if token == "" {
		return chat.Person{}, nil
	}
	who, ok := p[token]
	if !ok {
		return chat.Person{}, chat.ErrBadToken
	}
	return who, nil
}

var teaPeople = people{
	"ana":  {ID: "ana", Name: "Ana", Badges: []string{"buyer"}},
	"ben":  {ID: "ben", Name: "Ben"},
	"cleo": {ID: "cleo", Name: "Cleo"},
	"mod":  {ID: "mod", Name: "Mo", Roles: []string{"moderator"}},
	"mod2": {ID: "mod2", Name: "Mia", Roles: []string{"moderator"}},
	"host": {ID: "host", Name: "Hana", Roles: []string{"host", "merchant"}},
	"own":  {ID: "own", Name: "Omar", Roles: []string{"owner"}},
}

// house is a hub behind an HTTP server.
type house struct {
	t    *testing.T
	hub  *chat.Hub
	url  string // of the server, ws://…
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	stop func() // ends the hub as SIGTERM does, and the server; again is no harm
}

// open serves hub on a listener. Missing parts get working defaults.
func open(t *testing.T, hub *chat.Hub, ln net.Listener) *house {
	t.Helper()
	if hub.Who == nil {
		hub.Who = teaPeople
	}
	if hub.Log == nil {
		hub.Log = &chat.MemLog{}
	}
	if hub.Logger == nil {
		hub.Logger = slog.New(slog.NewTextHandler(testLog{t}, nil))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/{channel}", hub.Serve)
	server := &http.Server{Handler: mux, ErrorLog: log.New(testLog{t}, "", 0)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{}, 2)
	go func() { _ = hub.Run(ctx); ended <- struct{}{} }()
	go func() { _ = server.Serve(ln); ended <- struct{}{} }()
	stopped := false
	h := &house{t: t, hub: hub, url: "ws://" + ln.Addr().String()}
	h.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-ended
		_ = server.Close()
		<-ended
	}
	t.Cleanup(h.stop)
	return h
}

// inMemory opens a house for a synctest bubble. The caller defers h.stop: a
// bubble must be empty before its cleanups run.
func inMemory(t *testing.T, hub *chat.Hub) *house {
	t.Helper()
	m := newMemNet()
	h := open(t, hub, m)
	h.dial = m.dial
	return h
}

// onTCP opens a house on a real socket.
func onTCP(t *testing.T, hub *chat.Hub) *house {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return open(t, hub, ln)
}

func (h *house) address(channel string) client.Dial {
	return client.Dial{URL: h.url + "/ws/" + channel, NetDial: h.dial}
}

// guest is a client with the words of a test.
type guest struct {
	*client.Client
	t       *testing.T
	welcome client.Incoming
}

// join enters room "tea" as who ("" reads) and takes the welcome.
func (h *house) join(who string) *guest {
	h.t.Helper()
	return h.joinAt(who, client.Position{})
}

func (h *house) joinAt(who string, from client.Position) *guest {
	h.t.Helper()
	g := h.knock("tea", who, from)
	g.welcome = g.next("welcome")
	return g
}

// knock connects and takes nothing.
func (h *house) knock(channel, who string, from client.Position) *guest {
	h.t.Helper()
	d := h.address(channel)
	d.Token, d.From = who, from
	c, err := client.Connect(h.t.Context(), d)
	if err != nil {
		h.t.Fatalf("%s cannot connect: %v", who, err)
	}
	h.t.Cleanup(func() { _ = c.Drop() })
	return &guest{Client: c, t: h.t}
}

// patience bounds waits over real sockets; in a bubble it costs nothing.
const patience = 30 * time.Second

// next returns the next event of one of the types and skips others.
func (g *guest) next(types ...string) client.Incoming {
	g.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case e, ok := <-g.Events():
			if !ok {
				g.t.Fatalf("waiting for %v: %v", types, g.Err())
			}
			for _, t := range types {
				if e.Type == t {
					return e
				}
			}
		case <-limit.C:
			g.t.Fatalf("no %v within %s", types, patience)
		}
	}
}

// closed waits for the end and returns the server's close code, 0 if it gave none.
func (g *guest) closed() int {
	g.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case _, ok := <-g.Events():
			if ok {
				continue
			}
			var c *websocket.CloseError
			if errors.As(g.Err(), &c) {
				return c.Code
			}
			g.t.Logf("ended without a code: %v", g.Err())
			return 0
		case <-limit.C:
			g.t.Fatalf("not closed within %s", patience)
		}
	}
}

// do sends a command and returns the reply.
func (g *guest) do(command map[string]any) client.Reply {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := g.Do(ctx, command)
	if err != nil {
		g.t.Fatalf("%v: %v", command, err)
	}
	return r
}

// must fails the test unless the command was done.
func (g *guest) must(command map[string]any) client.Reply {
	g.t.Helper()
	r := g.do(command)
	if !r.OK {
		g.t.Fatalf("%v: refused with %s: %s", command, r.Code, r.Detail)
	}
	return r
}

// refused fails the test unless the command was refused with code.
func (g *guest) refused(code string, command map[string]any) client.Reply {
	g.t.Helper()
	r := g.do(command)
	if r.OK || r.Code != code {
		g.t.Fatalf("%v: got %+v, want the refusal %s", command, r, code)
	}
	if r.Detail == "" {
		g.t.Errorf("%v: the refusal %s has no sentence", command, code)
	}
	return r
}

// spoken is the data of a message or question.
type spoken struct {
	ID   string
	Text string
	From struct {
		ID, Name string
		Badges   []string
	}
}

func (e event) spoken(t *testing.T) spoken {
	t.Helper()
	return decode[spoken](t, e.Data)
}

type event client.Incoming

func text(t *testing.T, e client.Incoming) string {
	t.Helper()
	return event(e).spoken(t).Text
}

type welcomed struct {
	You struct {
		ID, Name      string
		Roles, Badges []string
		Known         bool
	}
	Rules struct {
		KnownOnly bool      `json:"known_only"`
		RaidUntil *api.Time `json:"raid_until"`
	}
	Notice  *chat.Notice
	Live    bool
	Pin     json.RawMessage
	Slow    int64
	Resumed bool
	History []client.Incoming
}

func (g *guest) hello() welcomed {
	g.t.Helper()
	return decode[welcomed](g.t, g.welcome.Data)
}

func (w welcomed) texts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, e := range w.History {
		all = append(all, text(t, e))
	}
	return all
}

func decode[T any](t *testing.T, data json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return v
}

// testLog writes a hub's log to the test's.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
