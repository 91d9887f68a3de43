// Package db opens souk's one database and hands out transactions. It knows no
// tables: every package that keeps something owns its tables and its SQL, and
// no transaction spans two packages.
//
// Two engines share one SQL text ($1 placeholders, ON CONFLICT, RETURNING,
// money in BIGINT minor units, times in BIGINT unix milliseconds):
//
//   - SQLite, the default, a file that only this process writes. All writes go
//     through one goroutine ([DB.Run]) that takes everything waiting, runs each
//     caller's closure in its own savepoint, and commits once: a crowd pays for
//     one fsync together, a lone caller waits for nobody.
//   - PostgreSQL, for several nodes on one database. Each write is a
//     transaction of its own; conditional updates keep it right.
//
// Where a crowd wants the same row, [Together] makes one write of many callers,
// on either engine.
//
// Invariants: a nil error from [DB.Write] means durable (SQLite: WAL with
// synchronous=FULL). A closure that fails leaves no trace and harms no other
// closure of its batch. Open writer.go first.
package db
