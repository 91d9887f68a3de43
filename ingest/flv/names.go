package flv

import (
	"fmt"
	"strconv"
)

// Codec is how a track is compressed.
type Codec uint8

// The codecs that packets come in.
const (
	H264 Codec = iota + 1
	H265
	AV1
	AAC
	Opus
	MP3
)

// String is what people call the codec.
func (c Codec) String() string {
	return [...]string{"none", "H.264", "HEVC", "AV1", "AAC", "Opus", "MP3"}[c]
}

func (c Codec) video() bool { return c <= AV1 }

// fourCCs are the codes of enhanced tags.
var fourCCs = map[string]Codec{
	"avc1": H264, "hvc1": H265, "av01": AV1, "mp4a": AAC, "Opus": Opus, ".mp3": MP3,
}

// legacyVideo are the codec ids that can be read, section E.4.3.1, and one for
// HEVC that some encoders made up before there were enhanced tags.
var legacyVideo = map[byte]Codec{7: H264, 12: H265}

// videoName is what people call the other ids.
func videoName(id byte) string {
	switch id {
	case 2:
		return "H.263"
	case 3, 6:
		return "Screen video"
	case 4, 5:
		return "VP6"
	}
	return "number " + strconv.Itoa(int(id))
}

// audioName is the same for sound formats, section E.4.2.1.
func audioName(id byte) string {
	switch id {
	case 0, 3:
		return "PCM"
	case 1:
		return "ADPCM"
	case 4, 5, 6:
		return "Nellymoser"
	case 7, 8:
		return "G.711"
	case 11:
		return "Speex"
	}
	return "number " + strconv.Itoa(int(id))
}

// fourCCName is the same for the codes of enhanced tags. Unknown ones come from
// the peer and are quoted.
func fourCCName(code string) string {
	if codec, ok := fourCCs[code]; ok {
		return codec.String()
	}
	names := map[string]string{
		"vvc1": "VVC", "vp08": "VP8", "vp09": "VP9", "fLaC": "FLAC", "ac-3": "AC-3", "ec-3": "E-AC-3",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprintf("%+q", code)
}
