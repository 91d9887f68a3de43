package main

// callWaiting sets units aside, and stands in line for what is gone.
func callWaiting(nobody, host caller) {
	rare := host.call("201", "POST", "/api/v1/channels/tea/products", `{"sku":"rare","title":"Rare","price":{"amount":900,"currency":"USD"},"stock":1}`).text("id")
	mira, eve := nobody.buyer("Holds", "pm_card_visa"), nobody.buyer("Waits", "pm_card_visa")
	ask := `{"channel":"tea","product":"` + rare + `"}`
	post := func(by caller, want, path, body string) answer { return by.call(want, "POST", "/api/v1/"+path, body) }

	post(mira, "422 bad_channel", "holds", `{}`)
	post(mira, "422 bad_product", "holds", `{"channel":"tea"}`)
	post(mira, "422 bad_quantity", "holds", `{"channel":"tea","product":"`+rare+`","quantity":0}`)
	post(mira, "404 no_such_pin", "holds", `{"channel":"tea","pin":"none"}`)
	post(mira, "404 no_such_product", "waitlist", `{"channel":"tea","product":"none"}`)
	post(mira, "409 price_changed", "holds", `{"channel":"tea","product":"`+rare+`","price":{"amount":1,"currency":"USD"}}`)
	post(eve, "409 in_stock", "waitlist", ask)
	hold := post(mira, "201", "holds", ask).text("hold.id")
	post(eve, "409 sold_out", "holds", ask)
	post(mira, "200", "holds/"+hold+"/more", "")
	post(eve, "404 no_such_hold", "holds/"+hold+"/more", "")
	place := post(eve, "201", "waitlist", ask)
	if again := post(eve, "200", "waitlist", ask); again.text("place.id") != place.text("place.id") || again.text("place.place") != "1" {
		nobody.t.Errorf("a second place: %s", again.raw)
	}
	post(mira, "409 hold_final", "holds/"+hold+"/more", "")
	if lines := host.call("200", "GET", "/api/v1/channels/tea/waitlist", ""); lines.text("lines.0.waiting") != "1" || lines.text("lines.0.held") != "1" {
		nobody.t.Errorf("lines: %s", lines.raw)
	}
	mira.call("403 not_allowed", "GET", "/api/v1/channels/tea/waitlist", "")
	mira.call("204", "DELETE", "/api/v1/holds/"+hold, "")
	post(mira, "409 hold_over", "holds/"+hold+"/more", "")
	mira.call("404 no_such_hold", "DELETE", "/api/v1/holds/none", "")
	eve.call("404 no_such_place", "DELETE", "/api/v1/waitlist/"+place.text("place.id"), "") // called, and so no longer in line
	turn := eve.call("200", "GET", "/api/v1/me/holds?channel=tea", "")
	if turn.text("holds.0.kind") != "turn" {
		nobody.t.Errorf("no turn: %s", turn.raw)
	}
	eve.call("200", "POST", "/api/v1/orders", `{"channel":"tea","product":"`+rare+`","hold":"`+turn.text("holds.0.id")+`"}`, "Idempotency-Key", newKey())
	id := post(mira, "201", "waitlist", ask).text("place.id")
	mira.call("204", "DELETE", "/api/v1/waitlist/"+id, "")

	const selling = "/api/v1/channels/tea/selling"
	host.call("200", "GET", selling, "")
	host.call("422 bad_hold_seconds", "PUT", selling, `{"hold_seconds":5}`)
	host.call("422 bad_turn_seconds", "PUT", selling, `{"turn_seconds":5000}`)
	host.call("200", "PUT", selling, `{"turn_seconds":90}`)
}
