package hls

import (
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// Viewers are people: players by address and program, however often they ask, and never the pages of the server, which
// their rooms count.
func TestAudience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAudience()
		come := func(address, agent string, header ...string) {
			r := httptest.NewRequest("GET", "http://shop.example/hls/tea/live.m3u8", nil)
			r.RemoteAddr = address
			r.Header.Set("User-Agent", agent)
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			a.see(r)
		}
		for _, tt := range []struct {
			what  string
			come  func()
			count int
		}{
			{"nobody", func() {}, 0},
			{"VLC, twice, over two connections", func() { come("192.0.2.1:1000", "VLC"); come("192.0.2.1:1001", "VLC") }, 1},
			{"another program beside it", func() { come("192.0.2.1:1002", "Kodi") }, 2},
			{"the same elsewhere", func() { come("[2001:db8::1]:1", "VLC") }, 3},
			{"a page of ours", func() { come("192.0.2.2:1", "Chromium", "Sec-Fetch-Site", "same-origin") }, 3},
			{"one in a browser that sends no such header", func() { come("192.0.2.2:1", "Old", "Referer", "http://shop.example/live/tea") }, 3},
			{"a page of somebody else", func() { come("192.0.2.2:1", "Chromium", "Sec-Fetch-Site", "cross-site") }, 4},
			{"likewise", func() { come("192.0.2.3:1", "Old", "Referer", "http://other.example/live/tea") }, 5},
			{"typed into a browser", func() { come("192.0.2.4:1", "Chromium", "Sec-Fetch-Site", "none") }, 6},
			{"an address that cannot be read", func() { come("@", "VLC") }, 7},
		} {
			tt.come()
			if n := a.count(time.Now()); n != tt.count {
				t.Errorf("%s: %d viewers, want %d", tt.what, n, tt.count)
			}
		}
		time.Sleep(audienceSpan - time.Second)
		come("192.0.2.1:1000", "VLC")
		time.Sleep(2 * time.Second)
		if n := a.count(time.Now()); n != 1 {
			t.Errorf("%d viewers after all but one have left", n)
		}
		for i := range 3 * maxAudience {
			come("192.0.2.1:1000", strconv.Itoa(i))
		}
		if n := a.count(time.Now()); n > maxAudience || n < maxAudience/2 {
			t.Errorf("%d viewers with a limit of %d", n, maxAudience)
		}
	})
}

func TestPlayersAreCounted(t *testing.T) {
	o, s := onAir(t)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(2)
	st, _ := o.Stream("tea")
	for range 3 {
		get(t, o, "index.m3u8")
		get(t, o, "live.m3u8")
		get(t, o, s.playlistFile(t))
	}
	if n := st.Viewers(); n != 1 {
		t.Errorf("%d viewers, want 1", n)
	}
}

// playlistFile is the newest segment's name.
func (s *script) playlistFile(t *testing.T) string {
	v := s.look(0)
	return v.segments[len(v.segments)-1].name
}
