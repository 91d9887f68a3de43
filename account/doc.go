// Package account knows who: people, their sessions, their roles on channels,
// and the stream keys of channels. Others ask it; it calls nobody.
//
// A person is an account (signs in with a password, a passkey, or a link by mail)
// or a guest (made by the page when somebody first speaks or buys). Both hold the
// same kind of session token, kept here only as a hash. All methods are safe from any
// goroutine; the state is the database. Open accounts.go first.
package account
