package guard

import (
	"encoding/binary"
	"time"
)

// When a publisher is pinged: for the first time, and again.
const (
	pingFirst = time.Second
	pingEvery = 5 * time.Second
)

// ping asks the peer for an echo when it is time to. The answer queues up behind
// the media that the peer has yet to send, so the way there and back grows with
// what its uplink cannot take.
func (c *Conn) ping(now time.Time) error {
	if now.Before(c.pingDue) {
		return nil
	}
	c.pinged, c.pingDue = now, now.Add(pingEvery)
	event := binary.BigEndian.AppendUint16(nil, eventPing)
	return c.send(kindUserControl, binary.BigEndian.AppendUint32(event, c.stamp(now)))
}

// pong takes the echo of the last ping; any other is one that nobody asked for.
func (c *Conn) pong(now time.Time, echo uint32) {
	if !c.pinged.IsZero() && echo == c.stamp(c.pinged) {
		c.roundTrip.Store(int64(max(now.Sub(c.pinged), 1)))
	}
}

// stamp is what a ping says: milliseconds since the accept.
func (c *Conn) stamp(t time.Time) uint32 { return uint32(t.Sub(c.opened) / time.Millisecond) }
