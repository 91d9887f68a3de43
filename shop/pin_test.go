package shop_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
)

const pinPath = "/api/v1/channels/tea/pin"

func (w *world) pin(product string, offer obj) answer {
	w.t.Helper()
	body := obj{"product": product}
	if offer != nil {
		body["offer"] = offer
	}
	return w.must(200, "hana", "PUT", pinPath, body)
}

func TestPin(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup, pot := w.product("cup", 1250, 5), w.product("pot", 4000, 2)
		first := w.pin(cup, nil)
		same(t, "product", first.str("product", "id"), cup)
		second := w.pin(pot, obj{"price": usd(3000), "seconds": 60, "stock": 1})
		same(t, "offer", second.at("offer", "price", "amount"), any(3000.0))

		marks := w.air.all() // cup on, cup off, pot on
		if len(marks) != 3 || !marks[0].End.IsZero() || marks[1].Pin != first.str("pin") || marks[1].End.IsZero() || marks[2].Price.Amount != 3000 {
			t.Fatalf("marks %+v", marks)
		}
		if lag := time.Since(marks[0].Start); lag < mediaBehind || lag > mediaBehind+10*time.Second {
			t.Errorf("a mark %v behind the clock, want media time", lag)
		}
		for _, e := range w.rooms.events() {
			if e.Type == "pinned" && (e.how != "tell" || e.MediaAt.IsZero()) {
				t.Errorf("pinned was told as %+v", e)
			}
		}

		next := newWorld(t, w.db) // a restart
		card, err := next.shop.CurrentPin(t.Context(), "tea")
		if err != nil || card == nil {
			t.Fatal(card, err)
		}
		got, err := json.Marshal(card)
		if err != nil || strings.TrimSpace(second.text) != string(got) {
			t.Errorf("after a restart the card is %s, was %s (%v)", got, second.text, err)
		}
		on, err := next.shop.ActiveMarks(t.Context(), "tea")
		if err != nil || len(on) != 1 || on[0].Pin != second.str("pin") || !on[0].End.IsZero() || !on[0].Start.Equal(marks[2].Start.Truncate(time.Millisecond)) {
			t.Errorf("active marks %+v, %v", on, err)
		}

		same(t, "unpin", w.call("hana", "DELETE", pinPath, nil).status, 204)
		same(t, "unpin nothing", w.call("hana", "DELETE", pinPath, nil).status, 204)
		same(t, "unpinned", lastOf(w.rooms.of("unpinned")), `{"pin":"`+second.str("pin")+`","product":"`+pot+`"}`)
		if card, err := w.shop.CurrentPin(t.Context(), "tea"); card != nil || err != nil {
			t.Errorf("still on air: %v %v", card, err)
		}
	})
}

func TestPinRefusals(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	foreign := w.must(201, "rival", "POST", "/api/v1/channels/cups/products", obj{"sku": "x", "title": "X", "price": usd(100), "stock": 1}).str("id")
	for name, c := range map[string]struct {
		as     string
		body   any
		status int
	}{
		"nobody":           {"", obj{"product": cup}, 401},
		"moderator":        {"modi", obj{"product": cup}, 403},
		"another owner":    {"rival", obj{"product": cup}, 403},
		"foreign product":  {"hana", obj{"product": foreign}, 404},
		"no product":       {"hana", obj{}, 404},
		"free":             {"hana", obj{"product": cup, "offer": obj{"price": usd(0), "seconds": 10}}, 422},
		"other currency":   {"hana", obj{"product": cup, "offer": obj{"price": obj{"amount": 1, "currency": "EUR"}, "seconds": 10}}, 422},
		"no time":          {"hana", obj{"product": cup, "offer": obj{"price": usd(100), "seconds": 0}}, 422},
		"forever":          {"hana", obj{"product": cup, "offer": obj{"price": usd(100), "seconds": 1 << 40}}, 422},
		"no stock":         {"hana", obj{"product": cup, "offer": obj{"price": usd(100), "seconds": 9, "stock": 0}}, 422},
		"nobody may":       {"hana", obj{"product": cup, "offer": obj{"price": usd(100), "seconds": 9, "per_buyer": 0}}, 422},
		"price as a float": {"hana", `{"product":"` + cup + `","offer":{"price":{"amount":1.5,"currency":"USD"},"seconds":9}}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			if a := w.call(c.as, "PUT", pinPath, c.body); a.status != c.status {
				t.Errorf("%d %s, want %d", a.status, a.text, c.status)
			}
		})
	}
	same(t, "told", len(w.rooms.of("pinned")), 0)
}

func TestOfferShareAndCap(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 10)
		pin := w.pin(cup, obj{"price": usd(900), "seconds": 600, "stock": 3, "per_buyer": 2}).str("pin")
		w.buyer("a", "pm_card_visa")
		w.buyer("b", "pm_card_visa")
		w.buyer("poor", "pm_card_chargeDeclined")
		same(t, "more than the cap at once", w.tap("a", obj{"pin": pin, "quantity": 3}).code(), "limit_reached")
		same(t, "offer price", w.tap("a", obj{"pin": pin, "quantity": 1}).at("order", "total", "amount"), any(900.0))
		same(t, "a decline", w.tap("poor", obj{"pin": pin, "quantity": 2}).status, 402) // and its share goes back
		same(t, "second", w.tap("a", obj{"pin": pin}).status, 200)
		same(t, "third of one buyer", w.tap("a", obj{"pin": pin}).code(), "limit_reached")
		same(t, "more than is left", w.tap("b", obj{"pin": pin, "quantity": 2}).code(), "sold_out")
		same(t, "the last of the share", w.tap("b", obj{"pin": pin}).status, 200)
		same(t, "share sold out", w.tap("b", obj{"pin": pin}).code(), "sold_out")
		same(t, "beside the offer", w.tap("b", obj{"product": cup}).at("order", "total", "amount"), any(1250.0))
		same(t, "stock", w.stock(cup), [3]int64{6, 0, 4})
		w.clean()
	})
}

func TestOfferEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		cup := w.product("cup", 1250, 10)
		w.buyer("a", "pm_card_visa")
		defer w.run()()
		pin := w.pin(cup, obj{"price": usd(900), "seconds": 30}).str("pin")
		time.Sleep(29 * time.Second)
		same(t, "in time", w.tap("a", obj{"pin": pin}).at("order", "total", "amount"), any(900.0))
		same(t, "told too early", len(w.rooms.of("price")), 0)
		time.Sleep(time.Second)
		synctest.Wait()
		late := w.tap("a", obj{"pin": pin})
		same(t, "late", late.code(), "price_changed")
		same(t, "late", late.at("price", "amount"), any(1250.0))
		same(t, "late, with the offer's price", w.tap("a", obj{"pin": pin, "price": usd(900)}).code(), "price_changed")
		same(t, "told at its end", strings.Join(w.rooms.of("price"), "\n"), `{"product":"`+cup+`","price":{"amount":1250,"currency":"USD"},"offer":null}`)
		card, err := w.shop.CurrentPin(t.Context(), "tea")
		if err != nil || card == nil || card.Offer != nil {
			t.Errorf("the card after the offer: %+v %v", card, err)
		}
		same(t, "at the price there is", w.tap("a", obj{"pin": pin, "price": usd(1250)}).at("order", "total", "amount"), any(1250.0))
		time.Sleep(5 * time.Minute)
		same(t, "told once", len(w.rooms.of("price")), 1)
		w.clean()
	})
}

// An offer that ended while nobody was running is ended at the next start.
func TestOfferEndsAcrossRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.Open(t, schemas...)
		w := newWorld(t, d)
		cup := w.product("cup", 1250, 10)
		w.pin(cup, obj{"price": usd(900), "seconds": 30})
		time.Sleep(time.Minute)
		next := newWorld(t, d)
		defer next.run()()
		time.Sleep(time.Second)
		same(t, "told", len(next.rooms.of("price")), 1)
	})
}

// Whatever the card said when it went on air is what a tap agrees to, unless it
// says otherwise: a price raised behind the buyer's back is refused.
func TestPriceChangedUnderACard(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 10)
	w.buyer("a", "pm_card_visa")
	pin := w.pin(cup, nil).str("pin")
	w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"price": usd(2000)})
	same(t, "price told", len(w.rooms.of("price")), 1)
	same(t, "silent tap", w.tap("a", obj{"pin": pin}).code(), "price_changed")
	same(t, "knowing tap", w.tap("a", obj{"pin": pin, "price": usd(2000)}).at("order", "total", "amount"), any(2000.0))
	w.clean()
}
