package shop_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
)

// asked places an order whose bank wants to see the buyer, and returns it with
// the path of the bank's page.
func (w *world) asked(buyer, product string) (order, page string) {
	w.t.Helper()
	a := w.tap(buyer, obj{"product": product})
	if a.status != 202 || a.str("order", "state") != "action_required" {
		w.t.Fatalf("%d %s", a.status, a.text)
	}
	u, err := url.Parse(a.str("action", "redirect_url"))
	if err != nil || u.Host != "example.com" {
		w.t.Fatalf("redirect_url %q: %v", a.str("action", "redirect_url"), err)
	}
	return a.str("order", "id"), u.RequestURI()
}

// respond answers the bank's page as a browser would, and returns where it was
// sent; it goes there only if follow is set.
func (w *world) respond(page, answer string, follow bool) string {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), "POST", page, strings.NewReader("answer="+answer))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out := httptest.NewRecorder()
	w.mux.ServeHTTP(out, r)
	to, err := url.Parse(out.Header().Get("Location"))
	if out.Code != 303 || err != nil || to.Path != "/pay/return" {
		w.t.Fatalf("answering the bank: %d %s %v", out.Code, out.Header(), err)
	}
	if follow {
		w.must(200, "", "GET", to.RequestURI(), nil)
	}
	return to.RequestURI()
}

func (w *world) state(order string) string {
	w.t.Helper()
	var s string
	if err := w.db.Read().QueryRowContext(w.t.Context(), "SELECT state FROM shop_order WHERE id = $1", order).Scan(&s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestBankAsks(t *testing.T) {
	for _, c := range []struct {
		answer, state string
		stock         [3]int64
		charges       int64
	}{
		{"approve", "paid", [3]int64{0, 0, 1}, 1},
		{"refuse", "payment_failed", [3]int64{1, 0, 0}, 0},
	} {
		t.Run(c.answer, func(t *testing.T) {
			w := newWorld(t, dbtest.Open(t, schemas...))
			id := w.product("cup", 1250, 1)
			w.buyer("mira", "pm_card_authenticationRequired")
			order, page := w.asked("mira", id)
			same(t, "held", w.stock(id), [3]int64{0, 1, 0})

			shown := w.must(200, "", "GET", page, nil)
			if !strings.Contains(shown.text, "$12.50") || !strings.Contains(shown.header.Get("Content-Security-Policy"), "frame-ancestors 'self'") {
				t.Errorf("the bank's page: %s", shown.text)
			}
			if strings.Contains(shown.text, "<script") {
				t.Error("the bank's page needs a script")
			}
			back := w.respond(page, c.answer, false)
			same(t, "the bank's word alone moves nothing", w.state(order), "action_required")
			w.must(200, "", "GET", back, nil)
			same(t, "state", w.state(order), c.state)
			same(t, "stock", w.stock(id), c.stock)
			same(t, "charges", w.charged(order), c.charges)
			w.respond(page, "approve", true) // too late to change one's mind
			same(t, "state", w.state(order), c.state)
			w.clean()
		})
	}
}

// What the address of the return page claims is not believed, and the page of
// the bank needs the key that only the buyer was given.
func TestBankForged(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 1250, 1)
	w.buyer("mira", "pm_card_authenticationRequired")
	order, page := w.asked("mira", id)
	w.must(200, "", "GET", "/pay/return?order="+order+"&redirect_status=succeeded&payment_intent=pi_1", nil)
	same(t, "state", w.state(order), "action_required")
	bare, _, _ := strings.Cut(page, "?")
	for _, p := range []string{bare, bare + "?key=", bare + "?key=AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		w.must(404, "", "GET", p, nil)
		w.must(404, "", "POST", p, "answer=approve", "Content-Type", "application/x-www-form-urlencoded")
	}
	same(t, "charges", w.charged(order), 0)
	w.clean()
}

// Nobody answers the bank: when the hold is past its time the intent is
// cancelled, and only then the unit is back.
func TestBankIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		id := w.product("cup", 1250, 1)
		w.buyer("mira", "pm_card_authenticationRequired")
		order, page := w.asked("mira", id)
		defer w.run()()
		time.Sleep(4 * time.Minute)
		same(t, "early", w.state(order), "action_required")
		time.Sleep(2 * time.Minute)
		same(t, "late", w.state(order), "expired")
		same(t, "stock", w.stock(id), [3]int64{1, 0, 0})
		w.respond(page, "approve", true) // the intent is dead: the bank's yes comes to nothing
		same(t, "state", w.state(order), "expired")
		same(t, "charges", w.charged(order), 0)
		w.clean()
	})
}

// The buyer answers the bank while the hold runs out, and nobody comes back to
// tell. The sweeper's cancel is refused, the payment honoured, the unit there.
func TestLateSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		id := w.product("cup", 1250, 1)
		w.buyer("mira", "pm_card_authenticationRequired")
		order, page := w.asked("mira", id)
		w.respond(page, "approve", false)
		defer w.run()()
		time.Sleep(6 * time.Minute)
		same(t, "state", w.state(order), "paid")
		same(t, "stock", w.stock(id), [3]int64{0, 0, 1})
		same(t, "charges", w.charged(order), 1)
		w.clean()
	})
}

// The golden rule: while the provider cannot confirm that the intent is dead,
// the unit stays held, however long that takes.
func TestNothingFreedWhileAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		id := w.product("cup", 1250, 1)
		w.buyer("mira", "pm_card_authenticationRequired")
		order, page := w.asked("mira", id)
		w.shop.Gateway = killed{Gateway: w.pay, cancel: true}
		stop := w.run()
		time.Sleep(20 * time.Minute)
		same(t, "state", w.state(order), "releasing")
		same(t, "stock", w.stock(id), [3]int64{0, 1, 0})
		w.clean()
		stop()
		w.respond(page, "approve", false)
		w.shop.Gateway = w.pay
		defer w.run()()
		time.Sleep(10 * time.Minute)
		same(t, "state", w.state(order), "paid")
		same(t, "stock", w.stock(id), [3]int64{0, 0, 1})
		w.clean()
	})
}

func TestCancel(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 1250, 2)
	w.buyer("mira", "pm_card_authenticationRequired")
	order, page := w.asked("mira", id)
	a := w.must(200, "mira", "POST", "/api/v1/orders/"+order+"/cancel", nil)
	same(t, "state", a.str("order", "state"), "canceled")
	same(t, "stock", w.stock(id), [3]int64{2, 0, 0})
	w.respond(page, "approve", true)
	same(t, "state", w.state(order), "canceled")

	order, page = w.asked("mira", id)
	w.respond(page, "approve", false) // paid at the bank, and nobody here knows yet
	late := w.call("mira", "POST", "/api/v1/orders/"+order+"/cancel", nil)
	same(t, "too late", late.code(), "not_now")
	same(t, "state", late.str("order", "state"), "paid")
	same(t, "stock", w.stock(id), [3]int64{1, 0, 1})
	w.clean()
}
