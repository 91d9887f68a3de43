package shop_test

import (
	"net/http"
	"strings"
	"testing"

	"souk/internal/db/dbtest"
	"souk/shop"
)

// Who may call what. For an order, whoever may not see it hears that there is
// none.
func TestAccessMatrix(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 50)
	w.buyer("mira", "pm_card_visa")
	w.buyer("eve", "pm_card_visa")
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	people := []string{"", "mira", "eve", "modi", "rival", "hana", "mert", "olga"}
	matrix := []struct {
		method, path string
		body         any
		want         [8]int // by people
	}{
		{"GET", "/api/v1/orders/" + order, nil, [8]int{404, 200, 404, 404, 404, 200, 200, 200}},
		{"POST", "/api/v1/orders/" + order + "/cancel", nil, [8]int{401, 409, 404, 404, 404, 409, 409, 409}},
		{"POST", "/api/v1/orders/" + order + "/ship", obj{"carrier": "Post", "tracking": "1"}, [8]int{401, 403, 404, 404, 404, 403, 200, 200}},
		{"POST", "/api/v1/orders/" + order + "/refund", obj{"amount": usd(1)}, [8]int{401, 403, 404, 404, 404, 403, 200, 200}},
		{"POST", "/api/v1/orders/" + order + "/checkpoints", obj{"code": "in_transit"}, [8]int{401, 403, 404, 404, 404, 403, 200, 200}},
		{"POST", "/api/v1/orders/" + order + "/withdrawals", obj{}, [8]int{401, 409, 404, 404, 404, 404, 404, 404}},
		{"POST", "/api/v1/orders/" + order + "/withdrawals/x/confirm", obj{}, [8]int{401, 409, 404, 404, 404, 404, 404, 404}},
		{"POST", "/api/v1/orders/" + order + "/return", obj{"restock": 99}, [8]int{401, 403, 404, 404, 404, 403, 422, 422}},
		{"POST", "/api/v1/channels/tea/orders/ship", "x", [8]int{401, 403, 403, 403, 403, 403, 422, 422}},
		{"GET", "/api/v1/channels/tea/carriers", nil, [8]int{401, 403, 403, 403, 403, 403, 200, 200}},
		{"POST", "/api/v1/channels/tea/carriers", obj{}, [8]int{401, 403, 403, 403, 403, 403, 422, 422}},
		{"DELETE", "/api/v1/channels/tea/carriers/x", nil, [8]int{401, 403, 403, 403, 403, 403, 404, 404}},
		{"GET", "/api/v1/channels/tea/terms", nil, [8]int{200, 200, 200, 200, 200, 200, 200, 200}},
		{"PUT", "/api/v1/channels/tea/terms", obj{}, [8]int{401, 403, 403, 403, 403, 403, 200, 200}},
		{"GET", "/api/v1/channels/tea/ruling", nil, [8]int{200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET", "/api/v1/orders/no-such", nil, [8]int{404, 404, 404, 404, 404, 404, 404, 404}},
		{"GET", "/api/v1/channels/tea/orders", nil, [8]int{401, 403, 403, 403, 403, 200, 200, 200}},
		{"GET", "/api/v1/channels/tea/orders.csv", nil, [8]int{401, 403, 403, 403, 403, 200, 200, 200}},
		{"GET", "/api/v1/channels/tea/products", nil, [8]int{200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET", "/api/v1/channels/tea/products.csv", nil, [8]int{401, 403, 403, 403, 403, 200, 200, 200}},
		{"POST", "/api/v1/channels/tea/products", obj{}, [8]int{401, 403, 403, 403, 403, 422, 422, 422}},
		{"POST", "/api/v1/channels/tea/products/import", "x", [8]int{401, 403, 403, 403, 403, 422, 422, 422}},
		{"POST", "/api/v1/channels/tea/images", "x", [8]int{401, 403, 403, 403, 403, 415, 415, 415}},
		{"PATCH", "/api/v1/products/" + cup, obj{"add": 1}, [8]int{401, 403, 403, 403, 403, 200, 200, 200}},
		{"GET", "/api/v1/channels/tea/lineup", nil, [8]int{401, 403, 403, 403, 403, 200, 200, 200}},
		{"PUT", "/api/v1/channels/tea/lineup", obj{"products": []string{cup}}, [8]int{401, 403, 403, 403, 403, 200, 403, 200}},
		{"PUT", "/api/v1/channels/tea/region", obj{}, [8]int{401, 403, 403, 403, 403, 200, 403, 200}},
		{"PUT", "/api/v1/channels/tea/pin", obj{"product": cup}, [8]int{401, 403, 403, 403, 403, 200, 403, 200}},
		{"DELETE", "/api/v1/channels/tea/pin", nil, [8]int{401, 403, 403, 403, 403, 204, 403, 204}},
		{"GET", "/api/v1/channels/none/products", nil, [8]int{404, 404, 404, 404, 404, 404, 404, 404}},
		{"DELETE", "/api/v1/products/no-such", nil, [8]int{401, 404, 404, 404, 404, 404, 404, 404}},
	}
	for _, row := range matrix {
		for i, who := range people {
			if a := w.call(who, row.method, row.path, row.body); a.status != row.want[i] {
				t.Errorf("%s %s as %q: %d %s, want %d", row.method, row.path, who, a.status, a.text, row.want[i])
			}
		}
	}
	w.clean()
}

// The bank's page is the buyer's: the merchant sees the order, not the way in.
func TestActionIsTheBuyers(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	w.buyer("mira", "pm_card_authenticationRequired")
	order, _ := w.asked("mira", cup)
	if a := w.must(200, "mira", "GET", "/api/v1/orders/"+order, nil); a.str("action", "redirect_url") == "" {
		t.Error("the buyer has lost the way to the bank")
	}
	if a := w.must(200, "olga", "GET", "/api/v1/orders/"+order, nil); strings.Contains(a.text, "challenge") {
		t.Errorf("the merchant is shown %s", a.text)
	}
	for _, e := range w.rooms.of("order") {
		if strings.Contains(e, "challenge") || strings.Contains(e, "secret") {
			t.Errorf("the room is told %s", e)
		}
	}
}

func TestRegion(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 5)
	const path = "/api/v1/channels/tea/region"
	same(t, "at first", w.must(200, "hana", "GET", path, nil).str("default"), "sell")
	for name, body := range map[string]obj{
		"no such verdict":     {"default": "maybe"},
		"no such country":     {"countries": obj{"XX": "watch"}},
		"three letters":       {"countries": obj{"IDN": "watch"}},
		"hand over to nobody": {"countries": obj{"SA": "handoff"}},
		"by plain http":       {"default": "sell", "handoff_url": "http://example.com"},
		"to a script":         {"default": "sell", "handoff_url": "javascript:alert(1)"},
	} {
		t.Run(name, func(t *testing.T) { same(t, "status", w.call("hana", "PUT", path, body).status, 422) })
	}
	w.must(200, "hana", "PUT", path, obj{"default": "sell", "countries": obj{"id": "watch", "SA": "handoff"}, "handoff_url": "https://example.com/sa"})
	for country, want := range map[string]struct {
		status           int
		verdict, address string
	}{"PT": {200, "", ""}, "ID": {451, "watch", ""}, "SA": {451, "handoff", "https://example.com/sa"}} {
		t.Run(country, func(t *testing.T) {
			who := w.buyer("from "+country, "pm_card_visa")
			w.who.set(shop.Person{ID: who, Email: "a@b", Address: &shop.Address{Name: "A", Line1: "B", City: "C", Country: country}})
			a := w.tap(who, obj{"product": cup})
			same(t, "status", a.status, want.status)
			same(t, "verdict", a.str("verdict"), want.verdict)
			same(t, "handoff_url", a.str("handoff_url"), want.address)
			if want.status == http.StatusUnavailableForLegalReasons {
				same(t, "code", a.code(), "region_blocked")
			}
		})
	}
	same(t, "stock", w.stock(cup), [3]int64{4, 0, 1})
	w.clean()
}

func TestMethods(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	w.buyer("mira", "pm_card_visa")
	a := w.must(200, "mira", "POST", "/api/v1/me/payment-methods", obj{"test": "pm_card_mastercard"})
	same(t, "brand", a.str("brand"), "mastercard")
	for _, name := range []string{"pm_card_nonsense", "pm_1", "../customers", "4242424242424242"} {
		same(t, name, w.call("mira", "POST", "/api/v1/me/payment-methods", obj{"test": name}).code(), "bad_test")
	}
	all, err := w.shop.Methods(t.Context(), "mira")
	if err != nil || len(all) != 2 || all[0].Brand != "mastercard" || !all[0].Default || all[1].Default {
		t.Errorf("methods %+v, %v", all, err)
	}
	others, err := w.shop.Methods(t.Context(), "olga")
	if err != nil || len(others) != 0 {
		t.Errorf("somebody else's methods: %+v %v", others, err)
	}
	slowed := false
	for range 30 {
		slowed = slowed || w.call("mira", "POST", "/api/v1/me/payment-methods", obj{"test": "pm_card_visa"}).status == 429
	}
	if !slowed {
		t.Error("thirty cards in a row, and none was too fast")
	}
	same(t, "customers", w.count("SELECT COUNT(*) FROM sandbox_object WHERE kind = 'customer'"), 1)
}
