package shop

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Gateway moves money. Its one implementation speaks to Stripe, or to the
// sandbox in Stripe's place; suite: shoptest.
//
// An error other than ErrRefused means that nobody knows what happened: a
// timeout, a cut connection, an answer that makes no sense. The caller asks
// again and never concludes that nothing did.
type Gateway interface {
	// Start asks for the money. The same Payment again, after any error or none,
	// returns what the first one did; it never charges twice. A declined payment
	// is an Intent, not an error. ErrRefused: there is no intent, and there never
	// was one under this key.
	Start(ctx context.Context, p Payment) (Intent, error)
	// LookUp returns an intent as it is now.
	LookUp(ctx context.Context, intent string) (Intent, error)
	// Cancel makes sure that an intent can no longer succeed and returns what it
	// is then: IntentCanceled, or IntentSucceeded when it was too late, or what
	// it still is when the provider cannot cancel yet.
	Cancel(ctx context.Context, intent string) (Intent, error)
	// Refund pays back. The same key again returns what the first one did.
	// ErrRefused: nothing was paid back, and nothing will be under this key.
	Refund(ctx context.Context, r Repayment) (Receipt, error)
	// ReadHook checks the signature of a notification: ErrBadHook.
	ReadHook(payload []byte, signature string) (Hook, error)
}

// Wallet keeps what people pay with at the provider.
type Wallet interface {
	// Customer returns the provider's id for a person; the same person, the same id.
	Customer(ctx context.Context, p Person) (string, error)
	// Attach saves one of the provider's test methods, by its name. ErrRefused
	// when there is no such method or this is not a test; a *Decline when the
	// bank said no.
	Attach(ctx context.Context, customer, test string) (Card, error)
	// Setup returns the client secret with which a page saves a real method.
	Setup(ctx context.Context, customer string) (string, error)
	// Cards lists a customer's saved methods, newest first.
	Cards(ctx context.Context, customer string) ([]Card, error)
	// Detach forgets a saved method. ErrRefused: there is none, or it is nobody's.
	Detach(ctx context.Context, method string) error
}

// ErrRefused: the provider understood, and it will not do it.
var ErrRefused = errors.New("the provider refused the request")

// ErrContested is an ErrRefused: the bank has the money already.
var ErrContested = fmt.Errorf("%w: the charge is disputed", ErrRefused)

// Payment is one request for money. Every field is stored before it is sent.
type Payment struct {
	Key       string // idempotency key at the provider
	Order     string
	Amount    Money
	Customer  string
	Method    string
	ReturnURL string    // where a bank's page sends the buyer
	First     time.Time // when it was first sent
}

// IntentStatus is how far a payment got.
type IntentStatus string

// The statuses.
const (
	IntentSucceeded  IntentStatus = "succeeded"
	IntentAction     IntentStatus = "action"
	IntentProcessing IntentStatus = "processing"
	IntentFailed     IntentStatus = "failed" // it may be tried again: it is not dead yet
	IntentCanceled   IntentStatus = "canceled"
)

// Intent is the provider's side of an attempt.
type Intent struct {
	ID        string
	Order     string // as given to Start
	Status    IntentStatus
	Received  Money    // what it took
	ActionURL string   // IntentAction: the bank's page
	Decline   *Decline // IntentFailed: why
}

// Decline is a bank's no: its word and its sentence.
type Decline struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (d *Decline) Error() string { return "declined: " + d.Code }

// Repayment is a request to pay back.
type Repayment struct {
	Key    string
	Intent string
	Order  string
	Amount Money
	First  time.Time // when it was first sent
}

// Receipt is the provider's side of a refund.
type Receipt struct {
	ID   string
	Done bool // false: the provider is still at it
}

// Card is a saved payment method.
type Card struct {
	ID, Brand, Last4  string
	ExpMonth, ExpYear int    // 0: it has none
	Fingerprint       string // the same for the same card, whoever saved it; may be empty
	Country           string // of its bank, ISO 3166-1 alpha-2; may be empty
}

// Hook is a notification: which object changed. What it says about the object
// is not read; the object is looked up.
type Hook struct{ ID, Type, Intent, Customer, Dispute, Warning string }
