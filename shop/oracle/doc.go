// Package oracle holds the sandbox and our calls of Stripe's API to Stripe's own
// description of it, version 2023-10-16. It is a module of its own, so that
// stripe-mock and the description it carries stay out of the product.
//
// Three witnesses stand between stripe-go and the sandbox ([Witness]):
//
//   - each request is shown to stripe-mock, a real process in strict mode, and
//     its parameters, nested ones too, to the description;
//   - each answer and each event is held to the description: required members
//     are there, types and enums are right, and a member it does not know is an
//     error, not an extension;
//   - each member that package stripe reads of an object is there, null or not.
//     Which ones it reads is read off its source (reads.go).
//
// With SOUK_STRIPE_TEST_KEY the same suite runs against Stripe's test mode. Open
// oracle_test.go first.
package oracle
