//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// bareMain is the reference: it frames what the talker says and makes one
// write call for each viewer, and does nothing else at all. No server that
// sends a frame for every message can be cheaper.
func bareMain(args []string) error {
	set := flag.NewFlagSet("roomload bare", flag.ExitOnError)
	listen := set.String("listen", "127.0.0.1:0", "address")
	_ = set.Parse(args)
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	return http.Serve(ln, &bare{})
}

type bare struct {
	mu      sync.Mutex // guards viewers
	viewers []int
	keep    []net.Conn // else the collector closes them
	seq     int64
}

func (b *bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	// The key of roomload never changes, so neither does the answer.
	const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	if _, err := io.WriteString(conn, answer); err != nil {
		return
	}
	if r.URL.Path == "/talk" {
		if err := b.hear(rw.Reader); err != nil {
			fmt.Fprintln(os.Stderr, "roomload bare:", err)
		}
		return
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = raw.Control(func(fd uintptr) { b.viewers = append(b.viewers, int(fd)) })
	b.keep = append(b.keep, conn)
}

func (b *bare) hear(from *bufio.Reader) error {
	for {
		peek, err := from.Peek(4)
		if err != nil {
			return nil // the talker has left
		}
		header, n, ok := head(peek)
		if !ok {
			return fmt.Errorf("a frame of a size that roomload never sends")
		}
		frame := make([]byte, header+4+n) // with the mask, which is zeros
		if _, err := io.ReadFull(from, frame); err != nil {
			return nil
		}
		b.tell(frame[header+4:])
	}
}

func (b *bare) tell(payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	frame := unmasked(fmt.Appendf(nil, `{"seq":%d,%s`, b.seq, payload[1:]))
	for _, fd := range b.viewers {
		_, _ = unix.Write(fd, frame) // a full socket loses the frame, which the viewer finds out
	}
}

// unmasked makes a text frame of a server.
func unmasked(payload json.RawMessage) []byte {
	b := masked(opText, payload)
	b[1] &^= 0x80
	header, _, _ := head(b)
	return append(b[:header:header], payload...)
}
