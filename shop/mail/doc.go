// Package mail writes the mails about orders and sends them: to a mail server
// ([SMTP]), or, where nothing is sold for real, into a folder that a page shows
// ([Box]). It is the only importer of go-mail, which knows how a message and a
// mail server look. Open letter.go first.
package mail
