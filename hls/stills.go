package hls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	stillEvery   = 5 * time.Second  // a new picture of a channel, at most
	stillRetry   = 60 * time.Second // after one that failed
	stillTimeout = 5 * time.Second  // for one picture
	stillRest    = 3                // times as long as a picture took is nothing done: a quarter of a processor at most
	stillSide    = 640              // pixels, the longer side
	stillBytes   = 512 << 10        // more is no picture of that size
	stillNice    = 15               // pictures are less urgent than everything else
	stillLook    = time.Second      // how often it is looked who needs one

	stillMaxAge     = stillEvery // while the show runs
	stillKeptMaxAge = time.Minute
)

var (
	cacheStill     = []string{"public, max-age=" + seconds(stillMaxAge)}
	cacheStillKept = []string{"public, max-age=" + seconds(stillKeptMaxAge)}
	noPicture      = &refusal{http.StatusNotFound, "no_picture"}
)

// Stills keeps a recent picture of every channel that is on air, one file each, and the last one of a show after its
// end. A picture is decoded by ffmpeg out of the newest independent part: one process at a time, for a bounded time, at
// low priority, without our environment. The file is all the state there is.
type Stills struct {
	// configuration
	Origin *Origin
	Dir    string // made if need be
	FFmpeg string // path of the program; empty: no pictures are taken
	Log    *slog.Logger

	due map[string]time.Time // by channel; of Run's goroutine
}

// Run takes pictures until ctx ends.
func (s *Stills) Run(ctx context.Context) error {
	if s.FFmpeg == "" {
		s.Log.Info("no ffmpeg here: channels have no pictures")
		<-ctx.Done()
		return ctx.Err()
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("hls: folder of pictures: %w", err)
	}
	s.due = map[string]time.Time{}
	tick := time.NewTicker(stillLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		for channel, st := range s.Origin.all() {
			if st.session.Load() == nil || time.Now().Before(s.due[channel]) {
				continue
			}
			took, err := s.take(ctx, channel, st)
			s.due[channel] = time.Now().Add(stillEvery)
			if err != nil && ctx.Err() == nil {
				s.due[channel] = time.Now().Add(stillRetry)
				st.log.Warn("no picture", "err", err)
			}
			if !sleep(ctx, stillRest*took) {
				return ctx.Err()
			}
		}
	}
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// take makes a picture of what is shown now, if there is any to be seen.
func (s *Stills) take(ctx context.Context, channel string, st *Stream) (took time.Duration, err error) {
	media := st.keyPicture()
	if media == nil {
		return 0, nil
	}
	start := time.Now()
	jpeg, err := s.decode(ctx, media)
	if err == nil {
		err = s.keep(channel, jpeg)
	}
	return time.Since(start), err
}

// keyPicture is media that begins with the newest key frame, nil for a show that has none.
func (st *Stream) keyPicture() io.Reader {
	v := st.timeline.look(0)
	msn, k, ok := v.newest()
	if !ok {
		return nil
	}
	h, parts, _ := v.partsOf(msn)
	if !h.video {
		return nil
	}
	return io.MultiReader(bytes.NewReader(h.chunks[0]), bytes.NewReader(parts[k].chunks[0]))
}

func (s *Stills) decode(ctx context.Context, media io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, stillTimeout)
	defer cancel()
	side := strconv.Itoa(stillSide)
	cmd := exec.CommandContext(ctx, s.FFmpeg, "-v", "error", "-nostdin", "-threads", "1", "-protocol_whitelist", "pipe", "-f", "mp4", "-i", "pipe:0",
		"-an", "-frames:v", "1", "-vf", "scale='min("+side+",iw)':'min("+side+",ih)':force_original_aspect_ratio=decrease:force_divisible_by=2",
		"-pix_fmt", "yuvj420p", "-q:v", "6", "-f", "mjpeg", "pipe:1")
	out, complaint := bounded{full: cancel}, bounded{full: cancel}
	cmd.Env = []string{} // ours has secrets
	cmd.Stdin, cmd.Stdout, cmd.Stderr = media, &out, &complaint
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	yieldTo(cmd.Process.Pid, stillNice)
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %.200q", err, complaint.held)
	}
	if len(out.held) == 0 {
		return nil, errors.New("ffmpeg gave no picture")
	}
	return out.held, nil
}

// bounded holds what is written and gives up before that gets larger than a picture can be.
type bounded struct {
	held []byte
	full func()
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.held)+len(p) > stillBytes {
		b.full()
		return 0, errors.New("hls: picture too large")
	}
	b.held = append(b.held, p...)
	return len(p), nil
}

// keep replaces the channel's picture at once and whole.
func (s *Stills) keep(channel string, jpeg []byte) error {
	dir, err := os.OpenRoot(s.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	fresh := channel + ".new"
	if err := dir.WriteFile(fresh, jpeg, 0o600); err != nil {
		return err
	}
	return dir.Rename(fresh, channel+".jpg")
}

// open returns the channel's picture. While a show runs only pictures of it will do.
func (s *Stills) open(channel string) (f *os.File, info fs.FileInfo, live bool, err error) {
	dir, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, nil, false, err
	}
	defer dir.Close()
	if f, err = dir.Open(channel + ".jpg"); err != nil {
		return nil, nil, false, err
	}
	if info, err = f.Stat(); err == nil {
		st, ok := s.Origin.Stream(channel)
		if live = ok && st.endedAt.Load() == 0; live && info.ModTime().Before(st.show.StartedAt) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		f.Close()
		return nil, nil, false, err
	}
	return f, info, live, nil
}

// Path is where the channel's picture can be had, as Serve is mounted under /thumb/: another one for every picture, and
// empty where there is none.
func (s *Stills) Path(channel string) string {
	f, info, _, err := s.open(channel)
	if err != nil {
		return ""
	}
	defer f.Close()
	return "/thumb/" + channel + ".jpg?" + strconv.FormatInt(info.ModTime().UnixMilli(), 36)
}

// Size is that of the channel's picture in pixels, zero where there is none.
func (s *Stills) Size(channel string) (width, height int) {
	f, _, _, err := s.open(channel)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	c, err := jpeg.DecodeConfig(f)
	if err != nil {
		return 0, 0
	}
	return c.Width, c.Height
}

// Serve answers for the path value file, CHANNEL.jpg. A channel that has no picture is 404.
func (s *Stills) Serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Access-Control-Allow-Origin"] = anyOrigin
	channel, ok := strings.CutSuffix(r.PathValue("file"), ".jpg")
	if !ok {
		noFile.write(w)
		return
	}
	f, info, live, err := s.open(channel)
	if err != nil {
		noPicture.write(w)
		return
	}
	defer f.Close()
	h["Cache-Control"] = cacheStillKept
	if live {
		h["Cache-Control"] = cacheStill
	}
	h.Set("Content-Type", "image/jpeg")
	h.Set("Etag", `"`+strconv.FormatInt(info.ModTime().UnixNano(), 36)+`"`)
	http.ServeContent(w, r, "", info.ModTime(), f)
}
