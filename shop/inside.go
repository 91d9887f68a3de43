package shop

import (
	"context"

	"github.com/bojanz/currency"
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
// units.
type CurrencyInfo struct {
	Digits int    `json:"digits"`
	Symbol string `json:"symbol"`
	Tips   Tips   `json:"tips"`
}

// homes are the currencies that people at home write by a sign which is unknown
// elsewhere, but which no other currency uses.
var homes = map[string]string{"IDR": "id"}

// Currencies is every ISO 4217 currency. Browsers disagree about digits, so
// that pages take them from here.
func Currencies() map[string]CurrencyInfo {
	all := make(map[string]CurrencyInfo)
	for _, code := range currency.GetCurrencyCodes() {
		lang := "en"
		if home, ok := homes[code]; ok {
			lang = home
		}
		digits, ok := currency.GetDigits(code)
		symbol, known := currency.GetSymbol(code, currency.NewLocale(lang))
		if ok && known {
			all[code] = CurrencyInfo{Digits: int(digits), Symbol: symbol, Tips: TipsIn(code)}
		}
	}
	return all
}
