package shop_test

import (
	"strings"
	"sync"
	"testing"

	"souk/internal/db/dbtest"
	"souk/shop"
)

func TestTap(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		id := w.product("cup-1", 1250, 5)
		mira := w.buyer("mira", "pm_card_visa")
		a := w.tap(mira, obj{"product": id, "quantity": 2})
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.text)
		}
		same(t, "state", a.str("order", "state"), "paid")
		same(t, "parcel", a.str("order", "parcel"), "unfulfilled")
		same(t, "total", a.at("order", "total", "amount"), any(2500.0))
		same(t, "currency", a.str("order", "currency"), "USD")
		same(t, "show", a.str("order", "show"), "show-1")
		same(t, "last4", a.str("order", "payment", "last4"), "4242")
		same(t, "buyer", a.str("order", "buyer", "email"), "mira@example.com")
		same(t, "stock", w.stock(id), [3]int64{3, 0, 2})
		same(t, "charges", w.charged(a.str("order", "id")), 1)
		if got := lastOf(w.rooms.of("sold")); !strings.Contains(got, `"quantity":2,"available":3`) {
			t.Errorf("sold: %s", got)
		}
		for _, e := range w.rooms.events() {
			if e.Type == "order" && (e.how != "whisper" || e.person != mira || strings.Join(e.roles, " ") != "owner host merchant") {
				t.Errorf("order event went to %+v", e)
			}
		}
		same(t, "order events", len(w.rooms.of("order")), 2) // charging, paid
		w.clean()
	})
}

func TestTapRefusals(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 1)
	w.buyer("mira", "pm_card_visa")
	w.buyer("poor", "")
	w.who.set(shop.Person{ID: "nowhere", Name: "nowhere"})
	cases := map[string]struct {
		as     string
		body   obj
		key    string
		status int
		code   string
	}{
		"nobody":             {"", obj{"product": cup}, newKey(), 401, "sign_in_first"},
		"no key":             {"mira", obj{"product": cup}, "", 400, "bad_key"},
		"key of version 4":   {"mira", obj{"product": cup}, "3b241101-e2bb-4255-8caf-4136c566a962", 400, "bad_key"},
		"key in braces":      {"mira", obj{"product": cup}, "{" + newKey() + "}", 400, "bad_key"},
		"no product":         {"mira", obj{}, newKey(), 422, "bad_product"},
		"unknown product":    {"mira", obj{"product": "x"}, newKey(), 404, "no_such_product"},
		"unknown pin":        {"mira", obj{"pin": "x"}, newKey(), 404, "no_such_pin"},
		"of another channel": {"mira", obj{"product": cup, "channel": "cups"}, newKey(), 404, "no_such_product"},
		"none":               {"mira", obj{"product": cup, "quantity": 0}, newKey(), 422, "bad_quantity"},
		"minus one":          {"mira", obj{"product": cup, "quantity": -1}, newKey(), 422, "bad_quantity"},
		"a hundred":          {"mira", obj{"product": cup, "quantity": 100}, newKey(), 422, "bad_quantity"},
		"half":               {"mira", obj{"product": cup, "quantity": 0.5}, newKey(), 400, "bad_json"},
		"two of one":         {"mira", obj{"product": cup, "quantity": 2}, newKey(), 409, "sold_out"},
		"another price":      {"mira", obj{"product": cup, "price": usd(1)}, newKey(), 409, "price_changed"},
		"another currency":   {"mira", obj{"product": cup, "price": obj{"amount": 1250, "currency": "EUR"}}, newKey(), 409, "price_changed"},
		"no address":         {"nowhere", obj{"product": cup}, newKey(), 422, "address_missing"},
		"no method":          {"poor", obj{"product": cup}, newKey(), 422, "payment_method_missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := w.tap(c.as, c.body, c.key)
			if a.status != c.status || a.code() != c.code {
				t.Errorf("%d %s, want %d %s", a.status, a.text, c.status, c.code)
			}
		})
	}
	same(t, "stock", w.stock(cup), [3]int64{1, 0, 0})
	same(t, "orders", w.count("SELECT COUNT(*) FROM shop_order"), 0)
	w.clean()
}

// A decline gives the unit back before the answer goes out, once the provider
// has confirmed that the intent is dead.
func TestDecline(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		id := w.product("cup", 1250, 1)
		w.buyer("poor", "pm_card_chargeDeclinedInsufficientFunds")
		w.buyer("rich", "pm_card_visa")
		key := newKey()
		a := w.tap("poor", obj{"product": id}, key)
		same(t, "status", a.status, 402)
		same(t, "code", a.code(), "payment_declined")
		same(t, "detail", a.str("detail"), "Your card has insufficient funds.")
		same(t, "state", a.str("order", "state"), "payment_failed")
		same(t, "decline", a.str("order", "decline", "code"), "insufficient_funds")
		same(t, "stock", w.stock(id), [3]int64{1, 0, 0})
		again := w.tap("poor", obj{"product": id}, key)
		same(t, "same answer", again.text, a.text)
		same(t, "intents", w.count("SELECT COUNT(*) FROM sandbox_object WHERE kind = 'payment_intent'"), 1)
		same(t, "of them dead", w.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'payment_intent' AND body LIKE '%"status":"canceled"%'`), 1)
		if got := w.tap("rich", obj{"product": id}); got.status != 200 {
			t.Errorf("the unit did not come back: %s", got.text)
		}
		w.clean()
	})
}

func TestSameKey(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_visa")
	w.buyer("eve", "pm_card_visa")
	key := newKey()
	first := w.tap("mira", obj{"product": id, "quantity": 1}, key)
	same(t, "first", first.status, 200)
	if again := w.tap("mira", obj{"product": id}, strings.ToUpper(key)); again.text != first.text {
		t.Errorf("the same ask in other words: %s, want %s", again.text, first.text)
	}
	other := w.tap("mira", obj{"product": id, "quantity": 2}, key)
	same(t, "other body", other.code(), "key_reused")
	same(t, "other body", other.status, 422)
	theirs := w.tap("eve", obj{"product": id}, key)
	if theirs.status != 200 || theirs.str("order", "id") == first.str("order", "id") || strings.Contains(theirs.text, "mira") {
		t.Errorf("another buyer with the key: %s", theirs.text)
	}
	same(t, "stock", w.stock(id), [3]int64{3, 0, 2})
	w.clean()
}

func TestIdempotencyStorm(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		id := w.product("cup", 1250, 50)
		w.buyer("mira", "pm_card_visa")
		key := newKey()
		answers := make([]answer, 100)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i] = w.tap("mira", obj{"product": id}, key) })
		}
		group.Wait()
		for _, a := range answers {
			if a.status != 200 || a.text != answers[0].text {
				t.Fatalf("%d %s, want %s", a.status, a.text, answers[0].text)
			}
		}
		same(t, "stock", w.stock(id), [3]int64{49, 0, 1})
		same(t, "charges", w.charged(answers[0].str("order", "id")), 1)
		same(t, "orders", w.count("SELECT COUNT(*) FROM shop_order"), 1)
		w.clean()
	})
}

// More taps than units: exactly the units are paid, everybody else hears that
// it is sold out, and nobody is charged without getting one.
func TestFlashSale(t *testing.T) {
	const buyers, units = 40, 7
	each(t, func(w *world) {
		t := w.t
		id := w.product("cup", 1250, units)
		for i := range buyers {
			w.buyer(name("b", i), "pm_card_visa")
		}
		var paid, soldOut int
		var mu sync.Mutex
		var group sync.WaitGroup
		for i := range buyers {
			group.Go(func() {
				a := w.tap(name("b", i), obj{"product": id})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case a.status == 200:
					paid++
				case a.code() == "sold_out":
					soldOut++
				default:
					t.Errorf("%d %s", a.status, a.text)
				}
			})
		}
		group.Wait()
		same(t, "paid", paid, units)
		same(t, "sold out", soldOut, buyers-units)
		same(t, "stock", w.stock(id), [3]int64{0, 0, units})
		same(t, "charges", w.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'charge'`), units)
		w.clean()
	})
}

func TestLastUnit(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.buyer("a", "pm_card_visa")
		w.buyer("b", "pm_card_visa")
		for i := range 8 {
			id := w.product(name("cup", i), 100, 1)
			var got [2]answer
			var group sync.WaitGroup
			for j, who := range []string{"a", "b"} {
				group.Go(func() { got[j] = w.tap(who, obj{"product": id}) })
			}
			group.Wait()
			if !(got[0].status == 200 && got[1].code() == "sold_out" || got[1].status == 200 && got[0].code() == "sold_out") {
				t.Errorf("round %d: %s / %s", i, got[0].text, got[1].text)
			}
		}
		w.clean()
	})
}

func TestTooFast(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 100, 100)
	w.buyer("bot", "pm_card_visa")
	w.buyer("mira", "pm_card_visa")
	slowed := 0
	for range 30 {
		switch a := w.tap("bot", obj{"product": id}); {
		case a.status == 429:
			slowed++
			same(t, "code", a.code(), "too_fast")
		case a.status != 200:
			t.Fatal(a.text)
		}
	}
	if slowed == 0 {
		t.Error("thirty taps at once, and none was too fast")
	}
	if a := w.tap("mira", obj{"product": id}); a.status != 200 {
		t.Errorf("a bot slowed down somebody else: %s", a.text)
	}
}
