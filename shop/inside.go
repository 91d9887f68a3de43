package shop

import (
	"context"

	"github.com/bojanz/currency"
	"golang.org/x/text/language"
)

// What the program itself asks of the shop, beside what clients ask over HTTP.

// PutOnAir pins a product, at its own price without an offer.
func (s *Shop) PutOnAir(ctx context.Context, channel, product string, offer *NewOffer) (Pin, error) {
	return s.pin(ctx, channel, product, offer)
}

// HasPaid tells whether a person has ever paid for something, also when the
// money went back later: paying is what tells people from robots.
func (s *Shop) HasPaid(ctx context.Context, person string) (bool, error) {
	var n int
	err := s.DB.Read().QueryRowContext(ctx,
		"SELECT count(*) FROM (SELECT 1 FROM shop_order WHERE buyer = $1 AND state IN ('paid', 'refunded') LIMIT 1) AS one", person).Scan(&n)
	return n > 0, err
}

// CurrencyInfo is how a currency is written. Digits turns minor units into
// units; Shown is how many of them people expect to see (rupiah have two, and
// show none).
type CurrencyInfo struct {
	Digits int    `json:"digits"`
	Shown  int    `json:"shown"`
	Symbol string `json:"symbol"`
}

// Currencies is every ISO 4217 currency, with the symbols of lang. Browsers
// disagree about digits, so that pages take them from here.
func Currencies(lang language.Tag) map[string]CurrencyInfo {
	locale := currency.NewLocale(lang.String())
	all := make(map[string]CurrencyInfo)
	for _, code := range currency.GetCurrencyCodes() {
		digits, ok := currency.GetDigits(code)
		if !ok {
			continue
		}
		symbol, _ := currency.GetSymbol(code, locale)
		all[code] = CurrencyInfo{Digits: int(digits), Shown: shown(code, int(digits)), Symbol: symbol}
	}
	return all
}

// shown differs from ISO's digits where prices have long lost their fractions
// (CLDR, supplementalData, currencyData/fractions).
func shown(code string, digits int) int {
	switch code {
	case "IDR", "HUF", "TWD", "MGA":
		return 0
	}
	return digits
}
