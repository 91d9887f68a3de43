package hls

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

const dvrName = "dvr.m3u8" // the recording of a show that is on, from its beginning

// reel is what a recording offers at one instant. It never changes.
type reel struct {
	takes    []take
	shots    []shot
	bytes    int64
	duration time.Duration

	version uint64
	head    []byte // lines in front of the first segment
	body    []byte // the segments
	ended   bool

	once sync.Once
	full *text
}

// reelMaker makes reels of a tape that grows: every segment is rendered once.
type reelMaker struct {
	body     []byte
	rendered int // segments in body
	duration time.Duration
	version  uint64
}

func (m *reelMaker) make(t *tape, ended bool) *reel {
	for ; m.rendered < len(t.shots); m.rendered++ {
		m.body = t.appendSegment(m.body, m.rendered, false)
		m.duration += time.Duration(t.shots[m.rendered].Duration)
	}
	m.version++
	r := &reel{
		takes: append([]take(nil), t.takes...), shots: t.shots[:len(t.shots):len(t.shots)],
		bytes: t.bytes(), duration: m.duration, version: m.version, ended: ended,
		body: m.body[:len(m.body):len(m.body)],
	}
	target := int64(t.target())
	r.head = append(r.head, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:"...)
	r.head = strconv.AppendInt(r.head, target, 10)
	r.head = append(r.head, "\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL="...)
	r.head = strconv.AppendInt(r.head, skipTargets*target, 10)
	r.head = append(r.head, "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"...)
	for _, d := range t.ranges {
		r.head = d.append(r.head)
	}
	return r
}

// appendSegment writes one segment of a playlist: by the name it had live, or as a byte range of its file.
func (t *tape) appendSegment(b []byte, i int, ranged bool) []byte {
	s, in := &t.shots[i], &t.takes[t.shots[i].take]
	if s.Break {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	if i == in.from {
		if ranged {
			b = append(b, `#EXT-X-MAP:URI="`+mediaFileName(in.File)+`",BYTERANGE="`+strconv.FormatInt(in.Init, 10)+"@0\"\n"...)
		} else {
			b = append(b, `#EXT-X-MAP:URI="`+headName(in.Prefix, in.Head)+"\"\n"...)
		}
	}
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = s.At.UTC().AppendFormat(b, dateFormat)
	b = append(b, "\n#EXTINF:"...)
	b = appendSeconds(b, time.Duration(s.Duration))
	b = append(b, ",\n"...)
	if !ranged {
		return append(append(b, segmentName(in.Prefix, s.Sequence)...), '\n')
	}
	b = append(b, "#EXT-X-BYTERANGE:"+strconv.FormatInt(s.Length, 10)+"@"+strconv.FormatInt(s.Offset, 10)+"\n"...)
	return append(append(b, mediaFileName(in.File)...), '\n')
}

// text is the whole playlist. It is put together when somebody first asks.
func (r *reel) text(prefix string) *text {
	r.once.Do(func() {
		b := make([]byte, 0, len(r.head)+len(r.body)+len(endList))
		b = append(append(b, r.head...), r.body...)
		if r.ended {
			b = append(b, endList...)
		}
		r.full = newText(b, prefix+"-dvr-"+strconv.FormatUint(r.version, 10))
	})
	return r.full
}

// serveDVR answers with the playlist of everything since the beginning. It does not block: without parts, players ask
// again after a target duration.
func (st *Stream) serveDVR(w http.ResponseWriter, r *http.Request) *refusal {
	if st.recorder == nil {
		return noFile
	}
	now := st.recorder.now.Load()
	if now == nil {
		return notPlayable
	}
	cache := cacheLive
	if now.ended {
		cache = cacheEnded
	}
	body := now.text(st.timeline.epoch)
	if d, err := parseDirectives(r.URL.RawQuery); err == nil && d.skip {
		body = body.delta()
	}
	st.audience.see(r)
	body.serve(w, r, cache)
	return nil
}

// serveRecorded answers with a segment or init section that has left the window, from disk.
func (st *Stream) serveRecorded(w http.ResponseWriter, r *http.Request, file string) *refusal {
	if st.recorder == nil {
		return noFile
	}
	now := st.recorder.now.Load()
	if now == nil {
		return noFile
	}
	in, from, length, ok := now.find(file)
	if !ok {
		return noFile
	}
	f, err := st.recorder.archive.root.Open(st.show.ID + "/" + mediaFileName(in.File))
	if err != nil {
		return noFile
	}
	defer f.Close()
	serveSlice(w, r, f, from, length, in.contentType(), strconv.Quote(file))
	return nil
}

// find looks up where the bytes of a name are that was live.
func (r *reel) find(file string) (in *take, from, length int64, ok bool) {
	for i := range r.takes {
		in = &r.takes[i]
		n, ok := parseName(in.Prefix, file)
		if !ok {
			continue
		}
		if n.kind == 'i' && n.number == in.Head {
			return in, 0, in.Init, true
		}
		first := r.shots[in.from].Sequence
		if n.kind == 'g' && n.number >= first && n.number-first < uint64(in.to-in.from) {
			s := r.shots[in.from+int(n.number-first)]
			return in, s.Offset, s.Length, true
		}
	}
	return nil, 0, 0, false
}

func (s *takeLine) contentType() string {
	if s.Video {
		return "video/mp4"
	}
	return "audio/mp4"
}
