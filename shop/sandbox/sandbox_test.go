package sandbox_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/shop/sandbox"
)

var schema = dbtest.Schema{Package: "sandbox", Files: sandbox.Migrations()}

type bench struct {
	*testing.T
	box *sandbox.Sandbox
}

func open(t *testing.T) bench { return over(t, dbtest.Open(t, schema)) }

func over(t *testing.T, d *db.DB) bench {
	b := bench{t, sandbox.New(d, dbtest.Logger(t))}
	b.box.HookSecret = "whsec_test"
	return b
}

type reply struct {
	status int
	doc    map[string]any
	text   string
	header http.Header
}

func (r reply) at(path ...string) any {
	var v any = r.doc
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (r reply) str(path ...string) string { s, _ := r.at(path...).(string); return s }

// ask sends form to the API; a key of "" sends none.
func (b bench) ask(method, path, form, key string) reply {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, "https://api.stripe.com"+path, strings.NewReader(form))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+sandbox.Key)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := b.box.RoundTrip(r)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	out := reply{status: resp.StatusCode, text: string(body), header: resp.Header}
	if err := json.Unmarshal(body, &out.doc); err != nil {
		b.Fatalf("%s: %v", body, err)
	}
	return out
}

// buyer is a customer with a saved method, as the first members of a form.
func (b bench) buyer(method string) string {
	b.Helper()
	customer := b.ask("POST", "/v1/customers", "", "").str("id")
	saved := b.ask("POST", "/v1/payment_methods/"+method+"/attach", "customer="+customer, "").str("id")
	return "customer=" + customer + "&payment_method=" + saved
}

const pay = "&amount=1250&currency=usd&confirm=true&return_url=https%3A%2F%2Fshop.example%2Fpay%2Freturn%3Forder%3D1&metadata[order]=o1"

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestPaymentShape(t *testing.T) {
	b := open(t)
	r := b.ask("POST", "/v1/payment_intents", b.buyer("pm_card_visa")+pay, "k1")
	same(t, "status", r.status, 200)
	same(t, "object", r.str("object"), "payment_intent")
	same(t, "intent", r.str("status"), "succeeded")
	same(t, "received", r.at("amount_received"), any(1250.0))
	same(t, "metadata", r.str("metadata", "order"), "o1")
	same(t, "livemode", r.at("livemode"), any(false))
	if !strings.HasPrefix(r.header.Get("Request-Id"), "req_") || r.header.Get("Stripe-Version") != "2023-10-16" {
		t.Errorf("headers %v", r.header)
	}
	charge := b.ask("GET", "/v1/charges/"+r.str("latest_charge"), "", "")
	same(t, "charge", charge.str("status"), "succeeded")
	same(t, "of", charge.str("payment_intent"), r.str("id"))
	for _, e := range []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"} {
		list := b.ask("GET", "/v1/events?type="+e, "", "")
		same(t, e, len(list.at("data").([]any)), 1)
	}
}

func TestIdempotency(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := over(t, d)
		form := b.buyer("pm_card_visa") + pay
		replies := make([]reply, 16)
		var group sync.WaitGroup
		for i := range replies {
			group.Go(func() { replies[i] = b.ask("POST", "/v1/payment_intents", form, "k1") })
		}
		group.Wait()
		fresh := 0
		for _, r := range replies {
			same(t, "answer", r.text, replies[0].text)
			if r.header.Get("Idempotent-Replayed") == "" {
				fresh++
			}
		}
		same(t, "done", fresh, 1)
		other := b.ask("POST", "/v1/payment_intents", strings.Replace(form, "1250", "1251", 1), "k1")
		same(t, "other parameters", other.status, 400)
		same(t, "other parameters", other.str("error", "type"), "idempotency_error")

		declined := b.buyer("pm_card_chargeDeclined") + pay
		no := b.ask("POST", "/v1/payment_intents", declined, "k2")
		again := b.ask("POST", "/v1/payment_intents", declined, "k2")
		same(t, "a stored decline", again.text, no.text)
		same(t, "is replayed", again.header.Get("Idempotent-Replayed"), "true")

		bad := strings.Replace(form, "amount=1250", "amount=x", 1)
		same(t, "invalid", b.ask("POST", "/v1/payment_intents", bad, "k3").status, 400)
		same(t, "leaves its key unused", b.ask("POST", "/v1/payment_intents", form, "k3").status, 200)
	}, schema)
}

func TestDeclines(t *testing.T) {
	for method, want := range map[string][2]string{
		"pm_card_chargeDeclined":                  {"card_declined", "generic_decline"},
		"pm_card_chargeDeclinedInsufficientFunds": {"card_declined", "insufficient_funds"},
		"pm_card_chargeDeclinedLostCard":          {"card_declined", "lost_card"},
		"pm_card_chargeDeclinedExpiredCard":       {"expired_card", ""},
		"pm_card_chargeCustomerFail":              {"card_declined", "generic_decline"},
	} {
		t.Run(method, func(t *testing.T) {
			b := open(t)
			buyer := b.buyer(method)
			r := b.ask("POST", "/v1/payment_intents", buyer+pay, "k")
			same(t, "status", r.status, 402)
			same(t, "type", r.str("error", "type"), "card_error")
			same(t, "code", r.str("error", "code"), want[0])
			same(t, "decline code", r.str("error", "decline_code"), want[1])
			intent := r.str("error", "payment_intent", "id")
			got := b.ask("GET", "/v1/payment_intents/"+intent, "", "")
			same(t, "intent", got.str("status"), "requires_payment_method")
			same(t, "last error", got.str("last_payment_error", "code"), want[0])
			// Not dead yet: another card may still pay it.
			customer, _, _ := strings.Cut(strings.TrimPrefix(buyer, "customer="), "&")
			saved := b.ask("POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer, "").str("id")
			same(t, "tried again", b.ask("POST", "/v1/payment_intents/"+intent+"/confirm", "payment_method="+saved, "").str("status"), "succeeded")
		})
	}
}

func TestRefusals(t *testing.T) {
	b := open(t)
	buyer := b.buyer("pm_card_visa")
	other := b.buyer("pm_card_visa")
	stolen := strings.Split(other, "&")[1]
	mine := strings.Split(buyer, "&")[0]
	for name, c := range map[string]struct {
		path, form, code string
		status           int
	}{
		"unknown parameter":  {"/v1/payment_intents", buyer + pay + "&colour=red", "parameter_unknown", 400},
		"no amount":          {"/v1/payment_intents", buyer + "&currency=usd", "parameter_missing", 400},
		"negative":           {"/v1/payment_intents", buyer + "&amount=-5&currency=usd", "parameter_invalid_integer", 400},
		"nine digits":        {"/v1/payment_intents", buyer + "&amount=100000000&currency=usd", "amount_too_large", 400},
		"no currency":        {"/v1/payment_intents", buyer + "&amount=5", "parameter_invalid", 400},
		"somebody's card":    {"/v1/payment_intents", mine + "&" + stolen + pay, "parameter_invalid", 400},
		"unknown customer":   {"/v1/payment_intents", "customer=cus_x" + pay, "resource_missing", 400},
		"unknown method":     {"/v1/payment_intents", mine + "&payment_method=pm_x" + pay, "resource_missing", 404},
		"other kind":         {"/v1/payment_intents", buyer + pay + "&payment_method_types[0]=ideal", "parameter_invalid", 400},
		"attach to nobody":   {"/v1/payment_methods/pm_card_visa/attach", "", "parameter_missing", 400},
		"attach the unknown": {"/v1/payment_methods/pm_x/attach", mine, "resource_missing", 404},
		"attach a card":      {"/v1/payment_methods/4242424242424242/attach", mine, "resource_missing", 404},
		"refund of nothing":  {"/v1/refunds", "payment_intent=pi_x", "resource_missing", 400},
		"odd usage":          {"/v1/setup_intents", mine + "&usage=sometimes", "parameter_invalid", 400},
	} {
		t.Run(name, func(t *testing.T) {
			r := b.ask("POST", c.path, c.form, "")
			same(t, "status", r.status, c.status)
			same(t, "type", r.str("error", "type"), "invalid_request_error")
			same(t, "code", r.str("error", "code"), c.code)
		})
	}
	same(t, "unknown address", b.ask("GET", "/v1/tea", "", "").status, 404)
	same(t, "intents", len(b.ask("GET", "/v1/payment_intents", "", "").at("data").([]any)), 0)
}

func TestOnlyTestKeys(t *testing.T) {
	b := open(t)
	for _, key := range []string{"", "Bearer sk_live_1", "Bearer rk_live_1", "Basic x"} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "https://api.stripe.com/v1/customers", strings.NewReader(""))
		r.Header.Set("Authorization", key)
		resp, err := b.box.RoundTrip(r)
		if err != nil || resp.StatusCode != 401 {
			t.Errorf("%q: %v %v", key, resp, err)
		}
	}
}

func TestCancelAndConfirm(t *testing.T) {
	b := open(t)
	buyer := b.buyer("pm_card_visa")
	waiting := b.ask("POST", "/v1/payment_intents", buyer+"&amount=5&currency=usd", "").str("id")
	same(t, "cancel", b.ask("POST", "/v1/payment_intents/"+waiting+"/cancel", "", "").str("status"), "canceled")
	for _, verb := range []string{"cancel", "confirm"} {
		r := b.ask("POST", "/v1/payment_intents/"+waiting+"/"+verb, "", "")
		same(t, verb, r.str("error", "code"), "payment_intent_unexpected_state")
		same(t, verb, r.str("error", "payment_intent", "status"), "canceled")
	}
	paid := b.ask("POST", "/v1/payment_intents", buyer+pay, "").str("id")
	same(t, "cancel what is paid", b.ask("POST", "/v1/payment_intents/"+paid+"/cancel", "", "").str("error", "code"), "payment_intent_unexpected_state")
	same(t, "pay twice", b.ask("POST", "/v1/payment_intents/"+paid+"/confirm", "", "").str("error", "code"), "payment_intent_unexpected_state")
}

func TestRefunds(t *testing.T) {
	b := open(t)
	paid := b.ask("POST", "/v1/payment_intents", b.buyer("pm_card_visa")+pay, "").str("id")
	same(t, "part", b.ask("POST", "/v1/refunds", "payment_intent="+paid+"&amount=1000", "r1").at("amount"), any(1000.0))
	same(t, "again", b.ask("POST", "/v1/refunds", "payment_intent="+paid+"&amount=1000", "r1").at("amount"), any(1000.0))
	same(t, "too much", b.ask("POST", "/v1/refunds", "payment_intent="+paid+"&amount=251", "").status, 400)
	same(t, "rest", b.ask("POST", "/v1/refunds", "payment_intent="+paid, "").at("amount"), any(250.0))
	same(t, "more", b.ask("POST", "/v1/refunds", "payment_intent="+paid, "").str("error", "code"), "charge_already_refunded")
	declined := b.ask("POST", "/v1/payment_intents", b.buyer("pm_card_chargeDeclined")+pay, "").str("error", "payment_intent", "id")
	same(t, "of a decline", b.ask("POST", "/v1/refunds", "payment_intent="+declined, "").status, 400)
}

func TestLists(t *testing.T) {
	b := open(t)
	buyer := b.buyer("pm_card_visa")
	customer := strings.TrimPrefix(strings.Split(buyer, "&")[0], "customer=")
	b.buyer("pm_card_visa") // somebody else
	for range 4 {
		b.ask("POST", "/v1/payment_methods/pm_card_mastercard/attach", "customer="+customer, "")
	}
	seen, after := 0, ""
	for {
		page := b.ask("GET", "/v1/payment_methods?"+url.Values{"customer": {customer}, "type": {"card"}, "limit": {"2"}, "starting_after": {after}}.Encode(), "", "")
		data := page.at("data").([]any)
		seen += len(data)
		if page.at("has_more") != true {
			break
		}
		after = data[len(data)-1].(map[string]any)["id"].(string)
	}
	same(t, "methods", seen, 5)
	same(t, "limit", b.ask("GET", "/v1/payment_methods?customer="+customer+"&limit=101", "", "").status, 400)
	gone := strings.TrimPrefix(strings.Split(buyer, "&")[1], "payment_method=")
	b.ask("POST", "/v1/payment_methods/"+gone+"/detach", "", "")
	same(t, "detached", len(b.ask("GET", "/v1/customers/"+customer+"/payment_methods", "", "").at("data").([]any)), 4)
	same(t, "and it cannot pay", b.ask("POST", "/v1/payment_intents", buyer+pay, "").status, 400)
}

// Everything is in the database: another sandbox over it knows it all.
func TestSurvivesRestart(t *testing.T) {
	b := open(t)
	form := b.buyer("pm_card_visa") + pay
	first := b.ask("POST", "/v1/payment_intents", form, "k1")
	next := bench{t, sandbox.New(b.box.DB, dbtest.Logger(t))}
	again := next.ask("POST", "/v1/payment_intents", form, "k1")
	same(t, "answer", again.text, first.text)
	same(t, "intent", next.ask("GET", "/v1/payment_intents/"+first.str("id"), "", "").str("status"), "succeeded")
}

// What a receiver gets is signed, each event until it is taken, and then no more.
func TestDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		var mu sync.Mutex
		got, failures := map[string]int{}, 3
		b.box.HookURL = func() string { return "http://shop.example/hooks/stripe" }
		b.box.Client = &http.Client{Transport: receiver(func(r *http.Request) int {
			body, _ := io.ReadAll(r.Body)
			var e struct {
				Type     string
				Livemode *bool
			}
			mu.Lock()
			defer mu.Unlock()
			if err := json.Unmarshal(body, &e); err != nil || e.Livemode == nil || *e.Livemode {
				t.Errorf("event %s", body)
			}
			same(t, "signature", r.Header.Get("Stripe-Signature"), sandbox.Sign(body, "whsec_test", time.Now()))
			got[e.Type]++
			if e.Type == "payment_intent.succeeded" && failures > 0 {
				failures--
				return 500
			}
			return 200
		})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.box.Run(ctx) }()
		b.ask("POST", "/v1/payment_intents", b.buyer("pm_card_visa")+pay, "")
		time.Sleep(time.Second)
		mu.Lock()
		same(t, "first try", got["payment_intent.succeeded"], 1)
		mu.Unlock()
		time.Sleep(time.Hour)
		mu.Lock()
		same(t, "tries", got["payment_intent.succeeded"], 4)
		same(t, "taken at once", got["charge.succeeded"], 1)
		mu.Unlock()
		cancel()
		<-ended
	})
}

type receiver func(*http.Request) int

func (f receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: f(r), Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// The list of test methods names what is there, and no page asks for a number.
func TestMethodsPage(t *testing.T) {
	b := open(t)
	w := httptest.NewRecorder()
	api.Handler(b.box.Methods).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	var doc struct {
		Methods []struct{ Test, Label, Hint string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || len(doc.Methods) < 5 {
		t.Fatalf("%s %v", w.Body, err)
	}
	for _, m := range doc.Methods {
		if m.Label == "" || m.Hint == "" {
			t.Errorf("%+v", m)
		}
		if got := b.ask("POST", "/v1/payment_methods/"+m.Test+"/attach", "customer="+b.ask("POST", "/v1/customers", "", "").str("id"), ""); got.status != 200 {
			t.Errorf("%s cannot be saved: %s", m.Test, got.text)
		}
	}
}
