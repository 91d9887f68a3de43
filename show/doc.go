// Package show keeps what is on air: the shows of each channel and an
// append-only log of what happened in them.
//
// A show begins with the first publisher of a channel, pauses when the encoder
// is away, goes on when it is back within the grace time, and ends when it is
// not. A channel has at most one show that has not ended. The package asks
// nobody: the publisher's coming and going is told to [Board], and what
// follows from it is told onwards by [Board.OnChange].
//
// One goroutine ([Board.Run]) ends the shows whose time is up. After a restart
// every running show counts as paused from that moment on.
//
// Open board.go first, then log.go.
package show
