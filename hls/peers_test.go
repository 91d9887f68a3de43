package hls

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// neighbours are a node that shows what the script does, and one without a publisher that knows of it.
type neighbours struct {
	*script
	wire  *wire
	peers *Peers
	where atomic.Value // string, or an error
	asked atomic.Int64
}

func newNeighbours(t *testing.T) *neighbours {
	t.Helper()
	o, s := onAir(t)
	n := &neighbours{script: s, wire: &wire{}}
	archive := func() *Archive {
		a, err := OpenArchive(filepath.Join(t.TempDir(), "recordings"))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	there := &Peers{Origin: o, Archive: archive(), Log: quiet(), Where: func(context.Context, string) (string, error) {
		t.Error("the node that was asked by another one looked further")
		return "", nil
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("/hls/{channel}/{file...}", there.Serve)
	n.wire.connect(mux)
	n.where.Store("http://there")
	n.peers = &Peers{
		Origin: &Origin{Log: quiet()}, Archive: archive(), Transport: n.wire, Log: quiet(),
		Where: func(context.Context, string) (string, error) {
			n.asked.Add(1)
			if at := n.where.Load().(string); at != "?" {
				return at, nil
			}
			return "", errors.New("nobody says")
		},
		Others: func() []string { return []string{"http://there"} },
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.peers.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return n
}

func (n *neighbours) get(file string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/hls/tea/"+file, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.SetPathValue("channel", "tea")
	r.SetPathValue("file", file)
	w := httptest.NewRecorder()
	n.peers.Serve(w, r)
	return w
}

func peersBubble(t *testing.T, name string, f func(t *testing.T, n *neighbours)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNeighbours(t)
			n.run("avc1.42c01f", "mp4a.40.2")
			n.segments(9)
			n.part(2, false)
			f(t, n)
		})
	})
}

func TestPeers(t *testing.T) {
	peersBubble(t, "another node's show", func(t *testing.T, n *neighbours) {
		for range 5 {
			if w := n.get("live.m3u8"); w.Code != 200 || len(mediaURI.FindAllString(w.Body.String(), -1)) < 4 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		if n.asked.Load() != 1 {
			t.Errorf("asked %d times where the publisher is", n.asked.Load())
		}
		uri := mediaURI.FindString(n.get("live.m3u8").Body.String())
		if w := n.get(uri); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: %d", uri, w.Code)
		}
		if n.peers.Viewers("tea") != 1 {
			t.Errorf("%d viewers through this node", n.peers.Viewers("tea"))
		}
	})
	peersBubble(t, "asked by another node", func(t *testing.T, n *neighbours) {
		if w := n.get("live.m3u8", "Via", "1.1 "+peerAgent+"-0123"); w.Code != 404 || n.wire.requests.Load() > 0 {
			t.Errorf("%d, %d requests", w.Code, n.wire.requests.Load())
		}
	})
	peersBubble(t, "nobody says where", func(t *testing.T, n *neighbours) {
		n.get("live.m3u8")
		n.where.Store("?")
		time.Sleep(2 * peerFresh)
		if w := n.get("live.m3u8"); w.Code != 200 {
			t.Errorf("what was known is forgotten: %d", w.Code)
		}
		n.where.Store("")
		time.Sleep(2 * peerFresh)
		n.get("live.m3u8")
		if w := n.get("live.m3u8"); w.Code != 404 || w.Body.String() != "no_such_stream\n" {
			t.Errorf("of a channel that nobody has: %d %s", w.Code, w.Body)
		}
	})
	peersBubble(t, "a replay that nobody has", func(t *testing.T, n *neighbours) {
		for range 3 {
			if at := n.peers.Holder(t.Context(), "s1"); at != "" {
				t.Errorf("%q has it", at)
			}
		}
		if n.wire.requests.Load() != 1 {
			t.Errorf("%d requests for one replay", n.wire.requests.Load())
		}
	})
	peersBubble(t, "the publisher comes here", func(t *testing.T, n *neighbours) {
		n.get("live.m3u8")
		n.peers.Origin.Start("tea", Show{ID: "s2", StartedAt: time.Now()}).Publish()
		if at := n.peers.Of(t.Context(), "tea"); at != "" {
			t.Errorf("still asks %s", at)
		}
	})
}

// Names that somebody makes up cost a bounded amount of memory.
func TestDirectoryIsBounded(t *testing.T) {
	var d directory
	for i := range 3 * peerKnown {
		d.find(t.Context(), time.Duration(i).String(), func(context.Context) (string, time.Duration, error) { return "", time.Hour, nil })
	}
	if len(d.known) > peerKnown {
		t.Errorf("%d names", len(d.known))
	}
}
