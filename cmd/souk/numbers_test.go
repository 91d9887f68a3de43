package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"testing"
	"time"

	"souk/shop"
	"souk/show"
)

// Every sum of the numbers is the same money: the totals, the minutes and the
// pins, whatever was refunded, declined, or bought in another currency.
func TestReckon(t *testing.T) {
	at := time.Date(2026, 11, 20, 20, 0, 30, 0, time.UTC)
	usd, idr := func(n int64) shop.Money { return shop.Money{Amount: n, Currency: "USD"} }, func(n int64) shop.Money { return shop.Money{Amount: n, Currency: "IDR"} }
	sales := []shop.Sale{
		{Buyer: "ana", Pin: "a", Quantity: 2, State: shop.Paid, Total: usd(2900), Fee: 145, At: at},
		{Buyer: "ana", Pin: "b", Quantity: 1, State: shop.Refunded, Total: usd(1001), Refunded: 1001, At: at.Add(time.Minute)},
		{Buyer: "ben", Pin: "", Quantity: 1, State: shop.Paid, Total: idr(34900000), Refunded: 1, At: at, Declined: true},
		{Buyer: "cem", Pin: "before", Quantity: 1, State: shop.Paid, Total: usd(7), At: at},
		{Buyer: "dai", Pin: "a", Quantity: 1, State: shop.PaymentFailed, Total: usd(500), At: at, Declined: true},
	}
	aired := []shop.Aired{{Pin: "a", Title: "A", From: at, To: at.Add(time.Minute)}, {Pin: "b", Title: "B", From: at.Add(time.Minute)}}
	n := reckon(show.Show{ViewersPeak: 3}, show.Numbers{People: 2, AnySeen: 9, Seen: map[string]int64{"a": 9}, Opened: map[string]int64{}}, sales, aired)
	if n.Funnel != (funnel{Watched: 9, Seen: 9, Opened: 4, Tapped: 4, Paid: 3, Declined: 2, Refunded: 2}) {
		t.Errorf("funnel %+v", n.Funnel)
	}
	sum := func(lists ...[]takings) map[string]int64 {
		by := map[string]int64{}
		for _, list := range lists {
			for _, x := range list {
				by[x.Currency+" gross"] += x.Gross
				by[x.Currency+" net"] += x.Net
				by[x.Currency+" orders"] += x.Orders
			}
		}
		return by
	}
	want := fmt.Sprint(map[string]int64{"USD gross": 3908, "USD net": 2907, "USD orders": 3, "IDR gross": 34900000, "IDR net": 34899999, "IDR orders": 1})
	var minutes, pins [][]takings
	for _, m := range n.Minutes {
		minutes = append(minutes, []takings{m.takings})
	}
	for _, p := range n.Pins {
		pins = append(pins, p.Earned)
	}
	for name, got := range map[string]map[string]int64{"totals": sum(n.Totals), "minutes": sum(minutes...), "pins": sum(pins...)} {
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
	if len(n.Pins) != 3 || n.Pins[2].Pin != "" || n.Pins[1].To.Std().IsZero() == false {
		t.Errorf("pins %+v", n.Pins)
	}
}

// callNumbers holds the numbers of a show that ended to the orders' own file, to
// the cent.
func callNumbers(nobody, guest, host caller, id string) {
	const seen = "/api/v1/channels/tea/seen"
	t := nobody.t
	nobody.call("422 bad_seen", "POST", seen, `{"seen":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17","18","19","20","21"]}`)
	nobody.call("404 no_such_channel", "POST", "/api/v1/channels/cocoa/seen", `{}`)
	guest.call("202", "POST", seen, `{"seen":["not a pin"],"opened":[""]}`)
	for _, other := range []caller{nobody, guest} {
		other.call("404 no_such_show", "GET", "/api/v1/shows/"+id+"/numbers", "")
		other.call("404 no_such_show", "GET", "/api/v1/shows/"+id+"/numbers.csv", "")
	}
	n := host.call("200", "GET", "/api/v1/shows/"+id+"/numbers", "")
	want, in := map[string]int64{}, map[string]int64{}
	for _, row := range records(t, host.call("200", "GET", "/api/v1/channels/tea/orders.csv", "").raw) {
		if row["state"] == "paid" || row["state"] == "refunded" {
			add(t, want, row, "total_minor", "refunded_minor", "fee_minor")
		}
	}
	for _, row := range records(t, host.call("200", "GET", "/api/v1/shows/"+id+"/numbers.csv", "").raw) {
		if row["currency"] != "" {
			row["total_minor"] = row["gross_minor"]
			add(t, in, row, "total_minor", "refunded_minor", "fee_minor")
		}
	}
	if len(want) == 0 || fmt.Sprint(want) != fmt.Sprint(in) {
		t.Errorf("the orders say %v, the numbers %v", want, in)
	}
	if got := n.text("totals.0.gross"); got != fmt.Sprintf("%v", float64(want["USD total_minor"])) {
		t.Errorf("totals %s, the orders say %v", got, want)
	}
}

func records(t testing.TB, file []byte) (all []map[string]string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		named := map[string]string{}
		for i, name := range rows[0] {
			named[name] = row[i]
		}
		all = append(all, named)
	}
	return all
}

func add(t testing.TB, to map[string]int64, row map[string]string, columns ...string) {
	t.Helper()
	for _, c := range columns {
		n, err := strconv.ParseInt(row[c], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		to[row["currency"]+" "+c] += n
	}
}
