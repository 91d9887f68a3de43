//go:build linux

package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Opcodes of RFC 6455 section 5.2.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
	rsv1    = 0x40 // compressed, RFC 7692 section 7.2.3
)

const (
	patience    = 20 * time.Second // for a connection and for the answer to a handshake
	maxResponse = 4 << 10
)

// masked makes a frame of a client. A mask of zeros is a mask.
func masked(op byte, payload []byte) []byte {
	b := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	default:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// head reads the header of a frame and returns the lengths of header and
// payload; ok is false when b ends before.
func head(b []byte) (header, payload int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	switch n := int(b[1] & 0x7f); {
	case n < 126:
		return 2, n, true
	case n == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:])), true
	case n == 127 && len(b) >= 10:
		return 10, int(binary.BigEndian.Uint64(b[2:])), true
	}
	return 0, 0, false
}

// dial opens a TCP connection to server from a source address.
func dial(server netip.AddrPort, from netip.Addr, receive int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1), // else ports run out
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}))
	if err == nil && receive > 0 {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receive)
	}
	if err == nil {
		err = again(func() error {
			return unix.Connect(fd, &unix.SockaddrInet4{Addr: server.Addr().As4(), Port: int(server.Port())})
		})
		if errors.Is(err, unix.EISCONN) {
			err = nil
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// shake makes a websocket of a connection that still waits in its calls. It
// returns what came after the answer.
func shake(fd int, host, path string, deflate bool) (rest []byte, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", path, host)
	if deflate {
		b.WriteString("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n")
	}
	b.WriteString("\r\n")
	if err := send(fd, []byte(b.String())); err != nil {
		return nil, err
	}
	var got []byte
	buf := make([]byte, maxResponse)
	for len(got) < maxResponse {
		var n int
		err := again(func() (err error) { n, err = unix.Read(fd, buf); return err })
		if err != nil || n == 0 {
			return nil, fmt.Errorf("handshake: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		got = append(got, buf[:n]...)
		answer, rest, ok := bytes.Cut(got, []byte("\r\n\r\n"))
		if !ok {
			continue
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got[:len(answer)+4])), nil)
		if err != nil {
			return nil, fmt.Errorf("handshake: %w", err)
		}
		if res.StatusCode != http.StatusSwitchingProtocols {
			return nil, fmt.Errorf("handshake: status %d", res.StatusCode)
		}
		if deflate && !strings.Contains(res.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate") {
			return nil, errors.New("handshake: the server does not compress")
		}
		return rest, nil
	}
	return nil, errors.New("handshake: an endless answer")
}

// send writes all of b. A full socket is waited for: clients send little.
func send(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			time.Sleep(200 * time.Microsecond)
		case err != nil:
			return err
		default:
			b = b[n:]
		}
	}
	return nil
}

// inflate decompresses a message that shares no context with others, RFC 7692
// section 7.2.2.
func inflate(b []byte) ([]byte, error) {
	tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(b), tail)))
}
