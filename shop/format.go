package shop

import (
	"github.com/bojanz/currency"
)

// whole are currencies that ISO gives digits which nobody writes any more.
var whole = map[string]bool{"IDR": true}

// In is the amount as people who read a language write it, in Latin digits. It is
// for showing and never read back.
func (m Money) In(lang string) string {
	a, err := currency.NewAmountFromInt64(m.Amount, m.Currency)
	if err != nil {
		return m.String()
	}
	if lang == "ar" {
		lang = "ar-AE" // Latin digits
	}
	f := currency.NewFormatter(currency.NewLocale(lang))
	if whole[m.Currency] && m.Amount%100 == 0 {
		f.MinDigits = 0
	}
	if home, ok := homes[m.Currency]; ok {
		if symbol, known := currency.GetSymbol(m.Currency, currency.NewLocale(home)); known {
			f.SymbolMap[m.Currency] = symbol
		}
	}
	return f.Format(a)
}

// Times is the price of n units, for showing: an amount too large for a payment
// is none.
func (m Money) Times(n int64) Money {
	total, ok := m.times(n)
	if !ok {
		return Money{Currency: m.Currency}
	}
	return total
}
