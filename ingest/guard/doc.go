// Package guard stands between the socket of an encoder and the RTMP library.
//
// The library speaks the protocol well with a polite peer, but trusts lengths,
// counts and nesting it was merely told about. A Conn therefore reads the
// socket itself: it lets the handshake pass, puts the chunks together into
// whole messages under limits, judges each message, and hands the library a
// stream of its own making, in which every message is one chunk with a full
// header on one chunk stream. Commands are decoded here and written anew, so
// the library's AMF decoder only parses bytes that package amf wrote.
//
//	socket -> assembler (chunks, sizes, memory) -> Conn.judge (kinds, commands) -> library
//
// Audio and video bodies do not travel through the library at all: it gets a
// one-byte stand-in, and the session takes the body with Conn.Body from within
// the library's callback. A body is copied once, from the socket into memory that
// is used again after the callback.
//
// Goroutines: none of its own. Read runs on the library's reading goroutine,
// Write on its writing one; Cut may be called from anywhere.
//
// Invariants:
//   - one Read never returns bytes of two messages, so while a callback runs,
//     Body is the body of the message the callback is about;
//   - memory held for unfinished messages never exceeds maxHeld, whatever
//     lengths a peer claims;
//   - a chunk reaches the socket in one Write, so control messages of our own
//     can be put between any two writes of the library.
//
// Read conn.go first, then assembler.go. Section numbers in comments refer to
// Adobe's RTMP specification 1.0.
package guard
