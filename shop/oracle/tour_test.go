package oracle_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/shop/oracle"
	"souk/shop/sandbox"
)

// visitor speaks to the API without any client in between, under all witnesses.
type visitor struct {
	t   *testing.T
	w   *oracle.Witness
	key string
}

type doc map[string]any

func (d doc) str(path ...string) string {
	var v any = map[string]any(d)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

// first is the first object of a list.
func (d doc) first() doc {
	data, _ := d["data"].([]any)
	if len(data) == 0 {
		return nil
	}
	m, _ := data[0].(map[string]any)
	return m
}

func (v visitor) ask(want int, method, path, form string) doc {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, "https://api.stripe.com"+path, strings.NewReader(form))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+v.key)
	r.Header.Set("Stripe-Version", "2023-10-16")
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.w.RoundTrip(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if resp.StatusCode != want {
		v.t.Errorf("%s %s: %d, want %d\n%s", method, path, resp.StatusCode, want, body)
	}
	if resp.Header.Get("Request-Id") == "" {
		v.t.Errorf("%s %s: without a Request-Id", method, path)
	}
	var d doc
	if err := json.Unmarshal(body, &d); err != nil {
		v.t.Fatalf("%s %s: %v", method, path, err)
	}
	return d
}

// tour walks through every call that the sandbox knows. What it looks for holds
// of Stripe as well, where disputes take their time to come.
func tour(v visitor) {
	t := v.t
	customer := v.ask(200, "POST", "/v1/customers", "name=Mira&email=mira@example.com&metadata[person]=mira").str("id")
	v.ask(200, "GET", "/v1/customers/"+customer, "")
	saved := v.ask(200, "POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer).str("id")
	v.ask(200, "GET", "/v1/payment_methods/"+saved, "")
	v.ask(200, "POST", "/v1/payment_methods/"+saved, "card[exp_month]=7&card[exp_year]=2040&metadata[a]=b")
	v.ask(200, "GET", "/v1/payment_methods?type=card&limit=1&customer="+customer, "")
	v.ask(200, "GET", "/v1/customers/"+customer+"/payment_methods?type=card&limit=1", "")

	setup := v.ask(200, "POST", "/v1/setup_intents", "usage=on_session&payment_method_types[0]=card&customer="+customer)
	v.ask(200, "GET", "/v1/setup_intents/"+setup.str("id"), "")
	v.ask(200, "POST", "/v1/setup_intents/"+setup.str("id")+"/confirm", "payment_method=pm_card_mastercard")
	v.ask(200, "GET", "/v1/setup_intents?limit=2&customer="+customer, "")
	v.ask(402, "POST", "/v1/setup_intents", "confirm=true&payment_method=pm_card_chargeDeclined&payment_method_types[0]=card&customer="+customer)
	asked := v.ask(200, "POST", "/v1/setup_intents", "confirm=true&payment_method=pm_card_authenticationRequiredOnSetup&payment_method_types[0]=card&return_url=https://shop.example/&customer="+customer)
	v.ask(200, "POST", "/v1/setup_intents/"+asked.str("id")+"/cancel", "cancellation_reason=abandoned")
	v.ask(400, "POST", "/v1/setup_intents/"+asked.str("id")+"/cancel", "")

	const pay = "amount=1250&currency=usd&payment_method_types[0]=card&return_url=https://shop.example/&metadata[order]=o1&customer="
	paid := v.ask(200, "POST", "/v1/payment_intents", pay+customer+"&confirm=true&payment_method="+saved+"&expand[0]=latest_charge.balance_transaction&expand[1]=customer")
	charge, _ := paid["latest_charge"].(map[string]any)
	of := doc(charge).str("id")
	v.ask(200, "GET", "/v1/payment_intents/"+paid.str("id"), "")
	v.ask(200, "GET", "/v1/payment_intents?limit=3&customer="+customer, "")
	v.ask(200, "GET", "/v1/charges/"+of, "")
	v.ask(200, "GET", "/v1/charges?limit=3&payment_intent="+paid.str("id"), "")
	v.ask(200, "GET", "/v1/balance_transactions/"+doc(charge).str("balance_transaction", "id"), "")
	v.ask(200, "GET", "/v1/balance_transactions?limit=3&source="+of, "")
	back := v.ask(200, "POST", "/v1/refunds", "amount=100&reason=requested_by_customer&payment_intent="+paid.str("id")).str("id")
	v.ask(200, "GET", "/v1/refunds/"+back, "")
	v.ask(200, "GET", "/v1/refunds?limit=3&payment_intent="+paid.str("id"), "")
	v.ask(400, "POST", "/v1/refunds", "amount=9999&payment_intent="+paid.str("id"))
	v.ask(402, "POST", "/v1/payment_intents", pay+customer+"&confirm=true&payment_method="+v.ask(200, "POST", "/v1/payment_methods/pm_card_chargeCustomerFail/attach", "customer="+customer).str("id"))

	held := v.ask(200, "POST", "/v1/payment_intents", pay+customer+"&capture_method=manual&payment_method="+saved)
	if got := v.ask(200, "POST", "/v1/payment_intents/"+held.str("id")+"/confirm", "return_url=https://shop.example/").str("status"); got != "requires_capture" {
		t.Errorf("held: %s", got)
	}
	v.ask(200, "POST", "/v1/payment_intents/"+held.str("id")+"/capture", "amount_to_capture=1000")
	other := v.ask(200, "POST", "/v1/payment_intents", pay+customer)
	v.ask(200, "POST", "/v1/payment_intents/"+other.str("id")+"/cancel", "cancellation_reason=abandoned")
	v.ask(400, "POST", "/v1/payment_intents/"+other.str("id")+"/confirm", "payment_method="+saved)

	disputed := v.payFor(customer, pay, "pm_card_createDispute")
	d := v.soon("a dispute", "/v1/disputes?limit=1&payment_intent="+disputed)
	v.ask(200, "GET", "/v1/disputes/"+d.str("id"), "")
	v.ask(400, "POST", "/v1/refunds", "payment_intent="+disputed)
	v.ask(200, "POST", "/v1/disputes/"+d.str("id"), "evidence[customer_name]=Mira&submit=false&metadata[a]=b")
	v.ask(200, "POST", "/v1/disputes/"+d.str("id"), "evidence[uncategorized_text]=winning_evidence&submit=true")
	given := v.soon("another", "/v1/disputes?limit=1&payment_intent="+v.payFor(customer, pay, "pm_card_createDisputeProductNotReceived"))
	v.ask(200, "POST", "/v1/disputes/"+given.str("id")+"/close", "")
	v.soon("an inquiry", "/v1/disputes?limit=1&payment_intent="+v.payFor(customer, pay, "pm_card_createDisputeInquiry"))
	w := v.soon("a warning", "/v1/radar/early_fraud_warnings?limit=1&payment_intent="+v.payFor(customer, pay, "pm_card_createIssuerFraudRecord"))
	v.ask(200, "GET", "/v1/radar/early_fraud_warnings/"+w.str("id"), "")

	endpoint := v.ask(200, "POST", "/v1/webhook_endpoints", "url=https://shop.example/hooks/stripe&enabled_events[0]=payment_intent.succeeded&api_version=2023-10-16&description=souk")
	at := "/v1/webhook_endpoints/" + endpoint.str("id")
	if !strings.HasPrefix(endpoint.str("secret"), "whsec_") {
		t.Errorf("endpoint without a secret: %v", endpoint)
	}
	v.ask(200, "GET", at, "")
	v.ask(200, "GET", "/v1/webhook_endpoints?limit=1", "")
	v.ask(200, "POST", at, "enabled_events[0]=charge.dispute.created&disabled=true")
	v.ask(200, "DELETE", at, "")

	event := v.ask(200, "GET", "/v1/events?limit=1&type=payment_intent.succeeded", "").first()
	v.ask(200, "GET", "/v1/events/"+event.str("id"), "")
	v.ask(200, "POST", "/v1/payment_methods/"+saved+"/detach", "")
	for _, path := range []string{"/v1/customers/cus_x", "/v1/charges/ch_x", "/v1/disputes/dp_x", "/v1/events/evt_x", "/v1/payment_intents/pi_x", "/v1/balance_transactions/txn_x", "/v1/refunds/re_x"} {
		v.ask(404, "GET", path, "")
	}
}

// payFor pays with a test method, once it is saved.
func (v visitor) payFor(customer, pay, method string) string {
	v.t.Helper()
	m := v.ask(200, "POST", "/v1/payment_methods/"+method+"/attach", "customer="+customer).str("id")
	return v.ask(200, "POST", "/v1/payment_intents", pay+customer+"&confirm=true&payment_method="+m).str("id")
}

// soon waits for the first object of a list: Stripe's own take a moment.
func (v visitor) soon(what, path string) doc {
	v.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(time.Second) {
		if d := v.ask(200, "GET", path, "").first(); d != nil {
			return d
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("%s never came", what)
		}
	}
}

// Every answer and every event of the sandbox is as Stripe describes it.
func TestTour(t *testing.T) {
	b := open(t)
	tour(visitor{t, b.Witness, sandbox.Key})
	want := []string{"charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
		"radar.early_fraud_warning.created", "payment_intent.amount_capturable_updated", "charge.captured", "charge.refunded", "refund.created", "setup_intent.setup_failed",
		"setup_intent.requires_action", "setup_intent.canceled", "payment_intent.canceled", "payment_method.updated", "payment_method.detached", "charge.failed"}
	for deadline := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		missing := slices.DeleteFunc(slices.Clone(want), func(kind string) bool { return b.Seen()["event "+kind] })
		if len(missing) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("never heard of %v", missing)
		}
	}
	for _, call := range b.box.Calls() {
		method, path, _ := strings.Cut(call, " ")
		if !b.answered(method, path) {
			t.Errorf("nobody asked for %s, so that nobody knows whether its answer is right", call)
		}
	}
}

// answered tells whether a call of the sandbox was made and succeeded.
func (b bench) answered(method, path string) bool {
	return b.Seen()[fmt.Sprintf("%s %s 200", method, path)]
}

// The same walk at Stripe itself, where there is a key.
func TestTourOfStripeItself(t *testing.T) {
	key := os.Getenv("SOUK_STRIPE_TEST_KEY")
	if key == "" {
		return // TestMain says so
	}
	w := &oracle.Witness{Next: http.DefaultTransport, Mock: mock, Book: book, Reads: reads, Complain: t.Errorf}
	tour(visitor{t, w, key})
}

// A lie about any of the newer objects is told as well.
func TestMutantsOfTheTour(t *testing.T) {
	for name, m := range map[string]struct{ path, old, new, says string }{
		"a dispute without its deadline's shape": {"/v1/disputes", `"submission_count":0`, `"submissions":0`, "submissions: unknown to Stripe"},
		"a status no dispute has":                {"/v1/disputes", `"status":"needs_response"`, `"status":"angry"`, "is none of"},
		"a dispute of nothing":                   {"/v1/disputes", `"charge":"ch_`, `"chargge":"ch_`, "charge: missing"},
		"a line of the balance without its net":  {"/v1/balance_transactions", `"net":`, `"nett":`, "net: missing"},
		"an endpoint without its events":         {"/v1/webhook_endpoints", `"enabled_events":`, `"events":`, "enabled_events: missing"},
		"a list that does not say if it goes on": {"/v1/charges", `"has_more"`, `"more"`, "has_more: missing"},
		"a warning that warns of nothing":        {"/v1/radar/early_fraud_warnings", `"actionable":true`, `"actionable":"yes"`, "is no boolean"},
		"a charge that is captured somehow":      {"/v1/charges", `"captured":true`, `"captured":"so"`, "is no boolean"},
	} {
		t.Run(name, func(t *testing.T) {
			var told complaints
			b := open(t)
			spoil := tripper(func(r *http.Request) (*http.Response, error) {
				resp, err := b.box.RoundTrip(r)
				if err != nil || r.URL.Path != m.path {
					return resp, err
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(body), m.old, m.new)))
				return resp, err
			})
			v := visitor{t, &oracle.Witness{Next: spoil, Book: book, Reads: reads, Strict: true, Complain: told.add}, sandbox.Key}
			customer := v.ask(200, "POST", "/v1/customers", "").str("id")
			const pay = "amount=1250&currency=usd&payment_method_types[0]=card&customer="
			v.payFor(customer, pay, "pm_card_createDispute")
			v.payFor(customer, pay, "pm_card_createIssuerFraudRecord")
			form := ""
			method := "GET"
			if m.path == "/v1/webhook_endpoints" {
				method, form = "POST", "url=https://shop.example&enabled_events[0]=*"
			}
			v.ask(200, method, m.path, form)
			told.mu.Lock()
			defer told.mu.Unlock()
			if said := strings.Join(told.all, "\n"); !strings.Contains(said, m.says) {
				t.Errorf("want %q among\n%s", m.says, said)
			}
		})
	}
}
