package shop_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"souk/internal/db/dbtest"
	"souk/shop"
	"souk/shop/sandbox"
)

// deliver posts the sandbox's events of these types to the shop, as they are,
// each as often as told.
func (w *world) deliver(times int, kinds ...string) {
	w.t.Helper()
	for _, kind := range kinds {
		rows, err := w.db.Read().QueryContext(w.t.Context(), "SELECT body FROM sandbox_event WHERE type = $1 ORDER BY id", kind)
		if err != nil {
			w.t.Fatal(err)
		}
		var all []string
		for rows.Next() {
			var body string
			if err := rows.Scan(&body); err != nil {
				w.t.Fatal(err)
			}
			all = append(all, body)
		}
		rows.Close()
		if len(all) == 0 {
			w.t.Fatalf("no %s to deliver", kind)
		}
		for range times {
			for _, body := range all {
				w.signed(200, body, time.Now())
			}
		}
	}
}

// signed posts a notification with the provider's signature.
func (w *world) signed(want int, body string, at time.Time) answer {
	w.t.Helper()
	return w.must(want, "", "POST", "/hooks/stripe", body, "Stripe-Signature", sandbox.Sign([]byte(body), hookSecret, at))
}

func (w *world) order(id string) answer {
	w.t.Helper()
	return w.must(200, "mert", "GET", "/api/v1/orders/"+id, nil)
}

// owes is the sum of an account.
func (w *world) owes(account string) int64 {
	return w.count("SELECT COALESCE(SUM(amount), 0) FROM shop_ledger_line WHERE account = $1", account)
}

func TestDispute(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 5)
		w.buyer("mira", "pm_card_createDispute")
		order := w.tap("mira", obj{"product": cup}).str("order", "id")
		same(t, "state", w.state(order), "paid")
		if w.order(order).at("order", "dispute") != nil {
			t.Error("disputed before anybody said so")
		}
		w.deliver(3, "charge.dispute.created", "charge.dispute.funds_withdrawn")
		got := w.order(order)
		same(t, "flag", got.str("order", "dispute", "state"), "needs_response")
		same(t, "reason", got.str("order", "dispute", "reason"), "fraudulent")
		if due, err := time.Parse(time.RFC3339, got.str("order", "dispute", "due_at")); err != nil || time.Until(due) < 24*time.Hour {
			t.Errorf("due %v, %v", due, err)
		}
		same(t, "still paid", got.str("order", "state"), "paid")
		same(t, "stock", w.stock(cup), [3]int64{4, 0, 1})
		same(t, "the provider has nothing left of it", w.owes("provider"), 0)
		same(t, "the merchant owes it, with the fee", w.owes("dispute:tea"), 1250+1500)
		same(t, "fee", w.owes("provider_fee"), -1500)
		same(t, "one history line", w.count("SELECT COUNT(*) FROM shop_order_event WHERE news = 'disputed'"), 1)
		same(t, "told", fmt.Sprint(lastOf(w.rooms.of("order")) != "(none)"), "true")
		refused := w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", nil)
		same(t, "refund", fmt.Sprint(refused.status, refused.code()), "409disputed")
		w.clean()

		same(t, "won", w.call("mert", "POST", "/api/v1/sandbox/orders/"+order+"/dispute", obj{"outcome": "won"}).status, 202)
		w.deliver(2, "charge.dispute.closed", "charge.dispute.funds_reinstated", "charge.dispute.updated", "charge.dispute.created")
		got = w.order(order)
		same(t, "flag", got.str("order", "dispute", "state"), "won")
		same(t, "nothing to answer", got.at("order", "dispute", "due_at"), nil)
		same(t, "the money is back", w.owes("provider"), 1250)
		same(t, "all but the fee", w.owes("dispute:tea"), 1500)
		w.clean()
		same(t, "refund", w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", nil).status, 200)
		same(t, "in the end", w.owes("provider"), 0)
		w.clean()
	})
}

func TestDisputeLost(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_visa")
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/refund", obj{"amount": usd(250)})
	at := "/api/v1/sandbox/orders/" + order + "/dispute"
	same(t, "not yet", w.call("mert", "POST", at, obj{"outcome": "lost"}).code(), "not_now")
	for _, who := range []string{"mira", "rival", "modi", ""} {
		if a := w.call(who, "POST", at, obj{"outcome": "open"}); a.status < 400 {
			t.Errorf("%q may contest: %s", who, a.text)
		}
	}
	same(t, "open", w.call("mert", "POST", at, obj{"outcome": "open"}).status, 202)
	w.deliver(1, "charge.dispute.created")
	same(t, "what was left of it", w.order(order).at("order", "dispute", "amount", "amount"), any(1000.0))
	same(t, "lost", w.call("mert", "POST", at, obj{"outcome": "lost"}).status, 202)
	w.deliver(1, "charge.dispute.closed")
	same(t, "state", w.order(order).str("order", "dispute", "state"), "lost")
	same(t, "refund", w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", nil).code(), "disputed")
	same(t, "provider", w.owes("provider"), 0)
	same(t, "owed", w.owes("dispute:tea"), 1000+1500)
	w.clean()
}

func TestInquiry(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_createDisputeInquiry")
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	w.deliver(1, "charge.dispute.created")
	same(t, "flag", w.order(order).str("order", "dispute", "state"), "warning_needs_response")
	same(t, "no money moved", w.owes("provider"), 1250)
	w.clean()
	same(t, "refund", w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", nil).status, 200)
	w.deliver(1, "charge.dispute.closed")
	same(t, "flag", w.order(order).str("order", "dispute", "state"), "warning_closed")
	w.clean()

	w.buyer("ugo", "pm_card_createDisputeInquiry")
	order = w.tap("ugo", obj{"product": cup}).str("order", "id")
	w.deliver(1, "charge.dispute.created")
	w.must(202, "mert", "POST", "/api/v1/sandbox/orders/"+order+"/dispute", obj{"outcome": "escalated"})
	w.deliver(1, "charge.dispute.updated")
	same(t, "escalated", w.order(order).str("order", "dispute", "state"), "needs_response")
	same(t, "now it did", w.owes("provider"), 0)
	w.clean()
}

// A dispute may be here before the news of the payment, and a notification may
// not be here at all.
func TestDisputeOutOfOrder(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_createDispute")
	w.shop.Gateway = killed{Gateway: w.pay, after: true}
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	same(t, "state", w.state(order), "charging")
	w.shop.Gateway = w.pay
	w.deliver(1, "charge.dispute.funds_withdrawn")
	same(t, "state", w.state(order), "paid")
	same(t, "flag", w.order(order).str("order", "dispute", "state"), "needs_response")
	w.clean()

	w.buyer("ugo", "pm_card_createDisputeProductNotReceived")
	silent := w.tap("ugo", obj{"product": cup}).str("order", "id")
	stop := w.run()
	eventually(t, "the shop looks by itself", func() bool { return w.order(silent).str("order", "dispute", "state") == "needs_response" })
	stop()
	same(t, "reason", w.order(silent).str("order", "dispute", "reason"), "product_not_received")
	w.clean()
	// Somebody else's dispute on the same account at the provider is none of ours.
	other := `{"id":"evt_x","type":"charge.dispute.created","livemode":false,"data":{"object":{"id":"dp_unknown","object":"dispute"}}}`
	w.signed(200, other, time.Now())
	same(t, "disputes", w.count("SELECT COUNT(*) FROM shop_dispute"), 2)
}

func TestFraudWarning(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_createIssuerFraudRecord")
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	w.deliver(2, "radar.early_fraud_warning.created")
	if w.order(order).str("order", "fraud_warning_at") == "" {
		t.Error("the merchant is not warned")
	}
	if at := w.must(200, "mira", "GET", "/api/v1/orders/"+order, nil).at("order", "fraud_warning_at"); at != nil {
		t.Errorf("the buyer is: %v", at)
	}
	same(t, "once", w.count("SELECT COUNT(*) FROM shop_order_event WHERE news = 'fraud_warning'"), 1)
	w.clean()
}

// The bank is faster than the merchant's click: the provider refuses, in words
// that say why.
func TestRefundAfterAnUnknownDispute(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_createDispute")
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	a := w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", nil)
	same(t, "refund", fmt.Sprint(a.status, a.code()), "409disputed")
	same(t, "refunding", w.count("SELECT SUM(refunding + refunded) FROM shop_order"), 0)
	w.clean()
}

// A dispute in another currency is shown, and not booked as if it were ours.
func TestDisputeInAnotherCurrency(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_createDispute")
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	w.shop.Disputes = foreign{w.pay}
	w.deliver(1, "charge.dispute.created")
	same(t, "flag", w.order(order).str("order", "dispute", "state"), "needs_response")
	same(t, "provider", w.owes("provider"), 1250)
	w.clean()
}

type foreign struct{ shop.Disputes }

func (f foreign) Dispute(ctx context.Context, id string) (shop.Dispute, error) {
	d, err := f.Disputes.Dispute(ctx, id)
	d.Amount.Currency = "EUR"
	return d, err
}
