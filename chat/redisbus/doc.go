// Package redisbus is [chat.Bus] over one Redis (7 or newer, alone or behind a
// failover; not a cluster), and the registry of which node has which stream.
//
// A channel's line is a hash (epoch, highest number, offset, newest serial of
// each node), a stream of its last parcels, and a set of who is present. One
// script call puts a parcel at the end: it checks the epoch, skips what is
// there already, numbers, appends, and publishes. Nodes hear of it by Pub/Sub.
//
// # What always holds
//
//   - Pub/Sub may lose messages; a follower never does. It knows which offset
//     comes next. At a gap, a broken connection, or an offset that did not come
//     although it was given out, it is cut off, and joins again from the stream.
//   - An epoch ends with the Redis process it began in: one that comes back
//     from a disk or a replica may have forgotten what others have seen.
//   - Everything expires: parcels by number, the rest after a day of silence.
//
// One goroutine, in [Bus.Run], receives; calls run on their callers'
// goroutines and end with their contexts.
//
// Open scripts.go first, then join.go.
package redisbus
