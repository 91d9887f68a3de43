package hls

import (
	"slices"
	"time"
)

// sweep removes recordings that were kept long enough, and then the oldest ones while all together are too large. A
// show that has not ended is never touched.
func (a *Archive) sweep(now time.Time) {
	type ended struct {
		show, channel string
		endedLine
	}
	var total int64
	var list []ended
	a.mu.Lock()
	for id, rec := range a.all {
		total += rec.bytes()
		if rec.ended != nil {
			list = append(list, ended{id, rec.show.Channel, *rec.ended})
		}
	}
	a.mu.Unlock()
	slices.SortFunc(list, func(x, y ended) int { return x.At.Compare(y.At) })
	for _, e := range list {
		old := false
		if a.Keep != nil {
			keep := a.Keep(e.channel)
			old = keep > 0 && now.Sub(e.At) > keep
		}
		if !old && (a.MaxBytes <= 0 || total <= a.MaxBytes) {
			continue
		}
		if err := a.Delete(e.show); err != nil {
			a.Log.Error("recording not removed", "show", e.show, "err", err)
			continue
		}
		total -= e.Bytes
		a.removed.Add(1)
		a.Log.Info("recording removed", "show", e.show, "channel", e.channel, "ended", e.At, "bytes", e.Bytes, "old", old)
	}
}

// Delete removes the recording of a show that has ended. It fails with ErrNoRecording or ErrStillOnAir. Who is
// watching gets to the end of what is being sent.
func (a *Archive) Delete(show string) error {
	if err := a.forget(show); err != nil {
		return err
	}
	a.tell(show)
	return a.root.RemoveAll(show + goneSuffix) // what a crash leaves of it goes at the next start
}

// forget takes a recording away from viewers in one step.
func (a *Archive) forget(show string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	rec := a.all[show]
	switch {
	case rec == nil:
		return ErrNoRecording
	case rec.ended == nil:
		return ErrStillOnAir
	}
	if err := a.root.Rename(show, show+goneSuffix); err != nil {
		return err
	}
	delete(a.all, show)
	return nil
}
