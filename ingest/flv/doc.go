// Package flv reads the bodies of RTMP audio and video messages, which are FLV
// tags: in the form of the original specification, in that of Enhanced RTMP 1
// and 2 with its modifiers and several tracks to a message, and with the codec
// id for HEVC that is in no specification but in encoders. It takes the decoder
// configurations and access units in them apart, and FLV files too.
//
// Everything here is a pure function of its input and shares memory with it.
// Input is not trusted: ErrMalformed for what does not add up, and a CodecError
// that names what an encoder sends when it is nothing this package knows.
//
// Read packet.go first. Section numbers in comments refer to Adobe's "Video File
// Format Specification" 10.1, "enhanced" to Veovera's "Enhanced RTMP (v2)".
package flv
