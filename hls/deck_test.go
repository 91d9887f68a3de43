package hls

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeSegment is media that no player takes, which a deck does not mind.
func fakeSegment(h *head, msn uint64) *segment {
	start := epoch.Add(time.Duration(msn) * time.Second)
	return &segment{
		object: newObject(segmentName("gtest", msn), "video/mp4", fmt.Appendf(nil, "segment %d;", msn)),
		slot:   &slot{msn: msn}, head: h, start: start, duration: time.Second,
		parts: []*part{{independent: true}},
	}
}

func fakeHead(number uint64) *head {
	return &head{object: newObject(headName("gtest", number), "video/mp4", fmt.Appendf(nil, "init %d;", number)), number: number, codecs: []string{"avc1.42c01f"}, video: true}
}

func openRoot(t testing.TB) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func mustDeck(t testing.TB, root *os.Root) *deck {
	t.Helper()
	d, err := openDeck(root, showLine{ID: "show", Channel: "tea", Started: epoch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

func mustAdd(t testing.TB, d *deck, h *head, numbers ...uint64) {
	t.Helper()
	for _, msn := range numbers {
		if err := d.add(fakeSegment(h, msn), "gtest", 2); err != nil {
			t.Fatal(err)
		}
	}
}

// What was recorded reads back as it was, however often the recording is opened in between.
func TestDeck(t *testing.T) {
	root := openRoot(t)
	pin := DateRange{ID: "pin-1", Start: epoch, Attrs: []Attr{{"PRICE", "1250"}}}
	d := mustDeck(t, root)
	one, two := fakeHead(0), fakeHead(1)
	mustAdd(t, d, one, 7, 8)
	if err := errors.Join(d.mark(pin), d.mark(pin), d.mark(closed(pin, 1)), d.mark(closed(pin, 2))); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, d, one, 9)
	mustAdd(t, d, two, 10)     // another init section
	mustAdd(t, d, two, 12, 13) // 11 was lost
	before := d.tape
	d.close()
	d = mustDeck(t, root)
	if !reflect.DeepEqual(before, d.tape) {
		t.Errorf("read back\n%+v\nwas\n%+v", d.tape, before)
	}
	mustAdd(t, d, two, 14) // another file: who knows what was lost in between
	if err := d.finish(epoch.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := openDeck(root, showLine{ID: "show"}); !errors.Is(err, errOver) {
		t.Errorf("an ended recording opens: %v", err)
	}
	journal, err := root.ReadFile("show/" + journalName)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "record_journal", string(journal))
	for file, want := range map[string]string{
		"1.mp4": "init 0;segment 7;segment 8;segment 9;", "2.mp4": "init 1;segment 10;",
		"3.mp4": "init 1;segment 12;segment 13;", "4.mp4": "init 1;segment 14;",
	} {
		if b, err := root.ReadFile("show/" + file); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
}

// A crash may cut what was being written anywhere, and leave what the journal does not know of yet.
func TestDeckTorn(t *testing.T) {
	h := fakeHead(0)
	whole := openRoot(t)
	d := mustDeck(t, whole)
	mustAdd(t, d, h, 1, 2, 3)
	d.close()
	journal, err := whole.ReadFile("show/" + journalName)
	if err != nil {
		t.Fatal(err)
	}
	media, err := whole.ReadFile("show/1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(journal, []byte("\n"))
	for cut := len(lines[0]); cut <= len(journal); cut++ {
		root := openRoot(t)
		write := func(name string, body []byte) {
			t.Helper()
			if err := root.WriteFile(name, body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := root.Mkdir("show", 0o700); err != nil {
			t.Fatal(err)
		}
		write("show/"+journalName, journal[:cut])
		write("show/1.mp4", append(bytes.Clone(media), "segment 4, ha"...))
		write("show/7.mp4", []byte("init"))
		d := mustDeck(t, root)
		known := bytes.Count(journal[:cut], []byte(`{"segment"`))
		if cut < len(journal) && journal[cut-1] != '\n' {
			known = max(0, bytes.Count(journal[:cut], []byte("\n"))-2)
		}
		if got := len(d.tape.shots); got != known {
			t.Fatalf("cut at %d: %d segments, want %d", cut, got, known)
		}
		mustAdd(t, d, h, 9)
		shots := len(d.tape.shots)
		d.close()
		if again := mustDeck(t, root); len(again.tape.shots) != shots || again.torn {
			t.Fatalf("cut at %d: %d segments after mending, want %d", cut, len(again.tape.shots), shots)
		}
		if b, err := root.ReadFile("show/1.mp4"); known > 0 && (err != nil || !bytes.HasPrefix(media, b)) {
			t.Fatalf("cut at %d: media are %q, %v", cut, b, err)
		}
	}
}

// Media that the disk lost although it had promised them take the rest of the journal with them.
func TestDeckLostMedia(t *testing.T) {
	root := openRoot(t)
	d := mustDeck(t, root)
	mustAdd(t, d, fakeHead(0), 1, 2, 3)
	d.close()
	if err := cutFile(root, "show/1.mp4", 25); err != nil {
		t.Fatal(err)
	}
	if d = mustDeck(t, root); len(d.tape.shots) != 1 {
		t.Errorf("%d segments", len(d.tape.shots))
	}
	// A journal whose first line is unreadable is no trace of a crash: hands off.
	if err := root.WriteFile("show/"+journalName, []byte("?\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openDeck(root, showLine{ID: "show"}); !errors.Is(err, errDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if _, err := root.Stat("show/1.mp4"); err != nil {
		t.Error(err)
	}
}

func cutFile(root *os.Root, name string, size int64) error {
	f, err := root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// limitFiles makes the kernel refuse to let files of this process grow beyond a size, until the test ends or it is
// lifted.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	lift = func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) }
	t.Cleanup(lift)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return lift
}

// A write that fails costs its segment and nothing else.
func TestDeckWriteFails(t *testing.T) {
	root := openRoot(t)
	d := mustDeck(t, root)
	h := fakeHead(0)
	mustAdd(t, d, h, 1, 2)
	big := fakeSegment(h, 3)
	big.object = newObject(big.object.name, "video/mp4", bytes.Repeat([]byte("x"), 8<<10))
	lift := limitFiles(t, 4<<10)
	if err := d.add(big, "gtest", 2); !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("writing beyond the limit: %v", err)
	}
	mustAdd(t, d, h, 4) // fits
	lift()
	mustAdd(t, d, h, 5)
	if b, err := root.ReadFile("show/1.mp4"); err != nil || string(b) != "init 0;segment 1;segment 2;" {
		t.Errorf("%q, %v", b, err)
	}
	before := d.tape
	d.close()
	if d = mustDeck(t, root); !reflect.DeepEqual(before, d.tape) || len(before.shots) != 4 {
		t.Errorf("read back %+v, was %+v", d.tape, before)
	}
}

// A journal may hold anything: reading takes a beginning of it that makes sense, and the same beginning again.
func FuzzJournal(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "record_journal.golden"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add([]byte(strings.ReplaceAll(string(text), `"offset":7`, `"offset":-9223372036854775808`)))
	f.Add([]byte(strings.ReplaceAll(string(text), `"ns":1000000000`, `"ns":9223372036854775807`)))
	f.Add([]byte(strings.ReplaceAll(string(text), `2026-`, `+62026-`)))
	sizes := map[int]int64{}
	for i := range 100 {
		sizes[i] = maxRecordedBytes
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tape, good := readJournal(b, sizes)
		again, n := readJournal(b[:good], sizes)
		if len(tape.takes) == 0 {
			tape.takes = nil // a take that lost its only segment leaves an empty list
		}
		if n != good || !reflect.DeepEqual(tape, again) {
			t.Fatalf("%d of %d bytes, then %d", good, len(b), n)
		}
		if good > 0 && tape.show.ID == "" {
			t.Fatal("a journal without a show")
		}
		for i := range tape.takes {
			if in := tape.takes[i]; in.from >= in.to || tape.shots[in.from].take != i {
				t.Fatalf("take %+v", in)
			}
		}
		var m reelMaker
		m.make(&tape, true).text("g").delta()
		if len(tape.shots) > 0 {
			renderReplay(&tape)
			renderReplayIndex(&tape)
		}
	})
}

// A client gets a deadline for each piece of a long answer, and the kernel still copies the file.
func TestPatient(t *testing.T) {
	w := &countingWriter{}
	p, done := beginLong(w)
	n, err := p.ReadFrom(&io.LimitedReader{R: strings.NewReader(strings.Repeat("x", 3*sendChunk+5)), N: 3*sendChunk + 1})
	done()
	if err != nil || n != 3*sendChunk+1 || w.n != n {
		t.Errorf("%d bytes, %d written, %v", n, w.n, err)
	}
	if w.deadlines < 5 || !w.last.IsZero() {
		t.Errorf("%d deadlines, the last one %v", w.deadlines, w.last)
	}
}

type countingWriter struct {
	n         int64
	deadlines int
	last      time.Time
}

func (w *countingWriter) Header() http.Header         { return http.Header{} }
func (w *countingWriter) WriteHeader(int)             {}
func (w *countingWriter) Write(b []byte) (int, error) { w.n += int64(len(b)); return len(b), nil }
func (w *countingWriter) SetWriteDeadline(t time.Time) error {
	w.deadlines, w.last = w.deadlines+1, t
	return nil
}
