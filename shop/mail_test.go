package shop_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"souk/shop"
)

// postbox keeps mails, after the first few tries failed.
type postbox struct {
	mu    sync.Mutex // guards the rest
	fails []error
	all   []shop.Mail
}

func (p *postbox) send(_ context.Context, m shop.Mail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.fails) > 0 {
		err := p.fails[0]
		p.fails = p.fails[1:]
		return err
	}
	p.all = append(p.all, m)
	return nil
}

func (p *postbox) kinds() (all string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.all {
		all += m.Kind + " "
	}
	return all
}

// A buyer is told what becomes of the order, each thing once, without any
// endpoint; the link in the mail opens the order to whoever has it, and no other.
func TestBuyerIsTold(t *testing.T) {
	each(t, func(w *world) {
		var box postbox
		w.shop.Mail, w.shop.Home = box.send, "http://127.0.0.1:8080"
		w.run()
		cup := w.product("cup", 500, 10)
		order := w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": cup}).str("order", "id")
		eventually(t, "paid", func() bool { return box.kinds() == "order.paid " })
		w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/ship", obj{"carrier": "Post", "tracking": "T1"})
		eventually(t, "shipped", func() bool { return box.kinds() == "order.paid order.shipped " })
		w.must(200, "mert", "POST", "/api/v1/orders/"+order+"/refund", nil)
		eventually(t, "refunded", func() bool { return box.kinds() == "order.paid order.shipped order.refunded " })

		m := box.all[1]
		same(t, "to", m.Order.Buyer.Email, "ana@example.com")
		same(t, "tracking", m.Order.Shipment.Tracking, "T1")
		same(t, "shop", m.Channel, "tea")
		path, key, ok := strings.Cut(strings.TrimPrefix(m.Link, "http://127.0.0.1:8080/orders/"), "?key=")
		if !ok || path != order || len(key) < 20 {
			t.Fatalf("link %s", m.Link)
		}
		at := "/api/v1/orders/" + order
		same(t, "by the link", w.must(200, "", "GET", at+"?key="+key, nil).str("order", "state"), "refunded")
		same(t, "by the link, as a stranger", w.call(w.buyer("eve", ""), "GET", at+"?key="+key, nil).status, 200)
		same(t, "no key", w.call("", "GET", at, nil).status, 404)
		other := w.tap("ana", obj{"product": cup}).str("order", "id")
		for _, bad := range []string{"x", key[1:], key + "A", strings.ToUpper(key) + "x"} {
			same(t, "key "+bad, w.call("", "GET", at+"?key="+bad, nil).code(), "no_such_order")
		}
		same(t, "another order", w.call("", "GET", "/api/v1/orders/"+other+"?key="+key, nil).code(), "no_such_order")
		same(t, "calling off by the link", w.call("", "POST", "/api/v1/orders/"+other+"/cancel?key="+key, nil).status, 401)
		same(t, "its owner with a wrong key", w.call("ana", "GET", at+"?key=x", nil).status, 200)
		same(t, "after a restart", newWorld(t, w.db).must(200, "", "GET", at+"?key="+key, nil).str("order", "id"), order)
	})
}

// A mail server that is away delays a mail; an address that takes none ends it.
func TestMailComesAgainOrNever(t *testing.T) {
	each(t, func(w *world) {
		box := postbox{fails: []error{shop.ErrNoMail, errors.New("no answer")}}
		w.shop.Mail = box.send
		cup := w.product("cup", 500, 10)
		stop := w.run()
		w.tap(w.buyer("ana", "pm_card_visa"), obj{"product": cup})
		eventually(t, "refused", func() bool {
			return w.count("SELECT COUNT(*) FROM shop_delivery WHERE state = 'failed' AND error = 'rejected'") == 1
		})
		w.tap(w.buyer("ben", "pm_card_visa"), obj{"product": cup})
		eventually(t, "put off", func() bool {
			return w.count("SELECT COUNT(*) FROM shop_delivery WHERE state = 'waiting' AND error = 'unreachable'") == 1
		})
		stop()
		if err := execute(w, "UPDATE shop_delivery SET next_at = 1 WHERE state = 'waiting'"); err != nil {
			t.Fatal(err)
		}
		again := newWorld(t, w.db)
		again.shop.Mail = box.send
		again.run()
		eventually(t, "sent", func() bool { return box.kinds() == "order.paid " })
		same(t, "to", box.all[0].Order.Buyer.Email, "ben@example.com")
	})
}
