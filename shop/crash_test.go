package shop_test

import (
	"context"
	"errors"
	"testing"

	"souk/internal/db/dbtest"
	"souk/shop"
)

// killed stands between a shop and its provider and takes the process away at
// one point: whatever the old shop would have done next does not happen.
type killed struct {
	shop.Gateway
	before, after bool // around Start
	cancel        bool // before Cancel
	refund        bool // after Refund
}

var errKilled = errors.New("kill -9")

func (k killed) Start(ctx context.Context, p shop.Payment) (shop.Intent, error) {
	if k.before {
		return shop.Intent{}, errKilled
	}
	in, err := k.Gateway.Start(ctx, p)
	if k.after {
		return shop.Intent{}, errKilled
	}
	return in, err
}

func (k killed) Cancel(ctx context.Context, intent string) (shop.Intent, error) {
	if k.cancel {
		return shop.Intent{}, errKilled
	}
	return k.Gateway.Cancel(ctx, intent)
}

func (k killed) Refund(ctx context.Context, r shop.Repayment) (shop.Receipt, error) {
	got, err := k.Gateway.Refund(ctx, r)
	if k.refund {
		return shop.Receipt{}, errKilled
	}
	return got, err
}

// A shop dies between its commits; the next one over the same database settles
// everything, and nobody is charged twice or for nothing.
func TestCrash(t *testing.T) {
	cases := map[string]struct {
		method string
		at     killed
		left   string // state in which the first process leaves the order
		state  string // state in which the second does
		stock  [3]int64
		charge int64
	}{
		"before the call":           {"pm_card_visa", killed{before: true}, "charging", "paid", [3]int64{0, 0, 1}, 1},
		"after the call":            {"pm_card_visa", killed{after: true}, "charging", "paid", [3]int64{0, 0, 1}, 1},
		"before a declined call":    {"pm_card_chargeDeclined", killed{before: true}, "charging", "payment_failed", [3]int64{1, 0, 0}, 0},
		"after a declined call":     {"pm_card_chargeDeclined", killed{after: true}, "charging", "payment_failed", [3]int64{1, 0, 0}, 0},
		"between decline and dead":  {"pm_card_chargeDeclined", killed{cancel: true}, "releasing", "payment_failed", [3]int64{1, 0, 0}, 0},
		"before the bank's page":    {"pm_card_authenticationRequired", killed{after: true}, "charging", "action_required", [3]int64{0, 1, 0}, 0},
		"when everything went well": {"pm_card_visa", killed{}, "paid", "paid", [3]int64{0, 0, 1}, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t, schemas...)
			w := newWorld(t, d)
			id := w.product("cup", 1250, 1)
			w.buyer("mira", c.method)
			c.at.Gateway = w.pay
			w.shop.Gateway = c.at
			key := newKey()
			order := w.tap("mira", obj{"product": id}, key).str("order", "id")
			same(t, "left behind", w.must(200, "mira", "GET", "/api/v1/orders/"+order, nil).str("order", "state"), c.left)
			if c.left != "paid" {
				same(t, "held while unknown", w.stock(id), [3]int64{0, 1, 0})
			}

			next := newWorld(t, d)
			next.who.add("mira")
			if err := next.shop.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, "settled", next.must(200, "mira", "GET", "/api/v1/orders/"+order, nil).str("order", "state"), c.state)
			same(t, "stock", next.stock(id), c.stock)
			same(t, "charges", next.charged(order), c.charge)
			next.clean()

			before := next.count("SELECT COUNT(*) FROM shop_order_event")
			if err := next.shop.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, "a second look changes nothing", next.count("SELECT COUNT(*) FROM shop_order_event"), before)
			if again := next.tap("mira", obj{"product": id}, key); again.str("order", "id") != order {
				t.Errorf("the same key made another order: %s", again.text)
			}
			same(t, "charges", next.charged(order), c.charge)
		})
	}
}

// Not knowing is not failing: while the provider does not answer, the unit is
// held, the buyer hears "under way", and the same finger gets the same order.
func TestProviderAway(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	id := w.product("cup", 1250, 1)
	w.buyer("mira", "pm_card_visa")
	w.buyer("eve", "pm_card_visa")
	w.shop.Gateway = killed{Gateway: w.pay, after: true}
	key := newKey()
	a := w.tap("mira", obj{"product": id}, key)
	same(t, "status", a.status, 202)
	same(t, "state", a.str("order", "state"), "charging")
	same(t, "eve", w.tap("eve", obj{"product": id}).code(), "sold_out")
	same(t, "cancel", w.call("mira", "POST", "/api/v1/orders/"+a.str("order", "id")+"/cancel", nil).code(), "not_now")
	w.clean()
	w.shop.Gateway = w.pay
	again := w.tap("mira", obj{"product": id}, key)
	same(t, "status", again.status, 200)
	same(t, "order", again.str("order", "id"), a.str("order", "id"))
	same(t, "charges", w.charged(a.str("order", "id")), 1)
	w.clean()
}

// A provider that speaks of another sum, or of another order, is not believed.
func TestContradiction(t *testing.T) {
	lies := map[string]func(*shop.Intent){
		"too little":     func(in *shop.Intent) { in.Received.Amount-- },
		"other currency": func(in *shop.Intent) { in.Received.Currency = "EUR" },
		"other order":    func(in *shop.Intent) { in.Order = "somebody-else's" },
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.Open(t, schemas...))
			id := w.product("cup", 1250, 1)
			w.buyer("mira", "pm_card_visa")
			w.shop.Gateway = liar{w.pay, lie}
			key := newKey()
			same(t, "status", w.tap("mira", obj{"product": id}, key).status, 500)
			same(t, "stock", w.stock(id), [3]int64{0, 1, 0})
			same(t, "ledger", w.count("SELECT COUNT(*) FROM shop_ledger"), 0)
			w.clean()
			w.shop.Gateway = w.pay
			same(t, "the truth", w.tap("mira", obj{"product": id}, key).status, 200)
			w.clean()
		})
	}
}

type liar struct {
	shop.Gateway
	lie func(*shop.Intent)
}

func (l liar) Start(ctx context.Context, p shop.Payment) (shop.Intent, error) {
	in, err := l.Gateway.Start(ctx, p)
	l.lie(&in)
	return in, err
}
