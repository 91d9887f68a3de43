// Package api is how souk speaks HTTP: handlers that return an error, JSON in
// and out under limits, and one mapping from error to answer (RFC 9457). It
// knows no domain words.
//
// A handler either answers and returns nil, or returns an error and answers
// nothing. An [*Error] is meant for the client; any other error is a fault of
// ours: the client gets `internal` and a request id, the log gets the rest.
package api
