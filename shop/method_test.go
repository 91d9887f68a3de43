package shop_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"souk/internal/db/dbtest"
	"souk/shop"
)

const methodsPath = "/api/v1/me/payment-methods"

// saved lists a person's methods as digits, the default in front with a star.
func (w *world) saved(person string) string {
	w.t.Helper()
	var all []string
	for _, m := range w.must(200, person, "GET", methodsPath, nil).at("methods").([]any) {
		m := m.(map[string]any)
		text := m["last4"].(string)
		if m["default"] == true {
			text = "*" + text
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func (w *world) save(person, test string) (id string) {
	w.t.Helper()
	return w.must(200, person, "POST", methodsPath, obj{"test": test}).str("id")
}

func TestMethodsAreChosenAndRemoved(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 9)
		w.buyer("mira", "")
		same(t, "none", w.saved("mira"), "")
		visa := w.save("mira", "pm_card_visa")
		master := w.save("mira", "pm_card_mastercard")
		same(t, "the newest", w.saved("mira"), "*4444 4242")
		same(t, "pays", w.tap("mira", obj{"product": cup}).str("order", "payment", "last4"), "4444")
		w.must(200, "mira", "POST", methodsPath+"/"+visa+"/default", nil)
		same(t, "the chosen", w.saved("mira"), "*4242 4444")
		same(t, "pays", w.tap("mira", obj{"product": cup}).str("order", "payment", "last4"), "4242")

		w.buyer("eve", "pm_card_visa")
		for _, verb := range []string{"POST /default", "DELETE "} {
			method, tail, _ := strings.Cut(verb, " ")
			same(t, verb+" of another", w.call("eve", method, methodsPath+"/"+visa+tail, nil).code(), "no_such_payment_method")
			same(t, verb+" of nobody", w.call("", method, methodsPath+"/"+visa+tail, nil).status, 401)
		}

		w.must(200, "mira", "DELETE", methodsPath+"/"+visa, nil)
		same(t, "left", w.saved("mira"), "*4444")
		same(t, "twice", w.call("mira", "DELETE", methodsPath+"/"+visa, nil).code(), "no_such_payment_method")
		same(t, "forgotten by the provider", w.count(`SELECT COUNT(*) FROM sandbox_object WHERE id = $1 AND customer = ''`, visa), 1)
		same(t, "nothing left to do", w.count("SELECT COUNT(*) FROM shop_detach"), 0)
		w.must(200, "mira", "DELETE", methodsPath+"/"+master, nil)
		same(t, "tap", w.tap("mira", obj{"product": cup}).code(), "payment_method_missing")
		w.clean()
	})
}

// While the bank is asking about it, a method stays; and what the provider could
// not be told at once it is told later, without the method coming back meanwhile.
func TestMethodInUse(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 9)
	w.buyer("mira", "pm_card_authenticationRequired")
	id := w.save("mira", "pm_card_authenticationRequired")
	order, _ := w.asked("mira", cup)
	same(t, "in use", w.call("mira", "DELETE", methodsPath+"/"+id, nil).code(), "method_in_use")
	w.must(200, "mira", "POST", "/api/v1/orders/"+order+"/cancel", nil)
	away := &deaf{Wallet: w.pay}
	w.shop.Wallet = away
	w.must(200, "mira", "DELETE", methodsPath+"/"+id, nil)
	same(t, "gone here", w.saved("mira"), "*3184")
	same(t, "not there yet", w.count("SELECT COUNT(*) FROM shop_detach"), 1)
	w.must(200, "mira", "POST", methodsPath+"/sync", nil)
	same(t, "and does not come back", w.saved("mira"), "*3184")
	away.hears = true
	w.exec("UPDATE shop_detach SET look_at = 0")
	stop := w.run()
	eventually(t, "the provider forgets it", func() bool { return w.count("SELECT COUNT(*) FROM shop_detach") == 0 })
	stop()
	same(t, "gone there", w.count(`SELECT COUNT(*) FROM sandbox_object WHERE id = $1 AND customer = ''`, id), 1)
}

// deaf does not hear that a method is to be forgotten.
type deaf struct {
	shop.Wallet
	hears bool
}

func (d *deaf) Detach(ctx context.Context, method string) error {
	if !d.hears {
		return errors.New("timeout")
	}
	return d.Wallet.Detach(ctx, method)
}

// The bank sends a new card: the digits change, the choice stays. A card that
// was taken off at the provider goes, and an expired one is used last.
func TestMethodsFollowTheProvider(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 1250, 9)
	w.buyer("mira", "")
	old := w.save("mira", "pm_card_visa")
	w.save("mira", "pm_card_mastercard")
	w.must(200, "mira", "POST", methodsPath+"/"+old+"/default", nil)
	if err := w.box.Replace(t.Context(), old, "1881", time.Now().Year()+3); err != nil {
		t.Fatal(err)
	}
	w.deliver(1, "payment_method.automatically_updated")
	same(t, "replaced", w.saved("mira"), "*1881 4444")
	if err := w.box.Replace(t.Context(), old, "1881", 2020); err != nil {
		t.Fatal(err)
	}
	w.deliver(1, "payment_method.automatically_updated")
	same(t, "expired", w.saved("mira"), "1881 *4444")
	same(t, "pays", w.tap("mira", obj{"product": cup}).str("order", "payment", "last4"), "4444")
	ofTheirs := w.count("SELECT COUNT(*) FROM shop_method")
	if err := w.pay.Detach(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w.deliver(2, "payment_method.detached")
	same(t, "taken off elsewhere", w.saved("mira"), "*4444")
	same(t, "one less", w.count("SELECT COUNT(*) FROM shop_method"), ofTheirs-1)
}

func TestMethodsAreFew(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	w.buyer("mira", "pm_card_visa")
	for i := range 19 {
		w.exec("INSERT INTO shop_method (id, person, brand, last4, created) VALUES ('pm_" + name("x", i) + "', 'mira', 'visa', '1111', 0)")
	}
	same(t, "the twenty-first", w.call("mira", "POST", methodsPath, obj{"test": "pm_card_visa"}).code(), "limit_reached")
}

// Who is erased is forgotten by the provider as well.
func TestErasedAtTheProvider(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	w.buyer("mira", "")
	id := w.save("mira", "pm_card_visa")
	if err := w.shop.Erase(t.Context(), "mira"); err != nil {
		t.Fatal(err)
	}
	stop := w.run()
	eventually(t, "the provider forgets it", func() bool {
		return w.count(`SELECT COUNT(*) FROM sandbox_object WHERE id = $1 AND customer = ''`, id) == 1
	})
	stop()
}
