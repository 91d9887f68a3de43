package ingest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
		p := &publisher{channel: "tea", health: newHealth("192.0.2.1:1", start, Policy{})}
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

func TestWatchSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{OnHealth: func(string, Publisher) { panic("trouble") }}
		p := &publisher{channel: "tea", health: newHealth("192.0.2.1:1", time.Now(), Policy{})}
		end := s.startWatch(p)
		<-time.After(time.Minute)
		end()
		if n := s.Stats().Panics; n != 1 {
			t.Errorf("%d panics", n)
		}
	})
}
