package shop_test

import (
	"sync"
	"testing"

	"souk/internal/db/dbtest"
)

func (w *world) paid(product string, quantity int) (order string) {
	w.t.Helper()
	a := w.tap("mira", obj{"product": product, "quantity": quantity})
	if a.status != 200 {
		w.t.Fatal(a.text)
	}
	return a.str("order", "id")
}

// balance is what the ledger has on an account.
func (w *world) balance(account string) int64 {
	return w.count("SELECT COALESCE(SUM(amount), 0) FROM shop_ledger_line WHERE account = $1", account)
}

func TestRefund(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.must(200, "hana", "PUT", "/api/v1/channels/tea/region", obj{}) // makes the channel's row
		w.exec("UPDATE shop_channel SET fee_bps = 333 WHERE channel = 'tea'")
		cup := w.product("cup", 1250, 5)
		w.buyer("mira", "pm_card_visa")
		order := w.paid(cup, 2)
		path := "/api/v1/orders/" + order + "/refund"
		same(t, "fee", w.balance("fee"), -83) // 3.33 % of 2500, rounded down
		same(t, "owed", w.balance("merchant:tea"), -2417)

		part := w.must(200, "mert", "POST", path, obj{"amount": usd(1000)})
		same(t, "state", part.str("order", "state"), "paid")
		same(t, "refunded", part.at("order", "refunded", "amount"), any(1000.0))
		same(t, "units stay sold", w.stock(cup), [3]int64{3, 0, 2})
		same(t, "too much", w.call("mert", "POST", path, obj{"amount": usd(1501)}).code(), "over_refunded")
		same(t, "nothing", w.call("mert", "POST", path, obj{"amount": usd(0)}).code(), "bad_amount")
		same(t, "other money", w.call("mert", "POST", path, obj{"amount": obj{"amount": 1, "currency": "EUR"}}).code(), "bad_amount")
		rest := w.must(200, "mert", "POST", path, nil)
		same(t, "state", rest.str("order", "state"), "refunded")
		same(t, "stock", w.stock(cup), [3]int64{5, 0, 0})
		same(t, "again", w.call("mert", "POST", path, nil).code(), "not_now")
		for _, account := range []string{"provider", "merchant:tea", "fee"} {
			same(t, account, w.balance(account), 0)
		}
		w.clean()
	})
}

func (w *world) exec(query string) {
	w.t.Helper()
	if err := execute(w, query); err != nil {
		w.t.Fatal(err)
	}
}

// What has left the house does not come back on the shelf by a refund.
func TestRefundAfterShipping(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_visa")
	order := w.paid(cup, 1)
	shipped := w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/ship", obj{"carrier": "Post", "tracking": "RR1"})
	same(t, "parcel", shipped.str("order", "parcel"), "shipped")
	same(t, "tracking", shipped.str("order", "shipment", "tracking"), "RR1")
	at := shipped.str("order", "shipment", "shipped_at")
	fixed := w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/ship", obj{"carrier": "Post", "tracking": "RR2"})
	same(t, "corrected", fixed.str("order", "shipment", "tracking"), "RR2")
	same(t, "shipped when it was", fixed.str("order", "shipment", "shipped_at"), at)
	same(t, "refund", w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/refund", nil).str("order", "state"), "refunded")
	same(t, "stock", w.stock(cup), [3]int64{4, 0, 1})
	same(t, "ship what is refunded", w.call("mert", "POST", "/api/v1/orders/"+order+"/ship", obj{"carrier": "Post"}).code(), "not_now")
	w.clean()
}

// Two fingers on the refund button pay back once.
func TestRefundTwice(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 5)
		w.buyer("mira", "pm_card_visa")
		order := w.paid(cup, 1)
		var group sync.WaitGroup
		statuses := make([]int, 8)
		for i := range statuses {
			group.Go(func() {
				statuses[i] = w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", obj{"amount": usd(700)}).status
			})
		}
		group.Wait()
		won := 0
		for _, s := range statuses {
			if s == 200 {
				won++
			} else {
				same(t, "loser", s, 409)
			}
		}
		same(t, "winners", won, 1)
		same(t, "paid back", w.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'refund'`), 1)
		w.clean()
	})
}

func TestRefundKey(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1000, 5)
	w.buyer("mira", "pm_card_visa")
	path := "/api/v1/orders/" + w.paid(cup, 1) + "/refund"
	for range 3 {
		w.must(200, "mert", "POST", path, obj{"amount": usd(300)}, "Idempotency-Key", "again")
	}
	same(t, "paid back", w.count("SELECT refunded FROM shop_order"), 300)
	same(t, "same key, other amount", w.call("mert", "POST", path, obj{"amount": usd(400)}, "Idempotency-Key", "again").code(), "key_reused")
	same(t, "another key", w.must(200, "mert", "POST", path, obj{"amount": usd(300)}, "Idempotency-Key", "more").at("order", "refunded", "amount"), any(600.0))
	w.clean()
}

// A refund whose answer is lost is pending, not failed: its amount stays set
// aside, and the next process gets the answer under the same key.
func TestRefundCrash(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1000, 5)
	w.buyer("mira", "pm_card_visa")
	order := w.paid(cup, 1)
	w.shop.Gateway = killed{Gateway: w.pay, refund: true}
	same(t, "status", w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", obj{"amount": usd(600)}).status, 202)
	same(t, "the same money twice", w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", obj{"amount": usd(600)}).code(), "over_refunded")
	w.clean()
	w.exec("UPDATE shop_refund SET look_at = 0")
	next := newWorld(t, w.db)
	if err := next.shop.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "refunded", next.count("SELECT refunded FROM shop_order"), 600)
	same(t, "set aside", next.count("SELECT refunding FROM shop_order"), 0)
	same(t, "refunds at the provider", next.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'refund'`), 1)
	next.clean()
}
