package ingest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"souk/ingest/rtmptest"
)

// Five hours of a show, one picture a second. On the way the chunk headers run
// out of bits for the time.
func TestFiveHours(t *testing.T) {
	const hours = 5
	film := video(t, "64x36", plainH264)
	h := open(t, nil)
	c := rtmptest.Dial(t, h.address)
	c.Publish("key-of-tea")
	c.Send(messageOf(film.Legacy(7)[0]).Bytes())
	key := messageOf(film.Legacy(7)[1])
	for second := range uint32(hours * 3600) {
		key.Time = second * 1000
		c.Send(key.Bytes())
	}
	eventually(t, "all pictures", func() bool { return h.frames("tea") == hours*3600 })
	if p, _ := h.Publisher("tea"); p.Repaired != 0 || p.Dropped != 0 || p.Video.KeyframeInterval != 1 {
		t.Errorf("%+v %+v", p, p.Video)
	}
	c.Close()
	h.state("tea on")
	h.state("tea off")
	eventually(t, "the end of it", func() bool { return strings.Contains(h.logged.String(), "publisher session closed") })
	if log := h.logged.String(); !strings.Contains(log, "runs=1") {
		t.Error("the packager started over")
	}
}

// A server that runs out of file descriptors waits for them without burning
// time, and goes on by itself.
func TestFewDescriptors(t *testing.T) {
	const idle, crowded = 100, 3 * time.Second
	if os.Getenv("SOUK_TEST_SERVE") != "" {
		serveOutside(t)
		return
	}
	child := exec.CommandContext(t.Context(), "/bin/sh", "-c", `ulimit -n 64 && exec "$0" -test.run '^TestFewDescriptors$'`, os.Args[0])
	child.Env = append(os.Environ(), "SOUK_TEST_SERVE=1")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	lines := bufio.NewScanner(out)
	lines.Scan()
	address := lines.Text()

	conns := make([]net.Conn, idle)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", address); err != nil {
			t.Fatalf("%q: %v", address, err)
		}
		defer conns[i].Close()
	}
	<-time.After(crowded)
	for _, c := range conns {
		c.Close()
	}
	c := rtmptest.Dial(t, address)
	c.Publish("key-of-tea")
	fmt.Fprintln(in)
	var used time.Duration
	for lines.Scan() {
		if ms, ok := strings.CutPrefix(lines.Text(), "used "); ok {
			if used, err = time.ParseDuration(ms); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err != nil {
		t.Errorf("the server: %v", err)
	}
	if used == 0 || used > time.Second {
		t.Errorf("%v of processor time", used)
	}
}

// serveOutside is the server in a process of its own, until it is told to stop.
func serveOutside(t *testing.T) {
	start := cpu(t)
	h := open(t, nil)
	fmt.Println(h.address)
	bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println("used", cpu(t)-start)
	if !strings.Contains(h.logged.String(), "cannot accept connections for now") {
		t.Error("there were enough descriptors")
	}
}
