package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/shop/sandbox"
)

// ids of a list, as they come.
func (r reply) ids() (all []string) {
	data, _ := r.at("data").([]any)
	for _, one := range data {
		all = append(all, one.(map[string]any)["id"].(string))
	}
	return all
}

func (b bench) events(kind string) int {
	return len(b.ask("GET", "/v1/events?limit=100&type="+kind, "", "").ids())
}

// pays is an intent that succeeded.
func (b bench) pays(method string) reply {
	b.Helper()
	r := b.ask("POST", "/v1/payment_intents", b.buyer(method)+pay, "")
	same(b, "paid", r.str("status"), "succeeded")
	return r
}

func (b bench) disputeOf(intent string) reply {
	b.Helper()
	list := b.ask("GET", "/v1/disputes?payment_intent="+intent, "", "")
	if len(list.ids()) != 1 {
		b.Fatalf("disputes of %s: %s", intent, list.text)
	}
	return b.ask("GET", "/v1/disputes/"+list.ids()[0], "", "")
}

func TestDisputeIsLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, at *db.DB) {
		b := over(t, at)
		paid := b.pays("pm_card_createDispute")
		d := b.disputeOf(paid.str("id"))
		same(t, "status", d.str("status"), "needs_response")
		same(t, "amount", d.at("amount"), any(1250.0))
		same(t, "refundable", d.at("is_charge_refundable"), any(false))
		if due := int64(d.at("evidence_details", "due_by").(float64)); time.Until(time.Unix(due, 0)) < 24*time.Hour {
			t.Errorf("due at %d", due)
		}
		line := d.at("balance_transactions").([]any)[0].(map[string]any)
		same(t, "net", line["net"], any(-2750.0))
		same(t, "refund", b.ask("POST", "/v1/refunds", "payment_intent="+paid.str("id"), "").str("error", "code"), "charge_disputed")
		same(t, "charge", b.ask("GET", "/v1/charges/"+paid.str("latest_charge"), "", "").at("disputed"), any(true))
		same(t, "created", b.events("charge.dispute.created"), 1)
		same(t, "withdrawn", b.events("charge.dispute.funds_withdrawn"), 1)
		same(t, "closed", b.ask("POST", "/v1/disputes/"+d.str("id")+"/close", "", "").str("status"), "lost")
		same(t, "twice", b.ask("POST", "/v1/disputes/"+d.str("id")+"/close", "", "").status, 400)
		same(t, "events", b.events("charge.dispute.closed"), 1)
		same(t, "not given back", b.events("charge.dispute.funds_reinstated"), 0)
		same(t, "still", b.ask("POST", "/v1/refunds", "payment_intent="+paid.str("id"), "").str("error", "code"), "charge_disputed")
	}, schema)
}

func TestDisputeIsWon(t *testing.T) {
	b := open(t)
	paid := b.pays("pm_card_createDisputeProductNotReceived")
	d := b.disputeOf(paid.str("id"))
	same(t, "reason", d.str("reason"), "product_not_received")
	at := "/v1/disputes/" + d.str("id")
	same(t, "draft", b.ask("POST", at, "evidence[customer_name]=Mira&submit=false", "").str("status"), "needs_response")
	same(t, "won", b.ask("POST", at, "evidence[uncategorized_text]=winning_evidence", "").str("status"), "won")
	won := b.ask("GET", at, "", "")
	same(t, "drafted", won.str("evidence", "customer_name"), "Mira")
	same(t, "submissions", won.at("evidence_details", "submission_count"), any(1.0))
	sum := 0.0
	for _, line := range won.at("balance_transactions").([]any) {
		sum += line.(map[string]any)["amount"].(float64)
	}
	same(t, "the money is back", sum, 0)
	same(t, "reinstated", b.events("charge.dispute.funds_reinstated"), 1)
	same(t, "and can be refunded", b.ask("POST", "/v1/refunds", "payment_intent="+paid.str("id"), "").status, 200)
	under := b.disputeOf(b.pays("pm_card_createDispute").str("id"))
	same(t, "what a bank thinks about", b.ask("POST", "/v1/disputes/"+under.str("id"), "evidence[product_description]=cup", "").str("status"), "under_review")
}

func TestInquiry(t *testing.T) {
	b := open(t)
	paid := b.pays("pm_card_createDisputeInquiry")
	d := b.disputeOf(paid.str("id"))
	same(t, "status", d.str("status"), "warning_needs_response")
	same(t, "no money", b.events("charge.dispute.funds_withdrawn"), 0)
	same(t, "refund", b.ask("POST", "/v1/refunds", "payment_intent="+paid.str("id"), "").status, 200)
	same(t, "settled", b.ask("GET", "/v1/disputes/"+d.str("id"), "", "").str("status"), "warning_closed")

	next := b.disputeOf(b.pays("pm_card_createDisputeInquiry").str("id"))
	same(t, "escalated", b.ask("POST", "/v1/disputes/"+next.str("id"), "evidence[uncategorized_text]=escalate_inquiry_evidence", "").str("status"), "needs_response")
	same(t, "money", b.events("charge.dispute.funds_withdrawn"), 1)

	warned := b.pays("pm_card_createIssuerFraudRecord")
	list := b.ask("GET", "/v1/radar/early_fraud_warnings?charge="+warned.str("latest_charge"), "", "")
	same(t, "warnings", len(list.ids()), 1)
	same(t, "event", b.events("radar.early_fraud_warning.created"), 1)
}

func TestDisputeForTests(t *testing.T) {
	b := open(t)
	paid := b.pays("pm_card_visa").str("id")
	for _, step := range []struct {
		outcome string
		ok      bool
	}{{"won", false}, {"open", true}, {"open", false}, {"escalated", false}, {"nonsense", false}, {"lost", true}, {"won", false}} {
		ok, err := b.box.Dispute(t.Context(), paid, step.outcome)
		if err != nil || ok != step.ok {
			t.Errorf("%s: %v, %v", step.outcome, ok, err)
		}
	}
	same(t, "status", b.disputeOf(paid).str("status"), "lost")
	if ok, err := b.box.Dispute(t.Context(), "pi_unknown", "open"); ok || err != nil {
		t.Errorf("of nothing: %v %v", ok, err)
	}
}

func TestCapture(t *testing.T) {
	b := open(t)
	held := b.ask("POST", "/v1/payment_intents", b.buyer("pm_card_visa")+pay+"&capture_method=manual", "")
	same(t, "status", held.str("status"), "requires_capture")
	same(t, "capturable", held.at("amount_capturable"), any(1250.0))
	same(t, "received", held.at("amount_received"), any(0.0))
	at := "/v1/payment_intents/" + held.str("id")
	same(t, "refund", b.ask("POST", "/v1/refunds", "payment_intent="+held.str("id"), "").status, 400)
	same(t, "too much", b.ask("POST", at+"/capture", "amount_to_capture=1251", "").str("error", "code"), "amount_too_large")
	taken := b.ask("POST", at+"/capture", "amount_to_capture=1000", "")
	same(t, "taken", taken.str("status"), "succeeded")
	same(t, "received", taken.at("amount_received"), any(1000.0))
	same(t, "twice", b.ask("POST", at+"/capture", "", "").str("error", "code"), "payment_intent_unexpected_state")
	same(t, "back", b.ask("POST", "/v1/refunds", "payment_intent="+held.str("id"), "").at("amount"), any(1000.0))

	next := b.ask("POST", "/v1/payment_intents", b.buyer("pm_card_visa")+pay+"&capture_method=manual", "")
	at = "/v1/payment_intents/" + next.str("id")
	same(t, "canceled", b.ask("POST", at+"/cancel", "cancellation_reason=abandoned", "").str("status"), "canceled")
	same(t, "charge", b.ask("GET", "/v1/charges/"+next.str("latest_charge"), "", "").at("refunded"), any(true))
	same(t, "odd", b.ask("POST", "/v1/payment_intents", b.buyer("pm_card_visa")+pay+"&capture_method=never", "").status, 400)
}

// Every list can be walked from either end, and by steps of any size.
func TestPagination(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := over(t, d)
		for range 3 {
			b.ask("POST", "/v1/refunds", "payment_intent="+b.pays("pm_card_createDisputeProductNotReceived").str("id"), "")
			b.ask("POST", "/v1/refunds", "payment_intent="+b.pays("pm_card_visa").str("id")+"&amount=10", "")
			b.ask("POST", "/v1/setup_intents", "", "")
			b.ask("POST", "/v1/webhook_endpoints", "url=https://shop.example/hooks&enabled_events[]=*", "")
		}
		for _, path := range []string{"/v1/payment_intents", "/v1/charges", "/v1/refunds", "/v1/disputes", "/v1/events", "/v1/balance_transactions", "/v1/setup_intents", "/v1/webhook_endpoints"} {
			all := b.ask("GET", path+"?limit=100", "", "")
			same(t, path, all.str("url"), path)
			want := all.ids()
			if len(want) < 3 {
				t.Errorf("%s: %d", path, len(want))
				continue
			}
			var forth, back []string
			for after := ""; ; {
				page := b.ask("GET", path+"?"+url.Values{"limit": {"2"}, "starting_after": {after}}.Encode(), "", "")
				forth = append(forth, page.ids()...)
				if page.at("has_more") != true {
					break
				}
				after = forth[len(forth)-1]
			}
			for before := want[len(want)-1]; ; {
				page := b.ask("GET", path+"?limit=2&ending_before="+before, "", "")
				back = append(page.ids(), back...)
				if page.at("has_more") != true {
					break
				}
				before = back[0]
			}
			if !slices.Equal(forth, want) {
				t.Errorf("%s forth: %v, want %v", path, forth, want)
			}
			if !slices.Equal(append(back, want[len(want)-1]), want) {
				t.Errorf("%s back: %v, want %v", path, back, want)
			}
			same(t, path+" in the future", len(b.ask("GET", path+"?created[gt]=9999999999", "", "").ids()), 0)
			for _, bad := range []string{"limit=0", "limit=101", "limit=x", "starting_after=xx_1", "colour=red", "starting_after=" + want[0] + "&ending_before=" + want[0], "created[gte]=soon"} {
				same(t, path+"?"+bad, b.ask("GET", path+"?"+bad, "", "").status, 400)
			}
		}
	}, schema)
}

func TestExpand(t *testing.T) {
	b := open(t)
	form := b.buyer("pm_card_visa") + pay + "&expand[]=latest_charge.balance_transaction&expand[]=customer"
	paid := b.ask("POST", "/v1/payment_intents", form, "k1")
	same(t, "fee", paid.at("latest_charge", "balance_transaction", "fee"), any(66.0)) // 2.9 % and 30 cents
	same(t, "customer", paid.str("customer", "object"), "customer")
	same(t, "replayed", b.ask("POST", "/v1/payment_intents", form, "k1").text, paid.text)
	list := b.ask("GET", "/v1/charges?expand[]=data.payment_intent", "", "")
	same(t, "in a list", list.at("data").([]any)[0].(map[string]any)["payment_intent"].(map[string]any)["id"], any(paid.str("id")))
	for _, bad := range []string{"amount", "nothing", "latest_charge.nothing", "a.b.c.d.e"} {
		same(t, bad, b.ask("GET", "/v1/payment_intents/"+paid.str("id")+"?expand[]="+bad, "", "").status, 400)
	}
	line := b.ask("GET", "/v1/balance_transactions/"+paid.str("latest_charge", "balance_transaction", "id"), "", "")
	same(t, "line", line.at("net"), any(1184.0))
	same(t, "by source", len(b.ask("GET", "/v1/balance_transactions?source="+paid.str("latest_charge", "id"), "", "").ids()), 1)
	same(t, "unknown", b.ask("GET", "/v1/balance_transactions/txn_ch1", "", "").status, 404)
}

func TestErrorShape(t *testing.T) {
	b := open(t)
	r := b.ask("GET", "/v1/charges/ch_x", "", "")
	same(t, "status", r.status, 404)
	same(t, "message", r.str("error", "message"), "No such charge: 'ch_x'")
	same(t, "doc", r.str("error", "doc_url"), "https://stripe.com/docs/error-codes/resource-missing")
	if id := r.header.Get("Request-Id"); !strings.HasPrefix(id, "req_") {
		t.Errorf("request %q", id)
	}
	same(t, "long key", b.ask("POST", "/v1/customers", "", strings.Repeat("k", 256)).status, 400)
	// What was refused is forgotten; what was declined is not.
	buyer := b.buyer("pm_card_chargeDeclined")
	same(t, "refused", b.ask("POST", "/v1/payment_intents", buyer+"&currency=usd", "k1").status, 400)
	first := b.ask("POST", "/v1/payment_intents", buyer+pay, "k1")
	same(t, "declined", first.status, 402)
	again := b.ask("POST", "/v1/payment_intents", buyer+pay, "k1")
	same(t, "replay", again.text, first.text)
	same(t, "said", again.header.Get("Idempotent-Replayed"), "true")
	same(t, "other", b.ask("POST", "/v1/payment_intents", buyer+pay+"&description=x", "k1").str("error", "type"), "idempotency_error")
}

func TestSetup(t *testing.T) {
	b := open(t)
	customer := b.ask("POST", "/v1/customers", "", "").str("id")
	no := b.ask("POST", "/v1/setup_intents", "confirm=true&payment_method=pm_card_chargeDeclined&customer="+customer, "")
	same(t, "declined", no.str("error", "code"), "card_declined")
	same(t, "its intent", no.str("error", "setup_intent", "status"), "requires_payment_method")
	same(t, "remembered", no.str("error", "setup_intent", "last_setup_error", "code"), "card_declined")
	ready := b.ask("POST", "/v1/setup_intents", "payment_method=pm_card_visa&customer="+customer, "")
	same(t, "ready", ready.str("status"), "requires_confirmation")
	same(t, "confirmed", b.ask("POST", "/v1/setup_intents/"+ready.str("id")+"/confirm", "", "").str("status"), "succeeded")
	same(t, "after its end", b.ask("POST", "/v1/setup_intents/"+ready.str("id")+"/cancel", "", "").str("error", "code"), "setup_intent_unexpected_state")
	asked := b.ask("POST", "/v1/setup_intents", "confirm=true&payment_method=pm_card_authenticationRequiredOnSetup&return_url=https://shop.example/&customer="+customer, "")
	same(t, "asked", asked.str("status"), "requires_action")
	if page := asked.str("next_action", "redirect_to_url", "url"); !strings.HasPrefix(page, "https://shop.example/sandbox/challenge/seti_") {
		t.Errorf("page %q", page)
	}
	same(t, "canceled", b.ask("POST", "/v1/setup_intents/"+asked.str("id")+"/cancel", "", "").str("status"), "canceled")
	same(t, "methods", len(b.ask("GET", "/v1/payment_methods?type=card&customer="+customer, "", "").ids()), 1)
	same(t, "of another kind", len(b.ask("GET", "/v1/payment_methods?type=sepa_debit&customer="+customer, "", "").ids()), 0)
}

// A page may do with a publishable key what its client secret opens, and
// nothing else.
func TestPublishableKey(t *testing.T) {
	b := open(t)
	customer := b.ask("POST", "/v1/customers", "", "").str("id")
	setup := b.ask("POST", "/v1/setup_intents", "customer="+customer, "")
	other := b.ask("POST", "/v1/setup_intents", "customer="+customer, "")
	ask := func(method, path, form string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, "https://api.stripe.com"+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer pk_test_page")
		resp, err := b.box.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	at, secret := "/v1/setup_intents/"+setup.str("id"), "client_secret="+url.QueryEscape(setup.str("client_secret"))
	same(t, "read", ask("GET", at+"?"+secret, ""), 200)
	same(t, "another's", ask("GET", "/v1/setup_intents/"+other.str("id")+"?"+secret, ""), 401)
	same(t, "forged", ask("GET", at+"?client_secret="+setup.str("id")+"_secret_x", ""), 404)
	same(t, "without", ask("GET", at, ""), 401)
	same(t, "list", ask("GET", "/v1/setup_intents?"+secret, ""), 401)
	same(t, "cancel", ask("POST", at+"/cancel", secret), 401)
	same(t, "customers", ask("POST", "/v1/customers", ""), 401)
	same(t, "confirm", ask("POST", at+"/confirm", secret+"&payment_method=pm_card_visa"), 200)
}

func TestCardIsReplaced(t *testing.T) {
	b := open(t)
	saved := strings.TrimPrefix(strings.Split(b.buyer("pm_card_visa"), "&")[1], "payment_method=")
	if err := b.box.Replace(t.Context(), saved, "1881", 2031); err != nil {
		t.Fatal(err)
	}
	m := b.ask("GET", "/v1/payment_methods/"+saved, "", "")
	same(t, "digits", m.str("card", "last4"), "1881")
	same(t, "events", b.events("payment_method.automatically_updated"), 1)
	same(t, "update", b.ask("POST", "/v1/payment_methods/"+saved, "card[exp_month]=1&card[exp_year]=2032&metadata[a]=b", "").at("card", "exp_year"), any(2032.0))
	same(t, "no such month", b.ask("POST", "/v1/payment_methods/"+saved, "card[exp_month]=13", "").str("error", "code"), "invalid_expiry")
}

// Endpoints get the events they asked for, each signed with its own secret.
func TestEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		made := b.ask("POST", "/v1/webhook_endpoints", "url=https://shop.example/hooks/stripe&api_version=2023-10-16&enabled_events[]=payment_intent.succeeded&enabled_events[]=charge.dispute.*", "")
		if !strings.HasPrefix(made.str("secret"), "whsec_") {
			t.Fatal(made.text)
		}
		at := "/v1/webhook_endpoints/" + made.str("id")
		if again := b.ask("GET", at, "", ""); again.at("secret") != nil || again.str("status") != "enabled" {
			t.Errorf("told again: %s", again.text)
		}
		same(t, "other version", b.ask("POST", "/v1/webhook_endpoints", "url=https://a.example&enabled_events[]=*&api_version=2020-01-01", "").status, 400)
		same(t, "no address", b.ask("POST", "/v1/webhook_endpoints", "url=tea&enabled_events[]=*", "").str("error", "code"), "url_invalid")
		same(t, "no events", b.ask("POST", "/v1/webhook_endpoints", "url=https://a.example", "").status, 400)
		var mu sync.Mutex
		got := map[string]int{}
		b.box.Client = &http.Client{Transport: receiver(func(r *http.Request) int {
			body, _ := io.ReadAll(r.Body)
			var e struct{ Type string }
			_ = json.Unmarshal(body, &e)
			mu.Lock()
			defer mu.Unlock()
			if r.Header.Get("Stripe-Signature") == sandbox.Sign(bytes.TrimSpace(body), made.str("secret"), time.Now()) {
				got[e.Type]++
			} else {
				got["forged"]++
			}
			return 200
		})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.box.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		b.pays("pm_card_createDispute")
		time.Sleep(5 * time.Second)
		mu.Lock()
		for kind, n := range map[string]int{"payment_intent.succeeded": 1, "charge.dispute.created": 1, "charge.dispute.funds_withdrawn": 1, "charge.succeeded": 0, "forged": 0} {
			same(t, kind, got[kind], n)
		}
		mu.Unlock()
		same(t, "disabled", b.ask("POST", at, "disabled=true", "").str("status"), "disabled")
		b.pays("pm_card_visa")
		time.Sleep(5 * time.Second)
		mu.Lock()
		same(t, "after that", got["payment_intent.succeeded"], 1)
		mu.Unlock()
		same(t, "deleted", b.ask("DELETE", at, "", "").at("deleted"), any(true))
		same(t, "gone", b.ask("GET", at, "", "").status, 404)
	})
}
