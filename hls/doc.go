// Package hls takes frames in and gives low-latency HLS out. It knows no rooms, no money and no encoder protocol.
//
// The way of a frame, all of it on the goroutine of the encoder that wrote it:
//
//	Session.Write → feed (clean, order, choose tracks) → run of lanes (a cutter each) → timeline → views
//
// A [Session] is one publisher. Its feed opens a run for every stretch of media without a discontinuity: changed
// parameters or a jump of the clock end the run and open the next. A run has one lane for each video track, the cutter of
// which puts that video and the one audio into parts. A frame is copied twice: into the cutter's memory, which is used
// again and again, and with its part into a body of just that size, which viewers share and never changes.
//
// gohlslib tells how codecs are named to players, and its muxer is in the tests what a cutter is held to.
//
// The timeline belongs to the show and outlives sessions. It numbers segments for as long as the show lives and turns
// every change into new immutable views, one for each rendition, behind atomic pointers. A viewer's request loads such
// a pointer; a blocked one waits on a channel that the next view closes. Viewers take no lock, so no number of them
// slows the encoder.
//
// A push sends the same parts over one answer as they come (push.go): its viewer is a position (follow.go), and what
// stands in front of a part is made once for all (frames.go). audience.go counts who watches without a page of ours.
//
// Several renditions of one publisher are kept in step by slots: the source's key frames cut the segments, each cut is
// a slot with one media sequence number, and every rendition fills the slots with its own parts (place.go). What it
// lost is a gap. A rendition that stops leaves the multivariant playlist, one that comes later is added, and neither is
// noticed by the others.
//
// A recorder follows the views of a show as a viewer would and appends each complete segment to the show's folder in
// the [Archive] (recorder.go, deck.go; journal.go says what is on disk). Its playlist of everything since the beginning
// is dvr.go; when the show has ended the folder becomes a replay (replay.go), and can be taken away (download.go,
// joined.go). How long it stays is in retention.go.
//
// Invariants:
//   - A media sequence number never names other bytes: URIs live under an epoch that is random per timeline, and a
//     segment cut short by a lost encoder is committed as it is.
//   - A media sequence number is the same stretch of time, behind the same number of discontinuities, in every
//     rendition, and its timestamps match.
//   - TARGETDURATION, PART-TARGET and PART-HOLD-BACK never change in one timeline.
//   - PROGRAM-DATE-TIME stands on every segment, comes from the server's clock and never goes back.
//   - Nothing waits without a limit, the client's context and the end of the origin.
//
// Goroutines: none per viewer beyond net/http's own. [Origin.Run] keeps one for forgetting ended shows,
// [Archive.Run] one for old recordings, and a recorded show has its recorder, which ends when the last segment is put away.
//
// Lock order: Stream.mu, Session.mu, timeline.mu. Origin.mu is held together with none but Archive.mu, which comes last.
//
// At an edge there are no publishers: [Edge] fills the views of its streams from another node, one relay for each
// rendition that is watched (edge.go, mirror.go, relay.go), and fetches the rest on demand (pull.go). It keeps one
// goroutine for each channel and rendition followed, and one for each body on its way.
//
// Start reading at origin.go, then session.go, feed.go and timeline.go; serve.go is the way out.
package hls
