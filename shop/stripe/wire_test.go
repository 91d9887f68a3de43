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

// Every currency there is goes to the wire and back, at its limits and between,
// and what cannot be paid is refused rather than rounded.
func TestLimits(t *testing.T) {
	for code := range taken {
		l, ok := Limits(code)
		if !ok || l.Min < 1 || l.Max <= l.Min || l.Min%l.Step != 0 || l.Max%l.Step != 0 {
			t.Errorf("%s: %+v %v", code, l, ok)
			continue
		}
		for _, amount := range []int64{l.Min, l.Max, (l.Min + l.Max) / 2 / l.Step * l.Step} {
			m := shop.Money{Amount: amount, Currency: code}
			wire, lower, err := toWire(m)
			if err != nil || wire < 1 || wire > mostWireRupiah || code != "IDR" && wire > mostWire {
				t.Errorf("%v: %d on the wire, %v", m, wire, err)
				continue
			}
			if least := leastWire[code]; wire < least {
				t.Errorf("%v: %d on the wire, the least is %d", m, wire, least)
			}
			if back, err := fromWire(wire, lower); err != nil || back != m {
				t.Errorf("%v came back as %v, %v", m, back, err)
			}
			if l.Step > 1 {
				if got, _, err := toWire(shop.Money{Amount: amount - 1, Currency: code}); err == nil {
					t.Errorf("%v less one was rounded to %d", m, got)
				}
			}
		}
	}
	for code, want := range map[string]shop.Limits{
		"USD": {Min: 50, Max: 99_999_999, Step: 1},
		"IDR": {Min: 1, Max: 999_999_999_999, Step: 1}, // hundredths of a rupiah at ISO and on the wire
		"JPY": {Min: 50, Max: 99_999_999, Step: 1},
		"KWD": {Min: 10, Max: 99_999_990, Step: 10},
		"ISK": {Min: 1, Max: 999_999, Step: 1}, // whole kronur at ISO, hundredths on the wire
		"UGX": {Min: 1, Max: 999_999, Step: 1},
		"MGA": {Min: 100, Max: 9_999_999_900, Step: 100}, // hundredths at ISO, whole ariary on the wire
		"HUF": {Min: 17_500, Max: 99_999_999, Step: 1},
		"TWD": {Min: 1, Max: 99_999_999, Step: 1},
	} {
		if got, _ := Limits(code); got != want {
			t.Errorf("%s: %+v, want %+v", code, got, want)
		}
	}
	for _, code := range []string{"", "usd", "ZZZ", "XAU", "IRR", "KPW"} {
		if l, ok := Limits(code); ok {
			t.Errorf("%s is taken: %+v", code, l)
		}
	}
}
