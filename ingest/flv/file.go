package flv

import "bytes"

// Kinds of tags, section E.4.1. They are RTMP message types too.
const (
	KindAudio = 8
	KindVideo = 9
	KindData  = 18
)

// Tag is one tag of a file.
type Tag struct {
	Kind byte
	Time uint32 // milliseconds
	Body []byte
}

// Tags takes a file apart. A last tag that is cut short, as in a recording
// that was interrupted, is left out; ErrMalformed means that this is no FLV
// file, or that it is broken in the middle.
func Tags(file []byte) ([]Tag, error) {
	r := reader{file}
	head := r.take(9)
	if r.failed() || !bytes.HasPrefix(head, []byte("FLV\x01")) {
		return nil, ErrMalformed
	}
	// Sections E.2 and E.3: the header says where it ends, then comes the size
	// of the tag before the first one.
	const backPointer = 4
	if size := int(head[5])<<24 | int(head[6])<<16 | int(head[7])<<8 | int(head[8]); size > len(head) {
		r.take(size - len(head))
	}
	var tags []Tag
	for r.take(backPointer); len(r.b) > 0; r.take(backPointer) {
		kind := r.byte() & 31
		size := r.uint24()
		time := uint32(r.uint24()) | uint32(r.byte())<<24
		r.take(3) // stream id, always 0
		body := r.take(size)
		if r.failed() {
			break
		}
		switch kind {
		case KindAudio, KindVideo, KindData:
			tags = append(tags, Tag{kind, time, body})
		default:
			return nil, ErrMalformed
		}
	}
	return tags, nil
}
