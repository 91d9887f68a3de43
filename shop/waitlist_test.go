package shop_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
)

// mine is what GET /me/holds says: the one hold and the one place of a person.
func (w *world) mine(person string) (hold, place obj) {
	w.t.Helper()
	a := w.must(200, person, "GET", "/api/v1/me/holds?channel=tea", nil)
	if all := a.at("holds").([]any); len(all) > 0 {
		hold = all[0].(obj)
	}
	if all := a.at("places").([]any); len(all) > 0 {
		place = all[0].(obj)
	}
	return hold, place
}

// hold sets units aside and returns the hold's id.
func (w *world) hold(person, product string, n int) string {
	w.t.Helper()
	return w.must(201, person, "POST", "/api/v1/holds", obj{"channel": "tea", "product": product, "quantity": n}).str("hold", "id")
}

func (w *world) join(person, product string) answer {
	return w.call(person, "POST", "/api/v1/waitlist", obj{"channel": "tea", "product": product})
}

// Units that somebody is about to pay for are nobody else's, and their order
// uses exactly them.
func TestSheetHold(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1000, 3)
		mira, eve := w.buyer("mira", "pm_card_visa"), w.buyer("eve", "pm_card_visa")
		hold := w.hold(mira, cup, 1)
		same(t, "held", w.stock(cup), [3]int64{2, 1, 0})
		same(t, "the same hold, larger", w.hold(mira, cup, 3), hold)
		same(t, "held", w.stock(cup), [3]int64{0, 3, 0})
		same(t, "eve", w.tap(eve, obj{"product": cup}).code(), "sold_out")
		same(t, "smaller again", w.hold(mira, cup, 2), hold)
		w.clean()
		same(t, "another's hold", w.call(eve, "DELETE", "/api/v1/holds/"+hold, nil).code(), "no_such_hold")
		same(t, "another's time", w.call(eve, "POST", "/api/v1/holds/"+hold+"/more", nil).code(), "no_such_hold")
		a := w.tap(mira, obj{"product": cup, "quantity": 1, "hold": hold})
		same(t, "paid", a.status, 200)
		same(t, "stock", w.stock(cup), [3]int64{2, 0, 1})
		same(t, "over", w.call(mira, "POST", "/api/v1/holds/"+hold+"/more", nil).code(), "hold_over")
		again := w.hold(mira, cup, 2)
		w.must(204, mira, "DELETE", "/api/v1/holds/"+again, nil)
		w.must(204, mira, "DELETE", "/api/v1/holds/"+again, nil)
		same(t, "stock", w.stock(cup), [3]int64{2, 0, 1})
		w.clean()
	})
}

// A hold ends by the server's clock; more time is given while nobody waits, and
// never beyond ten minutes.
func TestHoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		defer w.run()()
		cup := w.product("cup", 1000, 1)
		mira, eve := w.buyer("mira", "pm_card_visa"), w.buyer("eve", "pm_card_visa")
		begin := time.Now()
		hold := w.hold(mira, cup, 1)
		for range 2 {
			time.Sleep(4 * time.Minute)
			w.must(200, mira, "POST", "/api/v1/holds/"+hold+"/more", nil)
		}
		time.Sleep(time.Minute)
		same(t, "ten minutes are enough", w.call(mira, "POST", "/api/v1/holds/"+hold+"/more", nil).code(), "hold_final")
		same(t, "the end", w.mineUntil(mira), begin.Add(10*time.Minute).UnixMilli())
		time.Sleep(time.Until(begin.Add(10*time.Minute - time.Millisecond)))
		synctest.Wait()
		same(t, "until the last moment", w.stock(cup), [3]int64{0, 1, 0})
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		same(t, "then it is back", w.stock(cup), [3]int64{1, 0, 0})
		if got := lastOf(w.rooms.of("hold")); !strings.Contains(got, `"state":"released"`) {
			t.Errorf("mira was told %s", got)
		}
		same(t, "eve", w.tap(eve, obj{"product": cup}).status, 200)
		w.clean()
	})
}

func (w *world) mineUntil(person string) int64 {
	hold, _ := w.mine(person)
	at, err := time.Parse(time.RFC3339, hold["until"].(string))
	if err != nil {
		w.t.Fatal(err)
	}
	return at.UnixMilli()
}

// The line: whoever is first gets the unit that comes back, before anybody who
// taps; a turn that is not used goes to the next, once.
func TestWaitingList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.Open(t, schemas...)
		w := newWorld(t, d)
		stop := w.run()
		cup := w.product("cup", 1000, 1)
		for _, name := range []string{"mira", "first", "second", "third", "eve"} {
			w.buyer(name, "pm_card_visa")
		}
		same(t, "no line yet", w.join("first", cup).code(), "in_stock")
		hold := w.hold("mira", cup, 1)
		for i, name := range []string{"first", "second", "third"} {
			a := w.join(name, cup)
			same(t, "joined", a.status, 201)
			same(t, "place", a.at("place", "place"), any(float64(i+1)))
		}
		same(t, "once", w.join("second", cup).status, 200)
		same(t, "who holds does not wait", w.join("mira", cup).code(), "in_stock")
		same(t, "more time while others wait", w.call("mira", "POST", "/api/v1/holds/"+hold+"/more", nil).code(), "hold_final")

		w.must(204, "mira", "DELETE", "/api/v1/holds/"+hold, nil)
		synctest.Wait()
		same(t, "not on open sale", w.stock(cup), [3]int64{0, 1, 0})
		same(t, "eve is not faster", w.tap("eve", obj{"product": cup}).code(), "sold_out")
		same(t, "letters", len(w.rooms.of("turn")), 1)
		if e := w.rooms.lastOf("turn"); e.person != "first" || e.how != "send" {
			t.Errorf("the letter went to %q by %s", e.person, e.how)
		}

		// A restart in the middle of a turn changes nothing about it.
		stop()
		w2 := newWorld(t, d)
		w2.who = w.who
		w2.shop.Who = w.who
		defer w2.run()()
		w = w2
		time.Sleep(119 * time.Second)
		synctest.Wait()
		turn, _ := w.mine("first")
		same(t, "still first's", turn["kind"], any("turn"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if turn, _ := w.mine("first"); turn != nil {
			t.Errorf("a turn past its time: %v", turn)
		}
		turn, _ = w.mine("second")
		same(t, "second's turn", turn["kind"], any("turn"))
		same(t, "first is out of line", w.count("SELECT COUNT(*) FROM shop_wait WHERE buyer = 'first' AND state = 'waiting'"), 0)
		_, place := w.mine("third")
		same(t, "third moved up", place["place"], any(1.0))
		w.clean()

		a := w.tap("second", obj{"product": cup, "hold": turn["id"]})
		same(t, "second buys", a.status, 200)
		same(t, "stock", w.stock(cup), [3]int64{0, 0, 1})
		w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"add": 2})
		synctest.Wait()
		turn, _ = w.mine("third")
		same(t, "new stock goes to the line first", turn["kind"], any("turn"))
		same(t, "the rest is on sale", w.stock(cup), [3]int64{1, 1, 1})
		w.clean()
	})
}

// Leaving gives up the place; a product that goes off the shelf sends everybody
// home.
func TestLeaveTheLine(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1000, 0)
		a, b := w.buyer("a", "pm_card_visa"), w.buyer("b", "pm_card_visa")
		w.buyer("poor", "")
		same(t, "without a way to pay", w.join("poor", cup).code(), "payment_method_missing")
		id := w.join(a, cup).str("place", "id")
		w.join(b, cup)
		same(t, "another's place", w.call(b, "DELETE", "/api/v1/waitlist/"+id, nil).code(), "no_such_place")
		w.must(204, a, "DELETE", "/api/v1/waitlist/"+id, nil)
		same(t, "left once", w.call(a, "DELETE", "/api/v1/waitlist/"+id, nil).code(), "no_such_place")
		_, place := w.mine(b)
		same(t, "b moved up", place["place"], any(1.0))
		same(t, "buyers do not see lines", w.call(b, "GET", "/api/v1/channels/tea/waitlist", nil).code(), "not_allowed")
		lines := w.must(200, "hana", "GET", "/api/v1/channels/tea/waitlist", nil).at("lines").([]any)
		same(t, "waiting", lines[0].(obj)["waiting"], any(1.0))
		w.must(204, "olga", "DELETE", "/api/v1/products/"+cup, nil)
		if _, place := w.mine(b); place != nil {
			t.Errorf("a line for nothing: %v", place)
		}
		w.clean()
	})
}

func TestSellingSettings(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	same(t, "a moderator", w.call("modi", "PUT", "/api/v1/channels/tea/selling", obj{"turn_seconds": 60}).code(), "not_allowed")
	same(t, "too short", w.call("hana", "PUT", "/api/v1/channels/tea/selling", obj{"turn_seconds": 5}).code(), "bad_turn_seconds")
	a := w.must(200, "hana", "PUT", "/api/v1/channels/tea/selling", obj{"turn_seconds": 60})
	same(t, "the rest stays", a.at("hold_seconds"), any(300.0))
	cup := w.product("cup", 1000, 0)
	w.buyer("mira", "pm_card_visa")
	w.join("mira", cup)
	before := time.Now()
	w.must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"stock": 1})
	if d := time.UnixMilli(w.mineUntil("mira")).Sub(before); d < 59*time.Second || d > 62*time.Second {
		t.Errorf("a turn of %v", d)
	}
}

// Two nodes over one database, units that come and go, and a crowd that taps
// beside a line: every turn is given once, and nobody who taps gets a unit
// while somebody waits.
func TestLineOnTwoNodes(t *testing.T) {
	const waiting, units = 12, 5
	each(t, func(w *world) {
		t := w.t
		other := newWorld(t, w.db)
		other.who, other.shop.Who = w.who, w.who
		cup := w.product("cup", 1000, 0)
		for i := range waiting {
			who := w.buyer(name("w", i), "pm_card_visa")
			same(t, "joined", w.join(who, cup).status, 201)
			w.buyer(name("tapper", i), "pm_card_visa")
		}
		var group sync.WaitGroup
		for i := range units {
			group.Go(func() {
				[]*world{w, other}[i%2].must(200, "olga", "PATCH", "/api/v1/products/"+cup, obj{"add": 1})
			})
		}
		for i := range waiting {
			group.Go(func() {
				if a := []*world{w, other}[i%2].tap(name("tapper", i), obj{"product": cup}); a.code() != "sold_out" {
					t.Errorf("overtook the line: %d %s", a.status, a.text)
				}
			})
		}
		group.Wait()
		same(t, "turns", w.count("SELECT COUNT(*) FROM shop_hold WHERE kind = 'turn'"), units)
		same(t, "the first five", w.count("SELECT MAX(seq) FROM shop_wait WHERE state = 'called'"), units)
		w.clean()
		for i := range units {
			turn, _ := w.mine(name("w", i))
			group.Go(func() {
				a := []*world{w, other}[i%2].tap(name("w", i), obj{"product": cup, "hold": turn["id"]})
				same(t, "bought", a.status, 200)
			})
		}
		group.Wait()
		same(t, "stock", w.stock(cup), [3]int64{0, 0, units})
		w.clean()
	})
}

// What is held under an offer is held out of its share, at its price.
func TestHoldUnderAnOffer(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1000, 9)
		a, b := w.buyer("a", "pm_card_visa"), w.buyer("b", "pm_card_visa")
		pin := w.must(200, "hana", "PUT", "/api/v1/channels/tea/pin", obj{"product": cup, "offer": obj{"price": usd(700), "seconds": 60, "stock": 2, "per_buyer": 2}}).str("pin")
		body := func(n int) obj { return obj{"channel": "tea", "pin": pin, "quantity": n} }
		hold := w.must(201, a, "POST", "/api/v1/holds", body(2)).str("hold", "id")
		same(t, "b", w.tap(b, obj{"pin": pin}).code(), "sold_out")
		over := w.call(a, "POST", "/api/v1/holds", body(3))
		same(t, "more than the share", over.code(), "sold_out")
		same(t, "a", w.tap(a, obj{"pin": pin, "quantity": 2, "hold": hold}).status, 200)
		w.clean()
		w.must(200, "hana", "PUT", "/api/v1/channels/tea/pin", obj{"product": cup, "offer": obj{"price": usd(700), "seconds": 60, "stock": 5, "per_buyer": 2}})
		pin = w.must(200, "hana", "PUT", "/api/v1/channels/tea/pin", obj{"product": cup, "offer": obj{"price": usd(700), "seconds": 60, "stock": 5, "per_buyer": 2}}).str("pin")
		same(t, "a", w.tap(a, obj{"pin": pin}).status, 200)
		over = w.call(a, "POST", "/api/v1/holds", body(2))
		same(t, "over the cap", over.code(), "limit_reached")
		same(t, "limit", over.at("limit"), any(2.0))
		same(t, "have", over.at("have"), any(1.0))
		tapped := w.tap(a, obj{"pin": pin, "quantity": 2})
		same(t, "at the tap as well", tapped.at("have"), any(1.0))
		w.must(201, b, "POST", "/api/v1/holds", body(2))
		w.must(204, "hana", "DELETE", "/api/v1/channels/tea/pin", nil)
		held, _ := w.mine(b)
		same(t, "b at the price of now", w.tap(b, obj{"product": cup, "hold": held["id"]}).status, 200)
		w.clean()
	})
}
