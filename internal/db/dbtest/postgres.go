package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long initdb and the server together may take.
const startTimeout = 60 * time.Second

// cluster is one PostgreSQL server, shared by the tests of a test binary.
type cluster struct {
	dir    string
	server *exec.Cmd
	exited chan struct{}
	admin  *sql.DB
}

var (
	clusterMu sync.Mutex // guards the four below
	running   *cluster
	users     int  // tests that use it now
	kept      bool // Main stops it, not the last user
	databases int
)

// Main runs the tests of a package whose TestMain it is, with one PostgreSQL
// server for all of them, started by the first that asks. Without it a server
// lives as long as the tests that use it at the same time.
func Main(m *testing.M) {
	kept = true
	code := m.Run()
	if running != nil {
		running.stop()
	}
	os.Exit(code)
}

// Postgres returns the address of a fresh, empty database in a real PostgreSQL
// server that listens on a socket file only. Missing binaries fail the test:
// the Makefile installs them.
func Postgres(t testing.TB) string {
	t.Helper()
	clusterMu.Lock()
	defer clusterMu.Unlock()
	if running == nil {
		c, err := startCluster()
		if err != nil {
			t.Fatalf("start PostgreSQL: %v", err)
		}
		running = c
	}
	users++
	databases++
	t.Cleanup(release)
	name := fmt.Sprintf("souk_%d", databases)
	if _, err := running.admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return running.address(name)
}

func release() {
	clusterMu.Lock()
	defer clusterMu.Unlock()
	users--
	if users == 0 && !kept {
		running.stop()
		running = nil
	}
}

func (c *cluster) address(name string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=postgres", name, c.dir)
}

func startCluster() (*cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "soukpg")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, exited: make(chan struct{})}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	var output bytes.Buffer
	c.server = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=200")
	c.server.Dir, c.server.Stdout, c.server.Stderr = dir, &output, &output
	// The server dies with the test binary even when that is killed.
	c.server.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
	if err := c.server.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	go func() {
		_ = c.server.Wait()
		close(c.exited)
	}()
	if c.admin, err = sql.Open("pgx", c.address("postgres")); err != nil {
		c.stop()
		return nil, err
	}
	for c.admin.PingContext(ctx) != nil {
		select {
		case <-ctx.Done():
			c.stop()
			return nil, fmt.Errorf("server does not answer: %s", output.String())
		case <-c.exited:
			c.stop()
			return nil, fmt.Errorf("server ended: %s", output.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return c, nil
}

func (c *cluster) stop() {
	if c.admin != nil {
		c.admin.Close()
	}
	_ = c.server.Process.Signal(syscall.SIGINT) // fast shutdown
	select {
	case <-c.exited:
	case <-time.After(10 * time.Second):
		_ = c.server.Process.Kill()
		<-c.exited
	}
	os.RemoveAll(c.dir)
}

// binaries finds the folder with initdb: on the path, or where Debian puts it.
func binaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("no initdb found: install the package postgresql (make test does)")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged is the account PostgreSQL runs as when the tests run as root,
// which it refuses to be; nil when they do not.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
