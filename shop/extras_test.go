package shop_test

import (
	"encoding/csv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
)

func (w *world) coupon(body obj) string {
	w.t.Helper()
	return w.must(201, "mert", "POST", "/api/v1/channels/tea/coupons", body).str("coupon", "id")
}

// A coupon takes its part off the goods: in the quote, in the order, in the
// ledger, in the CSV.
func TestCoupon(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1000, 9)
		mira := w.buyer("mira", "pm_card_visa")
		w.coupon(obj{"code": "tea-15", "percent": 15})
		w.coupon(obj{"code": "FOUR-OFF", "amount": usd(400), "least": usd(2000)})
		quote := w.must(200, mira, "POST", "/api/v1/quotes", obj{"channel": "tea", "product": cup, "quantity": 2, "coupon": "Tea-15 "})
		same(t, "discount", quote.at("discount", "amount"), any(300.0))
		same(t, "total", quote.at("total", "amount"), any(1700.0))
		a := w.tap(mira, obj{"product": cup, "quantity": 2, "coupon": "tea-15", "quote": quote.str("quote")})
		same(t, "paid", a.status, 200)
		same(t, "paid", a.at("order", "total", "amount"), any(1700.0))
		same(t, "code", a.str("order", "coupon"), "TEA-15")
		same(t, "too little", w.tap(mira, obj{"product": cup, "coupon": "FOUR-OFF"}).code(), "coupon_minimum")
		same(t, "another sum than the quote's", w.tap(mira, obj{"product": cup, "quantity": 2, "coupon": "FOUR-OFF", "quote": quote.str("quote")}).code(), "price_changed")
		same(t, "amount", w.tap(mira, obj{"product": cup, "quantity": 3, "coupon": "FOUR-OFF"}).at("order", "discount", "amount"), any(400.0))
		rows, err := csv.NewReader(strings.NewReader(w.must(200, "mert", "GET", "/api/v1/channels/tea/orders.csv", nil).text)).ReadAll()
		if err != nil || rows[2][len(rows[2])-1] != "TEA-15" {
			t.Errorf("%v %v", rows, err)
		}
		used := w.must(200, "mert", "GET", "/api/v1/channels/tea/coupons", nil).at("coupons").([]any)[1].(obj)
		same(t, "used", used["used"], any(1.0))
		w.clean()
	})
}

func TestCouponRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		cup, pot := w.product("cup", 1000, 99), w.product("pot", 5000, 9)
		mira := w.buyer("mira", "pm_card_visa")
		soon, later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339), time.Now().Add(2*time.Hour).UTC().Format(time.RFC3339)
		w.coupon(obj{"code": "LATER", "percent": 10, "starts_at": soon, "ends_at": later})
		w.coupon(obj{"code": "POTS", "percent": 10, "product": pot})
		w.coupon(obj{"code": "OTHERSHOW", "percent": 10, "show": "show-2"})
		w.coupon(obj{"code": "EURO", "amount": obj{"amount": 100, "currency": "EUR"}})
		w.coupon(obj{"code": "ALL-BUT", "amount": usd(990)})
		w.coupon(obj{"code": "FIRST", "percent": 10, "first": true})
		w.coupon(obj{"code": "ONCE-EACH", "percent": 10, "per_buyer": 1})
		w.coupon(obj{"code": "ONLY-ONE", "percent": 10, "uses": 1})
		use := func(want, code string) {
			t.Helper()
			time.Sleep(time.Minute)
			if a := w.tap(mira, obj{"product": cup, "coupon": code}); a.code() != want {
				t.Errorf("%s: %d %s, want %q", code, a.status, a.text, want)
			}
		}
		use("coupon_unknown", "NOSUCH")
		use("coupon_unknown", strings.Repeat("X", 99))
		use("coupon_unknown", "LATER")
		use("coupon_not_here", "POTS")
		use("coupon_not_here", "OTHERSHOW")
		use("coupon_not_here", "EURO")
		use("coupon_minimum", "ALL-BUT")
		use("", "FIRST")
		use("coupon_first_only", "FIRST")
		use("", "ONCE-EACH")
		use("coupon_limit", "ONCE-EACH")
		use("", "ONLY-ONE")
		use("coupon_used_up", "ONLY-ONE")
		time.Sleep(time.Until(time.Now().Add(50 * time.Minute)))
		use("", "LATER")
		time.Sleep(2 * time.Hour)
		use("coupon_ended", "LATER")

		for code, body := range map[string]obj{
			"bad_code": {"code": "a b", "percent": 1}, "bad_percent": {"code": "GOOD", "percent": 100}, "bad_amount": {"code": "GOOD", "amount": usd(0)},
			"bad_uses": {"code": "GOOD", "percent": 1, "uses": 0}, "bad_per_buyer": {"code": "GOOD", "percent": 1, "per_buyer": 0},
			"bad_ends_at": {"code": "GOOD", "percent": 1, "starts_at": later, "ends_at": soon}, "bad_least": {"code": "GOOD", "amount": usd(1), "least": obj{"amount": 1, "currency": "EUR"}},
			"code_taken": {"code": "first", "percent": 1}, "no_such_product": {"code": "GOOD", "percent": 1, "product": "x"},
		} {
			same(t, code, w.call("mert", "POST", "/api/v1/channels/tea/coupons", body).code(), code)
		}
		same(t, "a buyer", w.call(mira, "GET", "/api/v1/channels/tea/coupons", nil).code(), "not_allowed")
		id := w.coupon(obj{"code": "GONE", "percent": 5})
		same(t, "another channel's", w.call("rival", "DELETE", "/api/v1/channels/cups/coupons/"+id, nil).code(), "no_such_coupon")
		w.must(204, "mert", "DELETE", "/api/v1/channels/tea/coupons/"+id, nil)
		use("coupon_unknown", "GONE")
		w.clean()
	})
}

// The last use of a coupon goes to one order, however many taps want it; a
// payment that fails gives it back, once.
func TestCouponUsesAreCounted(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1000, 50)
		w.coupon(obj{"code": "THREE", "percent": 50, "uses": 3})
		poor := w.buyer("poor", "pm_card_chargeDeclined")
		same(t, "declined", w.tap(poor, obj{"product": cup, "coupon": "THREE"}).status, 402)
		w.clean()
		var paid, over int
		var mu sync.Mutex
		var group sync.WaitGroup
		for i := range 10 {
			who := w.buyer(name("b", i), "pm_card_visa")
			group.Go(func() {
				a := w.tap(who, obj{"product": cup, "coupon": "THREE"})
				mu.Lock()
				defer mu.Unlock()
				if a.status == 200 {
					paid++
				} else if a.code() == "coupon_used_up" {
					over++
				} else {
					t.Error(a.text)
				}
			})
		}
		group.Wait()
		same(t, "paid", paid, 3)
		same(t, "used up", over, 7)
		w.clean()
	})
}

// Who tries codes is slowed down; who repeats their own is not.
func TestCouponGuessing(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1000, 50)
	mira := w.buyer("mira", "pm_card_visa")
	w.coupon(obj{"code": "REAL", "percent": 10})
	ask := func(code string) string {
		return w.call(mira, "POST", "/api/v1/quotes", obj{"channel": "tea", "product": cup, "coupon": code}).code()
	}
	for range 15 {
		same(t, "the same again", ask("REAL"), "")
	}
	slowed := 0
	for i := range 15 {
		if ask(name("GUESS", i)) == "too_fast" {
			slowed++
		}
	}
	if slowed < 4 {
		t.Errorf("of 15 guesses %d were slowed down", slowed)
	}
}

// A tip is all its receiver's: on top of a purchase, or alone.
func TestTips(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		if err := execute(w, "INSERT INTO shop_channel (channel, fee_bps) VALUES ('tea', 1000)"); err != nil {
			t.Fatal(err)
		}
		cup := w.product("cup", 1000, 5)
		mira := w.buyer("mira", "pm_card_visa")
		a := w.tap(mira, obj{"product": cup, "tip": usd(250)})
		same(t, "total", a.at("order", "total", "amount"), any(1250.0))
		same(t, "fee on the cup alone", a.at("order", "fee", "amount"), any(100.0))
		same(t, "nobody is told", len(w.rooms.of("tipped")), 0)
		quote := w.must(200, mira, "POST", "/api/v1/quotes", obj{"channel": "tea", "tip": usd(500)}).str("quote")
		key := newKey()
		a = w.tap(mira, obj{"tip": usd(500), "thanks": true, "quote": quote}, key)
		if a.status != 200 {
			t.Fatal(a.text)
		}
		same(t, "no fee", a.at("order", "fee", "amount"), any(0.0))
		same(t, "no lines", len(a.at("order", "lines").([]any)), 0)
		same(t, "nothing to send", a.str("order", "parcel"), "delivered")
		same(t, "the room hears of it", lastOf(w.rooms.of("tipped")), `{"name":"mira","tip":{"amount":500,"currency":"USD"}}`)
		same(t, "the same tap", w.tap(mira, obj{"tip": usd(500), "thanks": true, "quote": quote}, key).str("order", "id"), a.str("order", "id"))
		same(t, "nothing was sold", len(w.rooms.of("sold")), 1)
		same(t, "in the ledger", w.count("SELECT SUM(amount) FROM shop_ledger_line WHERE account = 'tip:tea'"), -750)
		same(t, "too small", w.tap(mira, obj{"tip": usd(10)}).code(), "bad_tip")
		same(t, "too large", w.tap(mira, obj{"tip": usd(99_000)}).code(), "bad_tip")
		same(t, "another currency", w.tap(mira, obj{"product": cup, "tip": obj{"amount": 100, "currency": "EUR"}}).code(), "bad_tip")
		poor := w.buyer("poor", "pm_card_chargeDeclined")
		same(t, "declined", w.tap(poor, obj{"tip": usd(500)}).status, 402)
		w.must(200, "mert", "POST", "/api/v1/orders/"+a.str("order", "id")+"/refund", nil)
		same(t, "on the shelf", len(w.must(200, mira, "GET", "/api/v1/channels/tea/products", nil).at("products").([]any)), 1)
		w.clean()
	})
}

// An offer to one person is theirs alone, once, until the server's end of it.
func TestPersonalOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		defer w.run()()
		cup := w.product("cup", 1000, 2)
		mira, eve, poor := w.buyer("mira", "pm_card_visa"), w.buyer("eve", "pm_card_visa"), w.buyer("poor", "pm_card_chargeDeclined")
		offer := func(person string, hold bool) string {
			t.Helper()
			return w.must(201, "hana", "POST", "/api/v1/channels/tea/offers", obj{"person": person, "product": cup, "price": usd(600), "seconds": 60, "hold": hold}).str("offer", "id")
		}
		same(t, "a merchant", w.call("mert", "POST", "/api/v1/channels/tea/offers", obj{}).code(), "not_allowed")
		first := offer(mira, true)
		synctest.Wait()
		if e := w.rooms.lastOf("offer"); e.how != "send" || e.person != mira {
			t.Errorf("the card went to %q by %s", e.person, e.how)
		}
		same(t, "set aside", w.stock(cup), [3]int64{1, 1, 0})
		same(t, "eve", w.tap(eve, obj{"offer": first}).code(), "no_such_offer")
		same(t, "no offer", w.tap(eve, obj{"offer": "x"}).code(), "no_such_offer")
		same(t, "two", w.tap(mira, obj{"offer": first, "quantity": 2}).code(), "limit_reached")
		mine := w.must(200, mira, "GET", "/api/v1/me/holds", nil).at("offers").([]any)
		same(t, "after a reload", mine[0].(obj)["id"], any(first))
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"stock": 0})
		a := w.tap(mira, obj{"offer": first})
		same(t, "taken", a.status, 200)
		same(t, "price", a.at("order", "total", "amount"), any(600.0))
		same(t, "once", w.tap(mira, obj{"offer": first}).code(), "offer_used")
		same(t, "withdrawn too late", w.call("hana", "DELETE", "/api/v1/channels/tea/offers/"+first, nil).code(), "offer_used")
		w.clean()

		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"stock": 2})
		again := offer(poor, false)
		same(t, "declined", w.tap(poor, obj{"offer": again}).status, 402)
		w.clean()
		time.Sleep(2 * time.Second)
		same(t, "a failed payment does not use it up", w.tap(poor, obj{"offer": again}).status, 402)
		late := offer(mira, true)
		time.Sleep(time.Minute - time.Millisecond)
		same(t, "the last moment", w.must(200, mira, "POST", "/api/v1/quotes", obj{"channel": "tea", "offer": late}).at("price", "amount"), any(600.0))
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		same(t, "over", w.tap(mira, obj{"offer": late}).code(), "offer_ended")
		same(t, "its unit is back", w.stock(cup), [3]int64{2, 0, 1})
		gone := offer(eve, true)
		same(t, "rival", w.call("rival", "DELETE", "/api/v1/channels/cups/offers/"+gone, nil).code(), "no_such_offer")
		w.must(204, "hana", "DELETE", "/api/v1/channels/tea/offers/"+gone, nil)
		same(t, "withdrawn", w.tap(eve, obj{"offer": gone}).code(), "offer_ended")
		same(t, "its unit is back", w.stock(cup), [3]int64{2, 0, 1})
		all := w.must(200, "hana", "GET", "/api/v1/channels/tea/offers", nil).at("offers").([]any)
		same(t, "the host's list", all[0].(obj)["state"], any("withdrawn"))
		w.clean()
	})
}

// Of many taps with one offer one becomes an order.
func TestPersonalOfferOnce(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1000, 9)
		mira := w.buyer("mira", "pm_card_visa")
		id := w.must(201, "hana", "POST", "/api/v1/channels/tea/offers", obj{"person": mira, "product": cup, "price": usd(600), "seconds": 60, "hold": true}).str("offer", "id")
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { w.tap(mira, obj{"offer": id}) })
		}
		group.Wait()
		same(t, "orders", w.count("SELECT COUNT(*) FROM shop_order"), 1)
		same(t, "stock", w.stock(cup), [3]int64{8, 0, 1})
		w.clean()
	})
}
