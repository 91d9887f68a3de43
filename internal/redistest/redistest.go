// Package redistest runs a real redis-server for tests, with everything that
// can happen to one. Nothing outlives the test.
package redistest

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a server may take to answer.
const startTimeout = 30 * time.Second

// Server is a redis-server on this machine. Its address stays the same over
// restarts.
type Server struct {
	t    testing.TB
	dir  string
	port string
	args []string
	run  *exec.Cmd
	done chan struct{}
}

// Start starts a server that keeps nothing on disk, unless args (redis-server's
// own, such as "--appendonly", "yes") say otherwise.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), port: freePort(t), args: args}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// URL returns the address as --redis takes it.
func (s *Server) URL() string { return "redis://127.0.0.1:" + s.port }

// Restart starts the server that was killed.
func (s *Server) Restart() {
	s.t.Helper()
	args := append([]string{"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"}, s.args...)
	s.run, s.done = exec.Command("redis-server", args...), make(chan struct{})
	s.run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.run.Start(); err != nil {
		s.t.Fatalf("%v: `make tools` installs what the tests need", err)
	}
	run, done := s.run, s.done
	go func() { defer close(done); _ = run.Wait() }()
	limit := time.NewTimer(startTimeout)
	defer limit.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if answer, err := s.ask("PING"); err == nil && answer == "+PONG" {
			return
		}
		select {
		case <-done:
			s.t.Fatalf("redis-server ended: %s", run.ProcessState)
		case <-limit.C:
			s.t.Fatalf("redis-server does not answer on port %s", s.port)
		case <-poll.C:
		}
	}
}

// Kill ends the server at once. Twice is no harm.
func (s *Server) Kill() {
	_ = s.run.Process.Kill()
	<-s.done
}

// Stall stops the server without ending it: connections stay, nothing answers.
func (s *Server) Stall() { s.signal(syscall.SIGSTOP) }

// Resume lets a stalled server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.run.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Do sends one command, without spaces in its arguments, and returns the first
// line of the answer.
func (s *Server) Do(command string) string {
	s.t.Helper()
	answer, err := s.ask(command)
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	return answer
}

func (s *Server) ask(command string) (string, error) {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+s.port, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(startTimeout))
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// freePort returns a port nobody uses. A moment later somebody may; then the
// server does not start, and the test says so.
func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
