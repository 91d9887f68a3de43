// Package stripe moves the shop's money through Stripe: it is the one
// [shop.Gateway] and [shop.Wallet], and the only importer of stripe-go (v76,
// API version 2023-10-16). Given the sandbox as its transport, the same code
// talks to that.
//
// It keeps nothing and starts no goroutine. A call takes at most callTimeout,
// and its timeout means unknown, not failed. Nothing global of stripe-go is
// touched; its telemetry is off and its logger silent, since what it would say
// is in the errors. (On start stripe-go runs `uname -a` and sends the result
// with each request; that cannot be turned off.) Open stripe.go first.
package stripe
