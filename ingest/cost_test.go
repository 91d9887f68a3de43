package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/yutopp/go-rtmp"

	"souk/hls"
	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

// counted is a session whose frames are owned, taken apart and dropped instead
// of packaged.
type counted struct {
	*session
	packets  []flv.Packet
	messages int
	bytes    int
	closed   chan struct{}
}

func (c *counted) OnVideo(uint32, io.Reader) (err error) {
	body := c.Body()
	c.packets, err = flv.AppendVideo(c.packets[:0], body)
	return c.take(body, err)
}

func (c *counted) OnAudio(uint32, io.Reader) (err error) {
	body := c.Body()
	c.packets, err = flv.AppendAudio(c.packets[:0], body)
	return c.take(body, err)
}

func (c *counted) take(body []byte, err error) error {
	c.messages++
	c.bytes += len(body)
	for _, p := range c.packets {
		if p.Type == flv.Frame && p.Codec == flv.H264 {
			flv.Sets{LengthSize: 4}.Units(p.Data)
		}
	}
	return err
}

func (c *counted) OnClose() {
	c.session.OnClose()
	close(c.closed)
}

// count serves one connection, which push makes, with a counted session.
// What it costs is all that the process does meanwhile.
func count(t testing.TB, ln net.Listener, push func()) (c *counted, used time.Duration, allocations uint64) {
	t.Helper()
	origin := new(hls.Origin)
	defer origin.Close()
	origin.Start("tea", hls.Show{ID: "show", StartedAt: time.Now()})
	s := &Server{Keys: keys{}, Origin: origin}
	c = &counted{closed: make(chan struct{})}
	library := rtmp.NewServer(&rtmp.ServerConfig{OnConnect: func(conn net.Conn) (io.ReadWriteCloser, *rtmp.ConnConfig) {
		c.session = s.newSession(context.Background(), conn, conn.RemoteAddr(), func() {})
		rw, config := s.configure(c.session)
		config.Handler = c
		return rw, config
	}})
	go library.Serve(ln)
	defer library.Close()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpu(t)
	push()
	<-c.closed
	used = cpu(t) - start
	runtime.ReadMemStats(&after)
	return c, used, after.Mallocs - before.Mallocs
}

// cpu is what this process has used so far, without its children.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// twelveMegabits is a file of so many seconds at 12 Mbit/s.
func twelveMegabits(b *testing.B, seconds int) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "film.flv")
	film := exec.CommandContext(b.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=40:allf=t",
		"-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", strconv.Itoa(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "12M", "-maxrate", "12M",
		"-bufsize", "12M", "-g", "60", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", file)
	if says, err := film.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, says)
	}
	return file
}

// BenchmarkFFmpegFlatOut has a real FFmpeg push 12 Mbit/s as fast as they are
// taken, through guard, library and tag parser, up to the owned frame. Reported
// are processor seconds of this side per GB, and allocations per message. Most
// of it is the garbage collector where there is next to no other memory, as in
// this test; a server that holds the windows of some streams collects less
// often.
func BenchmarkFFmpegFlatOut(b *testing.B) {
	file := twelveMegabits(b, 20)
	for _, held := range []int{0, 64} {
		b.Run(fmt.Sprintf("held=%dMB", held), func(b *testing.B) {
			windows := make([]byte, held<<20)
			fromFFmpeg(b, "-stream_loop", "9", "-i", file)
			runtime.KeepAlive(windows)
		})
	}
}

// BenchmarkFFmpegLive is the same in real time, as one publisher is: also
// reported is the share of one processor.
func BenchmarkFFmpegLive(b *testing.B) {
	fromFFmpeg(b, "-re", "-i", twelveMegabits(b, 30))
}

// fromFFmpeg pushes what the arguments name, once per round.
func fromFFmpeg(b *testing.B, input ...string) {
	args := append([]string{"-v", "error", "-nostdin"}, input...)
	var used time.Duration
	var bytes, messages, allocations float64
	for b.Loop() {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		c, u, a := count(b, ln, func() {
			push := exec.CommandContext(b.Context(), "ffmpeg", append(args,
				"-c", "copy", "-f", "flv", "rtmp://"+ln.Addr().String()+"/live/key-of-tea")...)
			if says, err := push.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, says)
			}
		})
		used += u
		bytes, messages, allocations = bytes+float64(c.bytes), messages+float64(c.messages), allocations+float64(a)
	}
	b.ReportMetric(used.Seconds()/(bytes/1e9), "cpu-s/GB")
	b.ReportMetric(100*used.Seconds()/b.Elapsed().Seconds(), "%cpu")
	b.ReportMetric(allocations/messages, "allocs/message")
	b.ReportMetric(messages/float64(b.N), "messages")
}

// The way of a message from the socket to the owned frame takes five
// allocations at most, whatever the size of the chunks.
func TestAllocationsPerMessage(t *testing.T) {
	const rounds, allowed = 60, 5
	avc, aac := video(t, "160x90", asH264), audio(t, asAAC)
	tags := rtmptest.Interleave(avc.Legacy(7), aac.Legacy(0xaf))
	for _, size := range []int{128, 4096, 65536} {
		round := []byte{}
		for _, tag := range tags {
			m := messageOf(tag)
			m.ChunkSize = size
			round = append(round, m.Bytes()...)
		}
		in := rtmptest.Join(rtmptest.Handshake(), rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Publish("key-of-tea"),
			rtmptest.ChunkSizeOf(uint32(size)), bytes.Repeat(round, rounds))
		ln := newMemory()
		c, _, allocations := count(t, ln, func() {
			ln.dialed <- &tape{Reader: bytes.NewReader(in), done: make(chan struct{})}
		})
		if c.messages != rounds*len(tags) {
			t.Fatalf("chunks of %d: %d messages of %d", size, c.messages, rounds*len(tags))
		}
		each := float64(allocations) / float64(c.messages)
		t.Logf("chunks of %d: %.2f allocations a message", size, each)
		if each > allowed {
			t.Errorf("chunks of %d: %.2f allocations a message", size, each)
		}
	}
}
