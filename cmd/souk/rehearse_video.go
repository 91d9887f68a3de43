package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	pictureRetry = 2 * time.Second        // while there is none
	playAhead    = 700 * time.Millisecond // of media before a viewer's player starts, and starts again
)

// picture is what all viewers together got to see.
type picture struct {
	started   atomic.Int64 // viewers whose player started
	playlists atomic.Int64
	parts     atomic.Int64
	bytes     atomic.Int64
	missed    atomic.Int64 // parts that had left the playlist before they were asked for
	stalls    atomic.Int64
	stalled   atomic.Int64 // nanoseconds
	failed    counts
	first     spread // from asking to the start of the player
	behind    spread // from the server's clock to the newest media at hand
}

// watch follows the picture as a player does: a reload that blocks until there
// is more, then every part of it.
func (h *house) watch(ctx context.Context) {
	p := &player{house: h, asked: time.Now()}
	for ctx.Err() == nil {
		err := p.play(ctx)
		if ctx.Err() != nil || err == nil {
			return
		}
		var no *refusal
		if !errors.As(err, &no) || no.Status != 404 || p.running {
			h.picture.failed.add(err)
		}
		_ = sleepUntil(ctx, time.Now().Add(pictureRetry))
	}
}

// player is one viewer's.
type player struct {
	*house

	// state
	asked   time.Time
	running bool
	until   time.Time // when what is at hand will have been played
	ahead   time.Duration
	next    uint64 // sequence number and part to fetch
	part    int
	shown   map[string]bool // pins seen in the playlist
}

// play follows one stream until it ends, which is nil, or breaks.
func (p *player) play(ctx context.Context) error {
	index, err := p.door.media(ctx, p.found.HLS)
	if err != nil {
		return err
	}
	media := firstVariant(string(index))
	if media == "" {
		return errors.New("multivariant playlist without a stream")
	}
	base := path.Dir(p.found.HLS) + "/"
	p.next, p.part, p.shown = 0, 0, map[string]bool{}
	ask := ""
	for {
		text, err := p.door.media(ctx, base+media+ask)
		if err != nil {
			return err
		}
		p.picture.playlists.Add(1)
		l := scanList(string(text))
		p.seePins(l)
		if err := p.fetch(ctx, base, l); err != nil {
			return err
		}
		if l.ended {
			return nil
		}
		ask = fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d", l.msn, l.part)
	}
}

func (p *player) seePins(l list) {
	for _, id := range l.pins {
		if p.shown[id] {
			continue
		}
		p.shown[id] = true
		p.mu.Lock()
		at, ok := p.pinned[id]
		p.mu.Unlock()
		if ok {
			p.pinShown.add(max(0, time.Since(at)))
		}
	}
}

// fetch gets the parts that are new: from the newest that can start a picture
// when there is nothing yet, as players at the live edge do.
func (p *player) fetch(ctx context.Context, base string, l list) error {
	if p.next == 0 && p.part == 0 {
		for _, x := range l.parts {
			if x.independent {
				p.next, p.part = x.msn, x.index
			}
		}
	}
	for _, x := range l.parts {
		if x.msn < p.next || x.msn == p.next && x.index < p.part {
			continue
		}
		if x.msn > p.next+1 || x.msn == p.next && x.index > p.part {
			p.picture.missed.Add(1)
		}
		body, err := p.door.media(ctx, base+x.uri)
		if err != nil {
			return err
		}
		p.picture.parts.Add(1)
		p.picture.bytes.Add(int64(len(body)))
		p.next, p.part = x.msn, x.index+1
		p.took(x)
	}
	return nil
}

// took is the arithmetic of a player's buffer.
func (p *player) took(x listPart) {
	now := time.Now()
	if !x.until.IsZero() {
		p.picture.behind.add(max(0, now.Sub(x.until)))
	}
	if p.running && now.After(p.until) {
		p.picture.stalls.Add(1)
		p.picture.stalled.Add(int64(now.Sub(p.until)))
		p.running, p.ahead = false, 0
	}
	if p.running {
		p.until = p.until.Add(x.duration)
		return
	}
	if p.ahead += x.duration; p.ahead >= playAhead {
		if p.until.IsZero() {
			p.picture.started.Add(1)
			p.picture.first.add(now.Sub(p.asked))
		}
		p.running, p.until = true, now.Add(p.ahead)
	}
}

// list is what a rehearsal reads of a media playlist: RFC 8216bis section 4.4.
type list struct {
	msn   uint64 // of the segment that is being filled
	part  int    // first part of it that is not there yet
	parts []listPart
	pins  []string
	ended bool
}

type listPart struct {
	msn         uint64
	index       int
	uri         string
	duration    time.Duration
	independent bool
	until       time.Time // program date-time of its end
}

var (
	attribute = regexp.MustCompile(`([A-Z0-9-]+)=("[^"]*"|[^,]*)`)
	pinID     = "pin-"
)

func scanList(text string) list {
	var l list
	var clock time.Time // of the segment's start
	var inside time.Duration
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-MEDIA-SEQUENCE":
			l.msn, _ = strconv.ParseUint(value, 10, 64)
		case tag == "#EXT-X-PROGRAM-DATE-TIME":
			clock, _ = time.Parse(time.RFC3339, value)
			inside = 0
		case tag == "#EXT-X-PART":
			a := attributes(value)
			seconds, _ := strconv.ParseFloat(a["DURATION"], 64)
			x := listPart{msn: l.msn, index: l.part, uri: a["URI"], independent: a["INDEPENDENT"] == "YES",
				duration: time.Duration(seconds * float64(time.Second))}
			inside += x.duration
			if !clock.IsZero() {
				x.until = clock.Add(inside)
			}
			l.parts = append(l.parts, x)
			l.part++
		case tag == "#EXT-X-DATERANGE":
			if id, ok := strings.CutPrefix(attributes(value)["ID"], pinID); ok {
				l.pins = append(l.pins, id)
			}
		case tag == "#EXT-X-ENDLIST":
			l.ended = true
		case line != "" && line[0] != '#':
			l.msn, l.part, clock = l.msn+1, 0, time.Time{}
		}
	}
	return l
}

func attributes(value string) map[string]string {
	all := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(value, -1) {
		all[m[1]] = strings.Trim(m[2], `"`)
	}
	return all
}

// firstVariant is the media playlist that a multivariant one names first.
func firstVariant(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}
