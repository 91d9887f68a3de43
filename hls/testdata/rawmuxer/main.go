// Command rawmuxer serves a gohlslib muxer as it is, for comparisons: MPEG-TS
// with H.264 and AAC on standard input, low-latency HLS at the address that is
// its argument, under /.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "rawmuxer:", err)
		os.Exit(1)
	}
}

func run(address string) error {
	in := &mpegts.Reader{R: os.Stdin}
	if err := in.Initialize(); err != nil {
		return err
	}
	m := &gohlslib.Muxer{
		Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: 7,
		SegmentMinDuration: 800 * time.Millisecond, PartMinDuration: 200 * time.Millisecond,
	}
	start := time.Now()
	for _, t := range in.Tracks() {
		switch c := t.Codec.(type) {
		case *mpegts.CodecH264:
			track := &gohlslib.Track{Codec: &codecs.H264{}, ClockRate: 90000}
			m.Tracks = append(m.Tracks, track)
			in.OnDataH264(t, func(pts, _ int64, au [][]byte) error {
				return m.WriteH264(track, ntp(start, pts), pts, au)
			})
		case *mpegts.CodecMPEG4Audio:
			rate := int64(c.SampleRate)
			track := &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: c.Config}, ClockRate: c.SampleRate}
			m.Tracks = append(m.Tracks, track)
			in.OnDataMPEG4Audio(t, func(pts int64, aus [][]byte) error {
				return m.WriteMPEG4Audio(track, ntp(start, pts), pts*rate/90000, aus)
			})
		}
	}
	if err := m.Start(); err != nil {
		return err
	}
	defer m.Close()
	go func() {
		s := &http.Server{Addr: address, Handler: http.HandlerFunc(m.Handle), ReadHeaderTimeout: 10 * time.Second}
		fmt.Fprintln(os.Stderr, s.ListenAndServe())
		os.Exit(1)
	}()
	for {
		if err := in.Read(); err != nil {
			return err
		}
	}
}

func ntp(start time.Time, pts int64) time.Time {
	return start.Add(time.Duration(pts) * time.Second / 90000)
}
