package flv

import (
	"fmt"
	"strconv"
)

// videoName is what people call a legacy codec id, section E.4.3.1. 12 and 13
// are in no specification, but in encoders.
func videoName(id byte) string {
	switch id {
	case 2:
		return "H.263"
	case 3, 6:
		return "Screen video"
	case 4, 5:
		return "VP6"
	case 12:
		return "HEVC"
	case 13:
		return "AV1"
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
	case 2, 14:
		return "MP3"
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
	names := map[string]string{
		"avc1": "H.264", "hvc1": "HEVC", "vvc1": "VVC", "av01": "AV1", "vp08": "VP8", "vp09": "VP9",
		"mp4a": "AAC", "Opus": "Opus", "fLaC": "FLAC", ".mp3": "MP3", "ac-3": "AC-3", "ec-3": "E-AC-3",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprintf("%+q", code)
}
