package shop_test

import (
	"bytes"
	"encoding/csv"
	"image"
	"image/png"
	"strings"
	"testing"

	"souk/internal/db/dbtest"
)

func TestProducts(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		const path = "/api/v1/channels/tea/products"
		made := w.must(201, "mert", "POST", path, obj{"sku": " cup-1 ", "title": "Cup", "description": "Blue\nround", "price": usd(1250), "stock": 3})
		id := made.str("id")
		same(t, "sku", made.str("sku"), "cup-1")
		same(t, "available", made.at("stock", "available"), any(3.0))
		same(t, "twice", w.call("mert", "POST", path, obj{"sku": "cup-1", "title": "Cup", "price": usd(100), "stock": 1}).code(), "sku_taken")
		other := w.product("cup-2", 100, 1)
		same(t, "renamed onto another", w.call("mert", "PATCH", "/api/v1/products/"+other, obj{"sku": "cup-1"}).code(), "sku_taken")
		w.must(201, "rival", "POST", "/api/v1/channels/cups/products", obj{"sku": "cup-1", "title": "Cup", "price": usd(100), "stock": 1})

		same(t, "set", w.must(200, "mert", "PATCH", "/api/v1/products/"+id, obj{"stock": 10}).at("stock", "available"), any(10.0))
		same(t, "add", w.must(200, "mert", "PATCH", "/api/v1/products/"+id, obj{"add": -4}).at("stock", "available"), any(6.0))
		same(t, "below none", w.call("mert", "PATCH", "/api/v1/products/"+id, obj{"add": -7}).code(), "bad_add")
		same(t, "both", w.call("mert", "PATCH", "/api/v1/products/"+id, obj{"add": 1, "stock": 1}).code(), "bad_add")
		same(t, "title", w.must(200, "mert", "PATCH", "/api/v1/products/"+id, obj{"title": "Mug"}).str("title"), "Mug")

		w.buyer("mira", "pm_card_visa")
		order := w.tap("mira", obj{"product": id}).str("order", "id")
		w.pin(id, nil)
		same(t, "drop", w.call("mert", "DELETE", "/api/v1/products/"+id, nil).status, 204)
		same(t, "off air with it", len(w.rooms.of("unpinned")), 1)
		same(t, "no longer sold", w.tap("mira", obj{"product": id}).code(), "no_such_product")
		same(t, "dropped twice", w.call("mert", "DELETE", "/api/v1/products/"+id, nil).status, 404)
		same(t, "its order stands", w.must(200, "mira", "GET", "/api/v1/orders/"+order, nil).str("order", "state"), "paid")
		w.must(201, "mert", "POST", path, obj{"sku": "cup-1", "title": "Cup again", "price": usd(100), "stock": 1})
		if list := w.must(200, "", "GET", path, nil); strings.Contains(list.text, id) || !strings.Contains(list.text, other) {
			t.Errorf("shelf: %s", list.text)
		}
		w.clean()
	})
}

func TestProductRefusals(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	good := obj{"sku": "a", "title": "A", "price": usd(100), "stock": 0}
	for name, c := range map[string]struct {
		member string
		value  any
		code   string
	}{
		"no sku":           {"sku", " ", "bad_sku"},
		"long sku":         {"sku", strings.Repeat("é", 65), "bad_sku"},
		"no title":         {"title", "", "bad_title"},
		"two-line title":   {"title", "a\nb", "bad_title"},
		"long title":       {"title", strings.Repeat("a", 121), "bad_title"},
		"long description": {"description", strings.Repeat("a", 4001), "bad_description"},
		"bell":             {"description", "\a", "bad_description"},
		"less than none":   {"stock", -1, "bad_stock"},
		"free":             {"price", usd(0), "bad_price"},
		"dear":             {"price", usd(100_000_000), "amount_too_large"},
		"dear beyond all":  {"price", usd(1_000_000_000_000), "bad_price"},
		"cheap":            {"price", usd(49), "amount_too_small"},
		"too fine":         {"price", obj{"amount": 1251, "currency": "KWD"}, "amount_too_fine"},
		"not at Stripe":    {"price", obj{"amount": 1000, "currency": "IRR"}, "currency_not_supported"},
		"cheap elsewhere":  {"prices", []obj{{"amount": 49, "currency": "EUR"}}, "amount_too_small"},
		"two of one":       {"prices", []obj{usd(100)}, "bad_prices"},
		"no weight":        {"weight", -1, "bad_weight"},
		"long code":        {"tax_code", strings.Repeat("a", 41), "bad_tax_code"},
		"no currency":      {"price", obj{"amount": 1}, "bad_price"},
		"small letters":    {"price", obj{"amount": 1, "currency": "usd"}, "bad_price"},
		"made-up currency": {"price", obj{"amount": 1, "currency": "ZZZ"}, "bad_price"},
		"script image":     {"image", "javascript:alert(1)", "bad_image"},
		"plain http image": {"image", "http://example.com/a.png", "bad_image"},
		"other path":       {"image", "/images/../secret", "bad_image"},
		"long image":       {"image", "https://example.com/" + strings.Repeat("a", 600), "bad_image"},
	} {
		t.Run(name, func(t *testing.T) {
			body := obj{}
			for k, v := range good {
				body[k] = v
			}
			body[c.member] = c.value
			a := w.call("mert", "POST", "/api/v1/channels/tea/products", body)
			same(t, "code", a.code(), c.code)
			same(t, "status", a.status, 422)
		})
	}
	w.must(201, "mert", "POST", "/api/v1/channels/tea/products", good)
}

func TestImages(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
			t.Fatal(err)
		}
		const path = "/api/v1/channels/tea/images"
		at := w.must(201, "mert", "POST", path, b.String()).str("image")
		same(t, "the same picture", w.must(201, "mert", "POST", path, b.String()).str("image"), at)
		got := w.must(200, "", "GET", at, nil)
		same(t, "bytes", got.text, b.String())
		same(t, "type", got.header.Get("Content-Type"), "image/png")
		same(t, "nosniff", got.header.Get("X-Content-Type-Options"), "nosniff")
		if !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
			t.Errorf("cache: %v", got.header)
		}
		same(t, "unchanged", w.call("", "GET", at, nil, "If-None-Match", got.header.Get("ETag")).status, 304)
		for what, body := range map[string]string{
			"svg":  `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
			"html": "<!doctype html><script>alert(1)</script>", "gif": "GIF89a....", "nothing": "",
		} {
			same(t, what, w.call("mert", "POST", path, body, "Content-Type", "image/png").status, 415)
		}
		same(t, "large", w.call("mert", "POST", path, b.String()+strings.Repeat("a", 2<<20)).status, 413)
		same(t, "unknown", w.call("", "GET", "/images/"+strings.Repeat("0", 64)+".png", nil).status, 404)
		w.must(200, "mert", "PATCH", "/api/v1/products/"+w.product("cup", 100, 1), obj{"image": at})
	})
}

func TestLineup(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		const path = "/api/v1/channels/tea/lineup"
		a, b := w.product("a", 100, 1), w.product("b", 100, 1)
		w.must(200, "hana", "PUT", path, obj{"products": []string{b, a, b}})
		same(t, "order kept", strings.TrimSpace(w.must(200, "mert", "GET", path, nil).text), `{"products":["`+b+`","`+a+`","`+b+`"]}`)
		same(t, "unknown", w.call("hana", "PUT", path, obj{"products": []string{a, "x"}}).status, 404)
		w.must(204, "mert", "DELETE", "/api/v1/products/"+b, nil)
		same(t, "after a drop", strings.TrimSpace(w.must(200, "mert", "GET", path, nil).text), `{"products":["`+a+`"]}`)
		w.must(200, "hana", "PUT", path, obj{})
		same(t, "empty", strings.TrimSpace(w.must(200, "mert", "GET", path, nil).text), `{"products":[]}`)
	})
}

func TestCSV(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.must(201, "mert", "POST", "/api/v1/channels/tea/products", obj{"sku": "=1+1", "title": "@SUM(A1)", "description": "a,\"b\"\nc", "price": usd(1250), "stock": 5}).str("id")
		w.buyer("-mira", "pm_card_visa")
		if a := w.tap("-mira", obj{"product": cup}); a.status != 200 {
			t.Fatal(a.text)
		}
		orders := w.must(200, "mert", "GET", "/api/v1/channels/tea/orders.csv", nil)
		rows, err := csv.NewReader(strings.NewReader(orders.text)).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%v\n%s", err, orders.text)
		}
		for i, c := range rows[1] {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("column %s starts a formula: %q", rows[0][i], c)
			}
		}
		if got := strings.Join(rows[1], "|"); !strings.Contains(got, "'=1+1|'@SUM(A1)|1|1250|1250|0|0|USD|12.50 USD|'-mira") {
			t.Errorf("row %s", got)
		}

		const in = "/api/v1/channels/tea/products/import"
		products := w.must(200, "mert", "GET", "/api/v1/channels/tea/products.csv", nil)
		back := w.must(200, "mert", "POST", in, products.text, "Content-Type", "text/csv")
		same(t, "imported what was exported", strings.TrimSpace(back.text), `{"added":0,"changed":1}`)
		same(t, "unchanged by the trip", w.must(200, "mert", "GET", "/api/v1/channels/tea/products.csv", nil).text, products.text)
		more := w.must(200, "mert", "POST", in, "title,sku,stock,currency,price_minor\nPot,pot,2,eur,4000\nMug,=1+1,9,USD,100\n")
		same(t, "added and changed", strings.TrimSpace(more.text), `{"added":1,"changed":1}`)
		same(t, "stock", w.stock(cup), [3]int64{9, 0, 1})
		bad := w.call("mert", "POST", in, "title,sku,stock,currency,price_minor\nNew,new,2,EUR,4000\nBad,bad,-1,USD,100\n")
		same(t, "bad row", bad.code(), "bad_stock")
		same(t, "its number", bad.at("row"), any(3.0))
		same(t, "all or none", w.count("SELECT COUNT(*) FROM shop_product WHERE sku = 'new'"), 0)
		for what, body := range map[string]string{"empty": "", "no columns": "a,b\n1,2\n", "cut off": "title,sku,stock,currency,price_minor\n\"x"} {
			same(t, what, w.call("mert", "POST", in, body).status, 422)
		}
		same(t, "too large", w.call("mert", "POST", in, "title,sku,stock,currency,price_minor\n"+strings.Repeat("a", 4<<20)).status, 413)
		w.clean()
	})
}

func TestListOrders(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, schemas...))
	cup := w.product("cup", 100, 100)
	for i := range 6 {
		for j := range 10 {
			w.buyer(name("b", i), "pm_card_visa")
			if a := w.tap(name("b", i), obj{"product": cup}); a.status != 200 {
				t.Fatalf("%d %d: %s", i, j, a.text)
			}
		}
	}
	const path = "/api/v1/channels/tea/orders"
	first := w.must(200, "mert", "GET", path, nil)
	seen := map[string]bool{}
	previous := "~"
	for page := first; ; page = w.must(200, "mert", "GET", path+"?after="+page.str("after"), nil) {
		for _, o := range page.at("orders").([]any) {
			id := o.(obj)["id"].(string)
			if id >= previous || seen[id] {
				t.Errorf("%s after %s", id, previous)
			}
			seen[id], previous = true, id
		}
		if page.str("after") == "" {
			break
		}
	}
	same(t, "orders", len(seen), 60)
	same(t, "refunded ones", len(w.must(200, "mert", "GET", path+"?state=refunded", nil).at("orders").([]any)), 0)
	same(t, "no such state", w.call("mert", "GET", path+"?state=lost", nil).code(), "bad_state")
}
