// Package web is the browser side of souk: the pages, their scripts and styles, and the pictures of the demo shop.
//
// The sources live in src (Svelte, TypeScript) and are built by Vite into dist, which is embedded. The package
// imports nothing of souk: a page is a document with some boot data, and talks to the API like any other client.
// What a page must know before its first request comes through [Config.Boot].
//
// Nothing here has a goroutine or changes after [New]; everything may be called from any goroutine.
//
// Invariants:
//   - No page runs an inline script or carries an inline style attribute; the policy in policy.go forbids both.
//   - A file under /_/assets/ never changes its content: its name is its hash, so it may be cached for ever.
//   - Without a build (dist holds only its placeholder) pages still answer, and say how to make one.
//
// Read pages.go first, then assets.go. In src: pages has one entry per page, lib what needs no screen (socket, timeline,
// checkout, money, player) with its tests beside it, room the live state of one channel, and viewer, checkout, studio,
// order and home the components. Every text is in src/text.
package web
