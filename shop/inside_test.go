package shop

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What the table promises, whatever rows are added to it.
func TestTransitions(t *testing.T) {
	all := append([]State{""}, Charging, ActionRequired, Processing, Releasing, PaymentFailed, Expired, Canceled, Paid, Refunded)
	seen := map[string]bool{}
	for _, row := range transitions {
		key := string(row.From) + "/" + string(row.News)
		if seen[key] {
			t.Errorf("%s: two rows", key)
		}
		seen[key] = true
		if row.From.ended() || row.From == Refunded {
			t.Errorf("%s: leaves an ended order", key)
		}
		switch row.Move {
		case take:
			if row.From != "" || !row.To.open() {
				t.Errorf("%s: takes units for %s", key, row.To)
			}
		case sell:
			if row.News != succeeded || row.To != Paid || !row.From.open() {
				t.Errorf("%s: sells", key)
			}
		case free:
			if row.News != dead && row.News != refused && row.News != barred {
				t.Errorf("%s: frees units while the intent may still succeed", key)
			}
			if row.To != "" && !row.To.ended() || !row.From.open() {
				t.Errorf("%s: frees units of %s", key, row.From)
			}
		case restock:
			if row.From != Paid {
				t.Errorf("%s: restocks what was not sold", key)
			}
		case keep:
			if row.From.open() != row.To.open() {
				t.Errorf("%s: keeps units, but becomes %s", key, row.To)
			}
		}
		if (row.To == Releasing) != (row.Then != "") || row.Then != "" && !row.Then.ended() {
			t.Errorf("%s: releases towards %q", key, row.Then)
		}
		if row.To == "" && row.From != Releasing {
			t.Errorf("%s: leads nowhere", key)
		}
	}
	for _, from := range all[1:] {
		if !from.open() {
			continue
		}
		for _, n := range []news{succeeded, dead} {
			if _, ok := next(from, n); !ok {
				t.Errorf("%s: does not hear %s", from, n)
			}
		}
	}
	if len(states)+1 != len(all) {
		t.Errorf("the API lists %d states of %d", len(states), len(all)-1)
	}
}

func TestMoney(t *testing.T) {
	for m, want := range map[Money]string{
		{1250, "USD"}: "12.50 USD", {5, "USD"}: "0.05 USD", {-1250, "EUR"}: "-12.50 EUR", {1250, "JPY"}: "1250 JPY", {1250, "KWD"}: "1.250 KWD", {0, "USD"}: "0.00 USD",
	} {
		if got := m.String(); got != want {
			t.Errorf("%+v: %s, want %s", m, got, want)
		}
	}
	if _, ok := (Money{maxAmount, "USD"}).times(2); ok {
		t.Error("a total past the limit")
	}
	if _, ok := (Money{1 << 62, "USD"}).times(8); ok {
		t.Error("a total past the integers")
	}
	if got, ok := (Money{1250, "USD"}).times(3); !ok || got != (Money{3750, "USD"}) {
		t.Errorf("three times: %v %v", got, ok)
	}
	if feeOf(maxAmount, 10_000) != maxAmount || feeOf(999, 1) != 0 || feeOf(10_000, 1) != 1 {
		t.Error("fees round down to whole minor units")
	}
	var m Money
	if json.Unmarshal([]byte(`{"amount":12.5,"currency":"USD"}`), &m) == nil {
		t.Error("half a cent was taken")
	}
}

func TestCells(t *testing.T) {
	for _, text := range []string{"", "a", "=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'", "'a", "''", "1-1"} {
		got := cell(text)
		if got != "" && strings.ContainsRune("=+-@\t\r\n", rune(got[0])) {
			t.Errorf("%q stays a formula: %q", text, got)
		}
		if back := uncell(got); back != text {
			t.Errorf("%q came back as %q", text, back)
		}
	}
}

// SpendTap takes a tap off what the address of r may do.
func (s *Shop) SpendTap(r *http.Request, key string) { _ = s.guard.admitTap(r, key) }
