// Package sandbox is Stripe's state machine in a box: an [http.RoundTripper]
// that answers the part of Stripe's API (version 2023-10-16) which souk speaks.
// stripe-go sits on top of it as it sits on the network, so a shop without keys
// runs the code of a shop with keys: form encoding, error mapping, idempotency,
// webhook signatures. No money moves, and nothing here ever asks for a card
// number: one pays with Stripe's named test methods.
//
// Kept as Stripe keeps it: customers, payment methods, setup intents, payment
// intents, charges, refunds, disputes, warnings of fraud, endpoints and events
// are rows in souk's own database, so they survive a restart; the lines of the
// balance are derived from them. Lists are walked from either end, ids are
// expanded, and a publishable key may do what a client secret opens. An
// Idempotency-Key replays the first answer, declines
// included, and refuses other parameters; a request that fails validation is
// not stored. Parameters the real API would not know are refused. Events are
// signed, POSTed and retried. livemode is false on everything. [Chaos] loses,
// doubles, delays and disorders what is said, never what is done.
//
// What it answers is held to Stripe's own description of its API by the tests in
// shop/oracle.
//
// Different from Stripe, on purpose: a method that always declines can still be
// attached to a customer, so that a declined tap can be tried (Stripe refuses
// most of them at that step; pm_card_chargeCustomerFail behaves the same in
// both). There is no minimum amount. Of two requests with one idempotency key at
// once the second waits for the first's answer, where Stripe says 409.
//
// Goroutines: [Sandbox.Run] delivers events. Everything else happens on the
// caller's. Open sandbox.go first, then intents.go.
package sandbox
