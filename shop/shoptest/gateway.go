package shoptest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"souk/shop"
)

// Bench is a gateway under test.
type Bench struct {
	Gateway shop.Gateway
	Wallet  shop.Wallet
	// Answer plays the buyer at the bank's page: approve or refuse. Nil when
	// nobody can; the cases that need it are left out.
	Answer func(t *testing.T, actionURL string, approve bool)
}

// Gateway runs the suite. open is called for each case.
func Gateway(t *testing.T, open func(t *testing.T) Bench) {
	cases := []struct {
		name string
		run  func(t *testing.T, b Bench)
	}{
		{"pays once", paysOnce},
		{"pays once in a crowd", paysOnceInACrowd},
		{"a key belongs to one request", keyBelongsToOneRequest},
		{"a decline is an answer", declineIsAnAnswer},
		{"refuses what it does not know", refusesTheUnknown},
		{"cancel before the bank", cancelBeforeTheBank},
		{"the bank says yes", bankSaysYes},
		{"the bank says no", bankSaysNo},
		{"refunds once", refundsOnce},
		{"refunds no more than was paid", refundsNoMore},
		{"an old refund is found, not sent again", oldRefundIsFound},
		{"an old request is found, not sent again", oldRequestIsFound},
		{"lists what is saved", listsWhatIsSaved},
		{"a timeout is not a refusal", timeoutIsNotARefusal},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// declines later: at every provider this one can be saved and not charged.
const declines = "pm_card_chargeCustomerFail"

func id() string { return uuid.Must(uuid.NewV7()).String() }

// payment is a request for 12.50 USD from a new customer.
func (b Bench) payment(t *testing.T, method string) shop.Payment {
	t.Helper()
	customer, err := b.Wallet.Customer(t.Context(), shop.Person{ID: id()})
	if err != nil {
		t.Fatal(err)
	}
	card, err := b.Wallet.Attach(t.Context(), customer, method)
	if err != nil {
		t.Fatal(err)
	}
	order := id()
	return shop.Payment{Key: "souk:" + order + ":1", Order: order, Amount: shop.Money{Amount: 1250, Currency: "USD"},
		Customer: customer, Method: card.ID, ReturnURL: "https://shop.example/pay/return?order=" + order, First: time.Now()}
}

func (b Bench) start(t *testing.T, p shop.Payment, want shop.IntentStatus) shop.Intent {
	t.Helper()
	in, err := b.Gateway.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if in.Status != want || in.ID == "" || in.Order != p.Order {
		t.Fatalf("intent %+v, want %s of order %s", in, want, p.Order)
	}
	return in
}

func (b Bench) is(t *testing.T, intent string, want shop.IntentStatus) shop.Intent {
	t.Helper()
	in, err := b.Gateway.LookUp(t.Context(), intent)
	if err != nil || in.Status != want {
		t.Fatalf("intent %+v, %v, want %s", in, err, want)
	}
	return in
}

func paysOnce(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	first := b.start(t, p, shop.IntentSucceeded)
	if first.Received != p.Amount {
		t.Errorf("received %v, want %v", first.Received, p.Amount)
	}
	if again := b.start(t, p, shop.IntentSucceeded); again.ID != first.ID {
		t.Errorf("the same request made %s and %s", first.ID, again.ID)
	}
	late, err := b.Gateway.Cancel(t.Context(), first.ID)
	if err != nil || late.Status != shop.IntentSucceeded {
		t.Errorf("cancelling what is paid: %+v, %v", late, err)
	}
	if got := b.is(t, first.ID, shop.IntentSucceeded); got.Order != p.Order {
		t.Errorf("looked up: %+v", got)
	}
}

func paysOnceInACrowd(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	ids := make([]string, 8)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			if in, err := b.Gateway.Start(t.Context(), p); err == nil { // a conflict is an answer too
				ids[i] = in.ID
			}
		})
	}
	group.Wait()
	want := b.start(t, p, shop.IntentSucceeded).ID
	for _, got := range ids {
		if got != "" && got != want {
			t.Errorf("two intents: %s and %s", got, want)
		}
	}
}

func keyBelongsToOneRequest(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	b.start(t, p, shop.IntentSucceeded)
	p.Amount.Amount++
	if in, err := b.Gateway.Start(t.Context(), p); err == nil || errors.Is(err, shop.ErrRefused) {
		t.Errorf("another amount under the same key: %+v, %v; it must be neither done nor refused", in, err)
	}
}

func declineIsAnAnswer(t *testing.T, b Bench) {
	p := b.payment(t, declines)
	in := b.start(t, p, shop.IntentFailed)
	if in.Decline == nil || in.Decline.Code == "" || in.Decline.Detail == "" {
		t.Errorf("declined without a reason: %+v", in.Decline)
	}
	if again := b.start(t, p, shop.IntentFailed); again.ID != in.ID {
		t.Errorf("the same request made %s and %s", in.ID, again.ID)
	}
	gone, err := b.Gateway.Cancel(t.Context(), in.ID)
	if err != nil || gone.Status != shop.IntentCanceled {
		t.Fatalf("cancel: %+v, %v", gone, err)
	}
	gone, err = b.Gateway.Cancel(t.Context(), in.ID)
	if err != nil || gone.Status != shop.IntentCanceled {
		t.Errorf("cancel again: %+v, %v", gone, err)
	}
}

func refusesTheUnknown(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	p.Method = "pm_nobody"
	if in, err := b.Gateway.Start(t.Context(), p); !errors.Is(err, shop.ErrRefused) {
		t.Errorf("an unknown method: %+v, %v", in, err)
	}
	if _, err := b.Gateway.LookUp(t.Context(), "pi_nobody"); err == nil {
		t.Error("found an intent that never was")
	}
	if _, err := b.Wallet.Attach(t.Context(), p.Customer, "pm_card_nonsense"); !errors.Is(err, shop.ErrRefused) {
		t.Errorf("an unknown test name: %v", err)
	}
	if _, err := b.Gateway.Refund(t.Context(), shop.Repayment{Key: id(), Intent: "pi_nobody", Amount: p.Amount, First: time.Now()}); !errors.Is(err, shop.ErrRefused) {
		t.Errorf("a refund of nothing: %v", err)
	}
}

func cancelBeforeTheBank(t *testing.T, b Bench) {
	in := b.start(t, b.payment(t, "pm_card_authenticationRequired"), shop.IntentAction)
	if !strings.HasPrefix(in.ActionURL, "https://") {
		t.Errorf("the bank's page is at %q", in.ActionURL)
	}
	gone, err := b.Gateway.Cancel(t.Context(), in.ID)
	if err != nil || gone.Status != shop.IntentCanceled {
		t.Fatalf("cancel: %+v, %v", gone, err)
	}
	if b.Answer != nil {
		b.Answer(t, in.ActionURL, true)
		b.is(t, in.ID, shop.IntentCanceled)
	}
}

func bankSaysYes(t *testing.T, b Bench) {
	if b.Answer == nil {
		return
	}
	p := b.payment(t, "pm_card_authenticationRequired")
	in := b.start(t, p, shop.IntentAction)
	b.Answer(t, in.ActionURL, true)
	if got := b.is(t, in.ID, shop.IntentSucceeded); got.Received != p.Amount {
		t.Errorf("received %v", got.Received)
	}
}

func bankSaysNo(t *testing.T, b Bench) {
	if b.Answer == nil {
		return
	}
	in := b.start(t, b.payment(t, "pm_card_authenticationRequired"), shop.IntentAction)
	b.Answer(t, in.ActionURL, false)
	if got := b.is(t, in.ID, shop.IntentFailed); got.Decline == nil || got.Decline.Code == "" {
		t.Errorf("no reason: %+v", got)
	}
}

func refundsOnce(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	in := b.start(t, p, shop.IntentSucceeded)
	r := shop.Repayment{Key: "souk:refund:" + id(), Intent: in.ID, Order: p.Order, Amount: shop.Money{Amount: 1000, Currency: "USD"}, First: time.Now()}
	first, err := b.Gateway.Refund(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Gateway.Refund(t.Context(), r)
	if err != nil || again.ID != first.ID {
		t.Errorf("the same request made %+v and %+v, %v", first, again, err)
	}
	r.Key, r.Amount.Amount = "souk:refund:"+id(), 250 // only fits if the first was done once
	if _, err := b.Gateway.Refund(t.Context(), r); err != nil {
		t.Errorf("the rest: %v", err)
	}
}

func refundsNoMore(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	in := b.start(t, p, shop.IntentSucceeded)
	r := shop.Repayment{Key: "souk:refund:" + id(), Intent: in.ID, Order: p.Order, Amount: shop.Money{Amount: 1251, Currency: "USD"}, First: time.Now()}
	if _, err := b.Gateway.Refund(t.Context(), r); !errors.Is(err, shop.ErrRefused) {
		t.Errorf("a cent too many: %v", err)
	}
}

func oldRefundIsFound(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	in := b.start(t, p, shop.IntentSucceeded)
	r := shop.Repayment{Key: "souk:refund:" + id(), Intent: in.ID, Order: p.Order, Amount: shop.Money{Amount: 100, Currency: "USD"}, First: time.Now()}
	sent, err := b.Gateway.Refund(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.First = time.Now().Add(-30 * time.Hour) // its key is forgotten by now
	if found, err := b.Gateway.Refund(t.Context(), r); err != nil || found != sent {
		t.Errorf("found %+v, %v, sent %+v", found, err, sent)
	}
	r.Key = "souk:refund:" + id()
	if got, err := b.Gateway.Refund(t.Context(), r); !errors.Is(err, shop.ErrRefused) {
		t.Errorf("one that never arrived: %+v, %v", got, err)
	}
}

func oldRequestIsFound(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	sent := b.start(t, p, shop.IntentSucceeded)
	p.First = time.Now().Add(-30 * time.Hour) // its key is forgotten by now
	if found := b.start(t, p, shop.IntentSucceeded); found.ID != sent.ID {
		t.Errorf("found %s, sent %s", found.ID, sent.ID)
	}
	p.Key = "souk:" + p.Order + ":2"
	if in, err := b.Gateway.Start(t.Context(), p); !errors.Is(err, shop.ErrRefused) {
		t.Errorf("one that never arrived: %+v, %v", in, err)
	}
}

func listsWhatIsSaved(t *testing.T, b Bench) {
	customer, err := b.Wallet.Customer(t.Context(), shop.Person{ID: id()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pm_card_visa", "pm_card_mastercard"} {
		if _, err := b.Wallet.Attach(t.Context(), customer, name); err != nil {
			t.Fatal(err)
		}
	}
	cards, err := b.Wallet.Cards(t.Context(), customer)
	if err != nil || len(cards) != 2 || cards[0].Brand != "mastercard" || cards[1].Last4 != "4242" {
		t.Errorf("cards %+v, %v", cards, err)
	}
	secret, err := b.Wallet.Setup(t.Context(), customer)
	if err != nil || !strings.Contains(secret, "_secret_") {
		t.Errorf("setup: %v", err)
	}
}

func timeoutIsNotARefusal(t *testing.T, b Bench) {
	p := b.payment(t, "pm_card_visa")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if in, err := b.Gateway.Start(ctx, p); err == nil || errors.Is(err, shop.ErrRefused) {
		t.Errorf("without an answer: %+v, %v", in, err)
	}
	b.start(t, p, shop.IntentSucceeded)
}
