package shop_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/internal/db/dbtest"
	"souk/shop/sandbox"
)

// notify posts an event about an intent, signed as told.
func (w *world) notify(event, kind, intent, secret string, at time.Time) answer {
	body := fmt.Sprintf(`{"id":%q,"object":"event","type":%q,"livemode":false,"api_version":"2025-03-31.basil","data":{"object":{"id":%q,"object":"payment_intent","status":"succeeded"}}}`, event, kind, intent)
	return w.call("", "POST", "/hooks/stripe", body, "Stripe-Signature", sandbox.Sign([]byte(body), secret, at))
}

func (w *world) intent(order string) (id string) {
	w.t.Helper()
	if err := w.db.Read().QueryRowContext(w.t.Context(), "SELECT intent FROM shop_attempt WHERE order_id = $1", order).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestHookSignatures(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 1250, 1)
	w.buyer("mira", "pm_card_authenticationRequired")
	order, page := w.asked("mira", id)
	w.respond(page, "approve", false)
	intent, now := w.intent(order), time.Now()

	for name, bad := range map[string]func() answer{
		"forged": func() answer { return w.notify("evt_1", "payment_intent.succeeded", intent, "whsec_other", now) },
		"stale": func() answer {
			return w.notify("evt_1", "payment_intent.succeeded", intent, hookSecret, now.Add(-6*time.Minute))
		},
		"from tomorrow": func() answer {
			return w.notify("evt_1", "payment_intent.succeeded", intent, hookSecret, now.Add(48*time.Hour))
		},
		"unsigned": func() answer { return w.call("", "POST", "/hooks/stripe", `{"id":"evt_1"}`) },
		"live mode": func() answer {
			body := `{"id":"evt_1","type":"payment_intent.succeeded","livemode":true,"data":{"object":{"id":"` + intent + `","object":"payment_intent"}}}`
			return w.call("", "POST", "/hooks/stripe", body, "Stripe-Signature", sandbox.Sign([]byte(body), hookSecret, now))
		},
		"tampered": func() answer {
			return w.call("", "POST", "/hooks/stripe", `{"id":"evt_1","type":"x"}`, "Stripe-Signature", sandbox.Sign([]byte(`{"id":"evt_1","type":"y"}`), hookSecret, now))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := bad()
			same(t, "status", a.status, 400)
			same(t, "code", a.code(), "bad_signature")
			same(t, "state", w.state(order), "action_required")
			same(t, "kept", w.count("SELECT COUNT(*) FROM shop_hook"), 0)
		})
	}
	for range 3 { // once is enough, thrice is the same
		same(t, "signed", w.notify("evt_1", "payment_intent.succeeded", intent, hookSecret, now).status, 200)
		same(t, "state", w.state(order), "paid")
	}
	same(t, "kept", w.count("SELECT COUNT(*) FROM shop_hook"), 1)
	same(t, "ledger", w.count("SELECT COUNT(*) FROM shop_ledger"), 1)
	w.clean()
}

// A hook is a hint: one that claims a success is answered by looking, and what
// is there is applied.
func TestHookIsAHint(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 1250, 1)
	w.buyer("mira", "pm_card_authenticationRequired")
	order, _ := w.asked("mira", id)
	same(t, "status", w.notify("evt_1", "payment_intent.succeeded", w.intent(order), hookSecret, time.Now()).status, 200)
	same(t, "state", w.state(order), "action_required")
	same(t, "of nobody", w.notify("evt_2", "payment_intent.succeeded", "pi_unknown", hookSecret, time.Now()).status, 200)
	w.clean()
}

// The hook may be here before the provider's own answer is.
func TestHookFirst(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 1250, 1)
	w.buyer("mira", "pm_card_visa")
	w.shop.Gateway = killed{Gateway: w.pay, after: true}
	key := newKey()
	order := w.tap("mira", obj{"product": id}, key).str("order", "id")
	var intent string
	if err := w.db.Read().QueryRowContext(t.Context(), "SELECT id FROM sandbox_object WHERE kind = 'payment_intent'").Scan(&intent); err != nil {
		t.Fatal(err)
	}
	w.notify("evt_1", "payment_intent.succeeded", intent, hookSecret, time.Now())
	same(t, "state", w.state(order), "paid")
	w.shop.Gateway = w.pay
	same(t, "the tap again", w.tap("mira", obj{"product": id}, key).status, 200)
	same(t, "ledger", w.count("SELECT COUNT(*) FROM shop_ledger"), 1)
	same(t, "charges", w.charged(order), 1)
	w.clean()
}

// The sandbox really posts: the buyer approves and closes the window, and the
// order is paid all the same, although the receiver fails at first.
func TestSandboxDelivers(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	var refuse atomic.Int32
	refuse.Store(3)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if refuse.Add(-1) >= 0 {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		w.mux.ServeHTTP(out, r)
	}))
	defer server.Close()
	w.box.HookURL = func() string { return server.URL + "/hooks/stripe" }
	id := w.product("cup", 1250, 1)
	w.buyer("mira", "pm_card_authenticationRequired")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.box.Run(ctx) }()
	order, page := w.asked("mira", id)
	w.respond(page, "approve", false)
	eventually(t, "the hook pays the order", func() bool { return w.state(order) == "paid" })
	cancel()
	<-ended
	w.clean()
}

// A method saved in the provider's own form becomes known by its hook.
func TestMethodByHook(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	w.buyer("mira", "")
	secret := w.must(200, "mira", "POST", "/api/v1/me/payment-methods", obj{}).str("client_secret")
	setup, _, ok := strings.Cut(secret, "_secret_")
	if !ok || !strings.HasPrefix(setup, "seti_") {
		t.Fatalf("client_secret %q", secret)
	}
	// What Stripe's form does in the browser.
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.stripe.com/v1/setup_intents/"+setup+"/confirm", strings.NewReader("payment_method=pm_card_mastercard"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+sandbox.Key)
	resp, err := w.box.RoundTrip(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	var customer string
	if err := w.db.Read().QueryRowContext(t.Context(), "SELECT customer FROM shop_customer WHERE person = 'mira'").Scan(&customer); err != nil {
		t.Fatal(err)
	}
	body := `{"id":"evt_9","type":"setup_intent.succeeded","livemode":false,"data":{"object":{"id":"` + setup + `","object":"setup_intent","customer":"` + customer + `"}}}`
	same(t, "hook", w.call("", "POST", "/hooks/stripe", body, "Stripe-Signature", sandbox.Sign([]byte(body), hookSecret, time.Now())).status, 200)
	all, err := w.shop.Methods(t.Context(), "mira")
	if err != nil || len(all) != 1 || all[0].Last4 != "4444" || !all[0].Default {
		t.Fatalf("methods %+v, %v", all, err)
	}
	id := w.product("cup", 1250, 1)
	same(t, "tap", w.tap("mira", obj{"product": id}).str("order", "payment", "brand"), "mastercard")
}
