package stripe

import (
	"fmt"
	"strings"

	"github.com/bojanz/currency"

	"souk/shop"
)

// Stripe counts in hundredths, ISO 4217 or not (ISK and UGX have none at ISO,
// and go over the wire times a hundred), but for these.
var (
	// Amounts are whole units at Stripe, whatever ISO says.
	wireZeroDecimal = map[string]bool{"BIF": true, "CLP": true, "DJF": true, "GNF": true, "JPY": true, "KMF": true, "KRW": true, "MGA": true,
		"PYG": true, "RWF": true, "VND": true, "VUV": true, "XAF": true, "XOF": true, "XPF": true}
	// Three decimals, of which the last must be zero.
	wireThree = map[string]bool{"BHD": true, "JOD": true, "KWD": true, "OMR": true, "TND": true}
)

// decimals returns ISO's and Stripe's digits after the point.
func decimals(code string) (iso, wire int, err error) {
	digits, ok := currency.GetDigits(code)
	if !ok {
		return 0, 0, fmt.Errorf("no such currency: %q", code)
	}
	switch {
	case wireZeroDecimal[code]:
		return int(digits), 0, nil
	case wireThree[code]:
		return int(digits), 3, nil
	}
	return int(digits), 2, nil
}

// toWire is an amount as Stripe wants it. It is an error when Stripe cannot
// express it; nothing is ever rounded.
func toWire(m shop.Money) (amount int64, code string, err error) {
	iso, wire, err := decimals(m.Currency)
	if err != nil {
		return 0, "", err
	}
	amount = m.Amount
	for ; iso < wire; iso++ {
		amount *= 10
	}
	for ; iso > wire; iso-- {
		if amount%10 != 0 {
			return 0, "", fmt.Errorf("%v has more decimals than Stripe takes", m)
		}
		amount /= 10
	}
	if wireThree[m.Currency] && amount%10 != 0 {
		return 0, "", fmt.Errorf("%v: the last digit must be zero", m)
	}
	return amount, strings.ToLower(m.Currency), nil
}

// fromWire is an amount as Stripe gives it.
func fromWire(amount int64, code string) (shop.Money, error) {
	code = strings.ToUpper(code)
	iso, wire, err := decimals(code)
	if err != nil {
		return shop.Money{}, err
	}
	for ; wire < iso; wire++ {
		amount *= 10
	}
	for ; wire > iso; wire-- {
		if amount%10 != 0 {
			return shop.Money{}, fmt.Errorf("%d %s is not a whole number of ISO minor units", amount, code)
		}
		amount /= 10
	}
	return shop.Money{Amount: amount, Currency: code}, nil
}
