// Package rtmptest makes RTMP traffic byte by byte, for tests of the ingest:
// what well-behaved encoders send, in their different dialects, and what
// nobody should.
//
// Bytes (wire.go) are built without a connection; a Client (client.go) is a
// socket to send them on, with the few exchanges that a publish takes. A Film
// (film.go) is real media, encoded by FFmpeg in any codec, and tags.go writes it
// in every form that RTMP has for it.
package rtmptest
