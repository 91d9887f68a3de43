package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// one is a listener with a single connection, in memory: its time can be bent.
type one struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (o one) Accept() (net.Conn, error) {
	select {
	case c := <-o.conn:
		return c, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

func (o one) Close() error   { close(o.closed); return nil }
func (o one) Addr() net.Addr { return &net.TCPAddr{} }

// stall serves a request whose body never comes. read tells how reading it
// ended, ended how the server did.
func stall(t *testing.T) (stop func(), read, ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	client, server := net.Pipe()
	ln := one{make(chan net.Conn, 1), make(chan struct{})}
	ln.conn <- server
	asked, reading, over := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		_, err := io.ReadAll(r.Body)
		reading <- err
	})
	go func() { over <- serveHTTP(ln, h, slog.New(slog.DiscardHandler))(ctx) }()
	if _, err := fmt.Fprint(client, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, client) }()
	<-asked
	return cancel, reading, over
}

func TestBodyThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, read, ended := stall(t)
		began := time.Now()
		if err := <-read; err == nil || time.Since(began) > requestTimeout {
			t.Errorf("waited %v for the body: %v", time.Since(began), err)
		}
		stop()
		<-ended
	})
}

// Somebody who never finishes asking does not use up the time in which
// everything else has to end.
func TestStopWithAStalledRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, read, ended := stall(t)
		began := time.Now()
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		<-read // its connection was cut
		if took := time.Since(began); took >= drainTimeout {
			t.Errorf("took %v", took)
		}
	})
}
