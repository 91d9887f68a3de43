package hls

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// heard is one frame as a client reads it.
type heard struct {
	Type        string
	Mime        string
	MSN         uint64
	Part        int
	Date        string
	Media       *float64
	Duration    float64
	Independent bool
	Encoder     bool

	body []byte
}

func (h heard) String() string {
	switch h.Type {
	case "part":
		return fmt.Sprintf("part %d.%d", h.MSN, h.Part)
	case "init":
		return "init " + string(h.body)
	case "wait":
		return fmt.Sprintf("wait %v", h.Encoder)
	}
	return h.Type
}

// hear reads the next frame.
func hear(r io.Reader) (h heard, err error) {
	var sizes [8]byte
	if _, err = io.ReadFull(r, sizes[:]); err != nil {
		return h, err
	}
	text := make([]byte, binary.BigEndian.Uint32(sizes[:]))
	h.body = make([]byte, binary.BigEndian.Uint32(sizes[4:]))
	if _, err = io.ReadFull(r, text); err != nil {
		return h, err
	}
	if _, err = io.ReadFull(r, h.body); err != nil {
		return h, err
	}
	return h, json.Unmarshal(text, &h)
}

// listener is a client of a push.
type listener struct {
	t testing.TB
	r io.Reader
}

// expect reads frames and compares them with what they should be.
func (l listener) expect(want ...string) (all []heard) {
	l.t.Helper()
	for i, w := range want {
		h, err := hear(l.r)
		if err != nil {
			l.t.Fatalf("after %v: %v, want %s", all, err, w)
		}
		all = append(all, h)
		if h.String() != w {
			l.t.Fatalf("frame %d is %q, want %q (before it: %v)", i, h, w, all[:i])
		}
	}
	return all
}

// ends expects nothing more.
func (l listener) ends() {
	l.t.Helper()
	if h, err := hear(l.r); err != io.EOF {
		l.t.Fatalf("got %v, %v where the answer should end", h, err)
	}
}

// tune opens a push over a real connection.
func tune(t testing.TB, base, file string) listener {
	t.Helper()
	resp, err := http.Get(base + "tea/" + file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != pushCT[0] ||
		resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%s: %d %v", file, resp.StatusCode, resp.Header)
	}
	return listener{t, bufio.NewReader(resp.Body)}
}

func TestPush(t *testing.T) {
	o, s := onAir(t)
	base := serveOrigin(t, o)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(3)
	s.part(3, false)

	l := tune(t, base, "push")
	frames := l.expect("init init", "part 3.0", "part 3.1", "part 3.2")
	if want := `video/mp4; codecs="avc1.42c01f,mp4a.40.2"`; frames[0].Mime != want {
		t.Errorf("mime %s, want %s", frames[0].Mime, want)
	}
	v := s.look(0)
	for i, f := range frames[1:] {
		if !bytes.Equal(f.body, v.tail.parts[i].chunks[0]) || f.Independent != (i == 0) || f.Duration != 0.2 {
			t.Errorf("part %d is %+v", i, f)
		}
		if want := epoch.Add(time.Duration(15+i) * 200 * time.Millisecond).Format(dateFormat); f.Date != want {
			t.Errorf("part %d is of %s, want %s", i, f.Date, want)
		}
	}
	s.part(1, true)
	s.part(1, false)
	l.expect("part 3.3", "part 4.0")

	// The encoder is lost and comes back as another.
	s.leave(false)
	l.expect("wait false", "wait false")
	s.now = s.now.Add(20 * time.Second)
	s.join()
	s.run("avc1.64001f", "mp4a.40.2")
	s.part(2, false)
	frames = l.expect("init init", "part 5.0", "part 5.1")
	if want := `video/mp4; codecs="avc1.64001f,mp4a.40.2"`; frames[0].Mime != want {
		t.Errorf("mime after the drop %s, want %s", frames[0].Mime, want)
	}
	if want := s.now.Add(-400 * time.Millisecond).Format(dateFormat); frames[1].Date != want {
		t.Errorf("date after the drop %s, want %s", frames[1].Date, want)
	}
	s.finish()
	l.expect("end")
	l.ends()

	// Who comes after the end gets the last picture, and is told.
	l = tune(t, base, "push")
	l.expect("init init", "part 5.0", "part 5.1", "end")
	l.ends()
}

func TestPushRefusals(t *testing.T) {
	o, s := onAir(t)
	base := serveOrigin(t, o)
	s.leave(false)
	if w := get(t, o, "push"); w.Code != 404 || w.Body.String() != "not_playable_yet\n" {
		t.Errorf("before the first part: %d %q", w.Code, w.Body)
	}
	s.run("avc1.42c01f")
	s.segments(1)
	for _, file := range []string{"push-1", "push-0", "push-9", "push-", "push1", "pusher", "push-x"} {
		if w := get(t, o, file); w.Code != 404 || w.Body.String() != "no_such_file\n" {
			t.Errorf("%s: %d %q", file, w.Code, w.Body)
		}
	}
	if w := get(t, o, "push"); w.Code != 505 || w.Body.String() != "http_1_1_only\n" || w.Header().Get("Connection") != "" {
		t.Errorf("where no connection can be had: %d %q", w.Code, w.Body)
	}
	resp, err := http.Head(base + "tea/push")
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != pushCT[0] {
		t.Errorf("HEAD: %v %v", resp, err)
	}
}

// A push begins with the first part there is, and not with the first segment.
func TestPushWaitsForTheFirstPart(t *testing.T) {
	o, s := onAir(t)
	base := serveOrigin(t, o)
	got := make(chan listener)
	go func() { got <- tune(t, base, "push") }()
	s.run("avc1.42c01f")
	s.part(1, false)
	l := <-got
	l.expect("init init", "part 0.0")
}

func TestPushOfRenditions(t *testing.T) {
	o := &Origin{Log: quiet()}
	base := serveOrigin(t, o)
	st := o.Start("tea", Show{ID: "s"})
	ladder(t).play(t, st.Publish(), epoch)
	for track := range 3 {
		file := "push"
		if track > 0 {
			file = fmt.Sprintf("push-%d", track)
		}
		h, err := hear(tune(t, base, file).r)
		if v := st.timeline.look(track); err != nil || !bytes.Equal(h.body, v.segments[0].head.chunks[0]) {
			t.Errorf("%s begins with %s, %v", file, h.Mime, err)
		}
	}
}

// What is pushed is media: init section and parts in a row decode without a complaint, and the times agree.
func TestPushDecodes(t *testing.T) {
	o := &Origin{Log: quiet()}
	base := serveOrigin(t, o)
	st := o.Start("tea", Show{ID: "s"})
	clip := simple(t)
	s := st.Publish()
	first := clip.upTo(1500 * time.Millisecond)
	first.play(t, s, epoch)
	l := tune(t, base, "push")
	clip.frames = clip.frames[len(first.frames):]
	clip.write(t, s, epoch)
	s.Close()
	o.End("tea")

	var file bytes.Buffer
	var offset time.Duration
	parts := 0
	for {
		h, err := hear(l.r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Type == "end" {
			break
		}
		file.Write(h.body)
		if h.Type != "part" {
			continue
		}
		date, err := time.Parse(dateFormat, h.Date)
		if err != nil || h.Independent != (h.Media != nil) {
			t.Fatalf("part without times: %+v, %v", h, err)
		}
		if !h.Independent {
			continue
		}
		at := date.Sub(epoch) - time.Duration(*h.Media*float64(time.Second))
		if parts++; parts == 1 {
			offset = at
		} else if d := at - offset; d > 2*time.Millisecond || d < -2*time.Millisecond {
			t.Errorf("part %d.%d: date and media time are %v apart from those before", h.MSN, h.Part, d)
		}
	}
	if parts < 2 {
		t.Fatalf("%d parts", parts)
	}
	path := filepath.Join(t.TempDir(), "pushed.mp4")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", path, "-f", "null", "-")
}

// piped runs a push over a connection without any buffer, whose reader sets the pace.
func piped(t *testing.T, s *script) (client net.Conn, done chan error) {
	client, server := net.Pipe()
	done = make(chan error, 1)
	p := push{timeline: s.timeline, conn: server}
	go func() {
		defer server.Close()
		done <- p.run(t.Context())
	}()
	return client, done
}

func TestSlowViewers(t *testing.T) {
	play := func(t *testing.T) *script {
		s := newScript(time.Time{})
		s.join()
		s.run("avc1.42c01f")
		s.segments(2)
		s.part(1, false)
		return s
	}
	t.Run("goes on at the next independent part", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := play(t)
			client, done := piped(t, s)
			l := listener{t, client}
			l.expect("init init", "part 2.0")
			s.part(4, true) // 2.1 to 2.4
			s.segments(1)   // 3.0 to 3.4
			s.part(2, false)
			time.Sleep(pushSlow + time.Millisecond) // 2.1 blocks for so long
			l.expect("part 2.1", "skip", "part 4.0", "part 4.1")
			s.finish()
			l.expect("end")
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("waits for one that is still to come", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := play(t)
			client, done := piped(t, s)
			l := listener{t, client}
			l.expect("init init", "part 2.0")
			for range 3 { // of a long segment: only its first part is independent
				s.add(0, []dated{{at: s.now, piece: piece{body: []byte("x"), duration: partMin}}})
				s.now = s.now.Add(partMin)
			}
			time.Sleep(pushSlow + time.Millisecond)
			l.expect("part 2.1")
			s.add(0, []dated{{at: s.now, piece: piece{body: []byte("x"), duration: partMin, last: true}}})
			s.now = s.now.Add(partMin)
			s.part(1, false)
			l.expect("skip", "part 3.0")
			s.finish()
			l.expect("end")
			<-done
		})
	})
	t.Run("a burst is not the viewer's fault", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := play(t)
			client, done := piped(t, s)
			l := listener{t, client}
			l.expect("init init", "part 2.0")
			time.Sleep(time.Second)
			s.part(4, true)
			s.part(1, false)
			l.expect("part 2.1", "part 2.2", "part 2.3", "part 2.4", "part 3.0")
			s.finish()
			l.expect("end")
			<-done
		})
	})
	t.Run("is given up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := play(t)
			client, done := piped(t, s)
			listener{t, client}.expect("init init")
			start := time.Now()
			if err := <-done; err == nil || time.Since(start) != pushGone {
				t.Errorf("given up after %v: %v", time.Since(start), err)
			}
		})
	})
	t.Run("so slow that what it wants is forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := play(t)
			f := follower{}
			s.segments(40)
			if p, _ := f.next(s.look(0)); p == nil || !p.independent || p.msn != 41 {
				t.Errorf("goes on at %+v", p)
			}
		})
	})
}

// A client that goes away is noticed, also while there is nothing to send, and is no viewer any more.
func TestPushEndsWithTheClient(t *testing.T) {
	o, s := onAir(t)
	base := serveOrigin(t, o)
	s.run("avc1.42c01f")
	s.segments(2)
	st, _ := o.Stream("tea")
	for _, on := range []bool{true, false} {
		if !on {
			s.leave(false)
		}
		resp, err := http.Get(base + "tea/push")
		if err != nil {
			t.Fatal(err)
		}
		listener{t, resp.Body}.expect("init init")
		if n := st.Viewers(); n != 1 {
			t.Errorf("%d viewers, want 1", n)
		}
		resp.Body.Close()
		waitFor(t, "the viewer is gone", func() bool {
			if on {
				s.part(1, false)
			}
			return st.Viewers() == 0
		})
	}
}

// A client behind small buffers that stops reading is cut, and costs the others nothing.
func TestPushToAClientThatStopsReading(t *testing.T) {
	o := &Origin{Log: quiet()}
	base := serveOrigin(t, o)
	st := o.Start("tea", Show{ID: "s"})
	s := &script{timeline: st.timeline, now: epoch}
	s.join()
	s.run("avc1.42c01f")
	big := func() {
		s.add(0, []dated{{at: s.now, piece: piece{body: make([]byte, 200<<10), duration: partMin, independent: true, last: true}}})
		s.now = s.now.Add(partMin)
	}
	big()
	address := strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/hls/")
	deaf, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if err := deaf.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(deaf, "GET /hls/tea/push HTTP/1.1\r\nHost: x\r\n\r\n")
	good := tune(t, base, "push")
	waitFor(t, "both are on", func() bool { return st.Viewers() == 2 })
	if _, err := hear(good.r); err != nil {
		t.Fatal(err)
	}
	start, parts := time.Now(), 0
	waitFor(t, "the deaf one is gone", func() bool {
		if h, err := hear(good.r); err != nil || h.Type != "part" {
			t.Fatalf("the other one got %v, %v", h, err)
		}
		parts++
		big()
		return st.Viewers() == 1
	})
	if took := time.Since(start); took < pushGone {
		t.Errorf("given up after %v", took)
	}
	if parts < 10 {
		t.Errorf("the other one got %d parts meanwhile", parts)
	}
}

// waitFor polls for a fact of another goroutine.
func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(toolTimeout); !is(); <-poll.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
