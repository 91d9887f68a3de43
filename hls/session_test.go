package hls

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func isDone(s *Session) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// A part is there for viewers as soon as the frame that completes it was written.
func TestPartsAreShownAtOnce(t *testing.T) {
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	c, s := simple(t), st.Publish()
	c.announce(t, s)
	start := time.Duration(-1)
	for _, f := range c.frames {
		f.Arrived = epoch.Add(f.DTS)
		if f.Kind == Video && start < 0 {
			start = f.DTS
		}
		if err := s.Write(f); err != nil {
			t.Fatal(err)
		}
		if f.Kind != Video || f.DTS-start < 1100*time.Millisecond {
			continue
		}
		shown := st.timeline.end().Sub(epoch) - start // one frame is kept back, to know its duration
		if behind := f.DTS - start - shown; behind >= 200*time.Millisecond+2*time.Millisecond {
			t.Fatalf("at %v of the media viewers get %v", f.DTS-start, shown)
		}
	}
}

func TestSessionLife(t *testing.T) {
	t.Run("replaced by a newer one", func(t *testing.T) {
		o := &Origin{Log: quiet()}
		defer o.Close()
		st := o.Start("tea", Show{ID: "s"})
		w := watch(t, st)
		c := simple(t)
		first := st.Publish()
		c.announce(t, first)
		w.write(first, c.upTo(3500*time.Millisecond).frames, epoch)
		second := st.Publish()
		if !isDone(first) || isDone(second) {
			t.Fatal("the wrong one is over")
		}
		if err := first.Write(c.frames[0]); !errors.Is(err, ErrClosed) {
			t.Errorf("write to the replaced one: %v", err)
		}
		first.Close()
		c = simple(t)
		c.announce(t, second)
		w.write(second, c.frames, epoch.Add(4*time.Second))
		w.wantBreaks(1)
		w.wantMedia(8 * time.Second)
		if !st.timeline.look(0).publisher {
			t.Error("closing the replaced session switched the other one off")
		}
	})
	t.Run("short segment where the encoder dropped", func(t *testing.T) {
		o := &Origin{Log: quiet()}
		defer o.Close()
		st := o.Start("tea", Show{ID: "s"})
		w := watch(t, st)
		for i := range 5 {
			c, s := simple(t), st.Publish()
			c.announce(t, s)
			w.write(s, c.upTo(2500*time.Millisecond).frames, epoch.Add(time.Duration(i)*20*time.Second))
			s.Close()
			w.look()
			if last := w.all[len(w.all)-1]; last.duration != 500*time.Millisecond {
				t.Errorf("drop %d left a segment of %v", i, last.duration)
			}
		}
		w.wantBreaks(4)
		if len(w.all) != 15 {
			t.Errorf("%d segments", len(w.all))
		}
	})
	t.Run("ended show", func(t *testing.T) {
		o := &Origin{Log: quiet()}
		defer o.Close()
		st := o.Start("tea", Show{ID: "s"})
		s := st.Publish()
		o.End("tea")
		late := st.Publish()
		if !isDone(s) || !isDone(late) {
			t.Error("a session outlives its show")
		}
		if err := late.Write(Frame{}); !errors.Is(err, ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if again := o.Start("tea", Show{ID: "s"}); again == st {
			t.Error("an ended show went on in the same timeline")
		}
	})
	t.Run("bad audio configuration", func(t *testing.T) {
		o := &Origin{Log: quiet()}
		defer o.Close()
		s := o.Start("tea", Show{ID: "s"}).Publish()
		for _, asc := range [][]byte{nil, {0}, {0xff, 0xff, 0xff}} {
			if err := s.SetAudio(AudioConfig{Codec: AAC, ASC: asc}); !errors.Is(err, ErrBadAudio) {
				t.Errorf("%x: %v", asc, err)
			}
		}
		if isDone(s) {
			t.Error("session gave up")
		}
	})
	t.Run("broken by a panic", func(t *testing.T) {
		var log bytes.Buffer
		o := &Origin{Log: slog.New(slog.NewTextHandler(&log, nil))}
		defer o.Close()
		st := o.Start("tea", Show{ID: "s"})
		w := watch(t, st)
		c, s := simple(t), st.Publish()
		c.announce(t, s)
		w.write(s, c.upTo(2500*time.Millisecond).frames, epoch)
		s.feed.run.lanes[0].cutter = nil // stands for a bug that its input finds
		var err error
		for _, f := range c.frames[len(c.frames)-2:] {
			f.Arrived = epoch.Add(3 * time.Second)
			err = s.Write(f)
		}
		if err == nil || !isDone(s) || strings.Count(log.String(), "session panicked") != 1 {
			t.Errorf("err %v, over %v\n%s", err, isDone(s), log.String())
		}
		again := simple(t)
		next := st.Publish()
		again.announce(t, next)
		w.write(next, again.frames, epoch.Add(10*time.Second))
		w.wantBreaks(1)
	})
}

func TestShows(t *testing.T) {
	o := &Origin{Log: quiet()}
	defer o.Close()
	if _, ok := o.Stream("tea"); ok {
		t.Error("a stream before any show")
	}
	o.End("tea")
	first := o.Start("tea", Show{ID: "1"})
	if o.Start("tea", Show{ID: "1"}) != first {
		t.Error("the same show is another stream")
	}
	s := first.Publish()
	second := o.Start("tea", Show{ID: "2"})
	if second == first || !isDone(s) {
		t.Error("the former show goes on")
	}
	if st, ok := o.Stream("tea"); !ok || st != second {
		t.Error("the channel shows something else")
	}
	if first.timeline.epoch == second.timeline.epoch {
		t.Error("two shows share their names")
	}
	if other := o.Start("coffee", Show{ID: "1"}); other == first {
		t.Error("two channels share a stream")
	}
}

func TestOnPlayable(t *testing.T) {
	var calls atomic.Int32
	o := &Origin{Log: quiet()}
	defer o.Close()
	o.OnPlayable = func(channel string) {
		calls.Add(1)
		if st, _ := o.Stream(channel); st.timeline.look(0).media == nil { // takes locks: none may be held
			t.Error("called before there is a playlist")
		}
		st, _ := o.Stream(channel)
		st.Mark(DateRange{ID: "x", Start: epoch})
	}
	st := o.Start("tea", Show{ID: "s"})
	for want := int32(1); want <= 3; want++ {
		s := st.Publish()
		simple(t).play(t, s, epoch.Add(time.Duration(want)*time.Minute))
		if calls.Load() != want {
			t.Errorf("%d calls after session %d", calls.Load(), want)
		}
	}
}

func TestMediaNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &Origin{Log: quiet()}
		defer o.Close()
		st := o.Start("tea", Show{ID: "s"})
		if got := st.MediaNow(); !got.Equal(time.Now()) {
			t.Errorf("without a publisher: %v", got)
		}
		s := st.Publish()
		if got := st.MediaNow(); !got.Equal(time.Now()) {
			t.Errorf("before the first frame: %v", got)
		}
		c, start := simple(t), time.Now()
		c.play(t, s, start)
		want := start.Add(c.frames[len(c.frames)-1].PTS)
		if got := st.MediaNow(); got.Before(want.Add(-60*time.Millisecond)) || got.After(want) {
			t.Errorf("after the last frame: %v, which arrived at %v", got, want)
		}
		s.Close()
		if got := st.MediaNow(); !got.Equal(time.Now()) {
			t.Errorf("after the session: %v", got)
		}
	})
}

// Sessions that never get as far as a segment leave nothing behind: the bubble fails otherwise.
func TestNoGoroutineLeaks(t *testing.T) {
	c := simple(t)
	synctest.Test(t, func(t *testing.T) {
		o := &Origin{Log: quiet()}
		for i := range 20 {
			st := o.Start("tea", Show{ID: string(rune('a' + i%3))})
			s := st.Publish()
			c := c.upTo(700 * time.Millisecond)
			c.announce(t, s)
			for _, f := range c.frames {
				f.Arrived = time.Now()
				if err := s.Write(f); err != nil {
					t.Fatal(err)
				}
			}
			if i%2 == 0 {
				s.Close()
			}
		}
		o.Close()
		o.Close()
		if st := o.Start("late", Show{ID: "z"}); !isDone(st.Publish()) {
			t.Error("a closed origin takes publishers")
		}
	})
}

func TestOriginRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &Origin{Log: quiet()}
		ended := make(chan error)
		ctx, cancel := contextWithCancel()
		go func() { ended <- o.Run(ctx) }()
		synctest.Wait()
		s := &script{timeline: o.Start("tea", Show{ID: "s"}).timeline, now: epoch}
		s.run("avc1.42c01f")
		s.segments(2)
		o.Start("coffee", Show{ID: "s"})
		o.End("tea")
		<-time.After(endedReadable - time.Second)
		if w := ask(ctx, o, "GET", "/hls/tea/live.m3u8"); w.Code != 200 || !strings.HasSuffix(w.Body.String(), "#EXT-X-ENDLIST\n") {
			t.Errorf("soon after the end: %d", w.Code)
		}
		<-time.After(2 * sweepEvery)
		if w := ask(ctx, o, "GET", "/hls/tea/live.m3u8"); w.Code != 404 {
			t.Errorf("long after the end: %d", w.Code)
		}
		if _, ok := o.Stream("coffee"); !ok {
			t.Error("a running show was forgotten")
		}
		cancel()
		if err := <-ended; err == nil {
			t.Error("no reason given")
		}
		if !o.closed {
			t.Error("still open")
		}
	})
}

// Viewers of every kind read while encoders come and go and pins are set: for the race detector, and every answer must
// be one that a viewer can live with.
func TestManyReaders(t *testing.T) {
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	ctx, cancel := contextWithCancel()
	defer cancel()
	var wg sync.WaitGroup
	var reads atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			msn, part := 0, 0
			for ctx.Err() == nil {
				target := "/hls/tea/live.m3u8"
				if i%2 == 0 {
					target += "?_HLS_msn=" + itoa(msn) + "&_HLS_part=" + itoa(part)
				}
				w := ask(ctx, o, "GET", target, "Accept-Encoding", []string{"", "gzip"}[i/2%2])
				reads.Add(1)
				switch {
				case w.Code == 400:
					msn, part = int(st.timeline.look(0).tail.msn), 0
				case w.Code != 200 && w.Code != 404:
					t.Errorf("%s: %d", target, w.Code)
				default:
					v := st.timeline.look(0)
					msn, part = int(v.tail.msn), len(v.tail.parts)
					for _, s := range v.segments {
						if g := ask(ctx, o, "GET", "/hls/tea/"+s.name); g.Code != 200 && g.Code != 404 {
							t.Errorf("%s: %d", s.name, g.Code)
						}
					}
				}
			}
		})
	}
	for i := range 4 {
		s := st.Publish()
		simple(t).play(t, s, epoch.Add(time.Duration(i)*10*time.Second))
		st.Mark(DateRange{ID: itoa(i), Start: st.MediaNow()})
		st.Mark(DateRange{ID: itoa(i), Start: st.MediaNow(), End: st.MediaNow()})
	}
	o.End("tea")
	cancel()
	wg.Wait()
	if reads.Load() == 0 {
		t.Error("nobody read")
	}
}
