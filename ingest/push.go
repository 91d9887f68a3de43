package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"souk/ingest/amf"
	"souk/ingest/flv"
)

// Chunk streams, as FFmpeg chooses them.
const (
	commandChunks = 3
	audioChunks   = 4
	videoChunks   = 6
)

// push publishes the reel over one connection.
func (e *Encoder) push(ctx context.Context, to target, r *reel, log *slog.Logger) error {
	l, err := dial(ctx, to)
	if err != nil {
		return err
	}
	defer l.close()
	stream, err := l.publish(ctx, to)
	if err != nil {
		return err
	}
	log.Info("publishing", "to", to.url())
	err = l.show(ctx, stream, r, e.Loop, e.FlatOut)
	if err == nil || ctx.Err() != nil {
		l.leave(to, stream)
	}
	return err
}

// publish goes through the conversation that ends with the server taking
// frames on the returned message stream. The commands are those of OBS.
func (l *line) publish(ctx context.Context, to target) (stream uint32, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, replyTimeout, errors.New("no answer from the server"))
	defer cancel()
	if err := l.announce(chunkSize); err != nil {
		return 0, err
	}
	err = l.command(0, "connect", 1, amf.Object{
		{Name: "app", Value: to.app},
		{Name: "type", Value: "nonprivate"},
		{Name: "flashVer", Value: "FMLE/3.0 (compatible; souk)"},
		{Name: "tcUrl", Value: to.url()},
	})
	if err != nil {
		return 0, err
	}
	if _, err := l.await(ctx, isResult(1)); err != nil {
		return 0, err
	}
	for _, c := range []struct {
		name        string
		transaction float64
		args        []any
	}{
		{"releaseStream", 2, []any{nil, to.key}},
		{"FCPublish", 3, []any{nil, to.key}},
		{"createStream", 4, []any{nil}},
	} {
		if err := l.command(0, c.name, c.transaction, c.args...); err != nil {
			return 0, err
		}
	}
	created, err := l.await(ctx, isResult(4))
	if err != nil {
		return 0, err
	}
	id, ok := created.argument(1).(float64)
	if !ok || id < 1 || id > 1<<16 {
		return 0, errors.New("the server gave no message stream")
	}
	stream = uint32(id)
	if err := l.command(stream, "publish", 5, nil, to.key, "live"); err != nil {
		return 0, err
	}
	_, err = l.await(ctx, func(r reply) bool { return r.name == "onStatus" })
	return stream, err
}

// show sends the frames as they fall due, or as fast as they are taken.
func (l *line) show(ctx context.Context, stream uint32, r *reel, loop, flatOut bool) error {
	if r.metadata != nil {
		if err := l.data(stream, r.metadata); err != nil {
			return err
		}
	}
	for _, h := range r.headers {
		if err := l.media(stream, h); err != nil {
			return err
		}
	}
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for f := range r.play(loop) {
		wait := time.Until(start.Add(f.due))
		if flatOut {
			wait = 0
		}
		timer.Reset(wait)
		if err := l.idle(ctx, timer.C); err != nil {
			return err
		}
		if err := l.media(stream, f.Tag); err != nil {
			return err
		}
	}
	return nil
}

// leave says goodbye and waits until that is sent.
func (l *line) leave(to target, stream uint32) {
	l.command(0, "FCUnpublish", 6, nil, to.key)
	l.command(0, "deleteStream", 7, nil, stream)
	l.flush()
}

// reply is a command from the server.
type reply struct {
	name        string
	transaction float64
	args        []any
}

// argument is the nth value after the transaction id, nil when there is none.
func (r reply) argument(n int) any {
	if n < len(r.args) {
		return r.args[n]
	}
	return nil
}

func isResult(transaction float64) func(reply) bool {
	return func(r reply) bool { return r.name == "_result" && r.transaction == transaction }
}

// refusal is the error that a reply stands for, if it does.
func (r reply) refusal() error {
	info, _ := r.argument(1).(amf.Object)
	if r.name != "_error" && (r.name != "onStatus" || info.Get("level") != "error") {
		return nil
	}
	for _, name := range []string{"description", "code"} {
		if s, _ := info.Get(name).(string); s != "" {
			return fmt.Errorf("%w: %s", ErrRefused, s)
		}
	}
	return ErrRefused
}

// await returns the first reply that is wanted, or an error as soon as a reply
// is a refusal.
func (l *line) await(ctx context.Context, wanted func(reply) bool) (reply, error) {
	for {
		select {
		case r, ok := <-l.replies:
			if !ok {
				return reply{}, l.broken()
			}
			if err := r.refusal(); err != nil {
				return reply{}, err
			}
			if wanted(r) {
				return r, nil
			}
		case <-ctx.Done():
			return reply{}, context.Cause(ctx)
		}
	}
}

// idle waits for the timer, unless the server has something to say.
func (l *line) idle(ctx context.Context, timer <-chan time.Time) error {
	for {
		select {
		case r, ok := <-l.replies:
			if !ok {
				return l.broken()
			}
			if err := r.refusal(); err != nil {
				return err
			}
		case <-timer:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// media sends a tag as the message it is the body of.
func (l *line) media(stream uint32, tag flv.Tag) error {
	if tag.Kind == flv.KindAudio {
		return l.send(audioChunks, stream, tag.Time, audioMessage(bytes.NewReader(tag.Body)))
	}
	return l.send(videoChunks, stream, tag.Time, videoMessage(bytes.NewReader(tag.Body)))
}
