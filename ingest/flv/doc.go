// Package flv reads the bodies of RTMP audio and video messages, which are FLV
// tags: H.264 and AAC in the form of the original specification, and the same
// two in the Enhanced RTMP form, track 0 of a multitrack message included. It
// also takes FLV files apart.
//
// Everything here is a pure function of its input and shares memory with it.
// Input is not trusted: ErrMalformed for what does not add up, and a CodecError
// that names what an encoder sends when it is something else.
//
// Read packet.go first. Section numbers in comments refer to Adobe's "Video File
// Format Specification" 10.1, "enhanced" to Veovera's "Enhanced RTMP (v2)".
package flv
