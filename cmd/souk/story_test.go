package main

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	"time"

	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/testscript"
)

// storyPatience is how long a story waits for something to become true: long,
// because a busy machine is slow, and free where nothing is wrong.
const storyPatience = time.Minute

// startTimeout is how long a server may take until its ready file is there.
const startTimeout = 60 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"souk": main,
		"call": func() { os.Exit(callMain(os.Args[1:])) },
		"room": func() { os.Exit(roomMain(os.Args[1:])) },
	})
}

// TestStories runs testdata/*.txtar against the real binary. Beside the usual
// commands of testscript they have:
//
//	serve demo|serve [flags]   start a server on free ports and wait until it is ready
//	certificate CA CERT KEY    make a certificate for this machine
//	edge                       start an edge of that server; paths of the story lead to it from then on
//	advances FILE PATH         GET until the playlist is above the one in the file
//	crash                      kill -9 the server
//	stop                       SIGTERM the server; it must exit 0 within 10 s
//	background CMD…            start a program that ends with the story
//	cut                        kill -9 the newest background program
//	keep NAME FIELD            set $NAME from a field of the JSON on standard output
//	eventually REGEX PATH…     GET until the body matches, within a minute
//	goes-on BEFORE AFTER       the second playlist continues the first
//	never-logged SECRET        no server of this story has logged it
//	rush N PRODUCT             N buyers tap at once: one paid, the rest sold_out
//	exec call …                one HTTP request, see callMain
//	receiver STATUS…           a merchant's program starts at $RECEIVER; it answers so, the last one from then on
//	received N SECRET REGEX    waits until message N came, in time and signed with the secret; keeps its id as ID_N
//	exec room …                one visit to a room, see roomMain
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "HOME="+e.WorkDir)
			e.Values[worldKey{}] = &world{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"certificate":  certificateCmd,
			"serve":        serveCmd,
			"edge":         edgeCmd,
			"advances":     advancesCmd,
			"crash":        func(ts *testscript.TestScript, _ bool, _ []string) { of(ts).crash(ts) },
			"stop":         func(ts *testscript.TestScript, _ bool, _ []string) { of(ts).stop(ts) },
			"background":   backgroundCmd,
			"cut":          func(ts *testscript.TestScript, _ bool, _ []string) { of(ts).cut(ts) },
			"keep":         keepCmd,
			"eventually":   eventuallyCmd,
			"goes-on":      goesOnCmd,
			"never-logged": neverLoggedCmd,
			"rush":         rushCmd,
			"receiver":     receiverCmd,
			"received":     receivedCmd,
		},
	})
}

type worldKey struct{}

// world is what one story has running.
type world struct {
	server     *exec.Cmd
	exited     chan error
	log        bytes.Buffer // of the server that runs
	logs       string       // of those that ran before
	background []*exec.Cmd
	receiver   *receiver // a merchant's program
}

func of(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func serveCmd(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || len(args) == 0 || w.server != nil {
		ts.Fatalf("usage: serve demo|serve [flags], one server at a time")
	}
	ready := filepath.Join(ts.MkAbs("."), "ready.json")
	argv := append([]string{args[0], "--http", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--data", ts.MkAbs("data"), "--ready-file", ready}, args[1:]...)
	exe, err := exec.LookPath("souk")
	ts.Check(err)
	c := exec.Command(exe, argv...)
	c.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	w.logs += w.log.String()
	w.log.Reset()
	c.Stderr, c.Stdout = &w.log, io.Discard
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(c.Start())
	w.server, w.exited = c, make(chan error, 1)
	go func() { w.exited <- c.Wait() }()
	ts.Defer(func() {
		if w.server == c {
			_ = c.Process.Kill()
			<-w.exited
		}
		ts.Logf("[server log]\n%s", w.log.String())
	})
	w.await(ts, ready)
}

// await waits for the ready file and makes its members variables.
func (w *world) await(ts *testscript.TestScript, path string) {
	deadline := time.After(startTimeout)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		b, err := os.ReadFile(path)
		if err == nil {
			var doc map[string]any
			ts.Check(json.Unmarshal(b, &doc))
			for name, v := range flatten("", doc) {
				ts.Setenv(name, v)
			}
			ts.Setenv("HTTP_ADDRESS", strings.TrimPrefix(fmt.Sprint(doc["http"]), "http://"))
			ts.Setenv("RTMP_ADDRESS", strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(doc["rtmp"]), "rtmp://"), "/live"))
			return
		}
		select {
		case err := <-w.exited:
			w.server = nil
			ts.Fatalf("the server ended: %v\n%s", err, w.log.String())
		case <-deadline:
			ts.Fatalf("no ready file\n%s", w.log.String())
		case <-poll.C:
		}
	}
}

// flatten turns {"host":{"email":…}} into HOST_EMAIL.
func flatten(prefix string, doc map[string]any) map[string]string {
	all := map[string]string{}
	for k, v := range doc {
		name := prefix + strings.ToUpper(k)
		if inner, ok := v.(map[string]any); ok {
			for k, v := range flatten(name+"_", inner) {
				all[k] = v
			}
			continue
		}
		all[name] = fmt.Sprint(v)
	}
	return all
}

func (w *world) crash(ts *testscript.TestScript) {
	ts.Check(w.server.Process.Kill())
	<-w.exited
	w.server = nil
	ts.Check(os.Remove(ts.MkAbs("ready.json"))) // nobody was left to do it
}

func (w *world) stop(ts *testscript.TestScript) {
	ts.Check(w.server.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-w.exited:
		w.server = nil
		if err != nil {
			ts.Fatalf("after SIGTERM: %v\n%s", err, w.log.String())
		}
	case <-time.After(10 * time.Second):
		ts.Fatalf("still running 10 s after SIGTERM\n%s", w.log.String())
	}
	if _, err := os.Stat(ts.MkAbs("ready.json")); err == nil {
		ts.Fatalf("the ready file was left behind")
	}
}

func backgroundCmd(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	exe, err := exec.LookPath(args[0])
	ts.Check(err)
	c := exec.Command(exe, args[1:]...)
	c.Dir = ts.MkAbs(".")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(c.Start())
	w.background = append(w.background, c)
	ts.Defer(func() { _ = c.Process.Kill(); _ = c.Wait() }) // most have ended by then
}

func (w *world) cut(ts *testscript.TestScript) {
	c := w.background[len(w.background)-1]
	ts.Check(c.Process.Kill())
	_ = c.Wait() // killed: an error by nature
}

func keepCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME FIELD")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for _, f := range strings.Split(args[1], ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[f]
		case []any:
			i, err := strconv.Atoi(f)
			if err != nil || i >= len(inner) {
				ts.Fatalf("no %s in %s", args[1], ts.ReadFile("stdout"))
			}
			v = inner[i]
		default:
			v = nil
		}
	}
	if v == nil {
		ts.Fatalf("no %s in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func eventuallyCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] eventually REGEX PATH")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	last, deadline := "", time.Now().Add(storyPatience)
	for time.Now().Before(deadline) {
		resp, err := http.Get(ts.Getenv("HTTP") + args[1])
		if err == nil {
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			last = string(b)
			if re.MatchString(last) != neg {
				return
			}
		}
		<-time.After(100 * time.Millisecond)
	}
	ts.Fatalf("never: %s in %s; last:\n%s", args[0], args[1], last)
}

// callMain is the program `call`: METHOD PATH [as TOKEN] [key UUID|new] [BODY].
// It prints the body and exits 0 for 2xx, 1 otherwise with the status on
// standard error.
func callMain(args []string) int {
	method, path, body := args[0], args[1], ""
	req := http.Header{"Content-Type": {"application/json"}}
	for args = args[2:]; len(args) > 0; args = args[1:] {
		switch {
		case args[0] == "as":
			req.Set("Authorization", "Bearer "+args[1])
			args = args[1:]
		case args[0] == "key":
			key := args[1]
			if key == "new" {
				key = uuid.Must(uuid.NewV7()).String()
			}
			req.Set("Idempotency-Key", key)
			args = args[1:]
		default:
			body = args[0]
		}
	}
	r, err := http.NewRequest(method, os.Getenv("HTTP")+path, strings.NewReader(body))
	if err == nil {
		r.Header = req
		var resp *http.Response
		if resp, err = (&http.Client{Timeout: 30 * time.Second}).Do(r); err == nil {
			defer resp.Body.Close()
			_, err = io.Copy(os.Stdout, resp.Body)
			if resp.StatusCode >= 300 {
				fmt.Fprintln(os.Stderr, resp.StatusCode)
				return 1
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
