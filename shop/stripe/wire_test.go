package stripe

import (
	"testing"

	"souk/shop"
)

func TestWire(t *testing.T) {
	for m, want := range map[shop.Money]int64{
		{Amount: 1250, Currency: "USD"}:       1250,
		{Amount: 1250, Currency: "JPY"}:       1250,
		{Amount: 15_000_000, Currency: "IDR"}: 15_000_000, // Rp 150,000.00
		{Amount: 500, Currency: "ISK"}:        50_000,
		{Amount: 500, Currency: "UGX"}:        50_000,
		{Amount: 1250, Currency: "KWD"}:       1250,
		{Amount: 4000, Currency: "MGA"}:       40, // two decimals at ISO, none at Stripe
	} {
		got, code, err := toWire(m)
		if err != nil || got != want || len(code) != 3 || code[0] < 'a' {
			t.Errorf("%+v: %d %s %v, want %d", m, got, code, err, want)
		}
		back, err := fromWire(got, code)
		if err != nil || back != m {
			t.Errorf("%+v came back as %+v, %v", m, back, err)
		}
	}
	for _, m := range []shop.Money{{Amount: 1251, Currency: "KWD"}, {Amount: 4001, Currency: "MGA"}, {Amount: 1, Currency: "ZZZ"}, {Amount: 1}} {
		if got, _, err := toWire(m); err == nil {
			t.Errorf("%+v was rounded to %d", m, got)
		}
	}
	if got, err := fromWire(50_001, "isk"); err == nil {
		t.Errorf("half a krona: %v", got)
	}
}
