package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"souk/ingest"
)

// publishers exports the health of everybody who is on air, by channel.
type publishers struct{ ingest *ingest.Server }

func describe(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName("souk", "publisher", name), help, append([]string{"channel"}, more...), nil)
}

var (
	publisherBitrate  = describe("bitrate_bits", "Bits per second that arrive.", "kind")
	publisherFPS      = describe("video_fps", "Video frames per second.")
	publisherKeyframe = describe("keyframe_interval_seconds", "Seconds between key frames.")
	publisherDrift    = describe("drift_seconds", "Seconds that the sound is ahead of the picture.")
	publisherRTT      = describe("rtt_seconds", "Seconds to the encoder and back.")
	publisherQueue    = describe("queue_bytes", "Bytes that have arrived and wait to be packaged.")
	publisherRepaired = describe("repaired_frames", "Frames of this session whose timestamps made no sense.")
	publisherAdvice   = describe("faults", "Sentences of advice the host is shown.")
)

// Describe implements [prometheus.Collector].
func (publishers) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{publisherBitrate, publisherFPS, publisherKeyframe, publisherDrift, publisherRTT, publisherQueue, publisherRepaired, publisherAdvice} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (p publishers) Collect(to chan<- prometheus.Metric) {
	for channel, now := range p.ingest.Publishers() {
		gauge := func(d *prometheus.Desc, v float64, more ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{channel}, more...)...)
		}
		if v := now.Video; v != nil {
			video := v.Bitrate
			for _, r := range now.Renditions {
				video += r.Bitrate
			}
			gauge(publisherBitrate, float64(video), "video")
			gauge(publisherFPS, v.FPS)
			gauge(publisherKeyframe, v.KeyframeInterval)
		}
		if a := now.Audio; a != nil {
			gauge(publisherBitrate, float64(a.Bitrate), "audio")
		}
		gauge(publisherDrift, now.Drift)
		gauge(publisherRTT, now.RTT)
		gauge(publisherQueue, float64(now.Queue))
		gauge(publisherRepaired, float64(now.Repaired))
		gauge(publisherAdvice, float64(len(now.Advice)))
	}
}
