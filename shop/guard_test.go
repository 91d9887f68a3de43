package shop_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/db/dbtest"
	"souk/shop"
)

// from sends a request as person from an address.
func (w *world) from(address, person, method, path, body string, headers ...string) answer {
	w.t.Helper()
	was := w.remote
	w.remote = address
	defer func() { w.remote = was }()
	return w.call(person, method, path, body, headers...)
}

// A card tester makes a person per card: the address they share is stopped, for
// a while, and nobody else is.
func TestCardTestersAreStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		const hall, home = "203.0.113.9:4000", "198.51.100.7:4000"
		stopped := answer{}
		tries := 0
		for ; tries < 100 && stopped.status != 429; tries++ {
			who := name("tester", tries)
			w.who.add(who)
			stopped = w.from(hall, who, "POST", methodsPath, `{"test":"pm_card_chargeDeclined"}`)
		}
		same(t, "saved", tries, 41)
		same(t, "code", stopped.code(), "too_fast")
		if stopped.header.Get("Retry-After") == "" || stopped.at("retry_ms") == nil {
			t.Errorf("for how long? %v %s", stopped.header, stopped.text)
		}
		w.who.add("mira")
		same(t, "at home", w.from(home, "mira", "POST", methodsPath, `{"test":"pm_card_visa"}`).status, 200)
		same(t, "in the hall", w.from(hall, "mira", "POST", methodsPath, `{"test":"pm_card_visa"}`).status, 429)

		cup := w.product("cup", 100, 500)
		tap := func(address, who string) answer {
			return w.from(address, who, "POST", "/api/v1/orders", `{"channel":"tea","product":"`+cup+`"}`, "Idempotency-Key", newKey())
		}
		declined := 0
		for i := range tries - 1 {
			switch a := tap(hall, name("tester", i)); a.status {
			case 402:
				declined++
			default:
				t.Fatalf("tap %d: %s", i, a.text)
			}
		}
		same(t, "declined", declined, 40)
		a := tap(hall, "mira")
		same(t, "after that", a.code(), "too_fast")
		same(t, "and elsewhere", tap(home, "mira").status, 200)
		time.Sleep(10*time.Minute + time.Second)
		same(t, "ten minutes later", tap(hall, "mira").status, 200)
		w.clean()
	})
}

// Whoever holds it: a card that was declined twelve times rests.
func TestOneCardManyHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dbtest.Open(t, schemas...))
		w.shop.Wallet = sameCard{w.pay}
		cup := w.product("cup", 100, 50)
		for i := range 12 {
			same(t, "declined", w.tap(w.buyer(name("b", i), "pm_card_chargeDeclined"), obj{"product": cup}).status, 402)
		}
		late := w.buyer("late", "pm_card_chargeDeclined")
		key := newKey()
		a := w.tap(late, obj{"product": cup}, key)
		same(t, "the thirteenth", a.status, 429)
		if !strings.Contains(a.text, "retry_ms") || a.header.Get("Retry-After") == "" {
			t.Errorf("for how long? %s", a.text)
		}
		same(t, "stock", w.stock(cup), [3]int64{50, 0, 0})
		time.Sleep(10 * time.Minute)
		same(t, "later", w.tap(late, obj{"product": cup}, key).status, 402)
	})
}

type sameCard struct{ shop.Wallet }

func (s sameCard) Attach(ctx context.Context, customer, test string) (shop.Card, error) {
	c, err := s.Wallet.Attach(ctx, customer, test)
	c.Fingerprint = "one"
	return c, err
}

// A hall full of buyers behind one address is served, and one that hammers is
// not; the same finger always hears of its order.
func TestTapsPerAddress(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 100, 5000)
	w.remote = "203.0.113.9:4000"
	key := newKey()
	first := w.tap(w.buyer("mira", "pm_card_visa"), obj{"product": cup}, key)
	same(t, "first", first.status, 200)
	limited := 0
	for i := range 900 {
		if a := w.tap("nobody-"+name("x", i), obj{"product": cup}); a.status == 429 {
			limited++
		} else if a.status != 401 {
			t.Fatal(a.text)
		}
	}
	same(t, "who is nobody costs nothing", limited, 0)
	r := httptest.NewRequest("POST", "/", nil)
	r.RemoteAddr = w.remote
	for i := range 900 {
		w.shop.SpendTap(r, name("k", i))
	}
	same(t, "hammered", w.tap("mira", obj{"product": cup}).code(), "too_fast")
	again := w.tap("mira", obj{"product": cup}, key)
	same(t, "the same finger", again.str("order", "id"), first.str("order", "id"))
}

// Card numbers that people type where they do not belong are not stored.
func TestNoCardNumberIsStored(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	const number = "4242 4242 4242 4242"
	a := w.must(201, "olga", "POST", "/api/v1/channels/tea/products", obj{"sku": "cup", "title": "Cup " + number, "description": "pay " + number, "price": usd(100), "stock": 1})
	w.must(200, "olga", "PATCH", "/api/v1/products/"+a.str("id"), obj{"description": "or 4242424242424242"})
	same(t, "stored", w.count("SELECT COUNT(*) FROM shop_product WHERE title LIKE '%4242%' OR description LIKE '%4242%'"), 0)
	if !strings.Contains(a.str("title"), "••••") {
		t.Errorf("title %q", a.str("title"))
	}
}
