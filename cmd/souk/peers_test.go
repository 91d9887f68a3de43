package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"souk/internal/db/dbtest"
	"souk/internal/redistest"
)

// broadcast pushes the built-in clip to a server until the test ends it.
type broadcast struct{ run *exec.Cmd }

func (s *server) broadcast(key string) broadcast {
	s.t.Helper()
	cmd := exec.Command("souk", "publish", "--to", s.rtmp+"/"+key, "--loop")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	b := broadcast{cmd}
	s.t.Cleanup(b.stop)
	return b
}

func (b broadcast) stop() {
	_ = b.run.Process.Kill()
	_ = b.run.Wait()
}

// read asks for a path and returns the status and the body.
func (s *server) read(path string) (int, string) {
	s.t.Helper()
	res, err := http.Get(s.http + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

var sequenceLine = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)`)

// epochName begins the URIs of one server's timeline.
var epochName = regexp.MustCompile(`(?m)^g[0-9a-f]+/`)

// sequence of the newest playlist of channel tea, -1 where there is none.
func (s *server) sequence() int {
	_, body := s.read("/hls/tea/live.m3u8")
	m := sequenceLine.FindStringSubmatch(body)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// Whichever server a viewer asks, the picture, its pins, the replay and the
// health of the stream are those of the server with the encoder; also when the
// encoder moves to another one, and when a server dies.
func TestAnyServerShowsEveryShow(t *testing.T) {
	database, redis := dbtest.Postgres(t), redistest.Start(t)
	file := filepath.Join(t.TempDir(), "redis")
	if err := os.WriteFile(file, []byte(redis.URL()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addHost(t, database)
	a, b, c := startNode(t, database, file), startNode(t, database, file), startNode(t, database, file)
	host, _ := a.call("", "POST", "/login", map[string]any{"email": "h@shop.example", "password": "a long password"}, 200)["token"].(string)
	key, _ := a.call(host, "GET", "/channels/tea/ingest", nil, 200)["stream_key"].(string)

	onA := a.broadcast(key)
	for _, s := range []*server{a, b, c} {
		eventually(t, "the picture is on "+s.http, func() bool { code, _ := s.read("/hls/tea/live.m3u8"); return code == 200 })
	}
	there := func(s *server) bool {
		at, _ := s.call(host, "GET", "/channels/tea/ingest", nil, 200)["publisher"].(map[string]any)
		return at["connected"] == true
	}
	if !there(b) {
		t.Error("b does not know that an encoder is on")
	}
	eventually(t, "a picture to share on c", func() bool { code, _ := c.read("/thumb/tea.jpg"); return code == 200 })
	if picture := c.call("", "GET", "/channels/tea", nil, 200)["picture"]; picture != "/thumb/tea.jpg" {
		t.Errorf("c names the picture %v", picture)
	}

	// What is pinned on one is in the playlists of all.
	price := map[string]any{"amount": 1250, "currency": "USD"}
	product, _ := b.call(host, "POST", "/channels/tea/products", map[string]any{"sku": "cup", "title": "Cup", "price": price, "stock": 3}, 201)["id"].(string)
	pin, _ := b.call(host, "PUT", "/channels/tea/pin", map[string]any{"product": product}, 200)["pin"].(string)
	ranged := func(s *server, what string) bool {
		_, body := s.read("/hls/tea/live.m3u8")
		for line := range strings.Lines(body) {
			if strings.Contains(line, `ID="pin-`+pin+`"`) {
				return strings.Contains(line, what)
			}
		}
		return false
	}
	for _, s := range []*server{a, b, c} {
		eventually(t, "the pin is in the playlist of "+s.http, func() bool { return ranged(s, `X-PRICE="1250"`) })
	}
	c.call(host, "DELETE", "/channels/tea/pin", nil, 204)
	for _, s := range []*server{a, b, c} {
		eventually(t, "its end is in the playlist of "+s.http, func() bool { return ranged(s, "END-DATE=") })
	}

	// The encoder moves: the same show goes on, its numbers too.
	before := c.sequence()
	_, former := a.read("/hls/tea/live.m3u8")
	epoch := epochName.FindString(former)
	onA.stop()
	b.broadcast(key)
	eventually(t, "the picture has moved", func() bool {
		code, body := c.read("/hls/tea/live.m3u8")
		return code == 200 && epochName.FindString(body) != epoch
	})
	eventually(t, "c follows it", func() bool { return c.sequence() >= before && c.sequence() == b.sequence() })
	a.kill()
	if !there(c) {
		t.Error("c has lost sight of the encoder with the death of a")
	}
	eventually(t, "c goes on", func() bool { return c.sequence() > before+2 })

	// The end, and the replay from whichever server.
	show, _ := b.call("", "GET", "/channels/tea", nil, 200)["show"].(map[string]any)["id"].(string)
	b.call(host, "POST", "/channels/tea/ingest/rotate", nil, 200)
	eventually(t, "c tells of a replay", func() bool {
		replay, _ := c.call("", "GET", "/shows/"+show, nil, 200)["replay"].(map[string]any)
		return replay != nil && replay["duration_ms"].(float64) > 0
	})
	eventually(t, "c plays it", func() bool { code, _ := c.read("/hls/replay/" + show + "/index.m3u8"); return code == 200 })
	_, media := c.read("/hls/replay/" + show + "/media.m3u8")
	if !strings.Contains(media, "#EXT-X-ENDLIST") || !strings.Contains(media, pin) && !strings.Contains(media, "m1.mp4") {
		t.Errorf("the replay on c is\n%s", media)
	}
	out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", c.http+"/hls/replay/"+show+"/index.m3u8", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg plays it on c: %v\n%s", err, out)
	}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", c.http+"/api/v1/shows/"+show+"/recording.zip", nil)
	r.Header.Set("Authorization", "Bearer "+host)
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("download from c: %v %v", res, err)
	}
	res.Body.Close()
	r.Header.Del("Authorization")
	if res, err = http.DefaultClient.Do(r); err != nil || res.StatusCode != 401 {
		t.Errorf("download from c by a stranger: %v %v", res.Status, err)
	}
	res.Body.Close()
}
