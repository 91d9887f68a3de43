package hls

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
)

// Download is a recording made into files that play by themselves: one for each part of the show in which encoders
// sent the same kind of media, which nearly always is all of it. Fragments are taken as they are on disk; only their
// times are moved, so that what follows a drop starts where the media before it ended.
type Download struct {
	archive *Archive
	id      string
	tape    tape
	files   []*joined
}

// Download looks into the recording of a show that has ended. It fails with ErrNoRecording or ErrStillOnAir.
func (a *Archive) Download(show string) (*Download, error) {
	a.mu.Lock()
	rec := a.all[show]
	due := rec != nil && rec.ended != nil
	a.mu.Unlock()
	switch {
	case rec == nil:
		return nil, ErrNoRecording
	case !due:
		return nil, ErrStillOnAir
	}
	d := &Download{archive: a, id: show}
	err := d.open()
	if errors.Is(err, fs.ErrNotExist) { // removed this very moment
		err = ErrNoRecording
	}
	return d, err
}

func (d *Download) open() error {
	root, err := d.archive.root.OpenRoot(d.id)
	if err != nil {
		return err
	}
	defer root.Close()
	b, err := root.ReadFile(journalName)
	if err != nil {
		return err
	}
	sizes, err := mediaFiles(root)
	if err != nil {
		return err
	}
	d.tape, _ = readJournal(b, sizes)
	for i := range d.tape.takes {
		in := &d.tape.takes[i]
		m, err := readMeasure(root, in, d.tape.shots[in.from:in.to])
		if err != nil {
			return err
		}
		if n := len(d.files); n == 0 || !d.files[n-1].add(m) {
			d.files = append(d.files, newJoined(m))
		}
	}
	if len(d.files) == 0 {
		return ErrNoRecording
	}
	for _, f := range d.files {
		f.seal()
	}
	return nil
}

// Files is how many files the recording makes, one at least.
func (d *Download) Files() int { return len(d.files) }

// ServeMP4 answers with the first file, which should be the only one, or with ranges of it.
func (d *Download) ServeMP4(w http.ResponseWriter, r *http.Request) {
	body := d.files[0].reader(d.archive.root, d.id)
	defer body.close()
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Etag", strconv.Quote(d.id+"-download"))
	serveLong(w, r, body)
}

// ServeZip answers with all files in an archive, named after the stem and numbered from 1.
func (d *Download) ServeZip(w http.ResponseWriter, stem string) error {
	w.Header().Set("Content-Type", "application/zip")
	p, done := beginLong(w)
	defer done()
	z := zip.NewWriter(p)
	for i, f := range d.files {
		to, err := z.CreateHeader(&zip.FileHeader{Name: stem + "-" + mediaFileName(i+1), Method: zip.Store, Modified: d.tape.ended.At})
		if err != nil {
			return err
		}
		body := f.reader(d.archive.root, d.id)
		_, err = io.Copy(to, body)
		body.close()
		if err != nil {
			return err
		}
	}
	return z.Close()
}
