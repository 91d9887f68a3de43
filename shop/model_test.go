package shop_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/shop"
)

// The model: random things happen to a shop, some of them crashes, and a few
// integers beside it say what its stock must be after each. The real shop runs
// on a real database, its provider keeps its own books, and both are compared
// with the integers.
type model struct {
	*world
	rnd      *rand.Rand
	db       *db.DB
	stopped  func()
	products []string
	units    map[string]*[3]int64 // available, held, sold
	orders   []*modelOrder
	log      []string
}

type modelOrder struct {
	id, product, buyer, page string
	quantity                 int64
	state                    string
	shipped                  bool
	until                    time.Time
}

// Enough to meet every kind of step in many orders; more find nothing new in
// proportion to the time they take.
const (
	modelSeeds = 6
	modelSteps = 45
)

func TestStockModel(t *testing.T) {
	for seed := range uint64(modelSeeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := dbtest.Open(t, schemas...)
				m := &model{world: newWorld(t, d), rnd: rand.New(rand.NewPCG(seed, 42)), db: d, units: map[string]*[3]int64{}}
				m.stopped = m.run()
				for i := range 3 {
					n := m.rnd.Int64N(8)
					id := m.product(name("p", i), 100+int64(i), n)
					m.products, m.units[id] = append(m.products, id), &[3]int64{n, 0, 0}
				}
				for range modelSteps {
					m.step()
					m.compare()
					if t.Failed() {
						for _, line := range m.log {
							t.Log(line)
						}
						return
					}
				}
				m.settle()
			})
		})
	}
}

func (m *model) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

func (m *model) step() {
	switch m.rnd.IntN(10) {
	case 0, 1, 2, 3:
		m.tapSomething()
	case 4:
		m.answerBank()
	case 5:
		m.cancelSomething()
	case 6:
		m.refundOrShip()
	case 7:
		m.stockTake()
	case 8:
		m.wait()
	case 9:
		m.crash()
	}
}

func (m *model) tapSomething() {
	methods := map[string]string{"pm_card_visa": "paid", "pm_card_chargeDeclined": "payment_failed", "pm_card_authenticationRequired": "action_required"}
	names := []string{"pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"}
	method := names[m.rnd.IntN(len(names))]
	product, n := m.products[m.rnd.IntN(len(m.products))], 1+m.rnd.Int64N(3)
	u := m.units[product]
	buyer := m.buyer(fmt.Sprint("b", len(m.log)), method)
	a := m.tap(buyer, obj{"product": product, "quantity": n})
	m.note("tap %d of %s by %s with %s: %d", n, product, buyer, method, a.status)
	if n > u[0] {
		same(m.t, "more than there are", a.code(), "sold_out")
		return
	}
	want := methods[method]
	same(m.t, "state", a.str("order", "state"), want)
	o := &modelOrder{id: a.str("order", "id"), product: product, buyer: buyer, quantity: n, state: want}
	m.orders = append(m.orders, o)
	switch want {
	case "paid":
		u[0], u[2] = u[0]-n, u[2]+n
	case "action_required":
		u[0], u[1] = u[0]-n, u[1]+n
		o.until = time.Now().Add(5 * time.Minute)
		o.page = a.str("action", "redirect_url")[len("http://example.com"):]
	}
}

// pick finds an order in a state.
func (m *model) pick(state string) *modelOrder {
	for _, i := range m.rnd.Perm(len(m.orders)) {
		if m.orders[i].state == state {
			return m.orders[i]
		}
	}
	return nil
}

func (m *model) answerBank() {
	o := m.pick("action_required")
	if o == nil {
		return
	}
	u, answer := m.units[o.product], []string{"approve", "refuse"}[m.rnd.IntN(2)]
	m.note("the bank of %s: %s", o.id, answer)
	m.respond(o.page, answer, true)
	u[1] -= o.quantity
	if answer == "approve" {
		o.state, u[2] = "paid", u[2]+o.quantity
	} else {
		o.state, u[0] = "payment_failed", u[0]+o.quantity
	}
}

func (m *model) cancelSomething() {
	o := m.pick([]string{"action_required", "paid", "expired"}[m.rnd.IntN(3)])
	if o == nil {
		return
	}
	a := m.call(o.buyer, "POST", "/api/v1/orders/"+o.id+"/cancel", nil)
	m.note("cancel %s in %s: %d", o.id, o.state, a.status)
	switch o.state {
	case "action_required":
		u := m.units[o.product]
		o.state, u[0], u[1] = "canceled", u[0]+o.quantity, u[1]-o.quantity
		same(m.t, "canceled", a.status, 200)
	case "paid":
		same(m.t, "paid", a.status, 409)
	}
}

func (m *model) refundOrShip() {
	o := m.pick("paid")
	if o == nil {
		return
	}
	if m.rnd.IntN(2) == 0 {
		m.note("ship %s", o.id)
		m.must(200, "mert", "POST", "/api/v1/orders/"+o.id+"/ship", obj{"carrier": "Post"})
		o.shipped = true
		return
	}
	m.note("refund %s", o.id)
	m.must(200, "mert", "POST", "/api/v1/orders/"+o.id+"/refund", nil)
	o.state = "refunded"
	if u := m.units[o.product]; !o.shipped {
		u[0], u[2] = u[0]+o.quantity, u[2]-o.quantity
	}
}

func (m *model) stockTake() {
	product := m.products[m.rnd.IntN(len(m.products))]
	u, n := m.units[product], m.rnd.Int64N(9)
	if m.rnd.IntN(2) == 0 {
		m.must(200, "mert", "PATCH", "/api/v1/products/"+product, obj{"stock": n})
		u[0] = n
	} else {
		n -= 4
		a := m.call("mert", "PATCH", "/api/v1/products/"+product, obj{"add": n})
		if u[0]+n < 0 {
			same(m.t, "below none", a.status, 422)
		} else {
			u[0] += n
		}
	}
	m.note("stock of %s: %d", product, u[0])
}

// wait lets time pass: holds past theirs are released.
func (m *model) wait() {
	time.Sleep(time.Duration(m.rnd.Int64N(int64(2 * time.Minute))))
	time.Sleep(3 * time.Second) // a whole sweep
	m.note("it is %s", time.Now().Format(time.TimeOnly))
	m.expire()
}

func (m *model) expire() {
	for _, o := range m.orders {
		// The last seconds are the sweeper's: it may or may not have come.
		if o.state == "action_required" && time.Until(o.until) < -2*time.Second {
			u := m.units[o.product]
			o.state, u[0], u[1] = "expired", u[0]+o.quantity, u[1]-o.quantity
		}
	}
}

// crash loses a process in the middle of a tap, and starts another.
func (m *model) crash() {
	product := m.products[m.rnd.IntN(len(m.products))]
	u := m.units[product]
	buyer := m.buyer(fmt.Sprint("b", len(m.log)), []string{"pm_card_visa", "pm_card_chargeDeclined"}[m.rnd.IntN(2)])
	before, after := m.rnd.IntN(2) == 0, m.rnd.IntN(2) == 0
	m.stopped()
	m.shop.Gateway = killed{Gateway: m.pay, before: before, after: after}
	a := m.tap(buyer, obj{"product": product})
	m.note("crash in a tap of %s by %s (before %v, after %v): %d", product, buyer, before, after, a.status)
	next := newWorld(m.t, m.db)
	next.who = m.who
	next.shop.Who = m.who
	m.world = next
	m.stopped = m.run()
	time.Sleep(3 * time.Second)
	m.expire()
	if a.code() == "sold_out" {
		same(m.t, "sold out", u[0], 0)
		return
	}
	id := a.str("order", "id")
	o := &modelOrder{id: id, product: product, buyer: buyer, quantity: 1, state: m.state(id)}
	m.orders = append(m.orders, o)
	switch o.state {
	case "paid":
		u[0], u[2] = u[0]-1, u[2]+1
	case "payment_failed":
	default:
		m.t.Errorf("after the restart the order is %s", o.state)
	}
}

func (m *model) compare() {
	m.t.Helper()
	near := false
	for _, o := range m.orders {
		near = near || o.state == "action_required" && time.Until(o.until) < 2*time.Second
	}
	if near {
		time.Sleep(5 * time.Second)
		m.expire()
	}
	for _, id := range m.products {
		same(m.t, "stock of "+id, m.stock(id), *m.units[id])
	}
	for _, o := range m.orders {
		same(m.t, "order "+o.id, m.state(o.id), o.state)
	}
	m.clean()
}

// settle lets everything end and compares with the provider's own books: each
// payment that took money is one order that was paid, and no other.
func (m *model) settle() {
	time.Sleep(6 * time.Minute)
	m.expire()
	m.compare()
	taken, paid := int64(0), int64(0)
	for _, o := range m.orders {
		n := m.charged(o.id)
		taken += n
		if o.state == string(shop.Paid) || o.state == string(shop.Refunded) {
			paid++
			same(m.t, "charges of "+o.id, n, 1)
		} else {
			same(m.t, "charges of "+o.id+", "+o.state, n, 0)
		}
	}
	same(m.t, "payments without an order", m.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'charge' AND body LIKE '%"status":"succeeded"%'`), taken)
	same(m.t, "holds", m.count("SELECT COUNT(*) FROM shop_order WHERE units = 'held'"), 0)
	same(m.t, "live intents", m.count(`SELECT COUNT(*) FROM sandbox_object WHERE kind = 'payment_intent' AND body NOT LIKE '%"status":"succeeded"%' AND body NOT LIKE '%"status":"canceled"%'`), 0)
	m.stopped()
	if paid == 0 {
		m.t.Log("this seed paid for nothing")
	}
}
