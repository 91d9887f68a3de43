package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// What OBS 32 and OBS 30 ask.
const (
	newQuestion = `{"service":"IVS","schema_version":"2025-01-25","authentication":"key-of-tea",
		"client":{"name":"obs-studio","version":"32.0.1","supported_codecs":["h264","h265","av1"]},
		"capabilities":{"cpu":{"physical_cores":8,"logical_cores":16},"memory":{"total":17179869184,"free":8589934592},
			"system":{"version":"10","name":"Windows","build":19045,"bits":64,"arm":false},
			"gpu":[{"model":"NVIDIA GeForce RTX 3060","vendor_id":4318,"device_id":9476,"dedicated_video_memory":12884901888,"shared_system_memory":8589934592}]},
		"preferences":{"maximum_aggregate_bitrate":6000,"maximum_video_tracks":4,"vod_track_audio":false,"audio_samples_per_sec":48000,"audio_channels":2,
			"canvases":[{"width":1920,"height":1080,"canvas_width":1920,"canvas_height":1080,"framerate":{"numerator":60,"denominator":1}}]}}`
	oldQuestion = `{"service":"IVS","schema_version":"2024-06-04","authentication":"key-of-tea",
		"client":{"name":"obs-studio","version":"30.2.0","supported_codecs":["h264"]},
		"capabilities":{"cpu":{"physical_cores":2,"logical_cores":4},"memory":{"total":8589934592,"free":4294967296},
			"system":{"version":"6.8","name":"Linux","bits":64},"gpu":null},
		"preferences":{"vod_track_audio":true,"width":1280,"height":720,"canvas_width":1920,"canvas_height":1080,
			"framerate":{"numerator":30000,"denominator":1001}}}`
)

// ask sends a question to a server with the given policy.
func ask(t *testing.T, s *Server, question string) (status int, a configAnswer) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/api/v3/GetClientConfiguration", strings.NewReader(question))
	s.ClientConfiguration(w, r)
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return w.Code, a
}

func shapes(a configAnswer) (all []string) {
	for _, e := range a.Encoders {
		all = append(all, fmt.Sprintf("%s %dx%d", e.Type, e.Width, e.Height))
	}
	return all
}

func TestClientConfiguration(t *testing.T) {
	s := &Server{Keys: keys{}, Endpoints: func(*http.Request) []string { return []string{"rtmp://example.com/live", "rtmps://example.com/live"} }}
	for what, tc := range map[string]struct {
		question, schema string
		maxKbps          float64
		rate             framerate
		want             []string
		vod              bool
	}{
		"new": {newQuestion, "2025-01-25", 6000, framerate{60, 1}, []string{"obs_nvenc_h264_tex 1280x720", "obs_nvenc_h264_tex 854x480"}, false},
		"old": {oldQuestion, "2024-06-04", 8000, framerate{30000, 1001}, []string{"obs_x264 1280x720", "obs_x264 854x480"}, true},
	} {
		status, a := ask(t, s, tc.question)
		if status != 200 || a.Status != nil || a.Meta.Schema != tc.schema || a.Meta.ID == "" || !slices.Equal(shapes(a), tc.want) {
			t.Errorf("%s: %d %+v %v", what, status, a.Status, shapes(a))
			continue
		}
		sum := 0.0
		for _, e := range a.Encoders {
			sum += e.Settings["bitrate"].(float64)
			if e.Settings["keyint_sec"] != 2.0 || e.Settings["bf"] != 0.0 || e.Settings["rate_control"] != "CBR" || e.Framerate != tc.rate {
				t.Errorf("%s: %+v", what, e)
			}
		}
		if sum > tc.maxKbps || sum < tc.maxKbps/2 && what == "new" {
			t.Errorf("%s: %v kbit/s in all", what, sum)
		}
		if len(a.Audio.Live) != 1 || (len(a.Audio.VOD) > 0) != tc.vod {
			t.Errorf("%s: audio %+v", what, a.Audio)
		}
		if want := []configEndpoint{{"RTMP", "rtmp://example.com/live/{stream_key}"}, {"RTMPS", "rtmps://example.com/live/{stream_key}"}}; !slices.Equal(a.Endpoints, want) {
			t.Errorf("%s: %v", what, a.Endpoints)
		}
	}
}

// OBS takes an answer of another status than 200 for no answer.
func TestClientConfigurationRefuses(t *testing.T) {
	trouble := &Server{Keys: keysFunc(func(_ context.Context, key string) (string, error) { return "", fmt.Errorf("no such %s", key) })}
	for what, tc := range map[string]struct {
		s        *Server
		question string
		status   int
		want     string
	}{
		"wrong key":      {&Server{Keys: keys{}}, strings.ReplaceAll(newQuestion, "key-of-tea", "nope"), 200, "not known"},
		"no key":         {&Server{Keys: keys{}}, strings.ReplaceAll(newQuestion, "key-of-tea", ""), 200, "not known"},
		"keys fail":      {trouble, newQuestion, 200, "cannot be checked"},
		"no H.264":       {&Server{Keys: keys{}}, strings.ReplaceAll(newQuestion, `"h264","h265",`, ""), 200, "H.264"},
		"not JSON":       {&Server{Keys: keys{}}, "key=value", 400, ""},
		"a wrong type":   {&Server{Keys: keys{}}, `{"preferences":7}`, 400, ""},
		"far too long":   {&Server{Keys: keys{}}, `{"service":"` + strings.Repeat("x", maxConfigRequest) + `"}`, 413, ""},
		"an empty body":  {&Server{Keys: keys{}}, "", 400, ""},
		"an empty thing": {&Server{Keys: keys{}}, "{}", 200, "not known"},
	} {
		status, a := ask(t, tc.s, tc.question)
		if status != tc.status || tc.want != "" && (a.Status == nil || a.Status.Result != "error" || !strings.Contains(a.Status.Text, tc.want) || len(a.Encoders) > 0) {
			t.Errorf("%s: %d %+v", what, status, a.Status)
		}
	}
}

func TestClientConfigurationIsThrottled(t *testing.T) {
	s := &Server{Keys: keys{}}
	for range strikeBurst {
		ask(t, s, strings.ReplaceAll(newQuestion, "key-of-tea", "nope"))
	}
	if _, a := ask(t, s, newQuestion); a.Status == nil || !strings.Contains(a.Status.Text, "too many") {
		t.Errorf("%+v", a.Status)
	}
}

func TestEncoderFitsTheComputer(t *testing.T) {
	for _, tc := range []struct {
		vendor uint32
		system string
		want   string
	}{
		{vendorNVIDIA, "Linux", "obs_nvenc_h264_tex"},
		{vendorAMD, "Windows", "h264_texture_amf"},
		{vendorAMD, "Linux", "ffmpeg_vaapi_tex"},
		{vendorIntel, "Windows", "obs_qsv11_v2"},
		{vendorIntel, "GNU/Linux", "ffmpeg_vaapi_tex"},
		{vendorApple, "macOS", "com.apple.videotoolbox.videoencoder.ave.avc"},
		{0x1234, "Windows", "obs_x264"},
	} {
		question := fmt.Sprintf(`{"capabilities":{"system":{"name":%q},"gpu":[{"vendor_id":%d}]}}`, tc.system, tc.vendor)
		var q configRequest
		if err := json.Unmarshal([]byte(question), &q); err != nil {
			t.Fatal(err)
		}
		if got := q.encoder().id; got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
}

func TestLadder(t *testing.T) {
	for what, tc := range map[string]struct {
		policy  Policy
		c       canvas
		n, kbps int
		want    string
	}{
		"plenty":            {Policy{1080, 20_000_000, 6}, canvas{1920, 1080, 30}, 6, 20_000, "1920x1080 1280x720 854x480 640x360 426x240 284x160"},
		"three":             {Policy{1080, 10_000_000, 3}, canvas{1920, 1080, 30}, 6, 10_000, "1920x1080 1280x720 854x480"},
		"not above":         {Policy{720, 10_000_000, 3}, canvas{3840, 2160, 30}, 6, 10_000, "1280x720 854x480 640x360"},
		"upright":           {Policy{1080, 10_000_000, 3}, canvas{1080, 1920, 30}, 6, 10_000, "1080x1920 720x1280 480x854"},
		"odd":               {Policy{1080, 10_000_000, 2}, canvas{1600, 900, 30}, 6, 10_000, "1600x900 854x480"},
		"tiny":              {Policy{1080, 10_000_000, 3}, canvas{160, 120, 30}, 6, 10_000, "160x120"},
		"one":               {Policy{1080, 10_000_000, 1}, canvas{1920, 1080, 30}, 6, 10_000, "1920x1080"},
		"the client's wish": {Policy{1080, 10_000_000, 3}, canvas{1920, 1080, 30}, 2, 10_000, "1920x1080 1280x720"},
		"tight":             {Policy{1080, 4_500_000, 3}, canvas{1920, 1080, 30}, 6, 10_000, "1920x1080 1280x720"},
		"very tight":        {Policy{1080, 2_000_000, 3}, canvas{1920, 1080, 60}, 6, 10_000, "640x360 426x240"},
		"hopeless":          {Policy{1080, 100_000, 3}, canvas{1920, 1080, 60}, 6, 10_000, "426x240 284x160"},
	} {
		var got []string
		sum := 0
		rungs := tc.policy.ladder(tc.c, tc.n, tc.kbps)
		for i, r := range rungs {
			got = append(got, fmt.Sprintf("%dx%d", r.width, r.height))
			if sum += r.kbps; i > 0 && r.kbps > rungs[i-1].kbps {
				t.Errorf("%s: %v", what, rungs)
			}
		}
		if strings.Join(got, " ") != tc.want || sum*1000 > tc.policy.MaxBitrate && what != "hopeless" {
			t.Errorf("%s: %v, want %s; %d kbit/s", what, rungs, tc.want, sum)
		}
	}
}

// What a person pastes is small, complete and holds no secret.
func TestPastes(t *testing.T) {
	all := Pastes(Policy{MaxHeight: 720, MaxBitrate: 4_000_000, Renditions: 3})
	if len(all) < 5 || all[0].Name != "any computer" {
		t.Errorf("%v", all)
	}
	for _, p := range all {
		var a configAnswer
		if err := json.Unmarshal(p.Config, &a); err != nil {
			t.Fatal(err)
		}
		if a.Meta != nil || a.Status != nil || a.Endpoints != nil || len(a.Audio.Live) != 1 || len(a.Encoders) < 2 || a.Encoders[0].Height != 720 {
			t.Errorf("%s: %s", p.Name, p.Config)
		}
		if strings.Contains(string(p.Config), "null") || strings.Contains(string(p.Config), "authentication") {
			t.Errorf("%s: %s", p.Name, p.Config)
		}
	}
	if n := len(Pastes(Policy{})[1].Config); n == 0 {
		t.Error("nothing for a channel without a policy")
	}
}

func FuzzClientConfiguration(f *testing.F) {
	f.Add(newQuestion)
	f.Add(oldQuestion)
	s := &Server{Keys: keysFunc(func(context.Context, string) (string, error) { return "tea", nil })}
	f.Fuzz(func(t *testing.T, question string) {
		w := httptest.NewRecorder()
		s.ClientConfiguration(w, httptest.NewRequest("POST", "/", strings.NewReader(question)))
		if w.Code != 200 {
			return
		}
		var a configAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		if a.Status == nil && (len(a.Encoders) == 0 || len(a.Encoders) > DefaultPolicy.Renditions) {
			t.Errorf("%d encoders", len(a.Encoders))
		}
	})
}
