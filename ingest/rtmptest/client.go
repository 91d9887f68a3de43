package rtmptest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"

	"souk/ingest/amf"
)

// patience is how long a Client waits for the server before a test fails.
const patience = 10 * time.Second

// Client is an encoder's end of a connection, after the handshake.
type Client struct {
	net.Conn
	t      testing.TB
	chunks *rtmp.ChunkStreamer
}

// Dial connects and shakes hands. The connection closes with the test.
func Dial(t testing.TB, address string) *Client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return On(t, conn)
}

// On shakes hands on a connection, which closes with the test.
func On(t testing.TB, conn net.Conn) *Client {
	t.Helper()
	c := &Client{Conn: conn, t: t, chunks: rtmp.NewChunkStreamer(bufio.NewReader(conn), io.Discard, nil)}
	t.Cleanup(func() { conn.Close(); c.chunks.Close() })
	c.Send(Handshake())
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(conn, make([]byte, 1+2*1536)); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	return c
}

// Send writes the parts and stops the test if that fails.
func (c *Client) Send(parts ...[]byte) {
	c.t.Helper()
	if err := c.Try(parts...); err != nil {
		c.t.Fatal(err)
	}
}

// Try writes the parts.
func (c *Client) Try(parts ...[]byte) error {
	c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write(Join(parts...))
	return err
}

// Publish goes through the commands of a publish, as OBS does, and stops the
// test unless it is accepted.
func (c *Client) Publish(key string) {
	c.t.Helper()
	c.Send(Connect("live"), CreateStream(), Publish(key))
	if code, text, err := c.Status(); code != "NetStream.Publish.Start" {
		c.t.Fatalf("publish: %s %q %v", code, text, err)
	}
}

// Reply is a command from the server.
type Reply struct {
	Name        string
	Transaction int64
	Args        []any
}

// Reply returns the next command of the server, or how the connection ended.
func (c *Client) Reply() (Reply, error) {
	c.SetReadDeadline(time.Now().Add(patience))
	for {
		var m rtmp.ChunkMessage
		if _, _, err := c.chunks.Read(&m); err != nil {
			return Reply{}, err
		}
		switch m := m.Message.(type) {
		case *message.SetChunkSize:
			c.chunks.PeerState().SetChunkSize(m.ChunkSize)
		case *message.CommandMessage:
			body, err := io.ReadAll(m.Body)
			if err != nil {
				return Reply{}, err
			}
			args, err := amf.Decode(body)
			if err != nil {
				return Reply{}, fmt.Errorf("%s: %w", m.CommandName, err)
			}
			return Reply{m.CommandName, m.TransactionID, args}, nil
		}
	}
}

// Status returns the next onStatus, skipping other replies.
func (c *Client) Status() (code, description string, err error) {
	for {
		r, err := c.Reply()
		if err != nil {
			return "", "", err
		}
		if r.Name != "onStatus" || len(r.Args) < 2 {
			continue
		}
		info, _ := r.Args[1].(amf.Object)
		code, _ = info.Get("code").(string)
		description, _ = info.Get("description").(string)
		return code, description, nil
	}
}

// Closed reads until the server closes the connection, and returns how: nil
// for a close, an error for a reset or if it stays open.
func (c *Client) Closed() error {
	for {
		if _, err := c.Reply(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
