package ingest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// outsideEnv makes a test serve instead, for the one that started it.
const outsideEnv = "SOUK_TEST_SERVE"

// outside is a house in a process of its own, so that what it takes can be told
// from what its clients take.
type outside struct {
	t       *testing.T
	address string
	child   *exec.Cmd
	stop    func()
	says    *bufio.Scanner
}

// openOutside starts one, which is this test once more, with shell commands in
// front. In there it serves until it is told to stop, and returns nil.
func openOutside(t *testing.T, change func(*Server), shell string) *outside {
	t.Helper()
	if os.Getenv(outsideEnv) != "" {
		start := cpu(t)
		h := open(t, change)
		fmt.Println(h.address)
		bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Println("used", cpu(t)-start)
		fmt.Println(strings.TrimSpace(h.logged.String()))
		return nil
	}
	child := exec.CommandContext(t.Context(), "/bin/sh", "-c", shell+` exec "$0" -test.run '^'"$1"'$'`, os.Args[0], t.Name())
	child.Env = append(os.Environ(), outsideEnv+"=1")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	o := &outside{t: t, child: child, stop: func() { fmt.Fprintln(in) }, says: bufio.NewScanner(out)}
	o.says.Scan()
	o.address = o.says.Text()
	return o
}

// close stops it and returns how much processor time it took, and its log.
func (o *outside) close() (used time.Duration, log string) {
	o.t.Helper()
	o.stop()
	for o.says.Scan() {
		if took, ok := strings.CutPrefix(o.says.Text(), "used "); ok {
			used, _ = time.ParseDuration(took)
		}
		log += o.says.Text() + "\n"
	}
	if err := o.child.Wait(); err != nil || used == 0 {
		o.t.Errorf("the server: %v\n%s", err, log)
	}
	return used, log
}

// rss is the memory it has in use, in bytes, without what is mapped from files.
func (o *outside) rss() int { return rss(o.t, fmt.Sprint(o.child.Process.Pid)) }

// rss is that of a process, or of "self".
func rss(t testing.TB, process string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + process + "/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident, shared int
	if _, err := fmt.Sscan(string(b), &size, &resident, &shared); err != nil {
		t.Fatal(err)
	}
	return (resident - shared) * os.Getpagesize()
}
