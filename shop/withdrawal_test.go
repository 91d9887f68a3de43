package shop_test

import (
	"strings"
	"testing"
)

var teaHouse = obj{"show": true, "name": "Tea House Ltd", "address": "1 High St", "country": "GB", "email": "hello@tea.example"}

// offers has tea offer withdrawals for some days.
func (w *world) offers(days int) {
	w.t.Helper()
	w.must(200, "mert", "PUT", "/api/v1/channels/tea/terms", obj{"seller": teaHouse, "withdrawal": obj{"offered": true, "days": days}})
}

// A buyer who withdraws before the parcel left has the money at once, and nothing
// is sent; the statement alone does nothing. By the link of a mail too.
func TestWithdrawBeforeItLeft(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		var box postbox
		w.shop.Mail, w.shop.Home = box.send, "http://127.0.0.1:8080"
		w.run()
		cup := w.product("cup", 500, 10)
		w.buyer("ana", "pm_card_visa")
		w.offers(14)
		at := "/api/v1/orders/" + w.tap("ana", obj{"product": cup, "quantity": 3}).str("order", "id")
		eventually(t, "paid", func() bool { return box.kinds() == "order.paid " })
		_, key, _ := strings.Cut(box.all[0].Link, "?key=")

		first := w.must(201, "ana", "POST", at+"/withdrawals", obj{"quantity": 1}).str("withdrawal", "id")
		same(t, "a statement moves no money", w.must(200, "ana", "GET", at, nil).at("order", "refunded", "amount"), any(0.0))
		second := w.must(201, "", "POST", at+"/withdrawals?key="+key, obj{"quantity": 1}).str("withdrawal", "id")
		same(t, "the one before is gone", w.call("ana", "POST", at+"/withdrawals/"+first+"/confirm", nil).code(), "no_such_withdrawal")
		same(t, "a wrong key", w.call("", "POST", at+"/withdrawals?key=x", nil).status, 401)
		got := w.must(200, "", "POST", at+"/withdrawals/"+second+"/confirm?key="+key, nil)
		same(t, "paid back", got.at("order", "refunded", "amount"), any(500.0))
		same(t, "settled", got.at("order", "withdrawal", "all").([]any)[0].(obj)["state"], any("settled"))
		w.must(200, "ana", "POST", at+"/withdrawals/"+second+"/confirm", nil)
		same(t, "once", w.must(200, "ana", "GET", at, nil).at("order", "refunded", "amount"), any(500.0))
		eventually(t, "a receipt", func() bool { return strings.Contains(box.kinds(), "order.withdrawn") })

		third := w.must(201, "ana", "POST", at+"/withdrawals", nil).str("withdrawal", "id")
		got = w.must(200, "ana", "POST", at+"/withdrawals/"+third+"/confirm", nil)
		same(t, "the rest", got.str("order", "state"), "refunded")
		same(t, "not sent", w.call("mert", "POST", at+"/ship", obj{"carrier": "Post"}).status, 409)
		same(t, "on the shelf again", w.stock(cup), [3]int64{10, 0, 0})
		for _, m := range box.all {
			if m.Kind == "order.withdrawn" && (m.Order.Withdrawal == nil || m.Order.Withdrawal.All[0].ConfirmedAt.IsZero() || m.Order.Seller == nil) {
				t.Errorf("a receipt without what it is about: %+v", m.Order.Withdrawal)
			}
		}
		w.clean()
	})
}

// What has left is paid back when it is back, until its time is over.
func TestWithdrawAfterDelivery(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 500, 10)
		w.buyer("ana", "pm_card_visa")
		without := "/api/v1/orders/" + w.tap("ana", obj{"product": cup}).str("order", "id")
		w.offers(14)
		same(t, "an order keeps its terms", w.call("ana", "POST", without+"/withdrawals", nil).code(), "no_withdrawal")
		buy := func() string {
			return "/api/v1/orders/" + w.tap("ana", obj{"product": cup, "quantity": 2}).str("order", "id")
		}
		at, late := buy(), buy()
		for _, o := range []string{at, late} {
			w.must(200, "mert", "POST", o+"/ship", obj{"carrier": "Post"})
		}
		same(t, "no end before the delivery", w.must(200, "ana", "GET", at, nil).at("order", "withdrawal", "open"), any(true))
		w.must(200, "mert", "POST", late+"/checkpoints", obj{"code": "delivered", "at": "2020-01-01T00:00:00Z"})
		same(t, "years later", w.call("ana", "POST", late+"/withdrawals", nil).code(), "too_late")

		w.must(200, "mert", "POST", at+"/checkpoints", obj{"code": "delivered"})
		if until := w.must(200, "ana", "GET", at, nil).str("order", "withdrawal", "until"); until == "" {
			t.Error("no end after the delivery")
		}
		id := w.must(201, "ana", "POST", at+"/withdrawals", obj{"quantity": 1}).str("withdrawal", "id")
		same(t, "another's statement", w.call("ana", "POST", late+"/withdrawals/"+id+"/confirm", nil).code(), "no_such_withdrawal")
		got := w.must(200, "ana", "POST", at+"/withdrawals/"+id+"/confirm", nil)
		same(t, "waits for the goods", got.at("order", "refunded", "amount"), any(0.0))
		got = w.must(200, "mert", "POST", at+"/return", obj{"restock": 1})
		same(t, "one back", got.at("order", "refunded", "amount"), any(500.0))
		same(t, "the other is where it was", got.str("order", "parcel"), "delivered")
		same(t, "sold again", w.stock(cup), [3]int64{6, 0, 5})
		id = w.must(201, "ana", "POST", at+"/withdrawals", nil).str("withdrawal", "id")
		w.must(200, "ana", "POST", at+"/withdrawals/"+id+"/confirm", nil)
		got = w.must(200, "mert", "POST", at+"/return", nil)
		same(t, "all back", got.str("order", "state")+" "+got.str("order", "parcel"), "refunded returned")
		same(t, "and not again", w.call("mert", "POST", at+"/return", nil).code(), "not_now")
		w.clean()
	})
}
