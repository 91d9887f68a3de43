package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"souk/account"
	"souk/chat"
	"souk/hls"
	"souk/internal/api"
	"souk/shop"
	"souk/show"
)

// recordingsMinFree is what recordings leave of the disk for everything else,
// the database above all, in bytes.
const recordingsMinFree = 512 << 20

// Refusals.
var (
	errNoRecording  = api.Fail(http.StatusNotFound, "no_such_recording", "There is no recording of this show.")
	errStillOnAir   = api.Fail(http.StatusConflict, "still_on_air", "The show has not ended yet; its recording is being made.")
	errManyFormats  = api.Fail(http.StatusConflict, "several_formats", "The encoder changed its format during the show, so one file cannot hold all of it. Take recording.zip: it has one file for each format.")
	recordingErrors = []struct{ from, to error }{{hls.ErrNoRecording, errNoRecording}, {hls.ErrStillOnAir, errStillOnAir}}
)

// openArchive makes the place of recordings ready; nothing is loaded yet.
func (s *souk) openArchive() (err error) {
	if s.archive, err = hls.OpenArchive(filepath.Join(s.cfg.Data, "recordings")); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	s.archive.Log, s.archive.MaxBytes, s.archive.MinFree = s.log, s.cfg.RecordingsMax, recordingsMinFree
	s.archive.Keep, s.archive.OnState = s.keepRecordings, s.onRecording
	return nil
}

// loadArchive picks up the recordings. Those of shows that a crash kept from
// being finished become replays.
func (s *souk) loadArchive(ctx context.Context) error {
	return s.archive.Load(func(id string) bool {
		sh, err := s.board.Find(ctx, id)
		if errors.Is(err, show.ErrNoShow) {
			s.log.Warn("recording of a show that is not known here", "show", id)
		}
		return err == nil && sh.State == show.Ended
	})
}

// keepRecordings is how long a channel's recordings are kept.
func (s *souk) keepRecordings(channel string) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	p, err := s.accounts.RecordingPolicy(ctx, channel)
	switch {
	case err == nil && p.KeepDays > 0:
		return time.Duration(p.KeepDays) * 24 * time.Hour
	case err != nil && !errors.Is(err, account.ErrNoChannel):
		s.log.Error("recording policy", "channel", channel, "err", err)
		return 0 // rather too long than gone
	}
	return s.cfg.KeepRecordings
}

// wantsRecording tells whether a show that begins is to be recorded.
func (s *souk) wantsRecording(ctx context.Context, channel string) bool {
	p, err := s.accounts.RecordingPolicy(ctx, channel)
	if err != nil {
		s.log.Error("recording policy", "channel", channel, "err", err) // rather recorded than lost
	}
	return s.cfg.Record && (err != nil || p.Record)
}

// keepMark has the recording remember a pin.
func (s *souk) keepMark(id string, m shop.Mark) {
	if err := s.archive.Mark(id, dateRange(m)); err != nil {
		s.log.Error("pin not kept with the recording", "show", id, "err", err)
	}
}

// recordingState is how the recording of a show that is on is doing.
type recordingState struct {
	Show    string   `json:"show"`
	On      bool     `json:"on"`
	Reason  string   `json:"reason,omitempty"`
	Since   api.Time `json:"since"`
	Skipped int64    `json:"skipped"`
}

// onRecording tells the hosts that a recording started, stopped or goes on.
func (s *souk) onRecording(channel, id string, now hls.RecordingState) {
	s.hub.Whisper(channel, chat.To{Roles: words(conductors)}, chat.Event{Type: "recording", Data: recordingState{
		Show: id, On: now.On, Reason: now.Reason, Since: api.At(now.Since), Skipped: now.Skipped,
	}})
}

// replayAnswer is where to watch a show that has ended.
type replayAnswer struct {
	HLS      string `json:"hls"`
	Duration int64  `json:"duration_ms"`
	Size     int64  `json:"size"`
}

// showAnswer is a show with its replay.
type showAnswer struct {
	show.Show
	Replay *replayAnswer `json:"replay"`
}

func (s *souk) showAnswer(sh show.Show) showAnswer {
	a := showAnswer{Show: sh}
	if sh.State != show.Ended {
		return a
	}
	at := "/hls/replay/" + sh.ID + "/index.m3u8"
	if r, ok := s.archive.Replay(sh.ID); ok {
		a.Replay = &replayAnswer{HLS: at, Duration: r.Duration.Milliseconds(), Size: r.Size}
	} else if r := sh.Recording; s.peers != nil && r.DurationMS > 0 { // another node has it
		a.Replay = &replayAnswer{HLS: at, Duration: r.DurationMS, Size: r.Size}
	}
	return a
}

// getShow handles GET /api/v1/shows/{show}.
func (s *souk) getShow(w http.ResponseWriter, r *http.Request) error {
	sh, err := s.board.Find(r.Context(), r.PathValue("show"))
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, s.showAnswer(sh))
}

// showFor returns the show of a request whose sender has one of the roles on
// its channel.
func (s *souk) showFor(r *http.Request, roles ...account.Role) (show.Show, error) {
	if _, err := s.accounts.Person(r); err != nil {
		return show.Show{}, err
	}
	sh, err := s.board.Find(r.Context(), r.PathValue("show"))
	if err != nil {
		return sh, err
	}
	_, err = s.accounts.Require(r, sh.Channel, roles...)
	return sh, err
}

// download opens the recording of a show for those who run its channel.
func (s *souk) download(r *http.Request) (*hls.Download, show.Show, error) {
	sh, err := s.showFor(r, conductors...)
	if err != nil {
		return nil, sh, err
	}
	d, err := s.archive.Download(sh.ID)
	return d, sh, recordingError(err)
}

// getRecording handles GET /api/v1/shows/{show}/recording.mp4.
func (s *souk) getRecording(w http.ResponseWriter, r *http.Request) error {
	d, sh, err := s.download(r)
	if err != nil {
		return err
	}
	if d.Files() > 1 {
		return errManyFormats
	}
	attach(w, sh, ".mp4")
	d.ServeMP4(w, r)
	return nil
}

// getRecordingZip handles GET /api/v1/shows/{show}/recording.zip.
func (s *souk) getRecordingZip(w http.ResponseWriter, r *http.Request) error {
	d, sh, err := s.download(r)
	if err != nil {
		return err
	}
	attach(w, sh, ".zip")
	if err := d.ServeZip(w, fileName(sh)); err != nil {
		s.log.Warn("recording not sent to its end", "show", sh.ID, "err", err)
		panic(http.ErrAbortHandler) // the client must not take half of it for the whole
	}
	return nil
}

// fileName is what a recording is called on somebody's disk, without its kind.
func fileName(sh show.Show) string {
	return sh.Channel + "-" + sh.StartedAt.Std().UTC().Format("2006-01-02-1504")
}

func attach(w http.ResponseWriter, sh show.Show, kind string) {
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fileName(sh)+kind))
	w.Header().Set("Cache-Control", "private, no-cache")
}

// deleteRecording handles DELETE /api/v1/shows/{show}/recording, for the owner.
func (s *souk) deleteRecording(w http.ResponseWriter, r *http.Request) error {
	sh, err := s.showFor(r, account.Owner)
	if err != nil {
		return err
	}
	if err := recordingError(s.archive.Delete(sh.ID)); err != nil {
		return err
	}
	s.log.Info("recording deleted by its owner", "show", sh.ID, "channel", sh.Channel)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func recordingError(err error) error {
	for _, e := range recordingErrors {
		if errors.Is(err, e.from) {
			return e.to
		}
	}
	return err
}

// recordingAnswer is what a channel wants of its recordings, and how the one
// of the show that is on is doing.
type recordingAnswer struct {
	account.RecordingPolicy
	Now *recordingState `json:"now"`
}

func (s *souk) recordingAnswer(channel string, p account.RecordingPolicy) recordingAnswer {
	a := recordingAnswer{RecordingPolicy: p}
	if stream, ok := s.origin.Stream(channel); ok {
		if now, ok := stream.Recording(); ok {
			a.Now = &recordingState{Show: stream.Show(), On: now.On, Reason: now.Reason, Since: api.At(now.Since), Skipped: now.Skipped}
		}
	}
	return a
}

// getRecordingPolicy handles GET /api/v1/channels/{channel}/recording.
func (s *souk) getRecordingPolicy(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.accounts.Require(r, channel, conductors...); err != nil {
		return err
	}
	p, err := s.accounts.RecordingPolicy(r.Context(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, s.recordingAnswer(channel, p))
}

// putRecordingPolicy handles PUT /api/v1/channels/{channel}/recording.
func (s *souk) putRecordingPolicy(w http.ResponseWriter, r *http.Request) error {
	p, err := s.accounts.SetRecordingPolicy(w, r)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, s.recordingAnswer(r.PathValue("channel"), p))
}
