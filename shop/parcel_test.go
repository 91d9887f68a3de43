package shop_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/shop"
	"souk/shop/handover"
)

// A carrier with the secret, and nobody else, tells what becomes of a parcel:
// each thing once, in whatever order it comes.
func TestCarrierTells(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 500, 10)
		order := w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": cup}).str("order", "id")
		made := w.must(201, "mert", "POST", "/api/v1/channels/tea/carriers", obj{"name": "Turtle", "link": "https://turtle.example/{tracking}"})
		secret, hook := made.str("secret"), "/hooks/carrier/"+made.str("carrier", "id")
		if strings.Contains(w.must(200, "mert", "GET", "/api/v1/channels/tea/carriers", nil).text, secret) {
			t.Error("the secret is shown twice")
		}
		at := "/api/v1/orders/" + order
		same(t, "not before it left", w.call("mert", "POST", at+"/checkpoints", obj{"code": "delivered"}).code(), "not_now")
		w.must(200, "mert", "POST", at+"/checkpoints", obj{"code": "packed"})
		w.must(200, "mert", "POST", at+"/ship", obj{"carrier": "turtle", "tracking": "A/1"})

		tell := func(id string, when time.Time, secret, body string) answer {
			signature, err := handover.Sign(id, when, []byte(body), secret)
			if err != nil {
				t.Fatal(err)
			}
			return w.call("", "POST", hook, body, "webhook-id", id, "webhook-timestamp", fmt.Sprint(when.Unix()), "webhook-signature", signature)
		}
		now := time.Now()
		arrived := `{"tracking":"A/1","code":"delivered","place":"Leeds","lat":53.8,"lon":-1.55,"at":"` + now.Add(time.Hour).UTC().Format(time.RFC3339) + `"}`
		for what, a := range map[string]answer{
			"another secret": tell("m1", now, handover.NewSecret(), arrived),
			"long ago":       tell("m1", now.Add(-6*time.Minute), secret, arrived),
			"ahead of time":  tell("m1", now.Add(6*time.Minute), secret, arrived),
			"no id":          tell("", now, secret, arrived),
			"no signature":   w.call("", "POST", hook, arrived),
			"no carrier":     w.call("", "POST", "/hooks/carrier/none", arrived),
		} {
			same(t, what, a.code(), "bad_signature")
		}
		same(t, "another number", tell("m1", now, secret, `{"tracking":"B","code":"delivered"}`).code(), "no_such_parcel")
		same(t, "arrives", tell("m1", now, secret, arrived).status, 204)
		same(t, "arrives again", tell("m1", now, secret, arrived).status, 204)
		same(t, "what came before, told late", tell("m2", now, secret, `{"tracking":"A/1","code":"customs","place":"Dover"}`).status, 204)

		got := w.must(200, "ana", "GET", at, nil)
		same(t, "parcel", got.str("order", "parcel"), "delivered")
		same(t, "its page", got.str("order", "shipment", "link"), "https://turtle.example/A%2F1")
		var codes []string
		for _, c := range got.at("order", "checkpoints").([]any) {
			codes = append(codes, c.(obj)["code"].(string))
		}
		same(t, "checkpoints", strings.Join(codes, " "), "packed shipped customs delivered")
		same(t, "the carrier of another channel", w.call("rival", "DELETE", "/api/v1/channels/cups/carriers/"+made.str("carrier", "id"), nil).code(), "no_such_carrier")
		same(t, "once more from the merchant", w.must(200, "mert", "POST", at+"/checkpoints", obj{"code": "attempted"}, "Idempotency-Key", "k").status, 200)
		w.must(200, "mert", "POST", at+"/checkpoints", obj{"code": "attempted"}, "Idempotency-Key", "k")
		same(t, "rows", w.count("SELECT COUNT(*) FROM shop_checkpoint WHERE order_id = $1", order), 5)
		w.clean()
	})
}

// A file ships all of its parcels or none, and says what is wrong with each row.
func TestShipByFile(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 500, 10)
		w.buyer("ana", "pm_card_visa")
		a, b := w.tap("ana", obj{"product": cup}).str("order", "id"), w.tap("ana", obj{"product": cup}).str("order", "id")
		const in = "/api/v1/channels/tea/orders/ship"
		bad := w.call("mert", "POST", in, "\ufeffOrder,Carrier,Tracking\r\n"+a+",DHL,1\r\nnone,DHL,2\r\n"+b+",,3\r\n")
		same(t, "refused", bad.code(), "bad_carrier")
		bad = w.call("mert", "POST", in, "order,carrier,tracking\n"+a+",DHL,1\nnone,DHL,2\n")
		same(t, "the order", bad.code(), "no_such_order")
		same(t, "the row", bad.at("row"), any(3.0))
		same(t, "all that is wrong", len(bad.at("rows").([]any)), 1)
		same(t, "none left", w.count("SELECT COUNT(*) FROM shop_order WHERE parcel <> 'unfulfilled'"), 0)
		same(t, "shipped", w.must(200, "mert", "POST", in, "tracking,order,carrier\n1,"+a+",DHL\n'=2,"+b+",DHL\n").at("shipped"), any(2.0))
		same(t, "as it was meant", w.must(200, "mert", "GET", "/api/v1/orders/"+b, nil).str("order", "shipment", "tracking"), "=2")
		same(t, "the rival's channel", w.call("rival", "POST", "/api/v1/channels/cups/orders/ship", "order,carrier,tracking\n"+a+",DHL,1\n").code(), "no_such_order")
		w.clean()
	})
}

// slow is a carrier that has told nothing yet until it is let go.
type slow struct{ steps chan []shop.Told }

func (slow) Name() string         { return "Slow" }
func (slow) Number(string) string { return "N1" }
func (c slow) Track(context.Context, shop.Parcel) ([]shop.Told, time.Time, error) {
	select {
	case so := <-c.steps:
		return so, time.Now(), nil
	default:
		return nil, time.Now(), nil
	}
}

// A carrier is asked about its parcels, over a restart and by two nodes at once.
func TestParcelsAreFollowed(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		c := slow{make(chan []shop.Told, 9)}
		w.shop.Carrier = c
		cup := w.product("cup", 500, 10)
		order := w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": cup}).str("order", "id")
		at := "/api/v1/orders/" + order
		same(t, "its number", w.must(200, "mert", "POST", at+"/ship", obj{"carrier": "slow"}).str("order", "shipment", "tracking"), "N1")
		other := newWorld(t, w.db)
		other.shop.Carrier = c
		defer w.run()()
		defer other.run()()
		way := shop.Told{Checkpoint: shop.Checkpoint{Code: "in_transit", Place: "Sea"}, Mark: "1"}
		for range 3 {
			c.steps <- []shop.Told{way}
		}
		parcel := func() string { return w.must(200, "ana", "GET", at, nil).str("order", "parcel") }
		eventually(t, "on its way", func() bool {
			return w.count("SELECT COUNT(*) FROM shop_checkpoint WHERE order_id = $1", order) == 2 && len(c.steps) == 0
		})
		same(t, "parcel", parcel(), "shipped")
		for range 3 {
			c.steps <- []shop.Told{way, {Checkpoint: shop.Checkpoint{Code: "delivered"}, Mark: "2"}}
		}
		eventually(t, "there", func() bool { return parcel() == "delivered" })
		eventually(t, "nobody is asked any more", func() bool { return w.count("SELECT COUNT(*) FROM shop_voyage") == 0 })
		same(t, "rows", w.count("SELECT COUNT(*) FROM shop_checkpoint WHERE order_id = $1", order), 3)
		same(t, "told once", w.count("SELECT COUNT(*) FROM shop_order_event WHERE news = 'delivered'"), 1)
	})
}

// Where a channel sells is decided by where the parcel goes first, then by what
// else it wants to know; a licence allows what rules forbid.
func TestRulings(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.shop.Barred = map[string]string{"ID": "Permendag 31/2023"}
		w.shop.Locate = func(r *http.Request) string { return r.Header.Get("X-Country") }
		cup := w.product("cup", 500, 10)
		live := func(country string) string {
			w.who.set(shop.Person{ID: "ana", Name: "ana", Email: "a@example.com", Address: &shop.Address{Name: "a", Line1: "1", City: "c", Country: country}})
			return "ana"
		}
		w.buyer("ana", "pm_card_visa") // of an American bank
		set := func(rules obj) { w.must(200, "hana", "PUT", "/api/v1/channels/tea/region", rules) }
		rule := func(by, network string) answer {
			return w.must(200, by, "GET", "/api/v1/channels/tea/ruling", nil, "X-Country", network)
		}

		same(t, "barred here", rule("", "ID").str("verdict"), "watch")
		same(t, "why", rule("", "ID").str("reason"), "Permendag 31/2023")
		same(t, "where nobody knows", rule("", "").str("by"), "default")
		no := w.tap(live("ID"), obj{"product": cup})
		same(t, "the tap", no.code(), "region_blocked")
		same(t, "its reason", no.str("reason"), "Permendag 31/2023")
		same(t, "the address binds, not the network", rule(live("PT"), "ID").str("verdict"), "sell")

		set(obj{"licences": obj{"id": "PSE 7"}})
		yes := w.tap(live("ID"), obj{"product": cup})
		same(t, "with a licence", yes.status, 200)
		kept := w.must(200, "mert", "GET", "/api/v1/orders/"+yes.str("order", "id"), nil)
		same(t, "the order knows by which", kept.str("order", "region", "licence"), "PSE 7")
		same(t, "and by what", kept.str("order", "region", "signals", "card"), "US")
		if own := w.must(200, "ana", "GET", "/api/v1/orders/"+yes.str("order", "id"), nil); own.at("order", "region") != nil {
			t.Error("the buyer sees how they were judged")
		}

		set(obj{"countries": obj{"US": "watch"}, "signals": []string{"card", "network"}, "reasons": obj{"US": "not yet"}})
		no = w.tap(live("PT"), obj{"product": cup})
		same(t, "an American card", no.code(), "region_blocked")
		same(t, "says so", no.str("country"), "US")
		set(obj{"countries": obj{"FR": "watch"}, "signals": []string{"network"}})
		a := w.call("ana", "POST", "/api/v1/orders", obj{"channel": "tea", "product": cup}, "Idempotency-Key", newKey(), "X-Country", "FR")
		same(t, "from France", a.code(), "region_blocked")
		same(t, "an order from elsewhere", w.tap("ana", obj{"product": cup}).status, 200)
	})
}
