package main

import (
	"fmt"
	"strings"
	"time"

	"souk/shop/handover"
)

// callParcels sells under terms, sends, follows, and takes back.
func callParcels(nobody, host caller) {
	const tea = "/api/v1/channels/tea"
	host.call("422 bad_seller", "PUT", tea+"/terms", `{"seller":{"show":true}}`)
	seller := `"seller":{"show":true,"name":"Tea House Ltd","address":"1 High St","country":"GB","email":"hello@tea.example"}`
	host.call("422 bad_withdrawal", "PUT", tea+"/terms", `{`+seller+`,"withdrawal":{"offered":true,"days":3}}`)
	cup := host.call("201", "POST", tea+"/products", `{"sku":"parcel","title":"Parcel","price":{"amount":700,"currency":"USD"},"stock":50}`).text("id")
	buyer := host.buyer("Returns", "pm_card_visa")
	buy := func() string {
		a := buyer.call("200", "POST", "/api/v1/orders", `{"channel":"tea","product":"`+cup+`","quantity":2}`, "Idempotency-Key", newKey())
		return "/api/v1/orders/" + a.text("order.id")
	}
	before := buy()
	buyer.call("409 no_withdrawal", "POST", before+"/withdrawals", "")
	host.call("200", "PUT", tea+"/terms", `{`+seller+`,"withdrawal":{"offered":true,"days":14}}`)
	if t := nobody.call("200", "GET", tea+"/terms", ""); t.text("seller.name") != "Tea House Ltd" {
		nobody.t.Errorf("who sells: %s", t.raw)
	}

	made := host.call("201", "POST", tea+"/carriers", `{"name":"Turtle","link":"https://turtle.example/{tracking}"}`)
	host.call("409 carrier_taken", "POST", tea+"/carriers", `{"name":"turtle"}`)
	host.call("422 bad_name", "POST", tea+"/carriers", `{"name":""}`)
	host.call("422 bad_link", "POST", tea+"/carriers", `{"name":"Hare","link":"http://hare.example"}`)
	host.call("200", "GET", tea+"/carriers", "")

	at := buy()
	rows := "order,carrier,tracking\n" + strings.TrimPrefix(at, "/api/v1/orders/") + ",Turtle,T1\n"
	host.call("404 no_such_order", "POST", tea+"/orders/ship", rows+"none,Turtle,T2\n", "Content-Type", "text/csv")
	host.call("200", "POST", tea+"/orders/ship", rows, "Content-Type", "text/csv")
	hook := func(want, body string) {
		id, now := newKey(), time.Now()
		signature, err := handover.Sign(id, now, []byte(body), made.text("secret"))
		if err != nil {
			nobody.t.Fatal(err)
		}
		nobody.call(want, "POST", "/hooks/carrier/"+made.text("carrier.id"), body,
			"webhook-id", id, "webhook-timestamp", fmt.Sprint(now.Unix()), "webhook-signature", signature)
	}
	hook("204", `{"tracking":"T1","code":"out_for_delivery","place":"Leeds"}`)
	hook("404 no_such_parcel", `{"tracking":"T9","code":"delivered"}`)
	hook("422 bad_tracking", `{"code":"delivered"}`)
	nobody.call("400 bad_signature", "POST", "/hooks/carrier/"+made.text("carrier.id"), `{}`)
	note := func(want, body string, headers ...string) {
		host.call(want, "POST", at+"/checkpoints", body, headers...)
	}
	note("422 bad_code", `{"code":"lost"}`)
	note("422 bad_place", `{"code":"in_transit","place":"`+strings.Repeat("p", 121)+`"}`)
	note("422 bad_lat", `{"code":"in_transit","lat":99,"lon":1}`)
	note("422 bad_at", `{"code":"in_transit","at":"1999-01-01T00:00:00Z"}`)
	note("422 bad_mark", `{"code":"in_transit"}`, "Idempotency-Key", strings.Repeat("k", 200))
	note("200", `{"code":"delivered","place":"Leeds","lat":53.8,"lon":-1.55}`)
	host.call("204", "DELETE", tea+"/carriers/"+made.text("carrier.id"), "")
	host.call("404 no_such_carrier", "DELETE", tea+"/carriers/"+made.text("carrier.id"), "")

	buyer.call("422 bad_quantity", "POST", at+"/withdrawals", `{"quantity":3}`)
	one := buyer.call("201", "POST", at+"/withdrawals", `{"quantity":1}`).text("withdrawal.id")
	two := buyer.call("201", "POST", at+"/withdrawals", "").text("withdrawal.id")
	buyer.call("404 no_such_withdrawal", "POST", at+"/withdrawals/"+one+"/confirm", "")
	if c := buyer.call("200", "POST", at+"/withdrawals/"+two+"/confirm", ""); c.text("order.withdrawal.all.0.state") != "confirmed" || c.text("order.state") != "paid" {
		nobody.t.Errorf("confirmed: %s", c.raw)
	}
	buyer.call("409 too_late", "POST", at+"/withdrawals", "")
	host.call("422 bad_restock", "POST", at+"/return", `{"restock":9}`)
	if b := host.call("200", "POST", at+"/return", `{"restock":2}`); b.text("order.state") != "refunded" || b.text("order.parcel") != "returned" {
		nobody.t.Errorf("returned: %s", b.raw)
	}

	early := buy()
	id := buyer.call("201", "POST", early+"/withdrawals", `{"quantity":1}`).text("withdrawal.id")
	if c := buyer.call("200", "POST", early+"/withdrawals/"+id+"/confirm", ""); c.text("order.refunded.amount") != "700" {
		nobody.t.Errorf("withdrawn before it left: %s", c.raw)
	}
	host.call("409 not_now", "POST", early+"/return", "")
	id = buyer.call("201", "POST", early+"/withdrawals", "").text("withdrawal.id")
	buyer.call("200", "POST", early+"/withdrawals/"+id+"/confirm", "")
	host.call("409 not_now", "POST", early+"/ship", `{"carrier":"Post"}`)
}
