package chat

import (
	"bytes"
	"compress/flate"
	"net/http"
	"strings"
	"sync"
	"time"
)

// frame is one broadcast of a room, made once for all its viewers.
type frame struct {
	made   time.Time
	before int64       // the number before the first in it
	values []latestKey // whose newest values are in it
	plain  []byte
	packed []byte // the same compressed; nil: nobody has asked yet
}

// bytes returns the frame as it goes over the wire, for viewers that take
// compressed frames or for those that do not. Only the room may call it.
func (f *frame) bytes(packs bool) []byte {
	if !packs {
		return f.plain
	}
	if f.packed == nil {
		f.packed = pack(f.plain)
	}
	return f.packed
}

// leastPacked is how long a frame must be to be compressed: below, the gain is
// not worth the phone's work.
const leastPacked = 200 // bytes

// packers are compressors at the fastest level. They are large, and a room
// needs one for a moment.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return w
}}

// pack compresses a text frame by permessage-deflate without context takeover,
// RFC 7692 section 7.2.1, or returns it as it is when that does not pay.
func pack(plain []byte) []byte {
	if len(plain) < leastPacked {
		return plain
	}
	header := headerLen(plain)
	var b bytes.Buffer
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&b)
	_, _ = w.Write(plain[header:]) // a buffer takes everything
	_ = w.Flush()
	payload := bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
	if len(payload) >= len(plain)-header {
		return plain
	}
	return append(appendHeader(make([]byte, 0, len(payload)+10), opText|rsv1, len(payload)), payload...)
}

// rsv1 marks a compressed message, RFC 7692 section 6.
const rsv1 = 0x40

// headerLen is the length of the header of one of the server's frames.
func headerLen(frame []byte) int {
	switch frame[1] {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

// packsOffered tells whether a client that sent header takes compressed frames.
// One that asks for a smaller window than ours gets plain ones.
func packsOffered(header http.Header) bool {
	for _, line := range header.Values("Sec-Websocket-Extensions") {
		for offer := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(offer, ";")
			if strings.TrimSpace(name) == "permessage-deflate" && !strings.Contains(parameters, "server_max_window_bits") {
				return true
			}
		}
	}
	return false
}
