package guard

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"testing"

	"souk/ingest/rtmptest"
)

// expect compares relayed media with what was sent.
func expect(t *testing.T, got []message, err error, want ...rtmptest.Message) {
	t.Helper()
	if err != io.EOF {
		t.Errorf("ended with %v", err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i, w := range want {
		if g := got[i]; g.kind != w.Kind || g.time != w.Time || g.stream != 1 || !bytes.Equal(g.body, w.Body) {
			t.Errorf("message %d: kind %d time %d stream %d with %d bytes, want kind %d time %d with %d bytes",
				i, g.kind, g.time, g.stream, len(g.body), w.Kind, w.Time, len(w.Body))
		}
	}
}

func TestChunkSizes(t *testing.T) {
	for _, size := range []int{128, 4096, 65536, maxChunkSize} {
		v := video(40, 300_000)
		v.ChunkSize = size
		got, err := media(t, rtmptest.ChunkSizeOf(uint32(size)), v.Bytes())
		expect(t, got, err, v)
	}
}

func TestChunkStreamIDs(t *testing.T) {
	for _, id := range []int{2, 3, 63, 64, 319, 320, 400, 65599} {
		v := video(40, 500)
		v.ChunkStream = id
		got, err := media(t, v.Bytes(), v.Bytes())
		expect(t, got, err, v, v)
	}
}

// Three encoders, three habits: OBS sends everything on chunk stream 4 and
// announces 4096 before connect, FFmpeg begins messages with bare format 3
// headers, GStreamer never announces a size.
func TestHeaderHabits(t *testing.T) {
	a, v := audio(0, "0123456789"), video(0, 5000)
	v.ChunkStream, v.ChunkSize = 4, 4096
	first := v.Bytes() // 0, full
	v.Time = 33
	a.Time = 43
	second := v.Delta(33)
	second = append(second[:len(second)-len(v.Body)], v.Body[:4096]...)
	second = append(append(second, rtmptest.Basic(3, 4)...), v.Body[4096:]...)
	got, err := media(t, rtmptest.ChunkSizeOf(4096), first, second, a.Delta(10))
	v0 := v
	v0.Time = 0
	expect(t, got, err, v0, v, a)

	// Format 3 begins a message: the delta of the last header once more.
	a0, a1, a2, a3 := audio(0, "aaaa"), audio(21, "bbbb"), audio(42, "cccc"), audio(65, "dddd")
	got, err = media(t, a0.Bytes(), a1.Delta(21),
		rtmptest.Basic(3, 4), a2.Body,
		rtmptest.Basic(2, 4), []byte{0, 0, 23}, a3.Body)
	expect(t, got, err, a0, a1, a2, a3)

	// After a full header that delta is its time (section 5.3.1.2.4).
	got, err = media(t, audio(23, "aaaa").Bytes(), rtmptest.Basic(3, 4), []byte("bbbb"))
	expect(t, got, err, audio(23, "aaaa"), audio(46, "bbbb"))
}

func TestChunkStreamsInterleave(t *testing.T) {
	a, v := audio(10, string(make([]byte, 200))), video(10, 250)
	ab, vb := a.Bytes(), v.Bytes()
	const head = 12
	got, err := media(t,
		vb[:head+128], ab[:head+128],
		vb[head+128:], ab[head+128:])
	expect(t, got, err, v, a)
}

func TestExtendedTimestamps(t *testing.T) {
	for _, time := range []uint32{0xfffffe, 0xffffff, 0x1000000, 20_000_000, math.MaxInt32, math.MaxUint32} {
		for _, bare := range []bool{false, true} {
			v := video(time, 1000)
			v.Bare = bare
			next := v
			next.Time += 40
			got, err := media(t, v.Bytes(), next.Bytes())
			expect(t, got, err, v, next)
		}
	}
	// A delta can be extended as well, and a format 3 header repeats it.
	v := video(0, 100)
	later, last := v, v
	later.Time, last.Time = 0x1000000, 0x2000000
	got, err := media(t, v.Bytes(), later.Delta(0x1000000),
		rtmptest.Basic(3, 6), []byte{1, 0, 0, 0}, last.Body)
	expect(t, got, err, v, later, last)
}

func TestPartialMessagesAreDropped(t *testing.T) {
	v, a := video(10, 400), audio(20, "after")
	started := v.Bytes()[:12+128]
	abort := rtmptest.Message{ChunkStream: 2, Kind: rtmptest.Abort, Body: []byte{0, 0, 0, 6}}.Bytes()
	shortAbort := rtmptest.Message{ChunkStream: 2, Kind: rtmptest.Abort, Body: []byte{6}}.Bytes()

	got, err := media(t, started, abort, v.Bytes(), a.Bytes())
	expect(t, got, err, v, a)
	got, err = media(t, shortAbort, started, v.Bytes(), a.Bytes()) // header in mid-message
	expect(t, got, err, v, a)
}

// Bodies of media take turns in the same memory, whatever order their chunks
// come in, and none changes before the next message is asked for.
func TestBodiesAreUsedAgain(t *testing.T) {
	var in []byte
	for i := range 20 {
		in = append(in, video(uint32(i), 3000+100*(i%5)).Bytes()...)
		in = append(in, audio(uint32(i), "sound").Bytes()...)
	}
	a := newAssembler(bufio.NewReader(bytes.NewReader(in)))
	a.room = func(byte) (int, bool) { return maxVideo, true }
	a.hold = maxHeld
	memory := map[*byte]int{}
	for i := range 40 {
		m, err := a.next()
		if err != nil {
			t.Fatal(err)
		}
		memory[&m.body[0]]++
		if want := video(0, len(m.body)); i%2 == 0 && !bytes.Equal(m.body, want.Body) {
			t.Fatalf("message %d has another's bytes", i)
		}
		if a.held != 0 {
			t.Fatalf("%d bytes held after message %d", a.held, i)
		}
	}
	if len(memory) > 6 {
		t.Errorf("%d pieces of memory for 40 messages", len(memory))
	}
}

// A giant does not keep its memory.
func TestGiantsAreNotKept(t *testing.T) {
	in := append(video(0, maxSpare+1).Bytes(), video(1, 100).Bytes()...)
	a := newAssembler(bufio.NewReader(bytes.NewReader(in)))
	a.room = func(byte) (int, bool) { return maxVideo, true }
	a.budget, a.hold = 0, maxHeld
	for range 2 {
		if _, err := a.next(); err != nil {
			t.Fatal(err)
		}
	}
	if a.spare != nil {
		t.Errorf("%d bytes are kept", cap(a.spare))
	}
}

func TestLargeMessages(t *testing.T) {
	for _, size := range []int{firstGrab, firstGrab + 1, 2 << 20, 7_900_000, maxVideo} {
		v := video(40, size)
		v.ChunkSize = 65536
		got, err := media(t, rtmptest.ChunkSizeOf(65536), v.Bytes())
		expect(t, got, err, v)
		if len(got) == 1 && cap(got[0].body) != size {
			t.Errorf("%d bytes of memory for %d", cap(got[0].body), size)
		}
	}
}

func TestAssemblerRefuses(t *testing.T) {
	message := func(kind byte, claim int) []byte {
		return rtmptest.Message{ChunkStream: 9, Kind: kind}.Header(claim)
	}
	var manyStreams, manyClaims []byte
	for id := range maxChunkStreams + 1 {
		m := audio(0, "x")
		m.ChunkStream = 100 + id
		manyStreams = append(manyStreams, m.Bytes()...)
	}
	for id := range 5 {
		m := video(0, firstGrab)
		m.ChunkStream, m.ChunkSize = 100+id, firstGrab
		manyClaims = append(manyClaims, m.Header(maxVideo)...)
		manyClaims = append(manyClaims, bytes.Repeat([]byte{9}, firstGrab)...)
		manyClaims = append(manyClaims, append(rtmptest.Basic(3, 100+id), 9)...)
		manyClaims = append(manyClaims, bytes.Repeat([]byte{9}, firstGrab-1)...)
	}
	before := []struct {
		what string
		in   []byte
		want error
	}{
		{"format 2 on a new chunk stream", rtmptest.Basic(2, 5), errHeader},
		{"format 3 on a new chunk stream", rtmptest.Basic(3, 5), errHeader},
		{"too many chunk streams", manyStreams, errStreams},
		{"chunk size 0", rtmptest.ChunkSizeOf(0), errChunkSize},
		{"chunk size 1", rtmptest.ChunkSizeOf(1), errChunkSize},
		{"chunk size 127", rtmptest.ChunkSizeOf(127), errChunkSize},
		{"chunk size without a number", rtmptest.Message{Kind: rtmptest.SetChunkSize, Body: []byte{1}}.Bytes(), errChunkSize},
		{"large video", message(rtmptest.Video, maxVideo+1), errTooLarge},
		{"large audio", message(rtmptest.Audio, maxAudio+1), errTooLarge},
		{"large command", message(rtmptest.Command, maxCommand+1), errTooLarge},
		{"large data", message(rtmptest.Data, maxCommand+1), errTooLarge},
		{"large control", message(rtmptest.UserControl, maxControl+1), errTooLarge},
		{"large unknown", message(99, maxCommand+1), errTooLarge},
		{"too much before publish", rtmptest.Join(rtmptest.ChunkSizeOf(maxChunkSize), message(rtmptest.Video, beforePublish)), errBudget},
		{"16 MB nested objects", message(rtmptest.Command, 0xffffff), errTooLarge},
	}
	for _, tc := range before {
		if got, _, err := relay(t, tc.in); !errors.Is(err, tc.want) || len(got) != 0 {
			t.Errorf("%s: %d messages, %v", tc.what, len(got), err)
		}
	}

	var commands []byte
	for id := range 5 {
		m := rtmptest.Message{ChunkStream: 100 + id, Kind: rtmptest.Command}
		commands = append(commands, append(m.Header(maxCommand), make([]byte, 128)...)...)
	}
	if _, _, err := relay(t, commands); !errors.Is(err, errHeld) {
		t.Errorf("claims before publish: %v", err)
	}
	if _, err := media(t, rtmptest.ChunkSizeOf(firstGrab), manyClaims); !errors.Is(err, errHeld) {
		t.Errorf("claims after publish: %v", err)
	}
}

// Before a publish media is read over without being kept.
func TestMediaBeforePublishIsNotStored(t *testing.T) {
	early := video(0, 50_000)
	got, _, err := relay(t, early.Bytes(), publishing, video(40, 300).Bytes())
	if err != io.EOF || len(got) != 4 || got[3].kind != kindVideo || len(got[3].body) != 300 {
		t.Errorf("%d messages, %v", len(got), err)
	}
}
