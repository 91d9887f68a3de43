// Package ingest takes live video in over RTMP and hands it to package hls.
//
//	listener -> admission -> guard.Conn -> go-rtmp -> session -> flv -> hls.Session
//
// The Server accepts connections (server.go), by themselves or introduced by a
// proxy (proxy.go), and admits them: there are limits in all and per address
// (admission.go), and addresses that send wrong keys have to wait (strikes.go).
// Every connection gets a session (session.go), which is the RTMP library's
// handler for it: it looks up the stream key, takes its seat on the channel
// (air.go) and turns tags into frames (publisher.go). What a publisher sends is
// measured (health.go, track.go), described for the studio (snapshot.go) and
// judged in plain sentences (advice.go), changes of which are told (watch.go).
// OBS can ask what to send in the first place (policy.go, obsconfig.go,
// obshandler.go). The Encoder (encoder.go) is the other end: it pushes a clip as
// OBS would.
//
// Below it, package guard bounds and normalises everything a peer sends before
// the library sees it, amf and flv read the two notations involved, bpm what OBS
// says about itself, and rtmptest makes traffic for tests.
//
// Goroutines: per listener the accept loop and the library's; per connection one
// that waits for its handshake to begin, then the library's reader and writer;
// per publisher one that judges its health. A session's methods run on its
// reader, and so does the packaging of its frames: a slow packager is
// back-pressure on the encoder, through TCP, and nothing is queued. Other
// goroutines reach a session only by cutting its connection and by reading its
// health.
//
// Invariants:
//   - at most one publisher holds a channel; a newer one with the same key
//     takes over at once, and the channel counts as on throughout;
//   - OnState calls of a channel never overlap, true comes before a
//     publisher's first frame and false after its last;
//   - a stream key is never logged, nor part of an error.
//
// Start with server.go.
package ingest
