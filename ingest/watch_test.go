package ingest

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk/hls"
	"souk/ingest/rtmptest"
)

// unseated is a publisher without a connection.
func unseated(t *testing.T) *publisher {
	origin := new(hls.Origin)
	t.Cleanup(origin.Close)
	media := origin.Start("tea", hls.Show{ID: "show"}).Publish()
	return &publisher{channel: "tea", media: media, health: newHealth("192.0.2.1:1", time.Now(), Policy{})}
}

// The host hears of a fault when it begins, when it ends, and not in between,
// though the sentence changes every second.
func TestWatchTellsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type told struct {
			at     time.Duration
			advice string
		}
		var all []told
		start := time.Now()
		s := &Server{OnHealth: func(channel string, p Publisher) {
			if channel != "tea" {
				t.Errorf("channel %q", channel)
			}
			all = append(all, told{time.Since(start), strings.Join(p.Advice, " ")})
		}}
		p := unseated(t)
		end := s.startWatch(p)
		frames := func(seconds int) {
			for range seconds * 25 {
				<-time.After(40 * time.Millisecond)
				now := time.Now()
				p.health.frame(&p.health.videos[0].track, now, now.Sub(start), 1000, now.Sub(start)%time.Second == 0)
				p.health.frame(&p.health.sound.track, now, now.Sub(start), 100, false)
			}
		}
		frames(10)
		<-time.After(20 * time.Second)
		frames(10)
		end()
		<-time.After(time.Minute)
		if len(all) != 2 || all[0].at != 14*time.Second || !strings.Contains(all[0].advice, "No video for 4 s") ||
			all[1].at != 31*time.Second || all[1].advice != "" {
			t.Errorf("%+v", all)
		}
	})
}

// On a real server: an encoder with OBS's untouched settings, on a channel that
// is made for less.
func TestOnHealth(t *testing.T) {
	told := make(chan Publisher, 10)
	h := open(t, func(s *Server) {
		s.OnHealth = func(channel string, p Publisher) { told <- p }
		s.Policy = func(_ context.Context, channel string) Policy {
			if channel != "tea" {
				t.Errorf("the policy of %q", channel)
			}
			return Policy{MaxBitrate: 1000}
		}
	})
	film := video(t, "160x90", strings.Replace(plainH264, "-g 25", "-g 250", 1))
	h.send("tea", rtmptest.Interleave(film.Legacy(7), later(film.Legacy(7)[2:], 3000)))
	select {
	case p := <-told:
		if got := strings.Join(p.Advice, " "); !strings.Contains(got, "Keyframe interval is 6.0 s: set it to 2 s") {
			t.Errorf("advice %q", got)
		}
	case <-time.After(patience):
		t.Fatal("nothing was told")
	}
	all := h.Publishers()
	if p, ok := all["tea"]; !ok || len(all) != 1 || p.Video.Width != 160 {
		t.Errorf("%+v", all)
	}
}

func TestWatchSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{OnHealth: func(string, Publisher) { panic("trouble") }}
		end := s.startWatch(unseated(t))
		<-time.After(time.Minute)
		end()
		if n := s.Stats().Panics; n != 1 {
			t.Errorf("%d panics", n)
		}
	})
}
