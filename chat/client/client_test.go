package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"souk/chat/client"
)

// script is a server that says one frame after the other on each connection and
// then closes with a code. It notes how clients came.
type script struct {
	mu    sync.Mutex
	came  []string // queries
	plays [][]string
	code  int
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	s.mu.Lock()
	n := len(s.came)
	s.came = append(s.came, r.URL.RawQuery)
	s.mu.Unlock()
	for _, frame := range s.plays[min(n, len(s.plays)-1)] {
		if strings.Contains(frame, `"reply"`) {
			_, _, _ = ws.ReadMessage() // what it answers
		}
		_ = ws.WriteMessage(websocket.TextMessage, []byte(frame))
	}
	code := closeSlow
	if n >= len(s.plays)-1 {
		code = s.code
	}
	_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
	_, _, _ = ws.ReadMessage() // the answer to the close
}

const closeSlow = 4001

func serve(t *testing.T, s *script) client.Dial {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return client.Dial{URL: "ws" + strings.TrimPrefix(server.URL, "http") + "/ws/tea", Token: "t"}
}

// Who follows comes back with the position of the last event that was handed
// on, and stays away when told to.
func TestFollowComesBackWithItsPosition(t *testing.T) {
	s := &script{code: 4100, plays: [][]string{
		{`[{"type":"welcome","epoch":"e1","seq":4,"data":{}},{"type":"message","seq":5,"data":{}}]`, `[{"type":"stock","data":{}}]`},
		{`[{"type":"welcome","epoch":"e1","seq":5,"data":{}}]`, `[{"type":"message","seq":6,"data":{}}]`},
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var types []string
	err := client.Follow(ctx, serve(t, s), func(_ *client.Client, e client.Incoming) { types = append(types, e.Type) })
	if !client.StayAway(err) || client.CloseCode(err) != 4100 {
		t.Errorf("ended with %v", err)
	}
	if got := strings.Join(types, " "); got != "welcome message stock welcome message" {
		t.Errorf("events: %s", got)
	}
	if want := []string{"token=t", "epoch=e1&since=5&token=t"}; len(s.came) != 2 || s.came[0] != want[0] || s.came[1] != want[1] {
		t.Errorf("came with %q", s.came)
	}
}

// A number that is left out or comes twice is a defect of the server, and said so.
func TestNumbersMustBeConsecutive(t *testing.T) {
	for _, second := range []string{"7", "5"} {
		s := &script{code: 1000, plays: [][]string{{
			`[{"type":"welcome","epoch":"e1","seq":4,"data":{}},{"type":"message","seq":5,"data":{}},{"type":"message","seq":` + second + `,"data":{}}]`,
		}}}
		err := client.Follow(t.Context(), serve(t, s), func(*client.Client, client.Incoming) {})
		if !errors.Is(err, client.ErrGap) {
			t.Errorf("5 and then %s: %v", second, err)
		}
	}
}

// A reply finds the command that waits for it, whatever comes between; a
// connection that ends takes the others with it.
func TestRepliesFindTheirCommands(t *testing.T) {
	s := &script{code: 4002, plays: [][]string{{
		`[{"type":"welcome","epoch":"e1","seq":0,"data":{}}]`,
		`[{"type":"reply","data":{"id":"not ours"}},{"type":"reply","data":{"id":1,"ok":false,"code":"too_fast","detail":"Wait.","retry_ms":7}}]`,
	}}}
	d := serve(t, s)
	c, err := client.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Drop()
	go func() {
		for range c.Events() {
		}
	}()
	r, err := c.Say(t.Context(), "hi")
	if err != nil || r.OK || r.Code != "too_fast" || r.RetryMS != 7 {
		t.Errorf("the reply is %+v, %v", r, err)
	}
	if _, err := c.Say(t.Context(), "again"); err == nil {
		t.Error("a command after the end was answered")
	}
}
