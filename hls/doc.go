// Package hls takes frames in and gives low-latency HLS out. It knows no rooms, no money and no encoder protocol.
//
// The way of a frame, all of it on the goroutine of the encoder that wrote it:
//
//	Session.Write → feed (clean, order, choose tracks) → run (gohlslib.Muxer) → tap → timeline → view
//
// A [Session] is one publisher. Its feed opens a run for every stretch of media that one init section can describe: a
// changed codec or a jump of the clock ends the run and opens the next. Each run owns one gohlslib.Muxer, which cuts
// segments and parts; the tap reads them back through the muxer's own HTTP handler, so that what the muxer needs to be
// is one source among others.
//
// The timeline belongs to the show and outlives sessions. It numbers segments for as long as the show lives and turns
// every change into a new immutable view behind an atomic pointer. A viewer's request loads that pointer; a blocked one
// waits on a channel that the next view closes. Viewers take no lock, so no number of them slows the encoder.
//
// Invariants:
//   - A media sequence number never names other bytes: URIs live under an epoch that is random per timeline, and a
//     segment cut short by a lost encoder is committed as it is.
//   - TARGETDURATION, PART-TARGET and PART-HOLD-BACK never change in one timeline.
//   - PROGRAM-DATE-TIME stands on every segment, comes from the server's clock and never goes back.
//   - Nothing waits without a limit, the client's context and the end of the origin.
//
// Goroutines: none per viewer beyond net/http's own. A run keeps one while it waits for the muxer's first segment;
// closing the run ends it. [Origin.Run] keeps one for forgetting ended shows.
//
// Lock order: Stream.mu, Session.mu, timeline.mu. Origin.mu is never held together with another.
//
// Start reading at origin.go, then session.go and timeline.go; serve.go is the way out.
package hls
