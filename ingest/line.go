package ingest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/handshake"
	"github.com/yutopp/go-rtmp/message"

	"souk/ingest/amf"
)

// How long a server may take.
const (
	dialTimeout  = 10 * time.Second // TCP, TLS and the RTMP handshake, each
	replyTimeout = 15 * time.Second // from connect to an accepted publish
	sendTimeout  = 10 * time.Second // for one message
)

const (
	maxReplies    = 16       // replies that nobody has looked at
	maxReplyBytes = 64 << 10 // of one
)

// line is a connection to an RTMP server, on the library's handshake and chunk
// layers. Its client is of no use here: it cannot read a status, so a refusal
// would never arrive, and it waits without end for a server that hung up.
//
// One goroutine reads; its replies channel is closed when that is over.
type line struct {
	socket  net.Conn
	chunks  *rtmp.ChunkStreamer
	replies chan reply
	gone    chan struct{} // closed by close
	reader  sync.WaitGroup

	writing sync.Mutex // guards writes to chunks: the reader answers pings
	failure error      // why reading ended; set before replies is closed
}

// dial connects and shakes hands.
func dial(ctx context.Context, to target) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var socket net.Conn
	var err error
	if to.secure {
		socket, err = (&tls.Dialer{Config: &tls.Config{ServerName: to.host}}).DialContext(ctx, "tcp", to.address)
	} else {
		socket, err = new(net.Dialer).DialContext(ctx, "tcp", to.address)
	}
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })
	err = handshake.HandshakeWithServer(socket, socket, &handshake.Config{SkipHandshakeVerification: true})
	if !unhook() || err != nil {
		socket.Close()
		return nil, fmt.Errorf("no RTMP handshake with %s: %w", to.address, errors.Join(err, ctx.Err()))
	}
	l := &line{
		socket:  socket,
		replies: make(chan reply, maxReplies),
		gone:    make(chan struct{}),
	}
	l.chunks = rtmp.NewChunkStreamer(bufio.NewReader(socket), bufio.NewWriterSize(timed{socket}, chunkSize+64), nil)
	l.reader.Go(l.read)
	return l, nil
}

// timed gives every write a deadline.
type timed struct{ net.Conn }

func (t timed) Write(p []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(p)
}

// close hangs up and waits for the reader.
func (l *line) close() {
	close(l.gone)
	l.socket.Close()
	l.chunks.Close()
	l.reader.Wait()
}

// broken is why there will be no more replies.
func (l *line) broken() error {
	if errors.Is(l.failure, io.EOF) {
		return errors.New("the server hung up")
	}
	return l.failure
}

// read passes on the server's commands. A panic of the library, which asserts
// what the server sends, counts as the end of the connection.
func (l *line) read() {
	defer close(l.replies)
	defer func() {
		if v := recover(); v != nil {
			l.failure = fmt.Errorf("the server's RTMP makes no sense: %v", v)
		}
	}()
	for {
		var m rtmp.ChunkMessage
		if _, _, err := l.chunks.Read(&m); err != nil {
			l.failure = err
			return
		}
		switch m := m.Message.(type) {
		case *message.SetChunkSize:
			l.chunks.PeerState().SetChunkSize(m.ChunkSize)
		case *message.UserCtrl:
			if ping, ok := m.Event.(*message.UserCtrlEventPingRequest); ok {
				l.send(2, 0, 0, &message.UserCtrl{Event: &message.UserCtrlEventPingResponse{Timestamp: ping.Timestamp}})
			}
		case *message.CommandMessage:
			body, err := io.ReadAll(io.LimitReader(m.Body, maxReplyBytes))
			if err != nil {
				l.failure = err
				return
			}
			args, err := amf.Decode(body)
			if err != nil {
				l.failure = err
				return
			}
			select {
			case l.replies <- reply{m.CommandName, float64(m.TransactionID), args}:
			case <-l.gone:
				return
			}
		}
	}
}

// announce sets the chunk size of what is sent. The library's writer reads it
// as soon as a message is queued, so it is set first.
func (l *line) announce(size uint32) error {
	if err := l.chunks.SelfState().SetChunkSize(size); err != nil {
		return err
	}
	return l.send(2, 0, 0, &message.SetChunkSize{ChunkSize: size})
}

func (l *line) command(stream uint32, name string, transaction float64, args ...any) error {
	return l.send(commandChunks, stream, 0, &message.CommandMessage{
		CommandName:   name,
		TransactionID: int64(transaction),
		Encoding:      message.EncodingTypeAMF0,
		Body:          bytes.NewReader(amf.Append(nil, args...)),
	})
}

// data sends stream metadata, the body of a script tag.
func (l *line) data(stream uint32, body []byte) error {
	return l.send(audioChunks, stream, 0, &message.DataMessage{
		Name:     "@setDataFrame",
		Encoding: message.EncodingTypeAMF0,
		Body:     bytes.NewReader(body),
	})
}

func audioMessage(r io.Reader) message.Message { return &message.AudioMessage{Payload: r} }
func videoMessage(r io.Reader) message.Message { return &message.VideoMessage{Payload: r} }

// send queues a message, once the one before it on the chunk stream is out.
func (l *line) send(chunkStream int, stream, timestamp uint32, m message.Message) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	return l.chunks.Write(ctx, chunkStream, timestamp, &rtmp.ChunkMessage{StreamID: stream, Message: m})
}

// flush waits until the last command is out.
func (l *line) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	l.chunks.NewChunkWriter(ctx, commandChunks)
}
