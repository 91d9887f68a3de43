// Package bpm reads the broadcast performance metrics that OBS puts into the
// video it sends with several tracks: how many frames its compositor and its
// encoders lost, and when the picture was taken. They travel as user data, in
// SEI messages of H.264 and HEVC and in metadata OBUs of AV1, at key frames.
//
// Read is a pure function and does not trust its input: what is cut short or
// unknown is left out of the report.
package bpm
