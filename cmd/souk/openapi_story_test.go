package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"souk/shop"
)

// unseen are the described refusals that no client can bring about here.
var unseen = map[string]string{
	"409 line_full":            "it takes a thousand people; package shop tests it",
	"409 withdrawn":            "the sandbox pays back at once, and then the order is refunded",
	"409 several_formats":      "it takes two encoders; package hls tests it",
	"500 internal":             "it takes a fault",
	"502 provider_unavailable": "the sandbox always answers",
	"502 refund_failed":        "the sandbox always pays back",
	"503 busy":                 "it takes a room that does not answer",
	"409 no_mail":              "the sandbox always writes mails; package account tests it",
	"502 mail_failed":          "the sandbox always writes mails; package account tests it",
}

// unanswered are the described answers that need the provider to be silent.
var unanswered = []string{"POST /api/v1/orders/{id}/cancel 202", "POST /api/v1/orders/{id}/refund 202"}

// TestOpenAPIAnswers makes every call against a running server and holds each
// answer against the description. At the end every described success and every
// described code has been seen.
func TestOpenAPIAnswers(t *testing.T) {
	a := serveAnswers(t, time.Second)
	nobody := caller{answers: a}
	host := caller{a, nobody.call("200", "POST", "/api/v1/login", fmt.Sprintf(`{"email":%q,"password":%q}`, a.host.Email, a.host.Password)).text("token")}
	guest := a.guest("Mira")

	callAbout(nobody)
	callBeforeTheShow(nobody, host)
	a.stream()
	callWho(nobody, guest)
	callSignIn(nobody, host)
	callSetUp(nobody)
	callShelf(nobody, guest, host)
	nobody.until("/api/v1/channels/tea", func(c answer) bool { return c.text("live") == "true" })
	callPin(nobody, host)
	callTerms(nobody, host)
	callTill(nobody, host)
	callMerchant(guest, host)
	callWaiting(nobody, host)
	callParcels(nobody, host)
	callHandOver(host)
	callRooms(nobody, host)
	callShow(nobody, guest, host)
	callDoors(nobody, guest, host)
	callLimits(guest)
	guest.call("200", "POST", "/api/v1/logout", "")
	guest.call("401 bad_token", "GET", "/api/v1/me", "")

	for name, op := range a.operates {
		for status := range object(op, "responses") {
			if answer := name + " " + status; status < "400" && !a.seen[answer] && !slices.Contains(unanswered, answer) {
				t.Errorf("nobody has seen %s", answer)
			}
		}
	}
	for name, codes := range a.codes() {
		for _, code := range codes {
			if !a.seen[code] && unseen[code] == "" {
				t.Errorf("nobody has seen %s, which %s describes", code, name)
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(unseen)) {
		if a.seen[code] {
			t.Errorf("%s was seen after all", code)
		}
	}
}

func callAbout(nobody caller) {
	nobody.call("200", "GET", "/api/v1/config", "")
	nobody.call("200", "GET", "/api/v1/sandbox/methods", "")
	d := nobody.call("200", "GET", "/api/v1/openapi.json", "")
	nobody.call("304", "GET", "/api/v1/openapi.json", "", "If-None-Match", d.header.Get("ETag"))
	nobody.call("404 no_such_call", "GET", "/api/v1/nope", "")
	nobody.call("405 bad_method", "PUT", "/api/v1/channels", "{}")

	payload := `{"id":"evt_story","type":"account.updated","livemode":false,"data":{"object":{"object":"account"}}}`
	nobody.call("400 bad_signature", "POST", "/hooks/stripe", payload, "Stripe-Signature", "t=1,v1=00")
	stamp := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(nobody.server.sandbox.HookSecret))
	mac.Write([]byte(stamp + "." + payload))
	nobody.call("200", "POST", "/hooks/stripe", payload, "Stripe-Signature", "t="+stamp+",v1="+hex.EncodeToString(mac.Sum(nil)))
}

func callBeforeTheShow(nobody, host caller) {
	c := nobody.call("200", "GET", "/api/v1/channels/tea", "")
	if c.text("state") != "offline" || c.text("pin.pin") == "" || c.text("show.id") != "" {
		nobody.t.Errorf("before the show: %s", c.raw)
	}
	host.call("204", "DELETE", "/api/v1/channels/tea/pin", "")
	host.call("204", "DELETE", "/api/v1/channels/tea/pin", "")
	nobody.call("200", "GET", "/api/v1/channels", "")
	nobody.call("404 no_such_channel", "GET", "/api/v1/channels/cocoa", "")
	if i := host.call("200", "GET", "/api/v1/channels/tea/ingest", ""); i.text("publisher.connected") != "false" {
		nobody.t.Errorf("before the show: %s", i.raw)
	}
	host.call("422 bad_policy", "PUT", "/api/v1/channels/tea/ingest/policy", `{"renditions":7}`)
	host.call("200", "PUT", "/api/v1/channels/tea/ingest/policy", `{"max_height":1080,"max_bitrate":8000000,"renditions":3}`)
}

func callWho(nobody, guest caller) {
	nobody.call("401 bad_login", "POST", "/api/v1/login", `{"email":"host@tea.example","password":"wrong"}`)
	nobody.call("400 bad_json", "POST", "/api/v1/login", `{"email":`)
	nobody.call("415 bad_type", "POST", "/api/v1/login", `email=a`, "Content-Type", "application/x-www-form-urlencoded")
	nobody.call("413 too_large", "POST", "/api/v1/guests", `{"name":"`+strings.Repeat("n", 70_000)+`"}`)
	nobody.call("422 bad_name", "POST", "/api/v1/guests", `{"name":"`+strings.Repeat("n", 33)+`"}`)
	nobody.call("409 name_taken", "POST", "/api/v1/guests", `{"name":"H a n a"}`)
	nobody.call("201", "POST", "/api/v1/guests", `{}`)
	nobody.call("201", "POST", "/api/v1/guests", "")
	nobody.call("403 cross_origin", "POST", "/api/v1/guests", `{}`, "Sec-Fetch-Site", "cross-site")
	nobody.call("200", "POST", "/api/v1/logout", "")

	nobody.call("401 sign_in_first", "GET", "/api/v1/me", "")
	guest.call("200", "GET", "/api/v1/me", "")
	guest.call("422 bad_email", "PUT", "/api/v1/me", `{"email":"nowhere"}`)
	guest.call("422 bad_address", "PUT", "/api/v1/me", `{"email":"m@example.com","address":{"name":"M","line1":"1","city":"L","country":"Britain"}}`)

	pay := func(want, body string) answer { return guest.call(want, "POST", "/api/v1/me/payment-methods", body) }
	if pay("200", `{}`).text("client_secret") == "" {
		nobody.t.Error("no secret for the provider's form")
	}
	pay("422 bad_test", `{"test":"pm_card_gold"}`)
}

func callShelf(nobody, guest, host caller) {
	const shelf = "/api/v1/channels/tea/products"
	first := nobody.call("200", "GET", shelf, "").text("products.0.id")
	nobody.call("404 no_such_channel", "GET", "/api/v1/channels/cocoa/products", "")
	made := host.call("201", "POST", shelf, `{"sku":"mug","title":"Mug","price":{"amount":900,"currency":"USD"},"stock":3}`).text("id")
	guest.call("403 not_allowed", "POST", shelf, `{}`)
	nobody.call("401 sign_in_first", "POST", shelf, `{}`)
	host.call("409 sku_taken", "POST", shelf, `{"sku":"mug","title":"Mug","price":{"amount":900,"currency":"USD"}}`)
	for code, change := range map[string]string{
		"bad_sku": `"sku":" "`, "bad_title": `"title":""`, "bad_description": `"description":"` + strings.Repeat("d", 4001) + `"`,
		"bad_price": `"price":{"amount":0,"currency":"USD"}`, "bad_stock": `"stock":-1`, "bad_image": `"image":"http://a"`, "bad_add": `"add":-99`,
	} {
		host.call("422 "+code, "PATCH", "/api/v1/products/"+made, "{"+change+"}")
	}
	host.call("200", "PATCH", "/api/v1/products/"+made, `{"price":{"amount":950,"currency":"USD"},"add":2}`)
	host.call("200", "PUT", "/api/v1/channels/tea/lineup", `{"products":["`+made+`","`+first+`"]}`)
	host.call("204", "DELETE", "/api/v1/products/"+made, "")
	host.call("404 no_such_product", "DELETE", "/api/v1/products/"+made, "")
	host.call("404 no_such_product", "PATCH", "/api/v1/products/"+made, "{}")
	if l := host.call("200", "GET", "/api/v1/channels/tea/lineup", ""); l.text("products.0") != first || l.text("products.1") != "" {
		nobody.t.Errorf("lineup after the drop: %s", l.raw)
	}
	host.call("404 no_such_product", "PUT", "/api/v1/channels/tea/lineup", `{"products":["`+made+`"]}`)
	host.call("422 bad_products", "PUT", "/api/v1/channels/tea/lineup", `{"products":["`+strings.Repeat(`x","`, 200)+`"]}`)

	header := "sku,title,price_minor,currency,stock\n"
	file := func(want, body string) answer {
		return host.call(want, "POST", shelf+"/import", body, "Content-Type", "text/csv")
	}
	file("200", header+"tray,Tray,1200,USD,4\n")
	file("422 bad_csv", "sku\n")
	file("413 too_large", header+strings.Repeat("a", 4<<20))
	if row := file("422 bad_price", header+"a,A,100,USD,1\nb,B,0,USD,1\n").text("row"); row != "3" {
		nobody.t.Errorf("the bad row is %s", row)
	}
	file("409 limit_reached", header+strings.Repeat("a,A,1,USD,1\n", 501))
	host.call("200", "GET", shelf+".csv", "")

	image := func(want, body string) answer {
		return host.call(want, "POST", "/api/v1/channels/tea/images", body, "Content-Type", "image/png")
	}
	path := image("201", png).text("image")
	image("415 bad_type", "<svg/>")
	image("413 too_large", png+strings.Repeat(" ", 2<<20))
	p := nobody.call("200", "GET", path, "")
	nobody.call("304", "GET", path, "", "If-None-Match", p.header.Get("ETag"))
	nobody.call("404 no_such_image", "GET", "/images/none.png", "")
}

func callPin(nobody, host caller) {
	const pin = "/api/v1/channels/tea/pin"
	product := nobody.call("200", "GET", "/api/v1/channels/tea/products", "").text("products.1.id")
	put := func(want, offer string) answer {
		return host.call(want, "PUT", pin, fmt.Sprintf(`{"product":%q%s}`, product, offer))
	}
	put("200", "")
	for code, offer := range map[string]string{
		"bad_price": `"price":{"amount":1,"currency":"EUR"},"seconds":9`, "bad_seconds": `"price":{"amount":100,"currency":"USD"}`,
		"bad_stock": `"price":{"amount":100,"currency":"USD"},"seconds":9,"stock":0`, "bad_per_buyer": `"price":{"amount":100,"currency":"USD"},"seconds":9,"per_buyer":100`,
	} {
		put("422 "+code, `,"offer":{`+offer+`}`)
	}
	host.call("404 no_such_product", "PUT", pin, `{"product":"none"}`)
	put("200", `,"offer":{"price":{"amount":5000,"currency":"USD"},"seconds":600,"stock":4,"per_buyer":1}`)
	c := nobody.call("200", "GET", "/api/v1/channels/tea", "")
	if c.text("pin.offer.left") != "4" || c.text("state") != "live" || c.text("show.id") == "" {
		nobody.t.Errorf("on air: %s", c.raw)
	}

	const region = "/api/v1/channels/tea/region"
	host.call("422 bad_default", "PUT", region, `{"default":"maybe"}`)
	host.call("422 bad_countries", "PUT", region, `{"countries":{"XX":"sell"}}`)
	host.call("422 bad_handoff_url", "PUT", region, `{"countries":{"SA":"handoff"}}`)
	host.call("422 bad_reasons", "PUT", region, `{"reasons":{"XX":"no"}}`)
	host.call("422 bad_licences", "PUT", region, `{"licences":{"ID":"`+strings.Repeat("1", 201)+`"}}`)
	host.call("422 bad_signals", "PUT", region, `{"signals":["nose"]}`)
	host.call("200", "PUT", region, `{}`)
	nobody.call("200", "GET", "/api/v1/channels/tea/ruling", "")
	host.call("200", "PUT", region, `{"default":"sell","countries":{"ID":"watch","SA":"handoff"},"handoff_url":"https://shop.example/sa"}`)
	host.call("200", "GET", region, "")
}

// callTerms says what a channel adds to its prices.
func callTerms(nobody, host caller) {
	const channel = "/api/v1/channels/tea/"
	host.call("422 bad_zones", "PUT", channel+"shipping", `{"zones":[{"countries":["XX"]}]}`)
	host.call("422 currency_not_supported", "PUT", channel+"shipping", `{"zones":[{"countries":["PT"],"rates":[{"currency":"IRR","bands":[{"price":1}]}]}]}`)
	host.call("200", "PUT", channel+"shipping", `{"zones":[{"name":"Some","countries":["GB","PT","SA"],"rates":[{"currency":"USD","bands":[{"up_to":9000,"price":0}]}]}],"combine":true}`)
	host.call("200", "GET", channel+"shipping", "")
	host.call("422 bad_mode", "PUT", channel+"tax", `{"mode":"maybe"}`)
	host.call("422 bad_rates", "PUT", channel+"tax", `{"mode":"table","rates":[{"country":"PT","bps":-1}]}`)
	host.call("200", "PUT", channel+"tax", `{"mode":"table","rates":[{"country":"PT","bps":2300}]}`)
	host.call("200", "GET", channel+"tax", "")
	host.call("200", "PUT", channel+"tax", `{}`)
	host.call("422 bad_countries", "PUT", channel+"currencies", `{"countries":{"XX":"USD"}}`)
	host.call("422 bad_default", "PUT", channel+"currencies", `{"default":"XYZ"}`)
	host.call("200", "PUT", channel+"currencies", `{"default":"USD","countries":{"ID":"IDR"}}`)
	nobody.call("200", "GET", channel+"currencies", "")
	nobody.call("404 no_such_channel", "GET", "/api/v1/channels/cocoa/currencies", "")
	host.call("200", "GET", channel+"fee", "")

	quotes := func(want, what string) {
		nobody.t.Helper()
		host.call(want, "POST", "/api/v1/quotes", `{"channel":"tea",`+what+`}`)
	}
	product := func(want, what string) string {
		nobody.t.Helper()
		return host.call(want, "POST", channel+"products", `{"sku":"`+newKey()+`","title":"Terms",`+what+`}`).text("id")
	}
	anvil := `"product":"` + product("201", `"price":{"amount":50,"currency":"USD"},"prices":[{"amount":99999999,"currency":"EUR"}],"weight":10000,"tax_code":"iron"`) + `"`
	product("422 amount_too_small", `"price":{"amount":49,"currency":"USD"}`)
	product("422 amount_too_large", `"price":{"amount":100000000,"currency":"USD"}`)
	product("422 amount_too_fine", `"price":{"amount":1251,"currency":"KWD"}`)
	product("422 currency_not_supported", `"price":{"amount":1250,"currency":"IRR"}`)
	product("422 bad_prices", `"price":{"amount":50,"currency":"USD"},"prices":[{"amount":50,"currency":"USD"}]`)
	product("422 bad_weight", `"price":{"amount":50,"currency":"USD"},"weight":-1`)
	product("422 bad_tax_code", `"price":{"amount":50,"currency":"USD"},"tax_code":"`+strings.Repeat("x", 41)+`"`)
	quotes("422 bad_country", anvil+`,"country":"XX"`)
	quotes("409 not_shipped_there", anvil+`,"country":"BR"`)
	quotes("409 too_heavy", anvil+`,"country":"GB"`)
	quotes("409 not_sold_in_currency", anvil+`,"country":"GB","currency":"JPY"`)
	host.call("200", "PUT", channel+"shipping", `{}`)
	quotes("422 amount_too_large", anvil+`,"country":"GB","currency":"EUR","quantity":2`)
	host.call("204", "DELETE", "/api/v1/products/"+strings.Trim(strings.TrimPrefix(anvil, `"product":`), `"`), "")
}

// newKey is what a page makes when the finger goes down.
// callDispute has a payment contested and decided.
func callDispute(guest, host caller) {
	b := host.buyer("Contests", "pm_card_visa")
	sencha := b.call("200", "GET", "/api/v1/channels/tea/products", "").text("products.0.id")
	order := b.call("200", "POST", "/api/v1/orders", `{"channel":"tea","product":"`+sencha+`"}`, "Idempotency-Key", newKey()).text("order.id")
	play := "/api/v1/sandbox/orders/" + order + "/dispute"
	guest.call("404 no_such_order", "POST", play, `{"outcome":"open"}`)
	host.call("409 not_now", "POST", play, `{"outcome":"won"}`)
	host.call("202", "POST", play, `{"outcome":"open"}`)
	for deadline := time.Now().Add(20 * time.Second); host.call("200", "GET", "/api/v1/orders/"+order, "").text("order.dispute.state") != "needs_response"; <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			host.t.Fatal("nobody heard of the dispute")
		}
	}
	host.call("409 disputed", "POST", "/api/v1/orders/"+order+"/refund", "")
}

func newKey() string { return uuid.Must(uuid.NewV7()).String() }

func callTill(nobody, host caller) {
	shelf := nobody.call("200", "GET", "/api/v1/channels/tea/products", "")
	sencha, spoon := shelf.text("products.0.id"), shelf.text("products.5.id")
	pin := nobody.call("200", "GET", "/api/v1/channels/tea", "").text("pin.pin")
	tap := func(by caller, want, key, what string) answer {
		nobody.t.Helper()
		return by.call(want, "POST", "/api/v1/orders", `{"channel":"tea",`+what+`}`, "Idempotency-Key", key)
	}
	card, product := `"pin":"`+pin+`"`, `"product":"`+sencha+`"`

	fresh := nobody.guest("Fresh")
	tap(nobody, "401 sign_in_first", newKey(), card)
	tap(fresh, "400 bad_key", uuid.NewString(), card)
	tap(fresh, "422 bad_product", newKey(), `"quantity":1`)
	tap(fresh, "422 bad_quantity", newKey(), card+`,"quantity":100`)
	tap(fresh, "422 address_missing", newKey(), card)
	fresh.call("422 bad_channel", "POST", "/api/v1/orders", `{}`, "Idempotency-Key", newKey())
	fresh.call("200", "PUT", "/api/v1/me", `{"email":"f@example.com","address":{"name":"F","line1":"1","city":"Riyadh","country":"SA"}}`)
	if no := tap(fresh, "451 region_blocked", newKey(), card); no.text("verdict") != "handoff" || no.text("handoff_url") == "" {
		nobody.t.Errorf("handed over to nobody: %s", no.raw)
	}
	fresh.call("200", "PUT", "/api/v1/me", `{"email":"f@example.com","address":{"name":"F","line1":"1","city":"Leeds","country":"GB"}}`)
	tap(fresh, "422 payment_method_missing", newKey(), card)

	visa := nobody.buyer("Visa", "pm_card_visa")
	callQuotes(nobody, fresh, visa, pin, sencha)
	key := newKey()
	paid := tap(visa, "200", key, card+`,"quantity":1`)
	if again := tap(visa, "200", key, card+`,"quantity":1`); again.text("order.id") != paid.text("order.id") {
		nobody.t.Errorf("the same key made another order: %s", again.raw)
	}
	tap(visa, "422 key_reused", key, card+`,"quantity":2`)
	tap(visa, "409 limit_reached", newKey(), card)
	tap(visa, "409 price_changed", newKey(), product+`,"price":{"amount":1,"currency":"USD"}`)
	tap(visa, "409 sold_out", newKey(), `"product":"`+spoon+`","quantity":4`)
	tap(visa, "404 no_such_product", newKey(), `"product":"none"`)
	tap(visa, "404 no_such_pin", newKey(), `"pin":"none"`)
	at := "/api/v1/orders/" + paid.text("order.id")
	visa.call("200", "GET", at, "")
	fresh.call("404 no_such_order", "GET", at, "")
	visa.call("409 not_now", "POST", at+"/cancel", "")

	poor := nobody.buyer("Poor", "pm_card_chargeDeclinedInsufficientFunds")
	if no := tap(poor, "402 payment_declined", newKey(), product); no.text("order.state") != "payment_failed" || no.text("order.decline.code") != "insufficient_funds" {
		nobody.t.Errorf("declined: %s", no.raw)
	}

	asked := nobody.buyer("Asked", "pm_card_authenticationRequired")
	key = newKey()
	waits := tap(asked, "202", key, product)
	at = "/api/v1/orders/" + waits.text("order.id")
	if waits.text("action.redirect_url") == "" || waits.text("order.hold_until") == "" {
		nobody.t.Errorf("nothing for the buyer to do: %s", waits.raw)
	}
	if seen := host.call("200", "GET", at, ""); seen.text("action.redirect_url") != "" {
		nobody.t.Errorf("the bank's page is shown to the merchant: %s", seen.raw)
	}
	asked.call("200", "GET", at, "")
	asked.call("200", "POST", at+"/cancel", "")
	tap(asked, "409 order_closed", key, product)
	callWallet(asked, fresh)
}

// callWallet goes through a buyer's ways to pay.
func callWallet(by, other caller) {
	const path = "/api/v1/me/payment-methods"
	first := by.call("200", "GET", path, "").text("methods.0.id")
	by.call("200", "POST", path, `{"test":"pm_card_mastercard"}`)
	if all := by.call("200", "POST", path+"/"+first+"/default", ""); all.text("methods.0.id") != first || all.text("methods.0.default") != "true" {
		by.t.Errorf("chosen: %s", all.raw)
	}
	by.call("200", "POST", path+"/sync", "")
	other.call("404 no_such_payment_method", "DELETE", path+"/"+first, "")
	other.call("404 no_such_payment_method", "POST", path+"/"+first+"/default", "")
	sencha := by.call("200", "GET", "/api/v1/channels/tea/products", "").text("products.0.id")
	waits := by.call("202", "POST", "/api/v1/orders", `{"channel":"tea","product":"`+sencha+`"}`, "Idempotency-Key", newKey())
	by.call("409 method_in_use", "DELETE", path+"/"+first, "")
	by.call("200", "POST", "/api/v1/orders/"+waits.text("order.id")+"/cancel", "")
	if left := by.call("200", "DELETE", path+"/"+first, ""); left.text("methods.0.last4") != "4444" || left.text("methods.1.id") != "" {
		by.t.Errorf("left: %s", left.raw)
	}
}

func callMerchant(guest, host caller) {
	const orders = "/api/v1/channels/tea/orders"
	guest.call("403 not_allowed", "GET", orders, "")
	host.call("422 bad_state", "GET", orders+"?state=lost", "")
	states := []any{}
	for _, state := range []shop.State{shop.Charging, shop.ActionRequired, shop.Processing, shop.PaymentFailed, shop.Releasing,
		shop.Expired, shop.Canceled, shop.Paid, shop.Refunded} {
		host.call("200", "GET", orders+"?state="+string(state), "")
		states = append(states, string(state))
	}
	if described := object(host.root, "components", "schemas", "OrderState")["enum"]; !reflect.DeepEqual(described, states) {
		host.t.Errorf("orders may be %v, described are %v", states, described)
	}
	host.call("200", "GET", orders+".csv?state=paid", "")
	if mine := host.call("200", "GET", "/api/v1/me/orders", ""); mine.text("orders.0.id") != "" {
		host.t.Errorf("who sells has bought %s", mine.raw)
	}
	at := "/api/v1/orders/" + host.call("200", "GET", orders+"?state=paid", "").text("orders.0.id")

	ship := func(want, body string) answer { return host.call(want, "POST", at+"/ship", body) }
	ship("422 bad_carrier", `{"carrier":""}`)
	ship("422 bad_tracking", `{"carrier":"Post","tracking":"`+strings.Repeat("1", 121)+`"}`)
	ship("200", `{"carrier":"Post","tracking":"AB1"}`)

	refund := func(want, body string, headers ...string) answer {
		return host.call(want, "POST", at+"/refund", body, headers...)
	}
	refund("400 bad_key", "", "Idempotency-Key", strings.Repeat("k", 256))
	refund("422 bad_amount", `{"amount":{"amount":1,"currency":"EUR"}}`)
	refund("200", `{"amount":{"amount":500,"currency":"USD"}}`, "Idempotency-Key", "first")
	if again := refund("200", `{"amount":{"amount":500,"currency":"USD"}}`, "Idempotency-Key", "first"); again.text("order.refunded.amount") != "500" {
		host.t.Errorf("refunded twice: %s", again.raw)
	}
	refund("422 key_reused", `{"amount":{"amount":501,"currency":"USD"}}`, "Idempotency-Key", "first")
	refund("409 over_refunded", `{"amount":{"amount":99000,"currency":"USD"}}`)
	if all := refund("200", ""); all.text("order.state") != "refunded" || all.text("order.parcel") != "shipped" {
		host.t.Errorf("refunded in full: %s", all.raw)
	}
	refund("409 not_now", "")
	ship("409 not_now", `{"carrier":"Post"}`)
	guest.call("404 no_such_order", "POST", at+"/refund", "")

	// More than a page of orders, read page by page.
	many := host.call("201", "POST", "/api/v1/channels/tea/products", `{"sku":"leaf","title":"Leaf","price":{"amount":100,"currency":"USD"},"stock":1000}`).text("id")
	for i := range 6 {
		b := host.buyer(fmt.Sprint("Buyer ", i), "pm_card_visa")
		for range 9 {
			b.call("200", "POST", "/api/v1/orders", `{"channel":"tea","product":"`+many+`"}`, "Idempotency-Key", newKey())
		}
	}
	first := host.call("200", "GET", orders+"?state=paid", "")
	rest := host.call("200", "GET", orders+"?state=paid&after="+first.text("after"), "")
	if first.text("orders.49.id") != first.text("after") || rest.text("orders.3.id") == "" || rest.text("orders.4.id") != "" || rest.text("after") != "" {
		host.t.Errorf("54 paid orders in pages: the first ends with %s, the rest is %s", first.text("after"), rest.raw)
	}
	callDispute(guest, host)
}

func callShow(nobody, guest, host caller) {
	i := host.until("/api/v1/channels/tea/ingest", func(i answer) bool {
		return i.text("publisher.video.fps") != "0" && i.text("publisher.audio.codec") == "aac"
	})
	if i.text("publisher.video.width") != "1280" {
		nobody.t.Errorf("on air: %s", i.raw)
	}
	host.until("/api/v1/channels/tea/recording", func(a answer) bool { return a.text("now.on") == "true" })
	host.call("422 bad_policy", "PUT", "/api/v1/channels/tea/recording", `{"keep_days":-1}`)
	host.call("200", "PUT", "/api/v1/channels/tea/recording", `{"keep_days":90}`)
	onAir := nobody.call("200", "GET", "/api/v1/channels/tea", "").text("show.id")
	host.call("409 still_on_air", "GET", "/api/v1/shows/"+onAir+"/recording.mp4", "")
	host.call("200", "POST", "/api/v1/channels/tea/ingest/rotate", "")
	id := nobody.until("/api/v1/channels/tea", func(c answer) bool { return c.text("show.until") != "" }).text("show.id")
	nobody.until("/api/v1/channels/tea", func(c answer) bool { return c.text("state") == "ended" })
	if s := nobody.call("200", "GET", "/api/v1/shows/"+id, ""); s.text("ended_at") == "" {
		nobody.t.Errorf("after the show: %s", s.raw)
	}
	nobody.until("/api/v1/shows/"+id, func(a answer) bool { return a.text("replay.hls") != "" })
	if all := nobody.call("200", "GET", "/api/v1/channels/tea/shows", ""); all.text("shows.0.id") != id || all.text("shows.0.replay.hls") == "" || all.text("after") != "" {
		nobody.t.Errorf("shows of the channel: %s", all.raw)
	}
	nobody.call("404 no_such_channel", "GET", "/api/v1/channels/none/shows", "")
	callNumbers(nobody, guest, host, id)
	nobody.call("401 sign_in_first", "GET", "/api/v1/shows/"+id+"/recording.mp4", "")
	host.call("200", "GET", "/api/v1/shows/"+id+"/recording.mp4", "")
	host.call("200", "GET", "/api/v1/shows/"+id+"/recording.zip", "")
	host.call("204", "DELETE", "/api/v1/shows/"+id+"/recording", "")
	host.call("404 no_such_recording", "GET", "/api/v1/shows/"+id+"/recording.mp4", "")
	nobody.call("404 no_such_show", "GET", "/api/v1/shows/none", "")
	nobody.call("404 no_such_show", "GET", "/api/v1/shows/none/log", "")
	nobody.call("400 bad_position", "GET", "/api/v1/shows/"+id+"/log?after=x", "")
	log := nobody.call("200", "GET", "/api/v1/shows/"+id+"/log?after=0", "")

	// The chain adds up as the description says.
	var entries struct {
		Log []struct {
			Seq     int64
			At      string
			MediaAt string `json:"media_at"`
			Type    string
			Data    json.RawMessage
			Hash    string
		}
	}
	if err := json.Unmarshal(log.raw, &entries); err != nil {
		nobody.t.Fatal(err)
	}
	types, prev := "", ""
	for _, e := range entries.Log {
		sum := sha256.Sum256([]byte(strings.Join([]string{prev, fmt.Sprint(e.Seq), e.At, e.MediaAt, e.Type, string(e.Data), ""}, "\n")))
		if prev = hex.EncodeToString(sum[:]); prev != e.Hash {
			nobody.t.Errorf("entry %d does not add up", e.Seq)
		}
		types += e.Type + " "
	}
	if types != "live pinned unpinned pinned paused ended " {
		nobody.t.Errorf("the log tells %s", types)
	}
}

// callQuotes asks what an order would come to, and taps with one that is none.
func callQuotes(nobody, fresh, visa caller, pin, sencha string) {
	const quotes = "/api/v1/quotes"
	other := nobody.guest("Elsewhere")
	other.call("422 address_missing", "POST", quotes, `{"channel":"tea","pin":"`+pin+`"}`)
	other.call("200", "POST", quotes, `{"channel":"tea","pin":"`+pin+`","country":"GB"}`)
	other.call("451 region_blocked", "POST", quotes, `{"channel":"tea","pin":"`+pin+`","country":"SA"}`)
	fresh.call("404 no_such_channel", "POST", quotes, `{"channel":"cocoa","product":"`+sencha+`"}`)
	fresh.call("404 no_such_product", "POST", quotes, `{"channel":"tea","product":"none"}`)
	fresh.call("404 no_such_pin", "POST", quotes, `{"channel":"tea","pin":"none"}`)
	fresh.call("422 bad_channel", "POST", quotes, `{}`)
	fresh.call("422 bad_product", "POST", quotes, `{"channel":"tea"}`)
	fresh.call("422 bad_quantity", "POST", quotes, `{"channel":"tea","product":"`+sencha+`","quantity":0}`)
	visa.call("422 bad_quote", "POST", "/api/v1/orders", `{"channel":"tea","product":"`+sencha+`","quote":"x"}`, "Idempotency-Key", newKey())
	for range 40 {
		if a := other.call("200|429 too_fast", "POST", quotes, `{"channel":"tea","pin":"`+pin+`","country":"GB"}`); a.text("code") == "too_fast" {
			return
		}
	}
	nobody.t.Error("forty quotes in a row, and no limit")
}

// callDoors tries every call without a session, without a role, on a channel
// that is not there, and with bodies that are not what it takes.
func callDoors(nobody, guest, host caller) {
	ids := strings.NewReplacer("{channel}", "tea", "{show}", "none",
		"products/{id}", "products/"+nobody.call("200", "GET", "/api/v1/channels/tea/products", "").text("products.0.id"),
		"orders/{id}", "orders/"+host.call("200", "GET", "/api/v1/channels/tea/orders?state=paid", "").text("orders.0.id"))
	for name, op := range nobody.operates {
		method, template, _ := strings.Cut(name, " ")
		path, key := ids.Replace(template), []string{"Idempotency-Key", newKey()}
		if op["security"] != nil && template != "/api/v1/logout" {
			refused := "401 sign_in_first"
			if name == orderOfAnybody {
				refused = "404 no_such_order"
			}
			nobody.call(refused, method, path, "", key...)
			if strings.Contains(template, "{channel}") {
				guest.call("403 not_allowed", method, path, "", key...)
				host.call("404 no_such_channel", method, strings.Replace(path, "/tea/", "/cocoa/", 1), "", key...)
			}
		}
		// The host bought nothing to withdraw from, and signs for no carrier.
		others := strings.HasSuffix(template, "/withdrawals") || strings.HasPrefix(template, "/hooks/")
		if object(op, "requestBody", "content", "application/json", "schema") != nil && !others {
			host.call("400 bad_json", method, path, "{", key...)
			host.call("413 too_large", method, path, `{"x":"`+strings.Repeat("x", 64<<10)+`"}`, key...)
			host.call("415 bad_type", method, path, "{}", append(key, "Content-Type", "text/plain")...)
		}
	}
}

// callLimits taps until it is too fast.
func callLimits(guest caller) {
	for range 20 {
		a := guest.call("404 no_such_product|429 too_fast", "POST", "/api/v1/orders", `{"channel":"tea","product":"none"}`, "Idempotency-Key", newKey())
		if a.text("code") == "too_fast" {
			return
		}
	}
	guest.t.Error("twenty taps in a row, and no limit")
}
