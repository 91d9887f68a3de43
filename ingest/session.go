package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"

	"souk/ingest/amf"
	"souk/ingest/guard"
)

// application is the RTMP app that encoders are told to use.
const application = "live"

const alreadyPublishing = "This connection is publishing already."

// maxKey is how long a stream key may be before nobody is asked about it.
const maxKey = 256

// chunkSize is announced to encoders, of which FFmpeg adopts it for its own
// sending, and used for the library's replies.
const chunkSize = 65536

var (
	errPanic    = errors.New("ingest: panic")
	errFinished = errors.New("ingest: the encoder stopped publishing")
	errLibrary  = errors.New("ingest: the RTMP library hung up")
)

// session is one connection: the socket as far as the library is concerned,
// and its handler. The library calls the handler's methods one at a time.
type session struct {
	*guard.Conn
	rtmp.DefaultHandler

	// configuration
	server  *Server
	ctx     context.Context // ends with the server
	log     *slog.Logger
	since   time.Time
	remote  string
	address netip.Prefix
	release func()

	// state, of the reading goroutine
	library   *rtmp.Conn // nil until the handshake is through
	app       string
	stream    uint32 // message stream of the last publish or play
	publisher *publisher
	over      error // why the session ended itself
	told      bool  // a last status was sent
	finished  bool  // the publisher stopped; it is off air

	publishes atomic.Bool // for admission
}

// newSession makes a session of a connection that was accepted just now, from
// the given address. It calls done once it is closed.
func (s *Server) newSession(ctx context.Context, socket net.Conn, from net.Addr, done func()) *session {
	se := &session{
		Conn:    guard.New(socket, s.HandshakeTimeout),
		server:  s,
		ctx:     ctx,
		since:   time.Now(),
		remote:  from.String(),
		address: addressOf(from),
	}
	se.log = s.log().With("remote", se.remote)
	unhook := context.AfterFunc(ctx, func() { se.Cut(errShutdown) })
	se.release = sync.OnceFunc(func() {
		unhook()
		s.gate.leave(se)
		done()
	})
	return se
}

// Close is called by the library, after OnClose.
func (se *session) Close() error {
	defer se.release()
	return se.Conn.Close()
}

// catch turns a panic of a handler method into the end of the session. It has
// to be deferred by every one of them, since the library recovers some quietly
// and others not at all.
func (se *session) catch(err *error) {
	if v := recover(); v != nil {
		se.server.tally.panics.Add(1)
		se.log.Error("panic in a session", "panic", v, "stack", string(debug.Stack()))
		se.over = errPanic
		*err = errPanic
	}
}

// OnServe comes after the handshake.
func (se *session) OnServe(c *rtmp.Conn) { se.library = c }

// OnConnect announces the chunk size. The order matters: once the message is in
// the library's queue its writer reads the size, so that must be set before.
func (se *session) OnConnect(_ uint32, cmd *message.NetConnectionConnect) (err error) {
	defer se.catch(&err)
	se.app = cmd.Command.App
	if err := se.library.GetChunkStreamer().SelfState().SetChunkSize(chunkSize); err != nil {
		return err
	}
	return se.write(2, 0, &message.SetChunkSize{ChunkSize: chunkSize})
}

// OnPublish admits a publisher or tells it why not.
func (se *session) OnPublish(c *rtmp.StreamContext, _ uint32, cmd *message.NetStreamPublish) (err error) {
	defer se.catch(&err)
	se.stream = c.StreamID
	p, refusal := se.authorise(cmd.PublishingName)
	if refusal != nil {
		se.server.tally.refused.Add(1)
		se.log.Warn("publish refused", "reason", refusal.sentence)
		// Now, because the library will add a status of its own, one that
		// encoders do not understand.
		se.tell(refusal)
		return se.end(refusal)
	}
	se.publisher = p
	se.publishes.Store(true)
	se.log = se.log.With("channel", p.channel)
	se.log.Info("publisher on air")
	offer := se.Offer()
	se.log.Debug("the encoder says", "version", offer.FlashVer, "codecs", offer.FourCCs, "capabilities", offer.Caps)
	se.Publishing(c.StreamID)
	return nil
}

// authorise finds the channel for a publish name and seats the publisher.
func (se *session) authorise(name string) (*publisher, *ending) {
	refuse := func(sentence string) (*publisher, *ending) { return nil, &ending{badName, sentence} }
	if se.publisher != nil {
		return refuse(alreadyPublishing)
	}
	app, key := streamKey(se.app, name)
	if app != application {
		return refuse(`The server address must end in "/` + application + `".`)
	}
	if key == "" {
		return refuse("There is no stream key. Copy it from the studio into your encoder.")
	}
	channel, err := "", ErrUnknownKey
	if len(key) <= maxKey {
		ctx, cancel := context.WithTimeout(se.ctx, keyTimeout)
		channel, err = se.server.Keys.ChannelForKey(ctx, key)
		cancel()
	}
	if errors.Is(err, ErrUnknownKey) {
		se.server.tally.wrongKeys.Add(1)
		sentence := "This stream key is not known. Copy it again from the studio into your encoder."
		if se.server.strikes.wrong(se.address, time.Now()) {
			sentence += " There were too many wrong stream keys from your address: wait a minute before you try again."
		}
		return refuse(sentence)
	}
	if err != nil {
		se.log.Error("stream key could not be checked", "err", strings.ReplaceAll(err.Error(), key, "[key]"))
		return refuse("The stream key cannot be checked just now. Try again in a moment.")
	}
	se.server.strikes.right(se.address, time.Now())
	p := &publisher{
		channel: channel,
		session: se,
		health:  newHealth(se.remote, time.Now(), se.server.policy(se.ctx, channel)),
		tally:   &se.server.tally,
	}
	p.health.named(se.Offer().FlashVer)
	switch err := se.server.goOnAir(se.ctx, p); {
	case errors.Is(err, errNoStream):
		return refuse("The channel is not ready. Try again in a moment.")
	case err != nil:
		return refuse(err.Error())
	}
	return p, nil
}

// streamKey takes the app and the publish name apart: queries are ignored, and
// when the name is empty the key is the last element of the app's path.
func streamKey(app, name string) (first, key string) {
	app, _, _ = strings.Cut(app, "?")
	key, _, _ = strings.Cut(name, "?")
	path := strings.Split(strings.Trim(app, "/"), "/")
	if key == "" && len(path) > 1 {
		key = path[len(path)-1]
	}
	return path[0], key
}

// OnPlay refuses: viewers are served over HTTP.
func (se *session) OnPlay(c *rtmp.StreamContext, _ uint32, _ *message.NetStreamPlay) (err error) {
	defer se.catch(&err)
	se.stream = c.StreamID
	refusal := &ending{playFailed, "Streams are only taken in here. Watch on the channel's page."}
	se.tell(refusal)
	return se.end(refusal)
}

// OnUnknownCommandMessage gets commands that do not fit the state of their
// message stream.
func (se *session) OnUnknownCommandMessage(_ uint32, cmd *message.CommandMessage) (err error) {
	defer se.catch(&err)
	switch cmd.CommandName {
	case "publish":
		return se.end(&ending{badName, alreadyPublishing})
	case "closeStream":
		se.finish()
	}
	return nil
}

// OnDeleteStream is how encoders stop.
func (se *session) OnDeleteStream(_ uint32, _ *message.NetStreamDeleteStream) (err error) {
	defer se.catch(&err)
	se.finish()
	return nil
}

// finish takes a publisher off the air that has stopped, and leaves it to hang
// up.
func (se *session) finish() {
	if se.publisher == nil || se.finished {
		return
	}
	se.finished = true
	se.Retire(errFinished)
	se.offAir(errFinished)
}

// OnSetDataFrame learns the name of the encoder. Everything else in there is a
// claim about media that the media itself answers better.
func (se *session) OnSetDataFrame(_ uint32, data *message.NetStreamSetDataFrame) (err error) {
	defer se.catch(&err)
	if args, err := amf.Decode(data.Payload); err == nil && len(args) > 1 {
		if meta, ok := args[1].(amf.Object); ok {
			if name, _ := meta.Get("encoder").(string); name != "" {
				se.publisher.health.named(name)
			}
		}
	}
	return nil
}

// OnVideo gets a stand-in; the guard has the body.
func (se *session) OnVideo(timestamp uint32, _ io.Reader) (err error) {
	defer se.catch(&err)
	return se.end(se.publisher.video(timestamp, se.Body()))
}

// OnAudio is the same for audio.
func (se *session) OnAudio(timestamp uint32, _ io.Reader) (err error) {
	defer se.catch(&err)
	return se.end(se.publisher.audio(timestamp, se.Body()))
}

// end notes why the session ends itself, if it does, and returns err.
func (se *session) end(err error) error {
	if err != nil && se.over == nil {
		se.over = err
	}
	return err
}

// OnClose comes once, on the same goroutine, when the library is done reading
// but can still write.
func (se *session) OnClose() {
	var err error
	defer se.catch(&err)
	cause := se.Err() // a cut comes before what it caused
	if cause == nil {
		cause = se.over
	}
	if cause == nil {
		cause = errLibrary
	}
	var why *ending
	if errors.As(cause, &why) {
		se.tell(why)
		se.Linger()
	}
	var inGuard *guard.Panic
	if errors.As(cause, &inGuard) {
		se.server.tally.panics.Add(1)
		se.log.Error("panic in the guard", "panic", inGuard.Value, "stack", string(inGuard.Stack))
	}
	if se.publisher == nil || se.finished {
		se.log.Debug("connection closed", "cause", cause, "ignored", se.Ignored())
		return
	}
	se.offAir(cause)
}

// offAir gives the seat back.
func (se *session) offAir(cause error) {
	se.publishes.Store(false)
	se.server.goOffAir(se.ctx, se.publisher, cause)
	video, audio, dropped := se.publisher.health.counts()
	se.log.Info("publisher off air", "cause", cause, "bytes", se.Received(),
		"video", video, "audio", audio, "dropped", dropped, "ignored", se.Ignored(),
		"after", time.Since(se.since).Round(time.Millisecond))
}
