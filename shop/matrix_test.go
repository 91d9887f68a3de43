package shop_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"souk/internal/db/dbtest"
)

// kills is how often each point is tried: once in the tests, as often as
// SOUK_CRASH_RUNS says in `make crash`.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("SOUK_CRASH_RUNS")); err == nil {
		return n
	}
	return 1
}

// story is what a buyer and a merchant do around one order, and how it ends,
// killed or not.
type story struct {
	method, state string
	cancel        bool // the buyer calls it off instead of answering the bank
	refund        bool
}

var (
	sale     = story{method: "pm_card_visa", state: "paid"}
	decline  = story{method: "pm_card_chargeDeclined", state: "payment_failed"}
	calledIt = story{method: "pm_card_authenticationRequired", cancel: true, state: "canceled"}
	payback  = story{method: "pm_card_visa", refund: true, state: "refunded"}
)

// points are all places where a till is killed, and the story it is in.
var points = []struct {
	name string
	story
}{
	{"before the hold", sale},
	{"during the hold", sale},
	{"with the order charging", sale},
	{"before the charge", sale},
	{"during the charge", sale},
	{"after the charge", sale},
	{"around the commit after the charge", sale},
	{"with the order paid", sale},
	{"with a hook in hand", sale},
	{"before the charge", decline},
	{"after the charge", decline},
	{"with the order releasing", decline},
	{"before the cancel", decline},
	{"during the cancel", decline},
	{"after the cancel", decline},
	{"around the commit after the cancel", decline},
	{"with the order payment_failed", decline},
	{"with the order action_required", calledIt},
	{"with the order releasing", calledIt},
	{"before the cancel", calledIt},
	{"after the cancel", calledIt},
	{"with the order canceled", calledIt},
	{"before the refund", payback},
	{"during the refund", payback},
	{"after the refund", payback},
	{"around the commit after the refund", payback},
	{"with the order refunded", payback},
}

// A till is killed at every point between a tap and its end. Whoever asks again
// with the same key, at the next till, gets the end that the story has without a
// kill; nobody is charged twice, and the books are in order.
func TestKilledAtEveryPoint(t *testing.T) {
	for engine, address := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			database := address(t)
			k := startTill(t, database)
			cup := k.ok(t, "olga", "POST", "/api/v1/channels/tea/products", obj{"sku": "cup", "title": "Cup", "price": usd(1250), "stock": 100_000}, "").str("id")
			k.kill()
			runs := 0
			for _, p := range points {
				for i := range kills() {
					who := name(p.name+" "+p.method, i)
					order := p.killedIn(t, database, p.name, who, cup)
					same(t, who+" state", order.str("order", "state"), p.state)
					runs++
				}
			}
			d, _ := dbtest.Start(t, database, schemas...)
			w := newWorld(t, d)
			w.clean()
			same(t, "orders", w.count("SELECT COUNT(*) FROM shop_order"), int64(runs))
			same(t, "held", w.count("SELECT COUNT(*) FROM shop_order WHERE units = 'held'"), 0)
			w.matchesProvider()
			t.Logf("%d kills at %d points", runs, len(points))
		})
	}
}

// killedIn plays a story with a till that dies at a point, plays it again with
// the same keys at the next, and returns the order then.
func (s story) killedIn(t *testing.T, database, point, who, cup string) answer {
	t.Helper()
	key, back := newKey(), newKey()
	first := startTill(t, database, tillDies+"="+point)
	acknowledged := s.play(first, who, cup, key, back)
	select {
	case <-first.gone: // a hook, and the end of a moment, come after the answer
	case <-time.After(20 * time.Second):
		t.Errorf("%s: the till never got to %q", who, point)
		first.kill()
	}
	next := startTill(t, database)
	defer next.kill()
	if acknowledged != "" {
		a := next.ok(t, who, "GET", "/api/v1/orders/"+acknowledged, nil, "")
		same(t, who+": an order that was acknowledged", a.status, 200)
	}
	id := s.play(next, who, cup, key, back)
	if acknowledged != "" {
		same(t, who+": the same key's order", id, acknowledged)
	}
	var a answer
	eventually(t, who+" settles", func() bool {
		a = next.ok(t, who, "GET", "/api/v1/orders/"+id, nil, "")
		return a.str("order", "state") == s.state
	})
	return a
}

// play does the story's steps as far as the till lives, and returns the order
// that was acknowledged.
func (s story) play(k till, who, cup, key, back string) (order string) {
	if a, err := k.call(who, "POST", "/api/v1/me/payment-methods", obj{"test": s.method}, ""); err != nil || a.status != 200 {
		return ""
	}
	a, err := k.call(who, "POST", "/api/v1/orders", obj{"channel": "tea", "product": cup}, key)
	if err != nil {
		return ""
	}
	order = a.str("order", "id")
	if s.cancel && order != "" {
		_, _ = k.call(who, "POST", "/api/v1/orders/"+order+"/cancel", nil, "")
	}
	if s.refund && order != "" {
		_, _ = k.call("mert", "POST", "/api/v1/orders/"+order+"/refund", obj{}, back)
	}
	return order
}

// matchesProvider compares our books with the provider's: every payment that
// took money belongs to one order that says so, and no other order does.
func (w *world) matchesProvider() {
	w.t.Helper()
	same(w.t, "charges that took money", w.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'charge' AND body LIKE '%"status":"succeeded"%'`),
		w.count("SELECT COUNT(*) FROM shop_order WHERE state IN ('paid', 'refunded')"))
	same(w.t, "payments that are not one order's", w.count(`SELECT COUNT(*) FROM sandbox_object o WHERE o.kind = 'payment_intent' AND o.body LIKE '%"status":"succeeded"%'
		AND NOT EXISTS (SELECT 1 FROM shop_attempt a JOIN shop_order p ON p.id = a.order_id WHERE a.intent = o.id AND a.outcome = 'succeeded' AND p.state IN ('paid', 'refunded'))`), 0)
	same(w.t, "intents left alive", w.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'payment_intent' AND body NOT LIKE '%"status":"succeeded"%' AND body NOT LIKE '%"status":"canceled"%'`), 0)
}

// settled waits until no unit is held and returns how long that took.
func settled(t *testing.T, w *world, since time.Time) time.Duration {
	t.Helper()
	eventually(t, "all settled", func() bool { return w.count("SELECT COUNT(*) FROM shop_order WHERE units = 'held'") == 0 })
	return time.Since(since)
}
