package shop_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
	"souk/shop"
)

// quoted asks what an order would come to.
func (w *world) quoted(person string, body obj) answer {
	w.t.Helper()
	if body["channel"] == nil {
		body["channel"] = "tea"
	}
	return w.call(person, "POST", "/api/v1/quotes", body)
}

func TestQuote(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 5)
		w.buyer("mira", "pm_card_visa")
		q := w.quoted("mira", obj{"product": cup, "quantity": 2})
		same(t, "status", q.status, 200)
		for _, part := range []string{"items", "total"} {
			same(t, part, q.at(part, "amount"), any(2500.0))
		}
		for _, part := range []string{"discount", "shipping", "tax", "tip"} {
			same(t, part, q.at(part, "amount"), any(0.0))
		}
		same(t, "country", q.str("country"), "PT")
		same(t, "nothing is held", w.stock(cup), [3]int64{5, 0, 0})

		a := w.tap("mira", obj{"product": cup, "quantity": 2, "quote": q.str("quote")})
		same(t, "bought", a.status, 200)
		same(t, "items", a.at("order", "items", "amount"), any(2500.0))
		same(t, "total", a.at("order", "total", "amount"), any(2500.0))

		// Another price: the tap says so, and brings the quote of now.
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"price": usd(1300)})
		a = w.tap("mira", obj{"product": cup, "quantity": 2, "quote": q.str("quote")})
		same(t, "code", a.code(), "price_changed")
		same(t, "price", a.at("price", "amount"), any(1300.0))
		same(t, "total now", a.at("quote", "total", "amount"), any(2600.0))
		fresh := a.str("quote", "quote")
		same(t, "agreed anew", w.tap("mira", obj{"product": cup, "quantity": 2, "quote": fresh}).status, 200)

		// There and back is another price too: the quote was made for neither.
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"price": usd(100)})
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"price": usd(1300)})
		same(t, "there and back", w.tap("mira", obj{"product": cup, "quantity": 2, "quote": fresh}).code(), "price_changed")

		// Moved house: the country is part of what was agreed.
		q = w.quoted("mira", obj{"product": cup})
		w.who.set(shop.Person{ID: "mira", Name: "mira", Email: "m@example.com", Address: &shop.Address{Name: "m", Line1: "1", City: "c", Country: "FR"}})
		same(t, "moved", w.tap("mira", obj{"product": cup, "quote": q.str("quote")}).code(), "price_changed")
		w.clean()
	})
}

// A quote is good for its buyer, for what it names, as it was signed.
func TestQuoteForged(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup, pot := w.product("cup", 1250, 5), w.product("pot", 1250, 5)
	w.buyer("mira", "pm_card_visa")
	w.buyer("tom", "pm_card_visa")
	quote := w.quoted("mira", obj{"product": cup}).str("quote")
	for name, body := range map[string]obj{
		"more of it":      {"product": cup, "quantity": 2, "quote": quote},
		"another product": {"product": pot, "quote": quote},
		"no signature":    {"product": cup, "quote": strings.Split(quote, ".")[0]},
		"nothing like it": {"product": cup, "quote": "x"},
		"too long":        {"product": cup, "quote": strings.Repeat("x", 3000) + "." + strings.Repeat("x", 43)},
	} {
		a := w.tap("mira", body)
		if a.status != 422 || a.code() != "bad_quote" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	same(t, "somebody else's", w.tap("tom", obj{"product": cup, "quote": quote}).code(), "bad_quote")

	same(t, "nothing sold", w.stock(cup), [3]int64{5, 0, 0})
	same(t, "nobody", w.quoted("", obj{"product": cup}).status, 401)
	same(t, "no product", w.quoted("mira", obj{"product": "x"}).code(), "no_such_product")
	same(t, "no channel", w.quoted("mira", obj{"product": cup, "channel": "x"}).code(), "no_such_channel")
	same(t, "elsewhere", w.quoted("mira", obj{"product": cup, "channel": "cups"}).code(), "no_such_product")
	w.must(200, "hana", "PUT", "/api/v1/channels/tea/region", obj{"countries": obj{"ID": "watch"}})
	same(t, "not there", w.quoted("mira", obj{"product": cup, "country": "ID"}).code(), "region_blocked")
}

func TestQuoteExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		cup := w.product("cup", 1250, 5)
		w.buyer("mira", "pm_card_visa")
		quote := w.quoted("mira", obj{"product": cup}).str("quote")
		time.Sleep(5*time.Minute - time.Millisecond)
		same(t, "in time", w.tap("mira", obj{"product": cup, "quote": quote}).status, 200)
		time.Sleep(time.Millisecond)
		late := w.tap("mira", obj{"product": cup, "quote": quote})
		same(t, "too late", late.code(), "price_changed")
		same(t, "anew", w.tap("mira", obj{"product": cup, "quote": late.str("quote", "quote")}).status, 200)
	})
}
