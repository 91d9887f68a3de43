// Package shop sells: products and their stock, the pin on air and its offer,
// orders and their holds, payments and refunds, and what becomes of the parcel.
// It knows neither rooms nor video; it speaks to them through [Rooms] and
// [Timeline], and to the payment provider through [Gateway] and [Wallet].
//
// Open tap.go first: a purchase on one screen; hold.go: how a crowd of them
// shares a commit. Then states.go, the table of everything that can happen to an
// order, and learn.go, the one function that applies it.
//
// Invariants, enforced by constraints where SQL can, by [Shop.Fsck] for the rest:
//
//   - Units are available, held or sold, never negative, and sum to what was
//     received. Units are counted and taken while the product's row is held.
//   - A held unit goes back on sale only when its payment intent can no longer
//     succeed. Time passing is not enough: the intent is cancelled first.
//   - A request for money is a row before it is a call, and a call that did not
//     answer is unknown, never failed. It is sent again, to the letter, under the
//     same key, until it answers.
//   - Browser, hook, reconciler and sweeper only report what they learned. One
//     function moves the order, and the first report wins.
//   - Every movement of money is a ledger entry whose lines sum to zero.
//   - What somebody outside must hear is written in the commit of what it tells
//     of, and told at least once, under one id.
//
// Goroutines: [Shop.Run] sweeps (holds past their time, unanswered requests,
// hooks not worked off), ends offers on time, shows stock to rooms, and hands
// orders over to merchants and buyers, one writer per receiver (outbox.go, deliver.go). All
// methods are safe from any goroutine, on several nodes over one PostgreSQL.
package shop
