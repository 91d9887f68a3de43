// Package shoptest is the contract of [shop.Gateway] and [shop.Wallet] as a
// test: what the shop relies on when it concludes that money moved, or did not.
// Every gateway passes it, the sandbox as well as a real provider's test mode.
package shoptest
