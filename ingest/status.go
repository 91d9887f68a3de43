package ingest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"

	"souk/ingest/amf"
)

// Status codes that encoders take for a no. Others, the library's own among
// them, OBS takes for a lost connection.
const (
	badName    = "NetStream.Publish.BadName"
	denied     = "NetStream.Publish.Denied"
	rejected   = "NetStream.Publish.Rejected"
	playFailed = "NetStream.Play.Failed"
)

const (
	statusTimeout     = 2 * time.Second // to get a status into the library's queue
	statusChunkStream = 3               // the one commands come in on, so replies keep their order
	maxSentence       = 500             // bytes of a status, so that it stays one chunk
)

// ending is the end of a session that the encoder is told about.
type ending struct {
	code     string
	sentence string // shown to people, by FFmpeg as it is
}

func (e *ending) Error() string { return e.sentence }

// tell sends the sentence, unless it was sent before. It goes through the
// library's queue, behind the replies that are still in it.
func (se *session) tell(e *ending) {
	if se.library == nil || se.told {
		return
	}
	se.told = true
	body := amf.Append(nil, nil, amf.Object{
		{Name: "level", Value: "error"},
		{Name: "code", Value: e.code},
		{Name: "description", Value: clip(e.sentence, maxSentence)},
	})
	err := se.write(statusChunkStream, se.stream, &message.CommandMessage{
		CommandName: "onStatus",
		Encoding:    message.EncodingTypeAMF0,
		Body:        bytes.NewReader(body),
	})
	if err != nil {
		se.log.Debug("status not sent", "err", err)
	}
}

// write queues a message. The library would wait without end for a writer that
// has failed.
func (se *session) write(chunkStream int, stream uint32, m message.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	return se.library.Write(ctx, chunkStream, 0, &rtmp.ChunkMessage{StreamID: stream, Message: m})
}

// clip shortens s to at most n bytes.
func clip(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), n)], "")
}

// greeting is what a connect result says about the server: what encoders look
// for, and nothing else.
type greeting struct{}

func (greeting) GetServerConnectResultProperties() message.NetConnectionConnectResultProperties {
	return message.NetConnectionConnectResultProperties{FMSVer: "FMS/3,0,1,123", Capabilities: 31, Mode: 1}
}

func (greeting) GetServerConnectResultData() map[string]any {
	return map[string]any{"server": "souk"}
}
