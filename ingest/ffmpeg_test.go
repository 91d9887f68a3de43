package ingest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// ffmpeg is a real FFmpeg that encodes a test picture and publishes it.
type ffmpeg struct {
	*exec.Cmd
	says  bytes.Buffer
	start time.Time
}

// ffmpeg starts one for the house. It is killed at the end of the test, should
// it still run.
func (h *house) ffmpeg(key string, seconds string, more ...string) *ffmpeg {
	h.t.Helper()
	args := []string{"-hide_banner", "-nostdin", "-v", "warning", "-re",
		"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30",
		"-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", seconds,
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "30", "-c:a", "aac"}
	args = append(args, more...)
	args = append(args, "-f", "flv", h.scheme+"://"+h.address+"/live/"+key)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	f := &ffmpeg{Cmd: exec.CommandContext(ctx, "ffmpeg", args...), start: time.Now()}
	f.Stdout, f.Stderr = &f.says, &f.says
	if err := f.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		cancel()
		f.Wait()
	})
	return f
}

func TestFFmpegPublishes(t *testing.T) {
	h := open(t, nil)
	f := h.ffmpeg("key-of-tea?token=x", "4")
	h.state("tea on")
	select {
	case <-h.playable:
	case <-time.After(patience):
		t.Error("nothing playable")
	}
	eventually(t, "2 s of frames", func() bool { return h.frames("tea") > 60 })
	p, _ := h.Publisher("tea")
	if p.Video == nil || p.Video.Width != 160 || p.Video.Height != 90 || p.Audio == nil || !strings.HasPrefix(p.Encoder, "Lavf") {
		t.Errorf("%+v %+v %+v", p, p.Video, p.Audio)
	}
	eventually(t, "a round trip", func() bool { p, _ := h.Publisher("tea"); return p.RTT > 0 })
	if err := f.Wait(); err != nil {
		t.Errorf("%v: %s", err, &f.says)
	}
	h.state("tea off")
	if strings.Contains(h.logged.String(), "refused=1") {
		t.Error("the packager refused frames")
	}
}

func TestFFmpegIsRefused(t *testing.T) {
	h := open(t, nil)
	f := h.ffmpeg("wrong-key", "30")
	err := f.Wait()
	if took := time.Since(f.start); err == nil || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if says := f.says.String(); !strings.Contains(says, "Server error: This stream key is not known. Copy it again from the studio") {
		t.Errorf("ffmpeg says %s", says)
	}
}

// Past 0xFFFFFF ms the chunk headers carry extended timestamps.
func TestFFmpegWithLargeTimestamps(t *testing.T) {
	for _, offset := range []string{"20000", "16776"} {
		h := open(t, nil)
		f := h.ffmpeg("key-of-tea", "3", "-output_ts_offset", offset)
		h.state("tea on")
		if err := f.Wait(); err != nil {
			t.Errorf("offset %s: %v: %s", offset, err, &f.says)
		}
		h.state("tea off")
		if len(h.playable) == 0 {
			t.Errorf("offset %s: nothing was playable", offset)
		}
	}
}

func TestFFmpegComesBackAfterAKill(t *testing.T) {
	h := open(t, nil)
	f := h.ffmpeg("key-of-tea", "30")
	eventually(t, "frames", func() bool { return h.frames("tea") > 10 })
	if err := f.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	h.state("tea on")
	h.ffmpeg("key-of-tea", "30")
	h.state("tea off")
	h.state("tea on")
	eventually(t, "frames", func() bool { return h.frames("tea") > 10 })
}

func TestFFmpegTakesOver(t *testing.T) {
	h := open(t, nil)
	old := h.ffmpeg("key-of-tea", "30")
	eventually(t, "frames", func() bool { return h.frames("tea") > 10 })
	h.ffmpeg("key-of-tea", "30")
	if err := old.Wait(); err == nil {
		t.Error("the older one ended well")
	}
	if says := old.says.String(); !strings.Contains(says, "Another encoder has taken over") {
		t.Errorf("the older one says %s", says)
	}
	eventually(t, "frames", func() bool { return h.frames("tea") > 10 })
	h.state("tea on")
	h.state("tea on")
	if len(h.states) != 0 {
		t.Errorf("the channel went %q", <-h.states)
	}
}

// RTMPS is the same on a TLS listener.
func TestFFmpegOverTLS(t *testing.T) {
	certificate, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	h := openOn(t, nil, func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}})
	})
	h.scheme = "rtmps"
	f := h.ffmpeg("key-of-tea", "2")
	h.state("tea on")
	if err := f.Wait(); err != nil {
		t.Errorf("%v: %s", err, &f.says)
	}
	h.state("tea off")

	refused := h.ffmpeg("wrong-key", "30")
	if err := refused.Wait(); err == nil || !strings.Contains(refused.says.String(), "This stream key is not known.") {
		t.Errorf("%v: %s", err, &refused.says)
	}
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
