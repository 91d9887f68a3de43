package chat_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk/chat"
	"souk/chat/client"
	"souk/internal/db/dbtest"
)

func TestRestartOnSQLite(t *testing.T) { restart(t, dbtest.SQLite(t)) }

func TestRestartOnPostgres(t *testing.T) { restart(t, dbtest.Postgres(t)) }

// restart tells the story of a room over three processes on one database: one
// that ends cleanly, one that is killed, and the one after.
func restart(t *testing.T, address string) {
	d, stopDB := dbtest.Start(t, address, schema)
	h := onTCP(t, &chat.Hub{Log: &chat.SQLLog{DB: d}})
	ana, mod := h.join("ana"), h.join("mod")
	bad := ana.must(do("say", "text", "buy at evil.example"))
	ana.must(do("say", "text", "hello"))
	h.hub.Tell("tea", chat.Event{Type: "pinned", MediaAt: time.UnixMilli(1_790_000_000_123), Data: map[string]string{"pin": "p1"}})
	mod.must(do("delete", "message", bad.Message))
	mod.must(do("ban", "user", "ben"))
	mod.must(do("timeout", "user", "cleo", "seconds", 3600))
	mod.must(do("slow", "seconds", 60))
	at := ana.welcome
	h.stop()
	if code := ana.closed(); code != chat.CloseRestart {
		t.Errorf("closed with %d", code)
	}
	stopDB()

	// Second process.
	d, stopDB = dbtest.Start(t, address, schema)
	h = onTCP(t, &chat.Hub{Log: &chat.SQLLog{DB: d}})
	back := h.joinAt("ana", client.Position{Epoch: at.Epoch, Seq: 1})
	if w := back.hello(); !w.Resumed || w.Slow != 60 {
		t.Errorf("welcome after a clean restart: %+v", w)
	}
	if e := back.next("message"); e.Seq != 2 || text(t, e) != "hello" {
		t.Errorf("replay begins with %+v", e)
	}
	if e := back.next("pinned"); e.Seq != 3 || e.MediaAt.UnixMilli() != 1_790_000_000_123 {
		t.Errorf("then comes %+v", e)
	}
	if e := back.next("deleted"); e.Seq != 4 {
		t.Errorf("then comes %+v", e)
	}
	if got := h.join("").hello().texts(t); fmt.Sprint(got) != "[hello]" {
		t.Errorf("history is %q", got)
	}
	if code := h.knock("tea", "ben", client.Position{}).closed(); code != chat.CloseBanned {
		t.Errorf("the banned one: closed with %d", code)
	}
	h.join("cleo").refused("timed_out", do("say", "text", "hi"))
	mod = h.join("mod")
	mod.must(do("unban", "user", "ben"))
	mod.must(do("unban", "user", "cleo"))
	mod.must(do("slow", "seconds", 0))
	mod.must(do("notice", "text", "stored before its reply"))
	last := back.next("notice").Seq

	// It is killed: the database is gone under it, nothing is sealed.
	stopDB()
	d, _ = dbtest.Start(t, address, schema)
	third := onTCP(t, &chat.Hub{Log: &chat.SQLLog{DB: d}})
	again := third.joinAt("ana", client.Position{Epoch: at.Epoch, Seq: last})
	w := again.hello()
	if w.Resumed || again.welcome.Epoch == at.Epoch || again.welcome.Seq != last || w.Slow != 0 {
		t.Errorf("welcome after a crash: %+v %+v, want a new epoch at %d", again.welcome, w, last)
	}
	third.join("ben").must(do("say", "text", "I may again"))
	third.join("cleo").must(do("say", "text", "me too"))
	if e := again.next("message"); e.Seq != last+1 {
		t.Errorf("the next number is %d, want %d", e.Seq, last+1)
	}
}

// brokenLog is a Log that fails while told to.
type brokenLog struct {
	chat.MemLog
	broken atomic.Bool
	fails  atomic.Int64
}

func (l *brokenLog) Open(ctx context.Context, channel string) (chat.State, error) {
	if l.broken.Load() {
		l.fails.Add(1)
		return chat.State{}, errors.New("database down")
	}
	return l.MemLog.Open(ctx, channel)
}

func (l *brokenLog) Append(ctx context.Context, channel string, b chat.Batch) error {
	if l.broken.Load() {
		l.fails.Add(1)
		return errors.New("database down")
	}
	return l.MemLog.Append(ctx, channel, b)
}

func TestRoomOutlivesTheDatabase(t *testing.T) {
	log := &brokenLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		host, ana := h.join("host"), h.join("ana")
		log.broken.Store(true)
		ana.must(do("say", "text", "spoken while the database is down"))
		host.next("message")

		// A moderator's command takes effect at once, its reply waits for the log.
		reply := make(chan client.Reply, 1)
		go func() {
			r, err := host.Do(t.Context(), do("ban", "user", "ana"))
			if err != nil {
				t.Error(err)
			}
			reply <- r
		}()
		if code := ana.closed(); code != chat.CloseBanned {
			t.Errorf("closed with %d", code)
		}
		time.Sleep(time.Minute)
		select {
		case r := <-reply:
			t.Fatalf("%+v before anything was stored", r)
		default:
		}
		log.broken.Store(false)
		if r := <-reply; !r.OK {
			t.Errorf("%+v", r)
		}
		epoch := host.welcome.Epoch
		h.stop()
		s, _ := log.Open(t.Context(), "tea")
		if len(s.Entries) != 1 || len(s.Sanctions) != 1 || s.Epoch != epoch {
			t.Errorf("stored: %+v", s)
		}
	})
}

func TestWhatCannotBeStoredIsNotSealed(t *testing.T) {
	log := &brokenLog{}
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		ana := h.join("ana")
		log.broken.Store(true)
		ana.must(do("say", "text", "never stored"))
		start := time.Now()
		h.stop()
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("stopping took %s", d)
		}
		log.broken.Store(false)
		if s, _ := log.Open(t.Context(), "tea"); s.Epoch == ana.welcome.Epoch || len(s.Entries) != 0 {
			t.Errorf("after a lost message: %+v", s)
		}
	})
}

func TestRoomWaitsForItsLog(t *testing.T) {
	log := &brokenLog{}
	log.broken.Store(true)
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		if code := h.knock("tea", "ana", client.Position{}).closed(); code != chat.CloseRestart {
			t.Errorf("closed with %d: who is banned is not known yet", code)
		}
		ana := h.knock("tea", "ana", client.Position{})
		time.Sleep(2 * time.Second)
		log.broken.Store(false)
		ana.welcome = ana.next("welcome")
		ana.must(do("say", "text", "here at last"))
		log.broken.Store(true)
		h.knock("silk", "ana", client.Position{})
		synctest.Wait()
		start := time.Now()
		h.stop() // also with a room that never opened
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("stopping took %s", d)
		}
	})
}

// Whoever tells a room that is not open yet is heard once it is, and waits for
// it only so long.
func TestTellingARoomThatIsNotOpen(t *testing.T) {
	log := &brokenLog{}
	log.broken.Store(true)
	in(t, &chat.Hub{Log: log}, func(t *testing.T, h *house) {
		start := time.Now()
		told := 0
		for h.hub.Stats().Stale == 0 {
			h.hub.Tell("tea", chat.Event{Type: "sold", Data: told})
			told++
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("gave up after %s", d)
		}
		log.broken.Store(false)
		time.Sleep(time.Second)
		if ana := h.join("ana"); ana.welcome.Seq != int64(told-1) {
			t.Errorf("%d events were numbered, %d told and one given up", ana.welcome.Seq, told)
		}
	})
}
