package shop_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/internal/api"
	"souk/internal/db/dbtest"
	"souk/shop/handover"
)

// receiver is a merchant's program: it keeps what it was sent, and answers as
// it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex // guards the rest
	got    []posted
	answer func(n int) int // status of the n-th answer, from 1
}

type posted struct{ id, at, signature, body string }

func newReceiver(t testing.TB, answer func(n int) int) *receiver {
	m := &receiver{answer: answer}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		m.got = append(m.got, posted{r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature"), string(b)})
		n, answer := len(m.got), m.answer
		m.mu.Unlock()
		w.WriteHeader(answer(n))
	}))
	t.Cleanup(m.Close)
	return m
}

func fine(int) int { return http.StatusOK }

func (m *receiver) all() []posted {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]posted(nil), m.got...)
}

// kinds are the types of what came, in the order in which it came.
func (m *receiver) kinds() string {
	var all []string
	for _, p := range m.all() {
		var doc struct{ Type string }
		_ = json.Unmarshal([]byte(p.body), &doc)
		all = append(all, doc.Type)
	}
	return strings.Join(all, " ")
}

// endpoints mounts the calls of this file and lets the shop post to this machine.
func (w *world) endpoints() *world {
	w.shop.Poster.Loopback = true
	const at = "/api/v1/channels/{channel}/endpoints"
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET " + at: w.shop.ListEndpoints, "POST " + at: w.shop.AddEndpoint,
		"PATCH " + at + "/{id}": w.shop.EditEndpoint, "DELETE " + at + "/{id}": w.shop.DropEndpoint,
		"GET " + at + "/{id}/deliveries": w.shop.ListDeliveries, "POST " + at + "/{id}/deliveries/{delivery}/replay": w.shop.Replay,
	} {
		w.mux.Handle(pattern, api.Handler(h))
	}
	return w
}

const endpointsOfTea = "/api/v1/channels/tea/endpoints"

// endpoint makes one and returns where it is and its secret.
func (w *world) endpoint(url string) (path, secret string) {
	w.t.Helper()
	a := w.must(201, "mert", "POST", endpointsOfTea, obj{"url": url})
	return endpointsOfTea + "/" + a.str("endpoint", "id"), a.str("secret")
}

// delivered waits until the newest delivery of an endpoint is in a state, and returns it.
func (w *world) delivered(path, state string) obj {
	w.t.Helper()
	var last obj
	eventually(w.t, path+" is "+state, func() bool {
		all, _ := w.must(200, "mert", "GET", path+"/deliveries", nil).doc["deliveries"].([]any)
		if len(all) == 0 {
			return false
		}
		last = all[0].(map[string]any)
		return last["state"] == state
	})
	return last
}

func (p posted) signedWith(t testing.TB, secrets ...string) {
	t.Helper()
	var unix int64
	if err := json.Unmarshal([]byte(p.at), &unix); err != nil {
		t.Fatal(err)
	}
	if want, err := handover.Sign(p.id, time.Unix(unix, 0), []byte(p.body), secrets...); err != nil || p.signature != want {
		t.Errorf("signature %s, want %s (%v)", p.signature, want, err)
	}
}

// From the tap to the refund, a merchant's program hears of every step, once,
// signed, with the order as the API shows it.
func TestMerchantHears(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		shop := newReceiver(t, fine)
		path, secret := w.endpoint(shop.URL)
		w.run()
		cup := w.product("cup", 500, 10)
		order := w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": cup}).str("order", "id")
		eventually(t, "paid is told", func() bool { return len(shop.all()) == 1 })
		w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/ship", obj{"carrier": "Post", "tracking": "T1"})
		eventually(t, "shipped is told", func() bool { return len(shop.all()) == 2 })
		w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/refund", obj{"amount": usd(100)})
		eventually(t, "a part paid back is told", func() bool { return len(shop.all()) == 3 })
		w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/refund", nil)
		eventually(t, "the rest paid back is told", func() bool { return len(shop.all()) == 4 })
		same(t, "told", shop.kinds(), "order.paid order.shipped order.refunded order.refunded")

		ids := map[string]bool{}
		for _, p := range shop.all() {
			p.signedWith(t, secret)
			ids[p.id] = true
		}
		same(t, "ids", len(ids), 4)
		var last struct {
			Timestamp time.Time
			Data      struct{ Order json.RawMessage }
		}
		if err := json.Unmarshal([]byte(shop.all()[3].body), &last); err != nil || last.Timestamp.IsZero() {
			t.Fatal(err, shop.all()[3].body)
		}
		as := w.must(200, "mert", "GET", "/api/v1/channels/tea/orders", nil)
		if !strings.Contains(as.text, string(last.Data.Order)) {
			t.Errorf("told %s, the API says %s", last.Data.Order, as.text)
		}
		d := w.delivered(path, "delivered")
		if d["type"] != "order.refunded" || d["order"] != order || d["tries"] != 1.0 || d["status"] != 200.0 || d["ended_at"] == nil || d["next_at"] != nil {
			t.Errorf("delivery %v", d)
		}
		w.clean()
	})
}

// What a merchant need not know is not told: declined taps, other channels, and
// nothing at all is written down where nobody listens.
func TestMerchantIsSpared(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		cup := w.product("cup", 500, 10)
		w.tap(w.buyer("early", "pm_card_visa"), obj{"product": cup})
		same(t, "messages without an endpoint", w.count("SELECT COUNT(*) FROM shop_outbox"), 0)
		other := w.must(201, "rival", "POST", "/api/v1/channels/cups/endpoints", obj{"url": "http://127.0.0.1:1/"}).str("endpoint", "id")
		shop := newReceiver(t, fine)
		w.endpoint(shop.URL)
		w.run()
		same(t, "declined", w.tap(w.buyer("dee", "pm_card_chargeCustomerFail"), obj{"product": cup}).status, 402)
		held := w.tap(w.buyer("ben", "pm_card_authenticationRequired"), obj{"product": cup}).str("order", "id")
		w.must(200, "ben", "POST", "/api/v1/orders/"+held+"/cancel", nil)
		eventually(t, "canceled is told", func() bool { return len(shop.all()) == 1 })
		same(t, "told", shop.kinds(), "order.canceled")
		same(t, "deliveries of another channel", w.count("SELECT COUNT(*) FROM shop_delivery WHERE endpoint = $1", other), 0)
	})
}

// A try that fails comes again under the same id with the same body, and a
// restart in between loses nothing.
func TestDeliveryComesAgain(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		shop := newReceiver(t, func(n int) int {
			if n == 1 {
				return http.StatusServiceUnavailable
			}
			return http.StatusNoContent
		})
		path, _ := w.endpoint(shop.URL)
		stop := w.run()
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": w.product("cup", 500, 10)})
		eventually(t, "a failed try is written down", func() bool { return w.count("SELECT COUNT(*) FROM shop_delivery WHERE status = 503") == 1 })
		d := w.delivered(path, "waiting")
		next, err := time.Parse(time.RFC3339, d["next_at"].(string))
		if wait := time.Until(next); err != nil || wait > 6*time.Second || d["tries"] != 1.0 {
			t.Errorf("next try in %v: %v", wait, d)
		}
		same(t, "failing", w.must(200, "mert", "GET", endpointsOfTea, nil).doc["endpoints"].([]any)[0].(map[string]any)["failing_since"] != nil, true)
		stop()
		again := newWorld(t, w.db).endpoints()
		if err := execute(w, "UPDATE shop_delivery SET next_at = 0"); err != nil {
			t.Fatal(err)
		}
		again.run()
		again.delivered(path, "delivered")
		all := shop.all()
		if len(all) != 2 || all[0].id != all[1].id || all[0].body != all[1].body {
			t.Errorf("sent %+v", all)
		}
		same(t, "failing", w.must(200, "mert", "GET", endpointsOfTea, nil).doc["endpoints"].([]any)[0].(map[string]any)["failing_since"], any(nil))
	})
}

// A process that is killed in the middle of a try leaves a claim; once that is
// over the message is sent again.
func TestClaimOfADeadProcessEnds(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		shop := newReceiver(t, fine)
		path, _ := w.endpoint(shop.URL)
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": w.product("cup", 500, 10)})
		same(t, "written with the order", w.count("SELECT COUNT(*) FROM shop_outbox WHERE spread IS NULL"), 1)
		stop := w.run()
		w.delivered(path, "delivered")
		stop()
		if err := execute(w, "UPDATE shop_delivery SET state = 'waiting', ended = 0, next_at = 1"); err != nil { // what a kill leaves, later
			t.Fatal(err)
		}
		again := newWorld(t, w.db).endpoints()
		again.run()
		eventually(t, "sent again", func() bool { return len(shop.all()) == 2 })
		same(t, "id", shop.all()[1].id, shop.all()[0].id)
	})
}

func TestDeliveryFailsInTheEnd(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		shop := newReceiver(t, func(int) int { return http.StatusInternalServerError })
		path, _ := w.endpoint(shop.URL)
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": w.product("cup", 500, 10)})
		stop := w.run()
		eventually(t, "a failed try is written down", func() bool { return w.count("SELECT COUNT(*) FROM shop_delivery WHERE status = 500") == 1 })
		stop()
		if err := execute(w, "UPDATE shop_delivery SET tries = 9, next_at = 1"); err != nil {
			t.Fatal(err)
		}
		again := newWorld(t, w.db).endpoints()
		again.run()
		d := again.delivered(path, "failed")
		if d["tries"] != 10.0 || d["ended_at"] == nil {
			t.Errorf("%v", d)
		}
		// A person has mended it, and asks for what was missed.
		shop.mu.Lock()
		shop.answer = fine
		shop.mu.Unlock()
		replay := path + "/deliveries/" + d["id"].(string) + "/replay"
		same(t, "replayed", again.must(202, "mert", "POST", replay, nil).str("delivery", "state"), "waiting")
		again.delivered(path, "delivered")
		all := shop.all()
		same(t, "id", all[len(all)-1].id, all[0].id)
	})
}

// 410 is a receiver's way to say that it wants nothing any more.
func TestGoneDisables(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		shop := newReceiver(t, func(int) int { return http.StatusGone })
		path, _ := w.endpoint(shop.URL)
		cup := w.product("cup", 500, 10)
		w.run()
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": cup})
		d := w.delivered(path, "failed")
		eventually(t, "the merchant is told", func() bool { return strings.Contains(lastOf(w.rooms.of("endpoint")), `"reason":"gone"`) })
		for _, e := range w.rooms.events() {
			if e.Type == "endpoint" && (e.person != "" || len(e.roles) != 2) {
				t.Errorf("told to %q and %v", e.person, e.roles)
			}
		}
		w.tap(w.buyer("ben", "pm_card_visa"), obj{"product": cup})
		same(t, "messages for nobody", w.count("SELECT COUNT(*) FROM shop_outbox"), 1)
		replay := path + "/deliveries/" + d["id"].(string) + "/replay"
		same(t, "replay", w.call("mert", "POST", replay, nil).code(), "endpoint_disabled")
		on := w.must(200, "mert", "PATCH", path, obj{"enabled": true})
		same(t, "disabled", on.at("endpoint", "disabled"), any(nil))
		w.must(202, "mert", "POST", replay, nil)
		eventually(t, "disabled anew", func() bool { return len(w.rooms.of("endpoint")) == 2 })
	})
}

func TestLongFailureDisables(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		shop := newReceiver(t, func(int) int { return http.StatusInternalServerError })
		path, _ := w.endpoint(shop.URL)
		if err := execute(w, "UPDATE shop_endpoint SET failing = 1"); err != nil { // since 1970
			t.Fatal(err)
		}
		w.run()
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": w.product("cup", 500, 10)})
		same(t, "error", w.delivered(path, "failed")["error"], any("endpoint_disabled"))
		eventually(t, "the merchant is told", func() bool { return strings.Contains(lastOf(w.rooms.of("endpoint")), `"reason":"failing"`) })
	})
}

// One merchant whose program hangs delays no other.
func TestDeadMerchantDelaysNobody(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...)).endpoints()
	hang := make(chan struct{})
	dead := newReceiver(t, func(int) int { <-hang; return http.StatusOK })
	defer close(hang)
	well := newReceiver(t, fine)
	w.endpoint(dead.URL)
	w.endpoint(well.URL)
	w.run()
	cup := w.product("cup", 500, 10)
	for i := range 4 {
		w.tap(w.buyer(name("b", i), "pm_card_visa"), obj{"product": cup})
	}
	eventually(t, "the other one got everything", func() bool { return len(well.all()) == 4 })
	same(t, "requests to the one that hangs", len(dead.all()), 1)
}

func TestEndpointCalls(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		for _, who := range []string{"hana", "modi", "rival"} {
			same(t, who, w.call(who, "GET", endpointsOfTea, nil).code(), "not_allowed")
			same(t, who, w.call(who, "POST", endpointsOfTea, obj{"url": "https://shop.example/"}).code(), "not_allowed")
		}
		same(t, "nobody", w.call("", "GET", endpointsOfTea, nil).status, 401)
		for _, url := range []string{"", "http://shop.example/", "https://10.0.0.1/", "https://169.254.169.254/latest", "ftp://shop.example"} {
			same(t, url, w.call("mert", "POST", endpointsOfTea, obj{"url": url}).code(), "bad_url")
		}
		made := w.must(201, "mert", "POST", endpointsOfTea, obj{"url": "https://shop.example/h"})
		secret := made.str("secret")
		if !strings.HasPrefix(secret, "whsec_") || len(secret) < 40 {
			t.Errorf("secret %q", secret)
		}
		path := endpointsOfTea + "/" + made.str("endpoint", "id")
		if list := w.must(200, "olga", "GET", endpointsOfTea, nil); strings.Contains(list.text, "whsec_") || !strings.Contains(list.text, "https://shop.example/h") {
			t.Errorf("list %s", list.text)
		}
		same(t, "a foreign id", w.call("rival", "PATCH", "/api/v1/channels/cups/endpoints/"+made.str("endpoint", "id"), obj{"rotate": true}).code(), "no_such_endpoint")
		same(t, "a foreign id", w.call("rival", "DELETE", "/api/v1/channels/cups/endpoints/"+made.str("endpoint", "id"), nil).code(), "no_such_endpoint")
		same(t, "a foreign id", w.call("rival", "GET", "/api/v1/channels/cups/endpoints/"+made.str("endpoint", "id")+"/deliveries", nil).code(), "no_such_endpoint")
		same(t, "no delivery", w.call("mert", "POST", path+"/deliveries/none/replay", nil).code(), "no_such_delivery")
		same(t, "another address", w.call("mert", "PATCH", path, obj{"url": "http://shop.example"}).code(), "bad_url")
		off := w.must(200, "mert", "PATCH", path, obj{"enabled": false, "url": "https://shop.example/2"})
		same(t, "reason", off.str("endpoint", "disabled", "reason"), "merchant")
		same(t, "url", off.str("endpoint", "url"), "https://shop.example/2")
		same(t, "secret", off.at("secret"), any(nil))
		for range 4 {
			w.must(201, "mert", "POST", endpointsOfTea, obj{"url": "https://shop.example/h"})
		}
		same(t, "one more", w.call("mert", "POST", endpointsOfTea, obj{"url": "https://shop.example/h"}).code(), "limit_reached")
		w.must(204, "mert", "DELETE", path, nil)
		same(t, "twice", w.call("mert", "DELETE", path, nil).code(), "no_such_endpoint")
	})
}

// While a secret is replaced both sign, and a day later only the new one.
func TestRotation(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		shop := newReceiver(t, fine)
		path, old := w.endpoint(shop.URL)
		rotated := w.must(200, "mert", "PATCH", path, obj{"rotate": true})
		young := rotated.str("secret")
		if young == old || young == "" || rotated.str("endpoint", "old_secret_until") == "" {
			t.Fatalf("rotated: %s", rotated.text)
		}
		w.run()
		cup := w.product("cup", 500, 10)
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": cup})
		w.delivered(path, "delivered")
		shop.all()[0].signedWith(t, young, old)
		if err := execute(w, "UPDATE shop_endpoint SET old_until = 1"); err != nil {
			t.Fatal(err)
		}
		w.tap(w.buyer("ben", "pm_card_visa"), obj{"product": cup})
		eventually(t, "the second one", func() bool { return len(shop.all()) == 2 })
		shop.all()[1].signedWith(t, young)
	})
}

func TestDeliveriesAreForgotten(t *testing.T) {
	each(t, func(w *world) {
		w.endpoints()
		path, _ := w.endpoint(newReceiver(t, fine).URL)
		stop := w.run()
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": w.product("cup", 500, 10)})
		w.delivered(path, "delivered")
		stop()
		if err := execute(w, "UPDATE shop_outbox SET at = 1"); err != nil {
			t.Fatal(err)
		}
		newWorld(t, w.db).endpoints().run()
		eventually(t, "forgotten", func() bool {
			return w.count("SELECT COUNT(*) FROM shop_outbox")+w.count("SELECT COUNT(*) FROM shop_delivery") == 0
		})
	})
}

// Two nodes over one database: each message goes out once.
func TestTwoNodesSendOnce(t *testing.T) {
	d := dbtest.OpenPostgres(t, schemas...)
	w := newWorld(t, d).endpoints()
	shop := newReceiver(t, fine)
	w.endpoint(shop.URL)
	w.run()
	newWorld(t, d).endpoints().run()
	cup := w.product("cup", 500, 20)
	for i := range 12 {
		w.tap(w.buyer(name("b", i), "pm_card_visa"), obj{"product": cup})
	}
	eventually(t, "everything is delivered", func() bool {
		return w.count("SELECT COUNT(*) FROM shop_delivery WHERE state = 'delivered'") == 12
	})
	same(t, "requests", len(shop.all()), 12)
}
