//go:build obs

package ingest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// These tests run OBS itself, on a screen in memory. They take a desktop's worth
// of packages and half a minute, so they only come with
//
//	make test-obs

// said collects what a program says while it runs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start runs a program until the end of the test.
func start(t testing.TB, env []string, name string, args ...string) *said {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, name, args...)
	says := new(said)
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), env...), says, says
	if err := c.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); c.Wait() })
	return says
}

// screen starts a display and returns its name.
func screen(t testing.TB) string {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "640x360x24", "-nolisten", "tcp")
	c.ExtraFiles = []*os.File{w}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	w.Close()
	b := make([]byte, 16)
	n, err := r.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(":%d", number)
}

// obsStudio starts OBS with a colour for a picture, publishing to the house.
func (h *house) obsStudio(key string) *said {
	h.t.Helper()
	home := h.t.TempDir()
	for name, content := range map[string]string{
		"global.ini": "[General]\nFirstRun=true\nEnableAutoUpdates=false\n[Basic]\nProfile=souk\nProfileDir=souk\nSceneCollection=souk\nSceneCollectionFile=souk\n" +
			"[BasicWindow]\nPreviewEnabled=false\nSysTrayEnabled=false\nWarnBeforeStartingStream=false\nWarnBeforeStoppingStream=false\n[OBSWebSocket]\nFirstLoad=false\nServerEnabled=false\n",
		"basic/profiles/souk/basic.ini": "[General]\nName=souk\n[Video]\nBaseCX=640\nBaseCY=360\nOutputCX=640\nOutputCY=360\nFPSCommon=30\n" +
			"[Output]\nMode=Simple\n[SimpleOutput]\nVBitrate=800\nABitrate=96\nStreamEncoder=x264\nPreset=ultrafast\nUseAdvanced=true\nx264Settings=keyint=60\n",
		"basic/profiles/souk/service.json": fmt.Sprintf(`{"type":"rtmp_custom","settings":{"server":"rtmp://%s/live","key":%q,"use_auth":false,"bwtest":false}}`, h.address, key),
		"basic/scenes/souk.json": `{"name":"souk","current_scene":"one","current_program_scene":"one","scene_order":[{"name":"one"}],"sources":[` +
			`{"id":"scene","name":"one","settings":{"items":[]}}]}`,
	} {
		path := filepath.Join(home, "obs-studio", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	return start(h.t, []string{"XDG_CONFIG_HOME=" + home, "HOME=" + home, "DISPLAY=" + screen(h.t), "LIBGL_ALWAYS_SOFTWARE=1", "PULSE_SERVER=none",
		"QT_QPA_PLATFORM=xcb", "https_proxy=http://127.0.0.1:9", "http_proxy=http://127.0.0.1:9"},
		"obs", "--startstreaming", "--minimize-to-tray", "--multi", "--profile", "souk", "--collection", "souk")
}

// long is how long OBS may take for what others do at once.
func long(t *testing.T, says *said, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); <-tick.C {
		if is() {
			return
		}
	}
	t.Fatalf("not in time: %s\n%s", what, says)
}

// OBS publishes, is thrown out, and comes back by itself with a clock that
// starts anew.
func TestOBSPublishes(t *testing.T) {
	h := open(t, nil)
	says := h.obsStudio("key-of-tea?token=abc")
	long(t, says, "a hundred frames", func() bool { return h.frames("tea") > 100 })
	p, _ := h.Publisher("tea")
	if p.Video.Width != 640 || p.Video.FPS < 25 || p.Video.KeyframeInterval != 2 || p.Audio == nil || !strings.Contains(p.Encoder, "obs") || p.Dropped != 0 {
		t.Errorf("%+v %+v %+v", p, p.Video, p.Audio)
	}
	if p.RTT <= 0 || len(p.Advice) > 0 {
		t.Errorf("a round trip of %v s, advice %q", p.RTT, p.Advice)
	}
	h.Kick("tea", "Your stream key was changed.")
	long(t, says, "another hundred frames", func() bool {
		n := h.Stats()
		return n.Published == 2 && h.frames("tea") > 100
	})
	if got := h.watch("tea"); !strings.Contains(got, "h264,640,360") {
		t.Errorf("a player finds %q", got)
	}
}

func TestOBSIsRefused(t *testing.T) {
	h := open(t, nil)
	says := h.obsStudio("wrong-key")
	long(t, says, "a refusal", func() bool { return h.Stats().WrongKeys == 1 })
	long(t, says, "OBS to notice", func() bool {
		return strings.Contains(says.String(), "BadName") && strings.Contains(says.String(), "This stream key is not known.")
	})
}

// Whoever is thrown out for good keeps trying, and costs next to nothing.
func TestOBSIsThrownOut(t *testing.T) {
	var out atomic.Bool
	h := open(t, func(s *Server) {
		s.Keys = keysFunc(func(ctx context.Context, key string) (string, error) {
			if out.Load() {
				return "", ErrUnknownKey
			}
			return keys{}.ChannelForKey(ctx, key)
		})
	})
	says := h.obsStudio("key-of-tea")
	long(t, says, "frames", func() bool { return h.frames("tea") > 30 })
	out.Store(true)
	start := time.Now()
	h.Kick("tea", "The channel was closed.")
	long(t, says, "the end", func() bool { _, on := h.Publisher("tea"); return !on })
	if took := time.Since(start); took > time.Second {
		t.Errorf("cut after %v", took)
	}
	before := cpu(t)
	long(t, says, "three refusals", func() bool { return h.Stats().WrongKeys >= 3 })
	if used := cpu(t) - before; used > 500*time.Millisecond {
		t.Errorf("%v of processor time for three refusals", used)
	}
}
