package hls

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

const journalName = "journal.jsonl"

const maxJournal = 64 << 20 // bytes that are read of one

var (
	errOver    = errors.New("hls: the recording has ended")
	errTooLong = errors.New("hls: the recording is as long as one can be")
	errNoSpace = errors.New("hls: no space left for recordings")
	errDamaged = errors.New("hls: the journal of the recording is unreadable")
)

// deck writes the recording of one show: a folder with media files and a journal of what is in them. Media are on disk
// before the journal tells of them, so that whatever is torn by a crash is behind the end that the journal knows.
// A recording has one deck at a time, and a deck one user.
type deck struct {
	// configuration
	root *os.Root // the recording's folder

	// state
	tape    tape
	journal *os.File
	known   int64    // length of the journal as far as it is good
	media   *os.File // nil between takes
	head    *head    // that media began with
	torn    bool     // something may lie behind the known end
	used    int      // the highest number given to a media file
}

// openDeck opens or makes a recording and cuts off what a crash left behind. It fails with errOver for one that has
// ended.
func openDeck(archive *os.Root, show showLine) (*deck, error) {
	if err := archive.Mkdir(show.ID, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := archive.OpenRoot(show.ID)
	if err != nil {
		return nil, err
	}
	d := &deck{root: root}
	if err := d.open(show); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *deck) open(show showLine) (err error) {
	if d.journal, err = d.root.OpenFile(journalName, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := d.load(); err != nil {
		return err
	}
	if d.tape.ended != nil {
		return errOver
	}
	if err := d.mend(); err != nil {
		return err
	}
	if d.tape.show.ID == "" {
		return d.write(line{Show: &show})
	}
	return nil
}

// load reads the journal and looks which media it tells of are there.
func (d *deck) load() error {
	b, err := io.ReadAll(io.LimitReader(d.journal, maxJournal))
	if err != nil {
		return err
	}
	sizes, err := mediaFiles(d.root)
	if err != nil {
		return err
	}
	t, good := readJournal(b, sizes)
	if good == 0 && len(sizes) > 0 { // the first line was safe on disk before there were media: no crash does this
		return errDamaged
	}
	for number, size := range sizes {
		d.used = max(d.used, number)
		d.torn = d.torn || size != t.end(number)
	}
	d.tape, d.known = t, int64(good)
	d.torn = d.torn || good < len(b)
	return nil
}

// mediaFiles are the sizes of the media files in a folder, by number.
func mediaFiles(root *os.Root) (map[int]int64, error) {
	list, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	sizes := map[int]int64{}
	for _, e := range list {
		if number, ok := mediaFileNumber(e.Name()); ok {
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			sizes[number] = info.Size()
		}
	}
	return sizes, nil
}

// mend cuts off everything that the tape does not tell of, if there may be such. It works on a disk that is full.
func (d *deck) mend() error {
	if !d.torn {
		return nil
	}
	sizes, err := mediaFiles(d.root)
	if err != nil {
		return err
	}
	for number, size := range sizes {
		switch end := d.tape.end(number); {
		case end == 0:
			err = errors.Join(err, d.root.Remove(mediaFileName(number)))
		case size > end:
			err = errors.Join(err, d.cut(mediaFileName(number), end))
		}
	}
	if err = errors.Join(err, d.journal.Truncate(d.known)); err == nil {
		d.torn = false
	}
	return err
}

func (d *deck) cut(name string, size int64) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// add appends a complete segment. It begins another media file where the segment does not follow from the one before,
// or has another init section. After an error nothing is lost but the segment.
func (d *deck) add(s *segment, prefix string, target int) error {
	if len(d.tape.shots) >= maxRecorded || len(d.tape.takes) >= maxTakes {
		return errTooLong
	}
	if err := d.mend(); err != nil {
		return err
	}
	lines, err := d.put(s, prefix, target)
	if err == nil {
		err = d.media.Sync()
	}
	if err == nil {
		err = d.write(lines...)
	}
	if err != nil {
		d.rest()
		d.torn = true
	}
	return err
}

// put writes the media and returns what the journal has to say of them.
func (d *deck) put(s *segment, prefix string, target int) (lines []line, err error) {
	at := segmentLine{
		Sequence: s.msn, At: s.start.UTC(), Duration: int64(s.duration), Length: int64(s.object.size),
		Key: len(s.parts) > 0 && s.parts[0].independent,
	}
	if d.media == nil || d.head != s.head || s.msn != d.tape.shots[len(d.tape.shots)-1].Sequence+1 {
		d.rest()
		d.used++
		h := s.head
		begin := &takeLine{
			File: d.used, Init: int64(h.object.size), Target: target, Prefix: prefix, Head: h.number,
			Codecs: h.codecs, Video: h.video, Width: h.width, Height: h.height, Rate: h.frameRate,
		}
		if d.media, err = d.root.OpenFile(mediaFileName(d.used), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, err
		}
		if err := d.syncFolder(); err != nil {
			return nil, err
		}
		if _, err := h.object.WriteTo(d.media); err != nil {
			return nil, err
		}
		d.head = h
		lines = append(lines, line{Take: begin})
		at.Offset, at.Break = begin.Init, len(d.tape.takes) > 0
	} else {
		at.Offset = d.tape.last().end
	}
	at.File = d.used
	if _, err := s.object.WriteTo(d.media); err != nil {
		return nil, err
	}
	return append(lines, line{Segment: &at}), nil
}

// mark keeps a date range, or its end, if that is news.
func (d *deck) mark(r DateRange) error {
	r, ok := r.tidy()
	if !ok || !d.tape.news(r) {
		return nil
	}
	if err := d.mend(); err != nil {
		return err
	}
	return d.write(line{Range: lineOf(r)})
}

// write appends lines to the journal, all or nothing.
func (d *deck) write(lines ...line) error {
	var b []byte
	next := d.tape
	next.takes = slices.Clone(next.takes) // the last one grows in place
	for _, l := range lines {
		if err := next.apply(l); err != nil {
			return fmt.Errorf("%w: %+v", err, l)
		}
		b = l.append(b)
	}
	_, err := d.journal.WriteAt(b, d.known)
	if err == nil {
		err = d.journal.Sync()
	}
	if err != nil {
		d.torn = true
		return err
	}
	d.tape, d.known = next, d.known+int64(len(b))
	return nil
}

// rest closes the media file. The next segment begins another.
func (d *deck) rest() {
	if d.media != nil {
		_ = d.media.Close() // it was synced as far as the journal tells
		d.media, d.head = nil, nil
	}
}

// finish makes the recording a replay: the playlists first, then the line that says so.
func (d *deck) finish(at time.Time) error {
	d.rest()
	if err := d.mend(); err != nil {
		return err
	}
	for name, body := range map[string][]byte{replayMedia: renderReplay(&d.tape), replayIndex: renderReplayIndex(&d.tape)} {
		if err := d.publish(name, body); err != nil {
			return err
		}
		if err := d.publish(name+packed, compressed(body)); err != nil {
			return err
		}
	}
	return d.write(line{Ended: &endedLine{
		At: at.UTC(), Segments: len(d.tape.shots), Duration: int64(d.tape.duration()), Bytes: d.tape.bytes(),
	}})
}

// publish writes a file that is there whole or not at all.
func (d *deck) publish(name string, body []byte) error {
	draft := name + ".new"
	f, err := d.root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := d.root.Rename(draft, name); err != nil {
		return err
	}
	return d.syncFolder()
}

// syncFolder makes the names of new files last.
func (d *deck) syncFolder() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *deck) close() {
	d.rest()
	if d.journal != nil {
		_ = d.journal.Close()
	}
	if d.root != nil {
		_ = d.root.Close()
	}
}
