package ingest

import (
	"encoding/json"
	"strings"
)

// What OBS asks and gets to hear about its encoders: "Enhanced Broadcasting",
// schema versions 2024-06-04 and 2025-01-25. Rates are in kbit/s, as OBS counts.

// configRequest is what matters of a question. The older schema has the canvas
// among the preferences.
type configRequest struct {
	Schema string `json:"schema_version"`
	Key    string `json:"authentication"`
	Client struct {
		Codecs []string `json:"supported_codecs"`
	} `json:"client"`
	Capabilities struct {
		CPU struct {
			Cores int `json:"logical_cores"`
		} `json:"cpu"`
		System struct {
			Name string `json:"name"`
		} `json:"system"`
		GPUs []struct {
			Vendor uint32 `json:"vendor_id"`
		} `json:"gpu"`
	} `json:"capabilities"`
	Preferences struct {
		MaxKbps   int            `json:"maximum_aggregate_bitrate"`
		MaxTracks int            `json:"maximum_video_tracks"`
		VOD       bool           `json:"vod_track_audio"`
		Canvases  []canvasFields `json:"canvases"`
		canvasFields
	} `json:"preferences"`
}

type canvasFields struct {
	Width     int       `json:"width"`
	Height    int       `json:"height"`
	Framerate framerate `json:"framerate"`
}

type framerate struct {
	Numerator   int `json:"numerator"`
	Denominator int `json:"denominator"`
}

// Canvases that are believed.
const (
	minSide, maxSide = 64, 8192
	maxFPS           = 240
)

var usualCanvas = canvas{1920, 1080, 30}

// canvas is the picture to start from, and its frame rate as it was written.
func (r *configRequest) canvas() (canvas, framerate) {
	f := r.Preferences.canvasFields
	if len(r.Preferences.Canvases) > 0 {
		f = r.Preferences.Canvases[0]
	}
	c, rate := usualCanvas, framerate{30, 1}
	if f.Width >= minSide && f.Width <= maxSide && f.Height >= minSide && f.Height <= maxSide {
		c.width, c.height = f.Width, f.Height
	}
	if n, d := f.Framerate.Numerator, f.Framerate.Denominator; n > 0 && d > 0 && n/d <= maxFPS && n >= d {
		rate, c.fps = f.Framerate, float64(n)/float64(d)
	}
	return c, rate
}

// configAnswer is the answer, and what can be pasted into OBS.
type configAnswer struct {
	Meta      *configMeta      `json:"meta,omitempty"`
	Status    *configStatus    `json:"status,omitempty"`
	Endpoints []configEndpoint `json:"ingest_endpoints,omitempty"`
	Encoders  []videoEncoder   `json:"encoder_configurations,omitempty"`
	Audio     *audioEncoders   `json:"audio_configurations,omitempty"`
}

type configMeta struct {
	Service string `json:"service"`
	Schema  string `json:"schema_version"`
	ID      string `json:"config_id"`
}

type configStatus struct {
	Result string `json:"result"`
	Text   string `json:"html_en_us"`
}

type configEndpoint struct {
	Protocol string `json:"protocol"`
	URL      string `json:"url_template"`
}

type videoEncoder struct {
	Type      string         `json:"type"`
	Width     int            `json:"width"`
	Height    int            `json:"height"`
	Framerate framerate      `json:"framerate"`
	Settings  map[string]any `json:"settings"`
	Canvas    int            `json:"canvas_index"`
}

type audioEncoders struct {
	Live []audioEncoder `json:"live"`
	VOD  []audioEncoder `json:"vod,omitempty"`
}

type audioEncoder struct {
	Codec    string         `json:"codec"`
	Track    int            `json:"track_id"`
	Channels int            `json:"channels"`
	Settings map[string]any `json:"settings"`
}

// hardware is an H.264 encoder of OBS.
type hardware struct {
	name     string // for people
	id       string // for OBS
	settings map[string]any
}

var (
	x264         = hardware{"any computer", "obs_x264", map[string]any{"preset": "veryfast", "profile": "high"}}
	nvenc        = hardware{"NVIDIA", "obs_nvenc_h264_tex", map[string]any{"preset": "p4", "profile": "high"}}
	amdAMF       = hardware{"AMD on Windows", "h264_texture_amf", map[string]any{"preset": "quality", "profile": "high"}}
	quickSync    = hardware{"Intel on Windows", "obs_qsv11_v2", map[string]any{"target_usage": "TU4", "profile": "high"}}
	vaapi        = hardware{"AMD or Intel on Linux", "ffmpeg_vaapi_tex", map[string]any{"profile": 100}}
	videoToolbox = hardware{"Mac", "com.apple.videotoolbox.videoencoder.ave.avc", map[string]any{"profile": "high"}}
)

// Vendors of graphics processors, as PCI numbers them.
const (
	vendorNVIDIA = 0x10de
	vendorAMD    = 0x1002
	vendorIntel  = 0x8086
	vendorApple  = 0x106b
)

// Without a graphics processor that encodes, every rendition costs the
// streamer's own processor.
const (
	x264Cores = 8 // with less there are only
	x264Few   = 2 // renditions
)

// encoder is what the client should encode with.
func (r *configRequest) encoder() hardware {
	linux := strings.Contains(strings.ToLower(r.Capabilities.System.Name), "linux")
	for _, gpu := range r.Capabilities.GPUs {
		switch gpu.Vendor {
		case vendorNVIDIA:
			return nvenc
		case vendorApple:
			return videoToolbox
		case vendorAMD, vendorIntel:
			if linux {
				return vaapi
			}
			if gpu.Vendor == vendorAMD {
				return amdAMF
			}
			return quickSync
		}
	}
	return x264
}

// configure lays out the encoders for a picture. All get the same keyframe
// interval, or their segments could not be cut at the same times.
func (p Policy) configure(c canvas, rate framerate, n, kbps int, h hardware) []videoEncoder {
	const keySeconds, bFrames = 2, 0
	var all []videoEncoder
	for _, r := range p.ladder(c, n, kbps) {
		settings := map[string]any{"rate_control": "CBR", "bitrate": r.kbps, "keyint_sec": keySeconds, "bf": bFrames}
		for name, value := range h.settings {
			settings[name] = value
		}
		all = append(all, videoEncoder{Type: h.id, Width: r.width, Height: r.height, Framerate: rate, Settings: settings})
	}
	return all
}

func aac(track int) []audioEncoder {
	return []audioEncoder{{Codec: "ffmpeg_aac", Track: track, Channels: 2, Settings: map[string]any{"bitrate": 160}}}
}

// Paste is a configuration that a person puts into OBS, under Settings →
// Stream → Enhanced Broadcasting → Config Override.
type Paste struct {
	Name   string          `json:"name"` // whose computer it is for
	Config json.RawMessage `json:"config"`
}

// Pastes are the configurations for a channel's policy, one for each kind of
// encoder that OBS may have at hand; the first works everywhere. They carry no
// secret.
func Pastes(p Policy) []Paste {
	p = p.filled()
	var all []Paste
	for _, h := range []hardware{x264, nvenc, amdAMF, quickSync, vaapi, videoToolbox} {
		n := p.Renditions
		if h.id == x264.id {
			n = min(n, x264Few)
		}
		c := usualCanvas
		b, err := json.MarshalIndent(configAnswer{
			Encoders: p.configure(c, framerate{30, 1}, n, p.MaxBitrate/1000, h),
			Audio:    &audioEncoders{Live: aac(1)},
		}, "", "  ")
		if err != nil {
			panic(err) // a value that JSON has no form for
		}
		all = append(all, Paste{h.name, b})
	}
	return all
}
