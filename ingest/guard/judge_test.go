package guard

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"testing"

	"souk/ingest/amf"
	"souk/ingest/rtmptest"
)

// commands relays parts before any publish, and returns the commands that the
// library got to see.
func commands(t *testing.T, parts ...[]byte) (got [][]any, err error) {
	t.Helper()
	all, _, err := relay(t, parts...)
	for _, m := range all {
		if m.kind != kindCommand {
			t.Errorf("kind %d reached the library", m.kind)
		}
		args, err := amf.Decode(m.body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, args)
	}
	return got, err
}

func TestCommandsAreRewritten(t *testing.T) {
	undefined := []byte{6}
	long := func(s string) []byte { return append([]byte{0x0c, 0, 0, 0, byte(len(s))}, s...) }
	raw := func(parts ...[]byte) []byte {
		return rtmptest.Message{Kind: rtmptest.Command, Stream: 1, Body: rtmptest.Join(parts...)}.Bytes()
	}
	connect := rtmptest.Connect("live")
	connected := []any{"connect", 1.0, amf.Object{
		{Name: "app", Value: "live"},
		{Name: "flashVer", Value: "FMLE/3.0 (compatible; FMSc/1.0)"},
		{Name: "tcUrl", Value: "rtmp://127.0.0.1/live"},
	}}
	body := rtmptest.CommandBody("connect", 1, connected[2])
	for _, tc := range []struct {
		what string
		in   []byte
		want [][]any
	}{
		{"connect", connect, [][]any{connected}},
		{"connect as AMF3", rtmptest.Message{Kind: rtmptest.CommandAMF3, Body: append([]byte{0}, body...)}.Bytes(), [][]any{connected}},
		{"connect as AMF3 without the prefix", rtmptest.Message{Kind: rtmptest.CommandAMF3, Body: body}.Bytes(), [][]any{connected}},
		{"connect with undefined and a long string",
			raw(amf.Append(nil, "connect", 1.0), []byte{3, 0, 3}, []byte("app"), long("live"), []byte{0, 1, 'x'}, undefined, []byte{0, 0, 9}, undefined),
			[][]any{{"connect", 1.0, amf.Object{{Name: "app", Value: "live"}}}}},
		{"connect with a codec list", rtmptest.Invoke(0, "connect", 1, amf.Object{{Name: "app", Value: "live"}, {Name: "fourCcList", Value: amf.Array{"*"}}}),
			[][]any{{"connect", 1.0, amf.Object{{Name: "app", Value: "live"}}}}},
		{"second connect", rtmptest.Join(connect, connect), [][]any{connected}},
		{"publish before connect", rtmptest.Join(rtmptest.Publish("key"), connect), [][]any{connected}},
		{"createStream before connect", rtmptest.CreateStream(), nil},
		{"key carrying commands", rtmptest.Join(connect, rtmptest.Invoke(0, "releaseStream", 2, nil, "key"), rtmptest.Invoke(0, "FCPublish", 3, nil, "key"), rtmptest.Invoke(1, "FCUnpublish", 6, nil, "key")), [][]any{connected}},
		{"unknown commands", rtmptest.Join(connect, rtmptest.Invoke(0, "_checkbw", 2, nil), rtmptest.Invoke(0, "_result", 1, nil), rtmptest.Invoke(0, "ping", 1)), [][]any{connected}},
		{"createStream", rtmptest.Join(connect, rtmptest.CreateStream()), [][]any{connected, {"createStream", 4.0, nil}}},
		{"publish", rtmptest.Join(connect, rtmptest.Publish("key?a=b")), [][]any{connected, {"publish", 5.0, nil, "key?a=b"}}},
		{"publish, transaction 0, more arguments", rtmptest.Join(connect, rtmptest.Invoke(1, "publish", 0, nil, "key", "live", "extra")), [][]any{connected, {"publish", 0.0, nil, "key"}}},
		{"transaction not a number", rtmptest.Join(connect, rtmptest.Invoke(0, "createStream", math.NaN(), nil)), [][]any{connected, {"createStream", 0.0, nil}}},
		{"transaction out of range", rtmptest.Join(connect, rtmptest.Invoke(0, "createStream", 1e300, nil)), [][]any{connected, {"createStream", 0.0, nil}}},
		{"deleteStream", rtmptest.Join(connect, rtmptest.Publish("key"), rtmptest.Invoke(1, "deleteStream", 7, nil, 1.0)), [][]any{connected, {"publish", 5.0, nil, "key"}, {"deleteStream", 7.0, nil, 1.0}}},
		{"deleteStream of nothing", rtmptest.Join(connect, rtmptest.Publish("key"), rtmptest.Invoke(1, "deleteStream", 7)), [][]any{connected, {"publish", 5.0, nil, "key"}, {"deleteStream", 7.0, nil, 1.0}}},
		{"deleteStream before publish", rtmptest.Join(connect, rtmptest.Invoke(1, "deleteStream", 7, nil, 1.0)), [][]any{connected}},
		{"closeStream", rtmptest.Join(connect, rtmptest.Invoke(1, "closeStream", 0)), [][]any{connected, {"closeStream", 0.0, nil}}},
		{"play", rtmptest.Join(connect, rtmptest.Invoke(1, "play", 0, nil, "key", -2000.0)), [][]any{connected, {"play", 0.0, nil, "key"}}},
		{"empty command", rtmptest.Message{Kind: rtmptest.Command}.Bytes(), nil},
	} {
		got, err := commands(t, tc.in)
		if tc.what == "empty command" {
			if !errors.Is(err, errCommand) {
				t.Errorf("%s: %v", tc.what, err)
			}
			continue
		}
		if err != io.EOF || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, %v, want %v", tc.what, got, err, tc.want)
		}
	}
}

func TestCommandsAreRefused(t *testing.T) {
	bomb := []byte{0x0a, 0x7f, 0xff, 0xff, 0xff}
	body := func(parts ...[]byte) []byte {
		return rtmptest.Message{Kind: rtmptest.Command, Body: rtmptest.Join(parts...)}.Bytes()
	}
	nested := bytes.Repeat([]byte{3, 0, 1, 'a'}, 16_000)
	for what, in := range map[string][]byte{
		"array bomb in connect":            body(amf.Append(nil, "connect", 1.0), bomb),
		"array bomb inside the object":     body(amf.Append(nil, "connect", 1.0), []byte{3, 0, 1, 'a'}, bomb, []byte{0, 0, 9}),
		"array bomb in an unknown command": body(amf.Append(nil, "hello", 1.0), bomb),
		"nesting":                          body(amf.Append(nil, "connect", 1.0), nested),
		"name is a number":                 body(amf.Append(nil, 1.0, 1.0)),
		"transaction is a string":          body(amf.Append(nil, "connect", "1")),
		"no transaction":                   body(amf.Append(nil, "connect")),
		"connect without an object":        rtmptest.Invoke(0, "connect", 1, nil),
		"connect with app a number":        rtmptest.Invoke(0, "connect", 1, amf.Object{{Name: "app", Value: 7.0}}),
		"connect with tcUrl a boolean":     rtmptest.Invoke(0, "connect", 1, amf.Object{{Name: "tcUrl", Value: true}}),
		"publish with a number":            rtmptest.Join(rtmptest.Connect("live"), rtmptest.Invoke(1, "publish", 5, nil, 7.0)),
		"publish without a name":           rtmptest.Join(rtmptest.Connect("live"), rtmptest.Invoke(1, "publish", 5, nil)),
		"cut short":                        body([]byte{2, 0, 200, 'c'}),
	} {
		if got, err := commands(t, rtmptest.ChunkSizeOf(maxChunkSize), in); !errors.Is(err, errCommand) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}

func TestCreateStreamFlood(t *testing.T) {
	flood := bytes.Repeat(rtmptest.CreateStream(), 20_000)
	got, err := commands(t, rtmptest.Connect("live"), flood)
	if !errors.Is(err, errManyStreams) || len(got) != 1+maxCreateStreams {
		t.Errorf("%d commands, %v", len(got), err)
	}
}

func TestDataIsRelabelled(t *testing.T) {
	meta := amf.Object{{Name: "encoder", Value: "obs"}}
	send := func(kind byte, body []byte) []byte {
		return rtmptest.Message{ChunkStream: 4, Kind: kind, Stream: 1, Body: body}.Bytes()
	}
	want := amf.Append(nil, "@setDataFrame", "onMetaData", meta)
	for what, tc := range map[string]struct {
		in   []byte
		pass bool
	}{
		"as it should be": {send(rtmptest.Data, want), true},
		"bare":            {send(rtmptest.Data, amf.Append(nil, "onMetaData", meta)), true},
		"AMF3":            {send(rtmptest.DataAMF3, append([]byte{0}, want...)), true},
		"in an aggregate": {send(rtmptest.Aggregate, rtmptest.AggregateBody(rtmptest.Tag{Kind: rtmptest.Data, Body: want})), true},
		"text data":       {send(rtmptest.Data, amf.Append(nil, "onTextData", meta)), false},
		"no value":        {send(rtmptest.Data, amf.Append(nil, "@setDataFrame", "onMetaData")), false},
		"not AMF":         {send(rtmptest.Data, []byte("VODTRACK")), false},
		"array bomb":      {send(rtmptest.Data, append(amf.Append(nil, "onMetaData"), 0x0a, 0x7f, 0xff, 0xff, 0xff)), false},
		"empty":           {send(rtmptest.Data, nil), false},
	} {
		got, _, err := relay(t, publishing, tc.in, audio(9, "next").Bytes())
		if err != io.EOF || got[len(got)-1].kind != kindAudio {
			t.Errorf("%s: publishing did not go on: %v", what, err)
		}
		passed := len(got) == 5 && got[3].kind == kindData && bytes.Equal(got[3].body, want)
		if passed != tc.pass || len(got) > 5 {
			t.Errorf("%s: passed %v", what, passed)
		}
	}
}

func TestOddMessagesDoNoHarm(t *testing.T) {
	a := audio(10, "next")
	odd := func(kind byte, body ...byte) []byte {
		return rtmptest.Message{ChunkStream: 2, Kind: kind, Body: body}.Bytes()
	}
	for what, in := range map[string][]byte{
		"empty audio":            audio(5, "").Bytes(),
		"empty video":            video(5, 0).Bytes(),
		"empty everything":       rtmptest.Join(odd(3), odd(4), odd(5), odd(6), odd(15), odd(16), odd(18), odd(19), odd(22), odd(99)),
		"user control 31":        odd(rtmptest.UserControl, 0, 31, 0, 0, 0, 1),
		"user control 32":        odd(rtmptest.UserControl, 0, 32),
		"short user control":     odd(rtmptest.UserControl, 0),
		"short ping":             odd(rtmptest.UserControl, 0, 6, 1),
		"buffer length":          odd(rtmptest.UserControl, 0, 3, 0, 0, 0, 1, 0, 0, 1, 0),
		"peer bandwidth":         odd(rtmptest.Bandwidth, 0, 0x26, 0x25, 0xa0, 2),
		"window of 0":            odd(rtmptest.WindowSize, 0, 0, 0, 0),
		"window of 1":            odd(rtmptest.WindowSize, 0, 0, 0, 1),
		"short window":           odd(rtmptest.WindowSize, 1),
		"shared object":          odd(19, 1, 2, 3),
		"unknown kind":           odd(99, 1, 2, 3),
		"aggregate of nonsense":  odd(rtmptest.Aggregate, 1, 2, 3),
		"aggregate in aggregate": odd(rtmptest.Aggregate, rtmptest.AggregateBody(rtmptest.Tag{Kind: rtmptest.Aggregate, Body: []byte{1}})...),
		"command in aggregate":   odd(rtmptest.Aggregate, rtmptest.AggregateBody(rtmptest.Tag{Kind: rtmptest.Command, Body: []byte{1}})...),
	} {
		got, err := media(t, in, a.Bytes())
		t.Run(what, func(t *testing.T) { expect(t, got, err, a) })
	}
}

func TestMediaOfAnyStreamBelongsToThePublish(t *testing.T) {
	a := audio(10, "x")
	a.Stream = 77
	got, err := media(t, a.Bytes())
	expect(t, got, err, a)
}

func TestAggregate(t *testing.T) {
	body := rtmptest.AggregateBody(
		rtmptest.Tag{Kind: rtmptest.Video, Time: 5000, Body: []byte("vvv")},
		rtmptest.Tag{Kind: rtmptest.Audio, Time: 5000, Body: []byte("aa")},
		rtmptest.Tag{Kind: rtmptest.Audio, Time: 5021, Body: nil},
		rtmptest.Tag{Kind: rtmptest.Audio, Time: 5042, Body: []byte("bb")},
	)
	send := func(body []byte) []byte {
		return rtmptest.Message{ChunkStream: 6, Kind: rtmptest.Aggregate, Stream: 1, Time: 100, Body: body}.Bytes()
	}
	v := rtmptest.Message{Kind: rtmptest.Video, Time: 100, Body: []byte("vvv")}
	got, err := media(t, send(body))
	expect(t, got, err, v, audio(100, "aa"), audio(142, "bb"))

	// Without its last back pointer, then with a tag that is cut short.
	got, err = media(t, send(body[:len(body)-4]))
	expect(t, got, err, v, audio(100, "aa"), audio(142, "bb"))
	got, err = media(t, send(body[:len(body)-5]))
	expect(t, got, err, v, audio(100, "aa"))
}

func TestPingIsAnswered(t *testing.T) {
	_, sent, err := relay(t, rtmptest.Message{ChunkStream: 2, Kind: rtmptest.UserControl, Body: []byte{0, 6, 1, 2, 3, 4}}.Bytes())
	if err != io.EOF || len(sent) != 1 || sent[0].kind != kindUserControl || !bytes.Equal(sent[0].body, []byte{0, 7, 1, 2, 3, 4}) {
		t.Errorf("sent %v, %v", sent, err)
	}
}

func TestAcknowledgements(t *testing.T) {
	for window, want := range map[uint32]int{
		0:             17, // one per message: raised to minWindow
		512 << 10:     4,
		math.MaxInt32: 0,
	} {
		announce := rtmptest.Message{ChunkStream: 2, Kind: rtmptest.WindowSize}
		announce.Body = []byte{byte(window >> 24), byte(window >> 16), byte(window >> 8), byte(window)}
		v := video(0, 64<<10)
		v.ChunkSize = 65536
		_, sent, _ := relay(t, publishing, announce.Bytes(), rtmptest.ChunkSizeOf(65536), bytes.Repeat(v.Bytes(), 17))
		if len(sent) != want {
			t.Errorf("window %d: %d acknowledgements for 17 messages of 64 KiB, want %d", window, len(sent), want)
		}
		for _, m := range sent {
			if m.kind != kindAck || len(m.body) != 4 {
				t.Errorf("sent kind %d", m.kind)
			}
		}
	}
}
