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

	callGifts(nobody, host, rare)

	const selling = "/api/v1/channels/tea/selling"
	host.call("200", "GET", selling, "")
	host.call("422 bad_hold_seconds", "PUT", selling, `{"hold_seconds":5}`)
	host.call("422 bad_turn_seconds", "PUT", selling, `{"turn_seconds":5000}`)
	host.call("200", "PUT", selling, `{"turn_seconds":90}`)
}

// callGifts gives out coupons, offers to one person, and tips.
func callGifts(nobody, host caller, product string) {
	host.call("200", "PATCH", "/api/v1/products/"+product, `{"stock":20}`)
	mira, eve := nobody.buyer("Gifts", "pm_card_visa"), nobody.buyer("Else", "pm_card_visa")
	tap := func(by caller, want, what string) answer {
		nobody.t.Helper()
		return by.call(want, "POST", "/api/v1/orders", `{"channel":"tea",`+what+`}`, "Idempotency-Key", newKey())
	}
	ask := func(want, what string) {
		nobody.t.Helper()
		eve.call(want, "POST", "/api/v1/quotes", `{"channel":"tea",`+what+`}`)
	}
	const coupons = "/api/v1/channels/tea/coupons"
	add := func(want, body string) answer {
		nobody.t.Helper()
		return host.call(want, "POST", coupons, "{"+body+"}")
	}
	for code, body := range map[string]string{
		"bad_code": `"code":"a b"`, "bad_percent": `"code":"GOOD","percent":100`, "bad_amount": `"code":"GOOD","amount":{"amount":0,"currency":"USD"}`,
		"bad_uses": `"code":"GOOD","percent":1,"uses":0`, "bad_per_buyer": `"code":"GOOD","percent":1,"per_buyer":0`,
		"bad_least":   `"code":"GOOD","amount":{"amount":1,"currency":"USD"},"least":{"amount":1,"currency":"EUR"}`,
		"bad_ends_at": `"code":"GOOD","percent":1,"starts_at":"2026-01-02T00:00:00.000Z","ends_at":"2026-01-01T00:00:00.000Z"`,
	} {
		add("422 "+code, body)
	}
	add("404 no_such_product", `"code":"GOOD","percent":1,"product":"none"`)
	first := add("201", `"code":"FIRST","percent":10,"first":true`).text("coupon.id")
	add("409 code_taken", `"code":"first","percent":10`)
	add("201", `"code":"ENDED","percent":10,"starts_at":"2026-01-01T00:00:00.000Z","ends_at":"2026-01-02T00:00:00.000Z"`)
	add("201", `"code":"ONCE","percent":10,"uses":1`)
	add("201", `"code":"MINE","amount":{"amount":100,"currency":"USD"},"per_buyer":1`)
	add("201", `"code":"LARGE","percent":10,"least":{"amount":90000,"currency":"USD"}`)
	add("201", `"code":"PART","percent":10,"show":"another"`)
	goods := `"product":"` + product + `","coupon":`
	if paid := tap(mira, "200", goods+`"first"`); paid.text("order.discount.amount") != "90" || paid.text("order.coupon") != "FIRST" {
		nobody.t.Errorf("a coupon: %s", paid.raw)
	}
	tap(mira, "409 coupon_first_only", goods+`"first"`)
	tap(mira, "200", goods+`"once"`)
	tap(mira, "200", goods+`"mine"`)
	tap(mira, "409 coupon_limit", goods+`"mine"`)
	tap(mira, "422 coupon_unknown", goods+`"nothing"`)
	ask("422 coupon_unknown", goods+`"nothing"`)
	ask("409 coupon_ended", goods+`"ended"`)
	ask("409 coupon_used_up", goods+`"once"`)
	ask("409 coupon_minimum", goods+`"large"`)
	ask("409 coupon_not_here", goods+`"part"`)
	host.call("200", "GET", coupons, "")
	host.call("204", "DELETE", coupons+"/"+first, "")
	host.call("404 no_such_coupon", "DELETE", coupons+"/"+first, "")

	tap(eve, "422 bad_tip", `"tip":{"amount":1,"currency":"USD"}`)
	ask("422 bad_tip", `"tip":{"amount":1,"currency":"USD"}`)
	if tip := tap(mira, "200", `"tip":{"amount":500,"currency":"USD"}`); tip.text("order.tip.amount") != "500" || tip.text("order.lines.0.title") != "" {
		nobody.t.Errorf("a tip: %s", tip.raw)
	}

	const offers = "/api/v1/channels/tea/offers"
	id := mira.call("200", "GET", "/api/v1/me", "").text("id")
	offer := func(want, person, rest string) answer {
		nobody.t.Helper()
		return host.call(want, "POST", offers, `{"person":"`+person+`","product":"`+product+`","price":{"amount":500,"currency":"USD"},"seconds":600`+rest+`}`)
	}
	offer("422 bad_person", "", "")
	offer("422 bad_quantity", id, `,"quantity":100`)
	host.call("422 bad_seconds", "POST", offers, `{"person":"x","product":"x"}`)
	host.call("422 bad_product", "POST", offers, `{"person":"x"}`)
	host.call("422 bad_price", "POST", offers, `{"person":"x","product":"x","seconds":60}`)
	host.call("404 no_such_product", "POST", offers, `{"person":"x","product":"x","seconds":60,"price":{"amount":1,"currency":"USD"}}`)
	offer("409 sold_out", id, `,"quantity":90,"hold":true`)
	one := offer("201", id, `,"hold":true`).text("offer.id")
	mira.call("200", "GET", "/api/v1/me/holds", "")
	ask("404 no_such_offer", `"offer":"`+one+`"`)
	tap(eve, "404 no_such_offer", `"offer":"`+one+`"`)
	tap(mira, "409 limit_reached", `"offer":"`+one+`","quantity":2`)
	tap(mira, "200", `"offer":"`+one+`"`)
	tap(mira, "409 offer_used", `"offer":"`+one+`"`)
	host.call("409 offer_used", "DELETE", offers+"/"+one, "")
	back := offer("201", id, "").text("offer.id")
	host.call("204", "DELETE", offers+"/"+back, "")
	host.call("404 no_such_offer", "DELETE", offers+"/none", "")
	mira.call("409 offer_ended", "POST", "/api/v1/quotes", `{"channel":"tea","offer":"`+back+`"}`)
	host.call("200", "GET", offers, "")
}
