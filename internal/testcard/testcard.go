// Package testcard holds the clip that the demo and the tests put on air: 12.8
// seconds, 1280x720 at 30 frames a second, H.264 with a key frame every 32
// frames and no B-frames, AAC mono at 48 kHz. Its length is a whole number of
// frames of both, so it loops without a seam. It was drawn and composed for
// souk and is under souk's licence.
package testcard

import _ "embed"

//go:embed clip.flv
var clip []byte

// Clip returns the FLV file. Callers must not change it.
func Clip() []byte { return clip }
