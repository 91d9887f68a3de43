package hls

import (
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

const (
	maxPicture   = 16384 // width or height that is believed
	maxFrameRate = 240   // frames a second that are believed
)

var errPicture = errors.New("no picture size")

// describe takes the picture size and the frame rate out of the parameter sets. A rate that is not told, or not
// believed, stays 0.
func (p *videoParams) describe() error {
	var err error
	switch p.Codec {
	case H264:
		err = p.describeH264()
	case H265:
		err = p.describeH265()
	case AV1:
		err = p.describeAV1()
	}
	if err != nil {
		return err
	}
	if p.width <= 0 || p.height <= 0 || p.width > maxPicture || p.height > maxPicture {
		return errPicture
	}
	return nil
}

// describeH264 reads ITU-T H.264 annex E: a tick is a field, two of them are a frame.
func (p *videoParams) describeH264() error {
	var sps h264.SPS
	if err := sps.Unmarshal(p.SPS); err != nil {
		return err
	}
	p.width, p.height = sps.Width(), sps.Height()
	if sps.VUI != nil && sps.VUI.TimingInfo != nil {
		p.setRate(int64(sps.VUI.TimingInfo.TimeScale), 2*int64(sps.VUI.TimingInfo.NumUnitsInTick))
	}
	return nil
}

// describeH265 reads ITU-T H.265 annex E: a tick is a picture.
func (p *videoParams) describeH265() error {
	var sps h265.SPS
	if err := sps.Unmarshal(p.SPS); err != nil {
		return err
	}
	if sps.ChromaFormatIdc > 3 { // reserved, and what computes the size indexes a table with it
		return errPicture
	}
	p.width, p.height = sps.Width(), sps.Height()
	if sps.VUI != nil && sps.VUI.TimingInfo != nil {
		p.setRate(int64(sps.VUI.TimingInfo.TimeScale), int64(sps.VUI.TimingInfo.NumUnitsInTick))
	}
	return nil
}

// describeAV1 reads the sequence header (AV1 section 5.5).
func (p *videoParams) describeAV1() error {
	var h av1.SequenceHeader
	if err := h.Unmarshal(p.Header); err != nil {
		return err
	}
	p.width, p.height = h.Width(), h.Height()
	if t := h.TimingInfo; t != nil && t.EqualPictureInterval {
		p.setRate(int64(t.TimeScale), int64(t.NumUnitsInDisplayTick)*(int64(t.NumTicksPerPictureMinus1)+1))
	}
	return nil
}

func (p *videoParams) setRate(num, den int64) {
	if den > 0 && num >= den && num/den <= maxFrameRate {
		p.num, p.den = num, den
	}
}
