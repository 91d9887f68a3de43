package hls

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shooting is a Stills that runs with a program.
func shooting(t *testing.T, o *Origin, program string) *Stills {
	t.Helper()
	s := &Stills{Origin: o, Dir: filepath.Join(t.TempDir(), "stills"), FFmpeg: program, Log: quiet()}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

func (s *Stills) get(t *testing.T, file string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", "/thumb/"+file, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.SetPathValue("file", file)
	w := httptest.NewRecorder()
	s.Serve(w, r)
	return w
}

func ffmpeg(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// script writes a program that stands in for ffmpeg where it misbehaves.
func program(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStills(t *testing.T) {
	o := &Origin{Log: quiet()}
	t.Cleanup(o.Close)
	s := shooting(t, o, ffmpeg(t))
	if w := s.get(t, "tea.jpg"); w.Code != 404 || w.Body.String() != "no_picture\n" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("before the first picture: %d %q %v", w.Code, w.Body, w.Header())
	}
	began := time.Now().Add(-time.Minute)
	st := o.Start("tea", Show{ID: "s", StartedAt: began})
	benchClip(t).play(t, st.Publish(), began)
	waitFor(t, "there is a picture", func() bool { return s.Path("tea") != "" })

	w := s.get(t, "tea.jpg")
	picture, err := jpeg.Decode(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size != image.Pt(640, 360) {
		t.Errorf("a picture of %v", size)
	}
	if h := w.Header(); h.Get("Content-Type") != "image/jpeg" || h.Get("Cache-Control") != "public, max-age=5" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", h)
	}
	tag := w.Header().Get("Etag")
	if w := s.get(t, "tea.jpg", "If-None-Match", tag); w.Code != 304 || tag == "" {
		t.Errorf("asked again with %s: %d", tag, w.Code)
	}
	for _, file := range []string{"tea", "tea.png", "coffee.jpg", "../stills/tea.jpg", "..%2ftea.jpg", ".jpg"} {
		if w := s.get(t, file); w.Code != 404 {
			t.Errorf("%s: %d", file, w.Code)
		}
	}

	// After the show its last picture stays, and does until the next one has its own.
	o.End("tea")
	if w := s.get(t, "tea.jpg"); w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("after the show: %d %v", w.Code, w.Header())
	}
	o.Start("tea", Show{ID: "next", StartedAt: time.Now().Add(time.Second)})
	if w := s.get(t, "tea.jpg"); w.Code != 404 || s.Path("tea") != "" {
		t.Errorf("the next show has the picture of the one before: %d", w.Code)
	}
}

func TestNoStills(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		program string
		clip    func(testing.TB) clip
		within  time.Duration
	}{
		"of sound":                       {ffmpeg(t), func(t testing.TB) clip { return simple(t).only(Audio) }, time.Second},
		"without ffmpeg":                 {"", simple, time.Second},
		"from a program that fails":      {program(t, "exit 1"), simple, time.Second},
		"from one that says nothing":     {program(t, "exec cat >/dev/null"), simple, time.Second},
		"from one that says too much":    {program(t, "exec cat /dev/zero"), simple, 2 * time.Second},
		"from one that is not there":     {filepath.Join(dir, "nothing"), simple, time.Second},
		"from one that does not end":     {program(t, "exec sleep 60"), simple, stillTimeout + time.Second},
		"from one that leaves a process": {program(t, "sleep 60 & exit 1"), simple, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &Origin{Log: quiet()}
			defer o.Close()
			s := &Stills{Origin: o, Dir: t.TempDir(), FFmpeg: tt.program, Log: quiet()}
			st := o.Start("tea", Show{ID: "s"})
			tt.clip(t).play(t, st.Publish(), epoch)
			start := time.Now()
			if tt.program != "" {
				if _, err := s.take(t.Context(), "tea", st); err == nil && name != "of sound" {
					t.Error("no error")
				}
			}
			if took := time.Since(start); took > tt.within {
				t.Errorf("took %v", took)
			}
			if w := s.get(t, "tea.jpg"); w.Code != 404 || s.Path("tea") != "" {
				t.Errorf("answered %d", w.Code)
			}
		})
	}
}

// ffmpeg gets nothing of what our environment holds, runs behind everything else, and ends when we do.
func TestStillsProcess(t *testing.T) {
	t.Setenv("SECRET", "x")
	told := filepath.Join(t.TempDir(), "told")
	o := &Origin{Log: quiet()}
	t.Cleanup(o.Close)
	simple(t).play(t, o.Start("tea", Show{ID: "s"}).Publish(), epoch)
	s := &Stills{Origin: o, Dir: t.TempDir(), Log: quiet(), FFmpeg: program(t, "echo $$ \"secret=$SECRET\" >"+told+".new; mv "+told+".new "+told+"; exec sleep 60")}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	var words []string
	waitFor(t, "the program runs", func() bool {
		b, err := os.ReadFile(told)
		words = strings.Fields(string(b))
		return err == nil
	})
	if words[1] != "secret=" {
		t.Errorf("it was told %v", words)
	}
	var pid int
	for _, d := range words[0] {
		pid = pid*10 + int(d-'0')
	}
	if priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, pid); err != nil || priority != 20-stillNice { // the kernel counts from the other end
		t.Errorf("priority %d, %v", priority, err)
	}
	stop()
	<-ended
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("it is still there: %v", err)
	}
}
