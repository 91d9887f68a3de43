package hls

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	pushName = "push" // the source; push-1, push-2… are further renditions

	// pushSlow is how long a write may block before its viewer is taken out of the live edge and goes on at the next
	// independent part: two parts.
	pushSlow = 2 * partTarget

	// pushGone is how long a write may block before its viewer is given up.
	pushGone = 3 * time.Second

	// pushIdle is how long a viewer hears nothing. It is also how a connection is noticed that has gone while there is
	// nothing to send.
	pushIdle = 2 * time.Second

	// pushSendBuffer is what the system may hold for a viewer: enough for 10 Mb/s over 200 ms, and little enough for a
	// slow viewer to be noticed within a second or two instead of getting ever further behind.
	pushSendBuffer = 256 << 10
)

var pushCT = []string{"application/vnd.souk.push"}

var onlyHTTP1 = &refusal{http.StatusHTTPVersionNotSupported, "http_1_1_only"}

// pushTrack is the rendition of a push, by its name.
func pushTrack(file string) (track int, ok bool) {
	rest, ok := strings.CutPrefix(file, pushName)
	switch {
	case !ok:
		return 0, false
	case rest == "":
		return 0, true
	}
	n, ok := canonical(strings.TrimPrefix(rest, "-"))
	return int(n), ok && rest[0] == '-' && n > 0 && n < maxTracks
}

// servePush sends parts as they come, over one answer that ends with the show or with the client. The body ends with
// the connection, so that a part is one write of shared bytes; the connection is taken over for that.
func (st *Stream) servePush(w http.ResponseWriter, r *http.Request, track int) *refusal {
	v, _ := st.timeline.until(r.Context(), 0, firstWait, func(v *view) bool {
		_, _, ok := v.newest()
		return ok || !v.publisher
	})
	if _, _, ok := v.newest(); !ok {
		return notPlayable
	}
	if v = st.timeline.look(track); v == nil || v.off && v.playable() {
		return noFile
	}
	h := w.Header()
	h["Content-Type"] = pushCT
	h["Cache-Control"] = noStore
	h.Set("Connection", "close")
	h.Set("X-Accel-Buffering", "no") // for nginx, which holds answers back otherwise
	if r.Method == http.MethodHead {
		return nil
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.Del("Connection")
		return onlyHTTP1
	}
	defer conn.Close()
	p := push{timeline: st.timeline, track: track, conn: conn}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(pushSendBuffer) // else the system's own size
	}
	defer st.audience.attend(r)()
	if p.open(h) == nil {
		_ = p.run(r.Context()) // the client has gone, which is how most of them end
	}
	return nil
}

// push is one viewer who is sent parts.
type push struct {
	// configuration
	timeline *timeline
	track    int
	conn     net.Conn

	// state
	at      follower
	head    *head // the init section that was sent last
	vectors [2][]byte
	skipped bool // something was left out since the last part
}

// open writes the head of the answer.
func (p *push) open(h http.Header) error {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&b) // a bytes.Buffer takes everything
	b.WriteString("\r\n")
	_, err := p.write(b.Bytes(), nil)
	return err
}

// run sends what comes until the show ends, the client goes, or either of them is given up.
func (p *push) run(ctx context.Context) error {
	idle := time.NewTimer(pushIdle)
	defer idle.Stop()
	v := p.timeline.look(p.track)
	p.at.start(v)
	for {
		var err error
		if v, err = p.sendAll(v); err != nil {
			return err
		}
		if v.ended {
			_, err = p.write(frameEnd, nil)
			return err
		}
		if v.off && v.playable() { // not a rendition any more
			return nil
		}
		idle.Reset(pushIdle)
		select {
		case <-v.next:
			v = p.timeline.look(p.track)
		case <-idle.C:
			note := frameQuiet
			if !v.publisher {
				note = frameAway
			}
			if _, err := p.write(note, nil); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-p.timeline.closing:
			return nil
		}
	}
}

// sendAll sends the parts that are there, and returns the view in which there are no more.
func (p *push) sendAll(v *view) (*view, error) {
	for {
		part, head := p.at.next(v)
		if part == nil {
			return v, nil
		}
		blocked, err := p.send(part, head)
		if err != nil {
			return v, err
		}
		if blocked > pushSlow {
			v = p.timeline.look(p.track)
			p.skipped = p.at.drop(v) || p.skipped
		}
	}
}

// send writes a part, and what must come before it.
func (p *push) send(part *part, h *head) (blocked time.Duration, err error) {
	if p.skipped {
		p.skipped = false
		if _, err := p.write(frameSkip, nil); err != nil {
			return 0, err
		}
	}
	if p.head != h {
		p.head = h
		if _, err := p.write(h.lead(), h.chunks[0]); err != nil {
			return 0, err
		}
	}
	return p.write(part.lead(h), part.chunks[0])
}

// write sends two pieces of shared bytes at once and tells how long that took.
func (p *push) write(lead, body []byte) (blocked time.Duration, err error) {
	start := time.Now()
	if err := p.conn.SetWriteDeadline(start.Add(pushGone)); err != nil {
		return 0, err
	}
	p.vectors = [2][]byte{lead, body}
	both := net.Buffers(p.vectors[:2])
	if len(body) == 0 {
		both = both[:1]
	}
	_, err = both.WriteTo(p.conn)
	return time.Since(start), err
}
