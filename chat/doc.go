// Package chat is the conversation of a channel: websocket rooms that carry
// what people say, what moderators do, and what the rest of souk tells them
// (pins, stock, prices) to everybody who watches.
//
// # Who runs
//
//   - One goroutine per room (room.go) owns everything that changes: the
//     numbers, the ring of events, who is there, who may speak. It never waits
//     for a socket or for the database.
//   - One goroutine per socket reads (socket.go). It owns nothing; it turns
//     frames into commands for the room.
//   - A socket that did not take all its bytes gets a goroutine until it has
//     (outlet.go). A healthy viewer has none: the room writes, without
//     waiting, what the kernel takes.
//   - One goroutine per room stores (scribe.go), batch after batch, behind it.
//   - With a [Bus], one more per room brings what the line of all servers
//     holds (line.go). What a room does then is an act (act.go) that comes
//     back to it in the line's order; a server that lost the line goes on by
//     itself and joins again (rejoin.go).
//   - A room ends half an hour after the last one left (retire.go).
//
// # What always holds
//
//   - Numbered events of a room have consecutive numbers, and every viewer gets
//     them in that order, each once.
//   - A viewer is a position in the room's frames, not a queue. Whoever falls
//     off the end is closed with [CloseSlow] and comes back with its number.
//   - A broadcast is encoded once; all viewers share its bytes.
//   - An epoch names an unbroken run of numbers. Whenever the room cannot
//     prove that nothing is missing, the epoch is another one.
//   - Text reaches the log only cleaned and with card numbers masked.
//
// Open hub.go for the way in, then room.go. What a channel wants of its room is
// in settings.go, who may speak in door.go, what outlasts the conversation
// (questions, letters, sanctions) in facts.go.
package chat
