package hls

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// longClip has n seconds, one second between key frames.
func longClip(t testing.TB) clip {
	return makeClip(t, testSource+" -t 12 "+testVideo+" -tune zerolatency -g 30 -keyint_min 30 "+testAudio)
}

// otherClip differs in size and audio format.
func otherClip(t testing.TB) clip {
	source := strings.NewReplacer("320x180", "256x144", "48000", "44100").Replace(testSource)
	return makeClip(t, source+" -t 6 "+testVideo+" -tune zerolatency -g 30 -keyint_min 30 -c:a aac -b:a 64k -ac 1")
}

// Each case is something that encoders do; after each of them the playlist must have kept all its promises (see
// watcher) and the media must be there.
func TestInputHazards(t *testing.T) {
	type test struct {
		name   string
		run    func(t *testing.T, w *watcher, st *Stream)
		media  time.Duration // in complete segments, at least
		breaks int
		long   bool // parts longer than PART-TARGET cannot be helped
	}
	// edited publishes one clip after an edit of its frames.
	edited := func(make func(testing.TB) clip, edit func([]Frame) []Frame) func(*testing.T, *watcher, *Stream) {
		return func(t *testing.T, w *watcher, st *Stream) {
			c, s := make(t), st.Publish()
			c.announce(t, s)
			w.write(s, edit(c.frames), epoch)
			s.Close()
		}
	}
	encoded := func(args string) func(testing.TB) clip {
		return func(t testing.TB) clip { return makeClip(t, testSource+" "+args+" "+testAudio) }
	}
	same := func(f []Frame) []Frame { return f }
	tests := []test{
		{name: "as it should be", run: edited(longClip, same), media: 11 * time.Second},
		{name: "B-frames", run: edited(encoded("-t 9 -c:v libx264 -preset veryfast -pix_fmt yuv420p -threads 1 -g 30 -bf 3"), same), media: 7 * time.Second},
		{name: "key frame every 250 frames, B-frames", media: 16 * time.Second,
			run: edited(encoded("-t 18 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -threads 1 -g 250 -bf 3"), same)},
		{name: "key frame every 2 s at 24 frames", media: 7 * time.Second,
			run: edited(encoded("-t 9 -r 24 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -threads 1 -g 48 -bf 2"), same)},
		{name: "60 frames a second", run: edited(encoded("-t 5 -r 60 "+testVideo+" -tune zerolatency -g 60"), same), media: 3 * time.Second},
		{name: "29.97 frames a second", run: edited(encoded("-t 5 -r 30000/1001 "+testVideo+" -tune zerolatency -g 30"), same), media: 3 * time.Second},
		{name: "12 frames a second", run: edited(encoded("-t 8 -r 12 "+testVideo+" -tune zerolatency -g 12"), same), media: 6 * time.Second},
		{name: "empty units", media: 11 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			for i := range f {
				f[i].Units = append([][]byte{{}, nil}, f[i].Units...)
				if f[i].Kind == Audio {
					f[i].Units = f[i].Units[2:]
				}
			}
			return slices.Insert(f, 5, Frame{Kind: Video, Units: [][]byte{{}}}, Frame{Kind: Audio, Units: [][]byte{{}}}, Frame{Kind: Audio})
		})},
		{name: "delimiters and filler", media: 11 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			for i := range f {
				if f[i].Kind == Video {
					f[i].Units = slices.Concat([][]byte{{9, 0xf0}}, f[i].Units, [][]byte{{12, 0xff, 0xff, 0x80}})
				}
			}
			return f
		})},
		{name: "jitter of 15 ms", media: 10 * time.Second, long: true, run: edited(longClip, func(f []Frame) []Frame {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range f {
				if f[i].Kind == Video {
					d := time.Duration(r.IntN(31)-15) * time.Millisecond
					f[i].PTS, f[i].DTS = max(0, f[i].PTS+d), max(0, f[i].DTS+d)
				}
			}
			return f
		})},
		{name: "clock starts high", media: 11 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			return shifted(f, (1<<32-3000)*time.Millisecond)
		})},
		{name: "clock starts below zero", media: 11 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			return shifted(f, -time.Hour)
		})},
		{name: "jump forward 30 s", media: 9 * time.Second, breaks: 1, run: edited(longClip, func(f []Frame) []Frame {
			return append(f[:len(f)/2], shifted(f[len(f)/2:], 30*time.Second)...)
		})},
		{name: "jump backward 5 s", media: 9 * time.Second, breaks: 1, run: edited(longClip, func(f []Frame) []Frame {
			return append(f[:len(f)/2], shifted(f[len(f)/2:], -5*time.Second)...)
		})},
		{name: "frames lost in the first second", media: 11 * time.Second, long: true, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool {
				return f.Kind == Video && f.DTS > 200*time.Millisecond && f.DTS < 800*time.Millisecond
			})
		})},
		{name: "frames lost later", media: 11 * time.Second, long: true, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool {
				return f.Kind == Video && f.DTS > 5200*time.Millisecond && f.DTS < 6800*time.Millisecond
			})
		})},
		{name: "no video for 2.5 s", media: 8 * time.Second, breaks: 1, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool {
				return f.Kind == Video && f.DTS > 5200*time.Millisecond && f.DTS < 7700*time.Millisecond
			})
		})},
		{name: "pictures that nothing can be decoded from", media: 5 * time.Second, run: edited(func(t testing.TB) clip { return coded(t, H265, AAC) }, func(f []Frame) []Frame {
			for i := range f {
				if f[i].Kind == Video && f[i].DTS > 2200*time.Millisecond && f[i].DTS < 3500*time.Millisecond {
					f[i].Units = [][]byte{{6 << 1, 1, 0}} // RADL_N
				}
			}
			return f
		})},
		{name: "time stands still for a while", media: 11 * time.Second, long: true, run: edited(longClip, func(f []Frame) []Frame {
			for i := range f {
				if f[i].Kind == Video && f[i].DTS > 2200*time.Millisecond && f[i].DTS < 4100*time.Millisecond {
					f[i].PTS, f[i].DTS = 2200*time.Millisecond, 2200*time.Millisecond
				}
			}
			return f
		})},
		{name: "more between key frames than anybody sends", media: 2 * time.Second, breaks: 1, run: edited(longClip, func(f []Frame) []Frame {
			for i := range f {
				if f[i].Kind == Video && f[i].DTS > 3100*time.Millisecond && f[i].DTS < 4900*time.Millisecond {
					f[i].Units = [][]byte{append([]byte{0x41}, make([]byte, segmentMaxBytes/16)...)}
				}
			}
			return f
		})},
		{name: "audio announced, never sent", media: 10 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool { return f.Kind == Audio })
		})},
		{name: "audio from 4 s on", media: 10 * time.Second, breaks: 1, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool { return f.Kind == Audio && f.DTS < 4*time.Second })
		})},
		{name: "audio up to 4 s", media: 10 * time.Second, breaks: 1, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool { return f.Kind == Audio && f.DTS > 4*time.Second })
		})},
		{name: "audio 2 s late all the time", media: 10 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			for i := range f {
				if f[i].Kind == Audio {
					f[i].PTS, f[i].DTS = f[i].PTS-2*time.Second, f[i].DTS-2*time.Second
				}
			}
			return f
		})},
		{name: "no second key frame", media: 4 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool { return f.Kind == Video && f.Key && f.DTS > 1500*time.Millisecond })
		})},
		{name: "same time for ever", run: edited(simple, func(f []Frame) []Frame {
			for i := range f {
				f[i].PTS, f[i].DTS = time.Second, time.Second
			}
			return f
		})},
		{name: "noise for video", media: 4 * time.Second, run: edited(simple, func(f []Frame) []Frame {
			r := rand.New(rand.NewPCG(3, 4))
			for i := range f {
				if f[i].Kind == Video && !f[i].Key {
					for j := range f[i].Units {
						u := f[i].Units[j]
						for k := range u[1:] {
							u[1+k] = byte(r.Uint32())
						}
					}
				}
			}
			return f
		})},
		{name: "unknown kind", media: 4 * time.Second, run: edited(simple, func(f []Frame) []Frame {
			return slices.Insert(f, 10, Frame{Kind: 7, Units: [][]byte{{1}}})
		})},
		{name: "parameter sets only in-band", media: 11 * time.Second, run: func(t *testing.T, w *watcher, st *Stream) {
			c, s := longClip(t), st.Publish()
			for i, f := range c.frames {
				if f.Kind == Video && f.Key {
					c.frames[i].Units = slices.Concat(c.tracks[0].sets(), f.Units)
				}
			}
			if err := s.SetAudio(c.sound); err != nil {
				t.Fatal(err)
			}
			w.write(s, c.frames, epoch)
		}},
		{name: "no parameter sets at all", run: func(t *testing.T, w *watcher, st *Stream) {
			w.write(st.Publish(), longClip(t).only(Video).frames, epoch)
		}},
		{name: "audio only", media: 11 * time.Second, run: edited(func(t testing.TB) clip { return longClip(t).only(Audio) }, same)},
		{name: "video only", media: 10 * time.Second, run: edited(func(t testing.TB) clip { return longClip(t).only(Video) }, same)},
		{name: "other codec parameters mid-stream", media: 10 * time.Second, breaks: 1, run: func(t *testing.T, w *watcher, st *Stream) {
			a, b, s := simple(t), otherClip(t), st.Publish()
			a.announce(t, s)
			w.write(s, a.frames, epoch)
			b.announce(t, s)
			w.write(s, shifted(b.frames, 6*time.Second), epoch)
		}},
		{name: "video joins audio", media: 9 * time.Second, breaks: 1, run: edited(longClip, func(f []Frame) []Frame {
			return slices.DeleteFunc(f, func(f Frame) bool { return f.Kind == Video && f.DTS < 4*time.Second })
		})},
		{name: "network stalls for 2 s, then catches up", media: 11 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			for i := range f {
				f[i].Arrived = epoch.Add(f[i].DTS)
				if f[i].DTS > 4*time.Second && f[i].DTS < 6*time.Second {
					f[i].Arrived = epoch.Add(6 * time.Second)
				}
			}
			return f
		})},
		{name: "publisher faster than real time", media: 11 * time.Second, run: edited(longClip, func(f []Frame) []Frame {
			for i := range f {
				f[i].Arrived = epoch.Add(f[i].DTS / 100)
			}
			return f
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &Origin{Log: quiet()}
			defer o.Close()
			st := o.Start("tea", Show{ID: "s", StartedAt: time.Now()})
			w := watch(t, st)
			tt.run(t, w, st)
			o.End("tea")
			w.look()
			w.wantMedia(tt.media)
			w.wantBreaks(tt.breaks)
			if w.overlong > 0 && !tt.long {
				t.Errorf("%d parts were longer than %v", w.overlong, partTarget)
			}
		})
	}
}

// Whatever comes, a session neither panics nor hangs, and its playlist keeps its promises.
func FuzzSession(f *testing.F) {
	c := simple(f)
	f.Add([]byte{0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add([]byte{33, 8, 1, 33, 8, 0, 90, 8, 1, 90, 8, 0})
	f.Add([]byte("\x00\x00\x40\x00\x00\x80\x02\x00\xff\x05\x00\x10\x01\x00\x20"))
	f.Fuzz(func(t *testing.T, plan []byte) {
		o := &Origin{Log: slog.New(failOnPanic{t})}
		defer o.Close()
		st := o.Start("tea", Show{ID: "s"})
		all := watchAll(t, st)
		s := st.Publish()
		c.announce(t, s)
		track, shift, at := 0, time.Duration(0), 0
		for len(plan) >= 3 && at < len(c.frames) { // a step: frames that pass, what to do to the next, how much
			pass, what, much := int(plan[0]), plan[1]%9, int(plan[2])
			plan = plan[3:]
			for range min(pass, len(c.frames)-at) {
				all.one(s, c.frames[at], track, shift)
				at++
			}
			if at == len(c.frames) {
				break
			}
			fr := c.frames[at]
			at++
			fr.Units = slices.Clone(fr.Units)
			switch what {
			case 0: // lose it
				continue
			case 1: // jump
				shift += time.Duration(much-128) * 100 * time.Millisecond
			case 2: // cut a unit short
				last := len(fr.Units) - 1
				fr.Units[last] = fr.Units[last][:min(much, len(fr.Units[last]))]
			case 3: // damage a unit
				u := slices.Clone(fr.Units[len(fr.Units)-1])
				u[much%len(u)] ^= byte(much) | 1
				fr.Units[len(fr.Units)-1] = u
			case 4: // other parameters
				sps := slices.Clone(c.tracks[0].SPS)
				sps[1+much%(len(sps)-1)] ^= 1
				_ = s.SetVideo(0, VideoConfig{Codec: H264, SPS: sps, PPS: c.tracks[0].PPS}) // may be refused
			case 5: // the right ones again
				_ = s.SetVideo(0, c.tracks[0])
			case 6: // the other kind
				fr.Kind = 1 - fr.Kind
			case 7: // another encoder
				s = st.Publish()
				c.announce(t, s)
			case 8: // go on in another track
				track = much % (maxTracks + 1)
				_ = s.SetVideo(track, c.tracks[0])
			}
			all.one(s, fr, track, shift)
		}
		o.End("tea")
		all.look()
	})
}

// one writes a frame that may be nonsense. Parts may be of any length then, but nothing else may give.
func (all watchers) one(s *Session, f Frame, track int, shift time.Duration) {
	if f.Kind == Video {
		f.Track = track
	}
	f.PTS, f.DTS, f.Arrived = f.PTS+shift, f.DTS+shift, epoch.Add(f.DTS)
	_ = s.Write(f)
	all.look()
}

// failOnPanic fails the test when a session reports one.
type failOnPanic struct{ t *testing.T }

func (h failOnPanic) Enabled(context.Context, slog.Level) bool { return true }
func (h failOnPanic) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h failOnPanic) WithGroup(string) slog.Handler            { return h }
func (h failOnPanic) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		h.t.Errorf("%s", r.Message)
		r.Attrs(func(a slog.Attr) bool { h.t.Log(a); return true })
	}
	return nil
}
