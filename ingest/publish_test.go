package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"souk/ingest/amf"
	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

func TestPublish(t *testing.T) {
	h := open(t, nil)
	s := h.steadily()
	h.state("steady on")
	select {
	case channel := <-h.playable:
		if channel != "steady" {
			t.Errorf("%q is playable", channel)
		}
	case <-time.After(patience):
		t.Fatal("nothing playable")
	}
	eventually(t, "bit rates", func() bool {
		p, _ := h.Publisher("steady")
		return p.Video != nil && p.Video.Bitrate > 0 && p.Audio != nil && p.Audio.Bitrate > 0 && p.Video.KeyframeInterval > 0
	})
	p, ok := h.Publisher("steady")
	if v := *p.Video; !ok || !p.Connected || v.Codec != "h264" || v.Width != 64 || v.Height != 36 || v.FPS != 25 || v.KeyframeInterval != 1 {
		t.Errorf("video %+v of %+v", v, p)
	}
	if a := *p.Audio; a.Codec != "aac" || a.SampleRate != 48000 || a.Channels != 1 {
		t.Errorf("audio %+v", a)
	}
	if len(p.Advice) != 0 {
		t.Errorf("advice %q", p.Advice)
	}
	s.finish()
	h.stop()
	h.state("steady off")
}

// The studio reads these names.
func TestPublisherJSON(t *testing.T) {
	p := Publisher{
		Connected: true, Remote: "192.0.2.1:50000", Encoder: "obs",
		Since:  Time{time.Date(2026, 11, 20, 19, 0, 0, 120e6, time.FixedZone("", 3600))},
		Video:  &Video{Codec: "h264", Width: 1280, Height: 720, FPS: 29.97, Bitrate: 2_500_000, KeyframeInterval: 2},
		Audio:  &Audio{"aac", 48000, 2, 128_000},
		Advice: []string{"Do."},
	}
	const want = `{"connected":true,"since":"2026-11-20T18:00:00.120Z","remote":"192.0.2.1:50000","encoder":"obs",` +
		`"video":{"codec":"h264","width":1280,"height":720,"fps":29.97,"bitrate":2500000,"keyframe_interval":2},` +
		`"audio":{"codec":"aac","sample_rate":48000,"channels":2,"bitrate":128000},"advice":["Do."]}`
	if got, err := json.Marshal(p); string(got) != want || err != nil {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	off, ok := new(Server).Publisher("tea")
	if got, _ := json.Marshal(off); ok || string(got) != `{"connected":false,"advice":[]}` {
		t.Errorf("off: %s, %v", got, ok)
	}
}

func TestRefusedPublish(t *testing.T) {
	broken := errors.New(`look-up of "key-of-tea" failed`)
	for _, tc := range []struct {
		what, app, name string
		change          func(*Server)
		want            string
	}{
		{"wrong key", "live", "wrong-key", nil, "This stream key is not known."},
		{"wrong key with a query", "live", "wrong-key?key-of-tea", nil, "This stream key is not known."},
		{"long key", "live", strings.Repeat("key-of-tea", 100), nil, "This stream key is not known."},
		{"no key", "live", "", nil, "There is no stream key."},
		{"only a query", "live", "?a=b", nil, "There is no stream key."},
		{"wrong app", "vod", "key-of-tea", nil, `must end in "/live"`},
		{"no app", "", "key-of-tea", nil, `must end in "/live"`},
		{"keys fail", "live", "key-of-tea", func(s *Server) {
			s.Keys = keysFunc(func(context.Context, string) (string, error) { return "", broken })
		}, "cannot be checked just now"},
		{"not now", "live", "key-of-tea", func(s *Server) {
			s.OnState = func(context.Context, string, bool) error { return errors.New("The shop is closed.") }
		}, "The shop is closed."},
		{"no stream", "live", "key-of-tea", func(s *Server) {
			s.OnState = func(context.Context, string, bool) error { return nil }
		}, "The channel is not ready."},
	} {
		t.Run(tc.what, func(t *testing.T) {
			h := open(t, tc.change)
			c := rtmptest.Dial(t, h.address)
			c.Send(rtmptest.Connect(tc.app), rtmptest.CreateStream(), rtmptest.Publish(tc.name))
			code, text, err := c.Status()
			if code != badName || !strings.Contains(text, tc.want) {
				t.Errorf("%s %q %v", code, text, err)
			}
			if err := c.Closed(); err != nil {
				t.Errorf("closed by %v", err)
			}
			if _, on := h.Publisher("tea"); on {
				t.Error("on air all the same")
			}
		})
	}
}

type keysFunc func(context.Context, string) (string, error)

func (f keysFunc) ChannelForKey(ctx context.Context, key string) (string, error) { return f(ctx, key) }

func TestStreamKey(t *testing.T) {
	for _, tc := range []struct{ app, name, first, key string }{
		{"live", "k", "live", "k"},
		{"live", "k?token=abc&x=1", "live", "k"},
		{"live/", "k", "live", "k"},
		{"live?x=1", "k", "live", "k"},
		{"live/k", "", "live", "k"},
		{"live/k?x=1", "?y=2", "live", "k"},
		{"live", "", "live", ""},
		{"", "", "", ""},
	} {
		if first, key := streamKey(tc.app, tc.name); first != tc.first || key != tc.key {
			t.Errorf("%q %q: %q %q", tc.app, tc.name, first, key)
		}
	}
}

// GStreamer has habits of its own: chunks of 128 bytes throughout, transaction
// 0, no wait between commands, and metadata again and again.
func TestPublishLikeGStreamer(t *testing.T) {
	h := open(t, nil)
	c := rtmptest.Dial(t, h.address)
	c.Send(rtmptest.Message{ChunkStream: 2, Kind: rtmptest.WindowSize, Body: []byte{0, 0x26, 0x25, 0xa0}}.Bytes(),
		rtmptest.Connect("live"),
		rtmptest.Invoke(0, "releaseStream", 0, nil, "key-of-tea"),
		rtmptest.Invoke(0, "FCPublish", 0, nil, "key-of-tea"),
		rtmptest.CreateStream(),
		rtmptest.Invoke(1, "publish", 0, nil, "key-of-tea?x=y", "live"))
	if code, text, err := c.Status(); code != "NetStream.Publish.Start" {
		t.Fatal(code, text, err)
	}
	meta := rtmptest.Message{ChunkStream: 4, Kind: rtmptest.Data, Stream: 1,
		Body: amf.Append(nil, "@setDataFrame", "onMetaData", amf.Object{{Name: "encoder", Value: "GStreamer"}})}
	tags, err := flv.Tags(tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	video := 0
	for _, tag := range tags {
		c.Send(meta.Bytes(), messageOf(tag).Bytes())
		if tag.Kind == flv.KindVideo {
			video += frames(tag)
		}
	}
	eventually(t, "all frames", func() bool { return h.frames("tea") == video })
	if p, _ := h.Publisher("tea"); p.Encoder != "GStreamer" {
		t.Errorf("encoder %q", p.Encoder)
	}
}

// frames is how many frames a video tag carries.
func frames(tag flv.Tag) (n int) {
	packets, _ := flv.AppendVideo(nil, tag.Body)
	for _, p := range packets {
		if p.Type == flv.Frame {
			n++
		}
	}
	return n
}

func TestPlayIsRefused(t *testing.T) {
	h := open(t, nil)
	c := rtmptest.Dial(t, h.address)
	c.Send(rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Invoke(1, "play", 5, nil, "key-of-tea"))
	if code, text, err := c.Status(); code != playFailed || !strings.Contains(text, "Watch") {
		t.Errorf("%s %q %v", code, text, err)
	}
	if err := c.Closed(); err != nil {
		t.Error(err)
	}
}

func TestSecondPublishOnAConnection(t *testing.T) {
	for what, again := range map[string][]byte{
		"same stream":    rtmptest.Publish("key-of-tea"),
		"another stream": rtmptest.Join(rtmptest.CreateStream(), rtmptest.Invoke(2, "publish", 7, nil, "key-of-coffee", "live")),
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, nil)
			c := rtmptest.Dial(t, h.address)
			c.Publish("key-of-tea")
			c.Send(again)
			if code, text, err := c.Status(); code != badName || text != alreadyPublishing {
				t.Errorf("%s %q %v", code, text, err)
			}
			if err := c.Closed(); err != nil {
				t.Error(err)
			}
			h.state("tea on")
			h.state("tea off")
		})
	}
}

func TestStopFreesTheChannel(t *testing.T) {
	for what, stop := range map[string]func(*rtmptest.Client){
		"deleteStream": func(c *rtmptest.Client) { c.Send(rtmptest.Invoke(0, "deleteStream", 7, nil, 1.0)) },
		"deleteStream on its stream, media behind": func(c *rtmptest.Client) {
			c.Send(rtmptest.Invoke(1, "deleteStream", 7, nil, 1.0), rtmptest.Message{Kind: rtmptest.Audio, Stream: 1, Body: []byte{0xaf, 1, 2}}.Bytes())
		},
		"closeStream": func(c *rtmptest.Client) { c.Send(rtmptest.Invoke(1, "closeStream", 0, nil)) },
		"hanging up":  func(c *rtmptest.Client) { c.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, nil)
			c := rtmptest.Dial(t, h.address)
			c.Publish("key-of-tea")
			h.state("tea on")
			stop(c)
			h.state("tea off")
			if _, on := h.Publisher("tea"); on {
				t.Error("still there")
			}
			if n := h.Stats().Publishers; n != 0 {
				t.Errorf("%d publishers", n)
			}
			c.Close()
		})
	}
}

// The same media in the Enhanced RTMP form.
func TestEnhancedTags(t *testing.T) {
	h := open(t, nil)
	c := rtmptest.Dial(t, h.address)
	c.Publish("key-of-tea")
	tags, err := flv.Tags(tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	video := 0
	for _, tag := range tags {
		m := messageOf(tag)
		switch tag.Kind {
		case flv.KindVideo: // codec id, packet type, offset, data
			if tag.Body[1] == 2 {
				continue
			}
			m.Body = append([]byte{0x80 | tag.Body[0]&0x70 | tag.Body[1]}, "avc1"...)
			if tag.Body[1] == 0 {
				m.Body = append(m.Body, tag.Body[5:]...)
			} else {
				m.Body = append(m.Body, tag.Body[2:]...)
				video++
			}
		case flv.KindAudio:
			m.Body = append(append([]byte{0x90 | tag.Body[1]}, "mp4a"...), tag.Body[2:]...)
		default:
			continue
		}
		c.Send(m.Bytes())
	}
	eventually(t, "all frames", func() bool { return h.frames("tea") == video })
	p, _ := h.Publisher("tea")
	if p.Video == nil || p.Video.Width != 64 || p.Audio == nil || p.Audio.SampleRate != 48000 {
		t.Errorf("%+v %+v", p.Video, p.Audio)
	}
	select {
	case <-h.playable:
	case <-time.After(patience):
		t.Error("nothing playable")
	}
}

func TestEndOfTheShowEndsThePublisher(t *testing.T) {
	h := open(t, nil)
	c := rtmptest.Dial(t, h.address)
	c.Publish("key-of-tea")
	h.Origin.End("tea")
	r, _ := newReel(tiny(t))
	for _, tag := range append(r.headers, r.video.frames...) {
		if c.Try(messageOf(tag).Bytes()) != nil {
			break
		}
	}
	if code, text, err := c.Status(); code != denied || text != "The show has ended." {
		t.Errorf("%s %q %v", code, text, err)
	}
	h.state("tea on")
	h.state("tea off")
}

func TestPanicEndsOneConnection(t *testing.T) {
	h := open(t, func(s *Server) {
		s.Keys = keysFunc(func(ctx context.Context, key string) (string, error) {
			if key == "key-of-trouble" {
				panic("trouble")
			}
			return keys{}.ChannelForKey(ctx, key)
		})
	})
	s := h.steadily()
	c := rtmptest.Dial(t, h.address)
	c.Send(rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Publish("key-of-trouble"))
	c.Closed()
	s.finish()
	if n := h.Stats().Panics; n != 1 {
		t.Errorf("%d panics", n)
	}
	if log := h.logged.String(); strings.Count(log, "panic in a session") != 1 || !strings.Contains(log, "publish_test.go") {
		t.Error("the panic was not logged once, with its stack")
	}
}

func TestServeWaitsForItsPublishers(t *testing.T) {
	h := open(t, nil)
	clients := make([]*rtmptest.Client, 3)
	for i, channel := range []string{"tea", "coffee", "cups"} {
		clients[i] = rtmptest.Dial(t, h.address)
		clients[i].Publish("key-of-" + channel)
		h.state(channel + " on")
	}
	h.stop()
	err := <-h.served
	h.served <- err
	if len(h.states) != 3 {
		t.Errorf("%d of 3 channels are off", len(h.states))
	}
	for _, c := range clients {
		if err := c.Closed(); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a connection stayed open")
		}
	}
}
