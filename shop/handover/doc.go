// Package handover signs a message and posts it to an address that a merchant
// chose, as the Standard Webhooks specification says
// (github.com/standard-webhooks/standard-webhooks, version 1.0). It knows
// neither orders nor retries; the shop keeps those.
//
// Addresses come from people who are trusted with a channel, not with this
// server's network. So a [Poster] decides after the name was resolved, on the
// address it is about to connect to, follows no redirect, asks no proxy, and
// tells its caller a word about a failure, never what it saw. Open post.go first.
package handover
