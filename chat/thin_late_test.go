package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// A room that is late itself thins nobody: only who kept it waiting.
func TestLateRoomThinsNobody(t *testing.T) {
	for _, stuck := range []time.Duration{0, thinAfter / 2, 3 * thinAfter} {
		h := &Hub{Log: &MemLog{}, Logger: slog.New(slog.DiscardHandler)}
		r := newRoom(h, "tea")
		r.scribe = newScribe(h.Log, "tea", h.Logger, func(uint64) {})
		r.begin(State{Epoch: "e", Settings: DefaultSettings()})
		sent, draining := &sink{}, &sync.WaitGroup{}
		v := &viewer{out: newOutlet(sent, draining, &h.count.slow), slot: -1}
		v.out.upgraded(func() {})
		r.add(v)
		for range 4 {
			for i := range 50 {
				r.append(Entry{Type: "message", Message: fmt.Sprint(r.ring.last), At: time.Now(), Data: json.RawMessage(fmt.Sprint(i))}, false)
			}
			r.flush()
		}
		for _, f := range r.ring.frames {
			f.made = time.Now().Add(-5 * thinAfter)
		}
		if stuck > 0 {
			v.stuck = time.Now().Add(-stuck)
		}
		for v.next != r.ring.next() {
			r.feed(v)
			draining.Wait()
		}
		payload := bytes.Join(sent.frames(t), nil)
		said, gaps := bytes.Count(payload, []byte(`"message"`)), bytes.Count(payload, []byte(`"gap"`))
		if thin := stuck > thinAfter; thin && (said != thinKept || gaps != 1) || !thin && (said != 200 || gaps != 0) {
			t.Errorf("stuck for %s: %d messages and %d gaps", stuck, said, gaps)
		}
	}
}
