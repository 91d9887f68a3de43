package stripe

import (
	"fmt"
	"strings"

	"github.com/bojanz/currency"

	"souk/shop"
)

// Two exponents, not to be mixed: ISO 4217 says what a minor unit is, and that
// is what souk counts in everywhere. Stripe counts in hundredths, ISO or not (ISK
// and UGX have none at ISO, and go over the wire times a hundred; IDR, HUF and
// TWD are charged in hundredths, whatever people write), but for these.
var (
	// Amounts are whole units at Stripe, whatever ISO says.
	wireZeroDecimal = map[string]bool{"BIF": true, "CLP": true, "DJF": true, "GNF": true, "JPY": true, "KMF": true, "KRW": true, "MGA": true,
		"PYG": true, "RWF": true, "VND": true, "VUV": true, "XAF": true, "XOF": true, "XPF": true}
	// Three decimals, of which the last must be zero.
	wireThree = map[string]bool{"BHD": true, "JOD": true, "KWD": true, "OMR": true, "TND": true}
)

// taken are the currencies that Stripe charges cards in.
var taken = set("AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CVE CZK " +
	"DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP " +
	"LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD " +
	"SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW")

// leastWire are the smallest charges, in Stripe's units. Stripe holds them
// against the currency that the account is paid out in, so that a currency
// without an entry has one too, which only its answer tells.
var leastWire = map[string]int64{"USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
	"HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000}

// The largest charges: eight digits, of rupiah twelve.
const (
	mostWire       = 99_999_999
	mostWireRupiah = 999_999_999_999
)

func set(codes string) map[string]bool {
	all := map[string]bool{}
	for _, code := range strings.Fields(codes) {
		all[code] = true
	}
	return all
}

// Limits is what one payment in a currency may be: false when Stripe takes none.
func Limits(code string) (shop.Limits, bool) {
	iso, wire, err := decimals(code)
	if err != nil || !taken[code] {
		return shop.Limits{}, false
	}
	least, most, step := max(leastWire[code], 1), int64(mostWire), int64(1)
	if code == "IDR" {
		most = mostWireRupiah
	}
	if wireThree[code] {
		least, step = 10, 10
		most -= most % step
	}
	for ; wire < iso; wire++ { // one of Stripe's units is several of ours
		least, most, step = least*10, most*10, step*10
	}
	for ; wire > iso; wire-- { // one of ours is several of Stripe's
		least, most = (least+9)/10, most/10
	}
	return shop.Limits{Min: least, Max: most, Step: step}, true
}

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
