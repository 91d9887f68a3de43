package shop_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"souk/internal/db/dbtest"
	"souk/shop"
	"souk/shop/stripe"
)

// lives moves somebody.
func (w *world) lives(name, country, region string) {
	w.who.set(shop.Person{ID: name, Name: name, Email: name + "@example.com",
		Address: &shop.Address{Name: name, Line1: "1 Road", City: "Town", Region: region, Country: country}})
}

func (w *world) sets(part string, body any) {
	w.t.Helper()
	w.must(200, "olga", "PUT", "/api/v1/channels/tea/"+part, body)
}

// sum is the parts of an answer's sum that are not zero.
func sum(a answer, path ...string) map[string]int64 {
	parts := map[string]int64{}
	for _, name := range []string{"items", "discount", "shipping", "tax", "tip", "total"} {
		if n, _ := a.at(append(path, name, "amount")...).(float64); n != 0 {
			parts[name] = int64(n)
		}
	}
	return parts
}

func sameSum(t testing.TB, what string, got map[string]int64, want map[string]int64) {
	t.Helper()
	for _, name := range []string{"items", "discount", "shipping", "tax", "tip", "total"} {
		if got[name] != want[name] {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

func TestShipping(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 50)
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"weight": 400})
		w.buyer("mira", "pm_card_visa")
		same(t, "before there are zones", sum(w.quoted("mira", obj{"product": cup}))["total"], 1250)
		w.sets("shipping", obj{"zones": []obj{
			{"name": "Home", "countries": []string{"pt", "ES"}, "rates": []obj{{"currency": "USD", "bands": []obj{{"price": 900}, {"up_to": 1000, "price": 450}}, "free_over": 5000}}},
			{"name": "World", "countries": []string{"*"}, "rates": []obj{{"currency": "USD", "bands": []obj{{"up_to": 1000, "price": 2000}}}}},
		}})
		for _, c := range []struct {
			country        string
			quantity       int
			shipping       int64
			code           string
			statusOfNoSale int
		}{
			{"PT", 1, 450, "", 0}, {"PT", 2, 450, "", 0}, {"PT", 3, 900, "", 0}, {"ES", 4, 0, "", 0},
			{"BR", 1, 2000, "", 0}, {"BR", 3, 0, "too_heavy", 409},
		} {
			w.lives("mira", c.country, "")
			q, a := w.quoted("mira", obj{"product": cup, "quantity": c.quantity}), w.tap("mira", obj{"product": cup, "quantity": c.quantity})
			if c.code != "" {
				same(t, "quoted", q.code(), c.code)
				same(t, "tapped", a.code(), c.code)
				same(t, "status", a.status, c.statusOfNoSale)
				continue
			}
			want := map[string]int64{"items": 1250 * int64(c.quantity), "shipping": c.shipping, "total": 1250*int64(c.quantity) + c.shipping}
			sameSum(t, "quote "+c.country, sum(q), want)
			sameSum(t, "order "+c.country, sum(a, "order"), want)
		}
		// Another table between quote and tap: the buyer sees the new sum first.
		w.lives("mira", "PT", "")
		quote := w.quoted("mira", obj{"product": cup}).str("quote")
		w.sets("shipping", obj{"zones": []obj{{"countries": []string{"PT"}, "rates": []obj{{"currency": "USD", "bands": []obj{{"price": 500}}}}}}})
		late := w.tap("mira", obj{"product": cup, "quote": quote})
		same(t, "code", late.code(), "price_changed")
		same(t, "total now", sum(late, "quote")["total"], 1750)
		w.lives("mira", "BR", "")
		gone := w.tap("mira", obj{"product": cup})
		same(t, "not there", gone.code(), "not_shipped_there")
		same(t, "status", gone.status, 409)
		w.clean()
	})
}

func TestShippingRefused(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	rate := []obj{{"currency": "USD", "bands": []obj{{"price": 500}}}}
	for what, zones := range map[string][]obj{
		"no country":         {{"rates": rate}},
		"made-up country":    {{"countries": []string{"XX"}, "rates": rate}},
		"a country twice":    {{"countries": []string{"PT"}, "rates": rate}, {"countries": []string{"pt"}, "rates": rate}},
		"no rate":            {{"countries": []string{"PT"}}},
		"no such currency":   {{"countries": []string{"PT"}, "rates": []obj{{"currency": "usd", "bands": []obj{{"price": 500}}}}}},
		"a currency twice":   {{"countries": []string{"PT"}, "rates": append(rate, rate...)}},
		"no band":            {{"countries": []string{"PT"}, "rates": []obj{{"currency": "USD"}}}},
		"less than nothing":  {{"countries": []string{"PT"}, "rates": []obj{{"currency": "USD", "bands": []obj{{"price": -1}}}}}},
		"a weight twice":     {{"countries": []string{"PT"}, "rates": []obj{{"currency": "USD", "bands": []obj{{"price": 1}, {"price": 2}}}}}},
		"a fil that is none": {{"countries": []string{"PT"}, "rates": []obj{{"currency": "KWD", "bands": []obj{{"price": 1251}}}}}},
	} {
		a := w.call("olga", "PUT", "/api/v1/channels/tea/shipping", obj{"zones": zones})
		if a.status != 422 || a.code() != "bad_zones" {
			t.Errorf("%s: %d %s", what, a.status, a.text)
		}
	}
	for part, body := range map[string]obj{"tax": {"mode": "stripe"}, "currencies": {"default": "XYZ"}} {
		same(t, part, w.call("olga", "PUT", "/api/v1/channels/tea/"+part, body).status, 422)
	}
	for _, rates := range [][]obj{{{"country": "XX", "bps": 1}}, {{"country": "PT", "bps": 10_001}}, {{"country": "PT", "bps": -1}}, {{"country": "PT", "bps": 1}, {"country": "PT", "bps": 2}}, {{"country": "*", "region": "CA", "bps": 1}}} {
		same(t, "bad rate", w.call("olga", "PUT", "/api/v1/channels/tea/tax", obj{"mode": "table", "rates": rates}).code(), "bad_rates")
	}
	// Who may look and who may change.
	for _, part := range []string{"shipping", "tax", "currencies", "fee"} {
		path := "/api/v1/channels/tea/" + part
		if part != "currencies" {
			for who, status := range map[string]int{"": 401, "modi": 403, "rival": 403, "mert": 200, "hana": 200, "olga": 200} {
				same(t, "GET "+part+" "+who, w.call(who, "GET", path, nil).status, status)
			}
		}
		if part != "fee" {
			for who, status := range map[string]int{"": 401, "modi": 403, "rival": 403, "hana": 403, "mert": 200, "olga": 200} {
				same(t, "PUT "+part+" "+who, w.call(who, "PUT", path, obj{}).status, status)
			}
		}
	}
}

func TestTaxTable(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup, book := w.product("cup", 1000, 50), w.product("book", 1000, 50)
		w.must(200, "olga", "PATCH", "/api/v1/products/"+book, obj{"tax_code": "books"})
		w.buyer("mira", "pm_card_visa")
		table := obj{"mode": "table", "shipping": true, "rates": []obj{
			{"country": "PT", "bps": 2300}, {"country": "PT", "code": "books", "bps": 600}, {"country": "US", "region": "CA", "bps": 725}, {"country": "*", "bps": 1000},
		}}
		w.sets("shipping", obj{"zones": []obj{{"countries": []string{"*"}, "rates": []obj{{"currency": "USD", "bands": []obj{{"price": 200}}}}}}})
		w.sets("tax", table)
		for _, c := range []struct {
			product, country, region string
			tax                      int64
		}{{cup, "PT", "", 230 + 46}, {book, "PT", "", 60 + 12}, {cup, "US", "ca", 73 + 15}, {cup, "US", "NY", 100 + 20}, {cup, "BR", "", 120}} {
			w.lives("mira", c.country, c.region)
			a := w.tap("mira", obj{"product": c.product})
			sameSum(t, c.country+c.region, sum(a, "order"), map[string]int64{"items": 1000, "shipping": 200, "tax": c.tax, "total": 1200 + c.tax})
			if a.at("order", "tax_included") != nil {
				t.Errorf("included: %s", a.text)
			}
		}
		table["included"] = true
		w.sets("tax", table)
		w.lives("mira", "PT", "")
		a := w.tap("mira", obj{"product": cup})
		sameSum(t, "included", sum(a, "order"), map[string]int64{"items": 1000, "shipping": 200, "tax": 187 + 37, "total": 1200})
		same(t, "said so", a.at("order", "tax_included"), any(true))

		// What is owed for taxes and shipping is on accounts of its own, and a refund in parts undoes it.
		order := a.str("order", "id")
		before := w.balance("tax:tea")
		for _, amount := range []int64{1, 599, 600} {
			w.must(200, "olga", "POST", "/api/v1/orders/"+order+"/refund", obj{"amount": usd(amount)})
		}
		same(t, "tax given back", w.balance("tax:tea")-before, 224)
		same(t, "state", w.state(order), "refunded")
		w.clean()
	})
}

func TestCurrencies(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 50)
		p := w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"prices": []obj{{"amount": 19_900_000, "currency": "IDR"}, {"amount": 3850, "currency": "KWD"}}})
		if !strings.Contains(p.text, `"prices":[{"amount":19900000,"currency":"IDR"},{"amount":3850,"currency":"KWD"}]`) {
			t.Errorf("prices: %s", p.text)
		}
		w.buyer("mira", "pm_card_visa")
		for code, total := range map[string]int64{"": 1250, "USD": 1250, "IDR": 19_900_000, "KWD": 3850} {
			a := w.tap("mira", obj{"product": cup, "currency": code})
			same(t, code, sum(a, "order")["total"], total)
			if code != "" {
				same(t, code, a.str("order", "currency"), code)
			}
		}
		no := w.tap("mira", obj{"product": cup, "currency": "EUR"})
		same(t, "no price", no.code(), "not_sold_in_currency")
		same(t, "nor quoted", w.quoted("mira", obj{"product": cup, "currency": "EUR"}).code(), "not_sold_in_currency")

		// A price of another currency is another price: what was quoted in it is no longer so.
		quote := w.quoted("mira", obj{"product": cup, "currency": "IDR"}).str("quote")
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"prices": []obj{{"amount": 20_000_000, "currency": "IDR"}}})
		same(t, "changed", w.tap("mira", obj{"product": cup, "currency": "IDR", "quote": quote}).code(), "price_changed")

		// An offer is in the currency it was made in.
		pin := w.must(200, "hana", "PUT", "/api/v1/channels/tea/pin", obj{"product": cup, "offer": obj{"price": usd(1000), "seconds": 60}}).str("pin")
		same(t, "offer", sum(w.tap("mira", obj{"pin": pin}), "order")["total"], 1000)
		same(t, "elsewhere", sum(w.tap("mira", obj{"pin": pin, "currency": "IDR"}), "order")["total"], 20_000_000)

		w.sets("currencies", obj{"default": "USD", "countries": obj{"id": "IDR"}})
		same(t, "for everybody", strings.TrimSpace(w.must(200, "", "GET", "/api/v1/channels/tea/currencies", nil).text), `{"default":"USD","countries":{"ID":"IDR"}}`)

		// A file has them all; one without those columns leaves them.
		const in = "/api/v1/channels/tea/products/import"
		text := w.must(200, "mert", "GET", "/api/v1/channels/tea/products.csv", nil).text
		w.must(200, "mert", "POST", in, text)
		w.must(200, "mert", "POST", in, "title,sku,stock,currency,price_minor\nCup,cup,50,USD,1250\n")
		same(t, "the trip", w.must(200, "mert", "GET", "/api/v1/channels/tea/products.csv", nil).text, strings.NewReplacer("Cup cup", "Cup", ",44,", ",50,").Replace(text))
		same(t, "bad cell", w.call("mert", "POST", in, "title,sku,stock,currency,price_minor,prices\nCup,cup,50,USD,1250,IDR\n").code(), "bad_csv")
		w.clean()
	})
}

func TestFeeRules(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup, pot := w.product("cup", 1000, 50), w.product("pot", 1000, 50)
		w.buyer("mira", "pm_card_visa")
		fee := func(product string) float64 {
			return w.tap("mira", obj{"product": product}).at("order", "fee", "amount").(float64)
		}
		same(t, "none", fee(cup), 0)
		set := func(merchant, sku string, rule *shop.FeeRule) {
			t.Helper()
			if err := w.shop.SetFee(t.Context(), "tea", merchant, sku, rule); err != nil {
				t.Fatal(err)
			}
		}
		set("", "", &shop.FeeRule{BPS: 500, Fixed: map[string]int64{"USD": 30, "EUR": 25}})
		set("", "pot", &shop.FeeRule{BPS: 1000})
		same(t, "channel", fee(cup), 80)
		same(t, "product", fee(pot), 100)
		set("", "pot", nil)
		same(t, "override gone", fee(pot), 80)
		set("", "", &shop.FeeRule{Fixed: map[string]int64{"USD": 99_999}})
		same(t, "capped", fee(cup), 1000)
		if err := w.shop.SetFee(t.Context(), "tea", "", "none", &shop.FeeRule{}); err != shop.ErrNoProduct {
			t.Errorf("a product that is not there: %v", err)
		}
		for what, rule := range map[string]shop.FeeRule{"more than all": {BPS: 10_001}, "less than nothing": {BPS: -1}, "a fil that is none": {Fixed: map[string]int64{"KWD": 1}}, "no currency": {Fixed: map[string]int64{"ZZZ": 10}}} {
			if rule.Check(stripe.Limits) == nil {
				t.Errorf("%s was taken", what)
			}
		}
		same(t, "for merchants to read", w.must(200, "mert", "GET", "/api/v1/channels/tea/fee", nil).at("fixed", "USD"), any(99_999.0))
		w.clean()
	})
}

// What a buyer's orders have in a show goes in one parcel: the second pays what
// the parcel costs more.
func TestCombinedShipping(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1000, 50)
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"weight": 400})
		w.sets("shipping", obj{"combine": true, "zones": []obj{{"countries": []string{"*"}, "rates": []obj{{"currency": "USD",
			"bands": []obj{{"up_to": 500, "price": 300}, {"up_to": 1200, "price": 500}}, "free_over": 10_000}}}}})
		w.buyer("mira", "pm_card_visa")
		first := w.tap("mira", obj{"product": cup})
		same(t, "first", sum(first, "order")["shipping"], 300)
		q := w.quoted("mira", obj{"product": cup})
		same(t, "quoted", sum(q)["shipping"], 200)
		same(t, "second", sum(w.tap("mira", obj{"product": cup, "quote": q.str("quote")}), "order")["shipping"], 200)
		same(t, "third fits too", sum(w.tap("mira", obj{"product": cup}), "order")["shipping"], 0)
		same(t, "a fourth needs its own parcel", sum(w.tap("mira", obj{"product": cup}), "order")["shipping"], 300)
		w.lives("mira", "PT", "elsewhere")
		same(t, "another address", sum(w.tap("mira", obj{"product": cup}), "order")["shipping"], 300)
		w.buyer("tom", "pm_card_visa")
		same(t, "another buyer", sum(w.tap("tom", obj{"product": cup}), "order")["shipping"], 300)
		w.shop.Show = func(string) string { return "show-2" }
		same(t, "another show", sum(w.tap("tom", obj{"product": cup}), "order")["shipping"], 300)
		w.clean()
	})
}

// A basket that comes to less than anything can be charged is refused at the tap.
func TestTooSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		cup := w.product("cup", 100, 50)
		w.buyer("mira", "pm_card_visa")
		w.shop.Limits = func(code string) (shop.Limits, bool) { return shop.Limits{Min: 150, Max: 300, Step: 1}, true }
		small := w.tap("mira", obj{"product": cup})
		same(t, "small", small.code(), "amount_too_small")
		same(t, "least", small.at("minimum", "amount"), any(150.0))
		same(t, "enough", w.tap("mira", obj{"product": cup, "quantity": 2}).status, 200)
		same(t, "large", w.tap("mira", obj{"product": cup, "quantity": 4}).code(), "amount_too_large")
		same(t, "stock", w.stock(cup), [3]int64{48, 0, 2})
		w.clean()
	})
}
