package flv

import (
	"errors"
	"reflect"
	"testing"
)

func TestTags(t *testing.T) {
	const head = "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
	const audio = "\x08\x00\x00\x02\x00\x00\x17\x00\x00\x00\x00\xaf\x01\x00\x00\x00\x0d"
	const video = "\x09\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x17\x00\x00\x00\x0c"
	want := []Tag{{KindAudio, 23, []byte("\xaf\x01")}, {KindVideo, 1 << 24, []byte("\x17")}}

	for what, tc := range map[string]struct {
		in   string
		want []Tag
	}{
		"two tags":               {head + audio + video, want},
		"last back pointer gone": {head + audio + video[:len(video)-4], want},
		"last tag cut":           {head + audio + video[:11], want[:1]},
		"longer header":          {"FLV\x01\x05\x00\x00\x00\x0b??\x00\x00\x00\x00" + audio, want[:1]},
		"no tags":                {head, nil},
	} {
		got, err := Tags([]byte(tc.in))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	for _, in := range []string{"", "FLV", "RIFF\x00\x00\x00\x00\x00\x00\x00\x00\x00", head + "\x07" + audio[1:]} {
		if _, err := Tags([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
