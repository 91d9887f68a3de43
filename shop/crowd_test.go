package shop_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
)

// Two nodes on one PostgreSQL sell the same last units to the same people, who
// tap on both: one order per finger, no unit twice.
func TestTwoNodes(t *testing.T) {
	const buyers, units = 16, 6
	d := dbtest.OpenPostgres(t, schemas...)
	a, b := newWorld(t, d), newWorld(t, d)
	b.shop.Who = a.who
	cup := a.product("cup", 1250, units)
	got := make([][2]answer, buyers)
	var group sync.WaitGroup
	for i := range buyers {
		who, key := a.buyer(name("b", i), "pm_card_visa"), newKey()
		group.Go(func() {
			var both sync.WaitGroup
			both.Go(func() { got[i][0] = a.tap(who, obj{"product": cup}, key) })
			both.Go(func() { got[i][1] = b.tap(who, obj{"product": cup}, key) })
			both.Wait()
		})
	}
	group.Wait()
	paid := map[string]bool{}
	for i, pair := range got {
		for _, one := range pair {
			switch {
			case one.status == 200:
				paid[one.str("order", "id")] = true
			case one.code() != "sold_out":
				t.Errorf("buyer %d: %d %s", i, one.status, one.text)
			}
		}
		// One of the two may have looked before the other's order was there, and
		// heard that it was sold out; never do they make two orders.
		if x, y := pair[0].str("order", "id"), pair[1].str("order", "id"); x != "" && y != "" && x != y {
			t.Errorf("buyer %d has %s and %s", i, x, y)
		}
	}
	same(t, "paid", len(paid), units)
	same(t, "stock", a.stock(cup), [3]int64{0, 0, units})
	same(t, "charges", a.count("SELECT COUNT(*) FROM sandbox_object WHERE kind = 'charge'"), units)
	a.clean()
}

// Everything at once on the same few orders: return pages, hooks, cancels and
// the sweeper all report, and each order moves once.
func TestEverybodyReports(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 8)
		rnd := rand.New(rand.NewPCG(1, 2))
		var group sync.WaitGroup
		var orders []string
		for i := range 8 {
			who := w.buyer(name("b", i), "pm_card_authenticationRequired")
			order, page := w.asked(who, cup)
			orders = append(orders, order)
			intent, say := w.intent(order), []string{"approve", "refuse"}[rnd.IntN(2)]
			group.Go(func() { w.respond(page, say, true) })
			group.Go(func() { w.call(who, "POST", "/api/v1/orders/"+order+"/cancel", nil) })
			for j := range 3 {
				group.Go(func() {
					w.notify(fmt.Sprint("evt_", i, j), "payment_intent.succeeded", intent, hookSecret, time.Now())
				})
			}
			group.Go(func() { w.call("", "GET", "/pay/return?order="+order, nil) })
		}
		group.Wait()
		if err := w.shop.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		sold := int64(0)
		for _, order := range orders {
			state, charges := w.state(order), w.charged(order)
			switch state {
			case "paid":
				sold++
				same(t, "charges of a paid order", charges, 1)
			case "canceled", "payment_failed":
				same(t, "charges of a "+state+" order", charges, 0)
			default:
				t.Errorf("order %s is %s", order, state)
			}
		}
		same(t, "stock", w.stock(cup), [3]int64{8 - sold, 0, sold})
		w.clean()
	})
}

// One buyer cannot hold the shelf by never answering the bank.
func TestOpenOrdersAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		cup := w.product("cup", 100, 100)
		w.buyer("griefer", "pm_card_authenticationRequired")
		held := int64(0)
		for range 20 {
			switch a := w.tap("griefer", obj{"product": cup}); {
			case a.status == 202:
				held++
			case a.code() != "limit_reached":
				t.Fatal(a.text)
			}
			time.Sleep(2 * time.Second)
		}
		same(t, "held", held, 10)
		same(t, "stock", w.stock(cup), [3]int64{90, 10, 0})
		w.clean()
	})
}

// Somebody who tries card after card is stopped, for a while.
func TestDeclinesAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		cup := w.product("cup", 100, 100)
		w.buyer("tester", "pm_card_chargeDeclined")
		declines := 0
		for range 20 {
			switch a := w.tap("tester", obj{"product": cup}); {
			case a.status == 402:
				declines++
			case a.code() != "too_fast":
				t.Fatal(a.text)
			}
			time.Sleep(2 * time.Second)
		}
		same(t, "declines", declines, 12)
		time.Sleep(11 * time.Minute)
		same(t, "later", w.tap("tester", obj{"product": cup}).status, 402)
		w.clean()
	})
}

// Rooms are shown the stock after each commit, the last value last; a decline is
// told to those who sell.
func TestRoomsAreShownStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		cup := w.product("cup", 100, 5)
		w.buyer("mira", "pm_card_visa")
		w.buyer("poor", "pm_card_chargeDeclined")
		defer w.run()()
		for _, step := range []struct {
			do   func()
			want string
		}{
			{func() { w.tap("mira", obj{"product": cup, "quantity": 2}) }, `{"product":"` + cup + `","available":3,"held":0,"waiting":0}`},
			{func() { w.tap("poor", obj{"product": cup, "quantity": 3}) }, `{"product":"` + cup + `","available":3,"held":0,"waiting":0}`},
			{func() { w.must(200, "mert", "PATCH", "/api/v1/products/"+cup, obj{"stock": 40}) }, `{"product":"` + cup + `","available":40,"held":0,"waiting":0}`},
		} {
			step.do()
			synctest.Wait()
			same(t, "shown", lastOf(w.rooms.of("stock")), step.want)
		}
		for _, e := range w.rooms.events() {
			if e.Type == "stock" && (e.how != "refresh" || e.Key != cup) {
				t.Errorf("stock as %+v", e)
			}
		}
		declined := lastOf(w.rooms.of("order"))
		if !strings.Contains(declined, `"state":"payment_failed"`) || !strings.Contains(declined, "generic_decline") {
			t.Errorf("sellers heard %s", declined)
		}
	})
}

// Return links point where the operator says, or where the request came in.
func TestReturnLinks(t *testing.T) {
	for name, c := range map[string]struct{ public, url, want string }{
		"from the request":  {"", "http://souk.lan:8080/api/v1/orders", "http://souk.lan:8080/pay/return?order="},
		"from the operator": {"https://souk.example/", "http://10.0.0.1/api/v1/orders", "https://souk.example/pay/return?order="},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.Open(t, schemas...))
			w.shop.PublicURL = c.public
			cup := w.product("cup", 100, 5)
			w.buyer("mira", "pm_card_visa")
			r := httptest.NewRequestWithContext(t.Context(), "POST", c.url, strings.NewReader(`{"channel":"tea","product":"`+cup+`"}`))
			r.Header.Set("Authorization", "Bearer mira")
			r.Header.Set("Idempotency-Key", newKey())
			out := httptest.NewRecorder()
			w.mux.ServeHTTP(out, r)
			same(t, "status", out.Code, http.StatusOK)
			var link string
			if err := w.db.Read().QueryRowContext(t.Context(), "SELECT return_url FROM shop_attempt").Scan(&link); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(link, c.want) {
				t.Errorf("return to %s, want %s…", link, c.want)
			}
		})
	}
}

// The same pin from two nodes at once: one is on air, and its room knows.
func TestPinsCollide(t *testing.T) {
	d := dbtest.OpenPostgres(t, schemas...)
	nodes := []*world{newWorld(t, d), newWorld(t, d)}
	cup, pot := nodes[0].product("cup", 100, 1), nodes[0].product("pot", 100, 1)
	var group sync.WaitGroup
	for round := range 10 {
		for i, w := range nodes {
			id := []string{cup, pot}[(i+round)%2]
			group.Go(func() {
				if a := w.call("hana", "PUT", pinPath, obj{"product": id}); a.status != 200 {
					t.Errorf("%d %s", a.status, a.text)
				}
			})
		}
		group.Wait()
	}
	same(t, "on air", nodes[0].count("SELECT COUNT(*) FROM shop_pin WHERE ended IS NULL"), 1)
	same(t, "pinned", nodes[0].count("SELECT COUNT(*) FROM shop_pin"), 20)
}
