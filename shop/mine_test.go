package shop_test

import (
	"context"
	"slices"
	"testing"

	"souk/internal/db"
	"souk/internal/db/dbtest"
)

// Everybody sees what they bought, all of it once, and nothing of anybody else.
func TestMyOrders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		cup := w.product("cup", 100, 200)
		buy := func(who string, times int) (ids []string) {
			for range times {
				w.buyer(who, "pm_card_visa")
				a := w.tap(who, obj{"product": cup})
				if a.status != 200 {
					t.Fatal(a.text)
				}
				ids = append([]string{a.str("order", "id")}, ids...)
			}
			return ids
		}
		mine, hers := buy("mira", 3), buy("eve", 1)
		sees := func(what, who, query string, want []string) {
			t.Helper()
			if got := ids(w.must(200, who, "GET", "/api/v1/me/orders"+query, nil)); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		sees("mine", "mira", "", mine)
		sees("hers", "eve", "", hers)
		sees("of who has bought nothing", "rival", "", nil)
		sees("of who sells them", "olga", "", nil)
		sees("after my newest", "mira", "?after="+mine[0], mine[1:])
		sees("after somebody else's, which is newer", "mira", "?after="+hers[0], mine)
		sees("after no order", "mira", "?after=0", nil)
		same(t, "nobody", w.call("", "GET", "/api/v1/me/orders", nil).status, 401)
		w.clean()
	}, schemas...)
}

func TestMyOrdersByPages(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 100, 200)
	const path, page = "/api/v1/me/orders", 50
	for i := range page + 1 {
		who := w.buyer(name("b", i/10), "pm_card_visa")
		if a := w.tap(who, obj{"product": cup}); a.status != 200 {
			t.Fatal(a.text)
		}
	}
	w.give("mira", page)
	full := w.must(200, "mira", "GET", path, nil)
	same(t, "a full page", len(ids(full)), page)
	same(t, "after it", full.at("after"), nil)
	w.give("mira", page+1)
	first := w.must(200, "mira", "GET", path, nil)
	rest := w.must(200, "mira", "GET", path+"?after="+first.str("after"), nil)
	same(t, "first", len(ids(first)), page)
	same(t, "rest", len(ids(rest)), 1)
	same(t, "end", rest.at("after"), nil)
}

// give makes the oldest n orders those of one person: more than anybody may tap in a minute.
func (w *world) give(person string, n int) {
	w.t.Helper()
	w.who.add(person)
	err := w.db.Write(w.t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE shop_order SET buyer = $1 WHERE id IN (SELECT id FROM shop_order ORDER BY id LIMIT $2)", person, n)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestExport(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 100, 9)
	w.buyer("mira", "pm_card_visa")
	w.buyer("eve", "pm_card_visa")
	order := w.tap("mira", obj{"product": cup}).str("order", "id")
	w.tap("eve", obj{"product": cup})
	e, err := w.shop.Export(t.Context(), "mira")
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Orders) != 1 || e.Orders[0].ID != order || !e.Complete || len(e.Methods) != 1 {
		t.Errorf("%+v", e)
	}
	if e, err = w.shop.Export(t.Context(), "nobody"); err != nil || len(e.Orders) != 0 || !e.Complete {
		t.Errorf("nobody: %+v %v", e, err)
	}
}

// Who is erased leaves orders behind, and no way to pay; nobody else notices. Erasing twice changes nothing.
func TestErase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		cup := w.product("cup", 100, 9)
		w.buyer("mira", "pm_card_visa")
		w.buyer("eve", "pm_card_visa")
		order := w.tap("mira", obj{"product": cup}).str("order", "id")
		for range 2 {
			if err := w.shop.Erase(t.Context(), "mira"); err != nil {
				t.Fatal(err)
			}
		}
		e, err := w.shop.Export(t.Context(), "mira")
		if err != nil || len(e.Orders) != 1 || len(e.Methods) != 0 {
			t.Errorf("%+v %v", e, err)
		}
		same(t, "customers", w.count("SELECT COUNT(*) FROM shop_customer"), 1)
		same(t, "hers still pays", w.tap("eve", obj{"product": cup}).status, 200)
		same(t, "the merchant refunds all the same", w.call("mert", "POST", "/api/v1/orders/"+order+"/refund", obj{}).status, 200)
		w.clean()
	}, schemas...)
}

// ids are those of the orders in an answer.
func ids(a answer) (all []string) {
	for _, o := range a.at("orders").([]any) {
		all = append(all, o.(obj)["id"].(string))
	}
	return all
}
