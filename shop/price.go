package shop

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// price works out what an ask comes to when it goes to a place: the one way to a
// sum, for quotes and taps alike. sent is what the buyer has in the same parcel.
func (q *quote) price(a ask, t terms, l Limits, to destination, with sent) (err error) {
	code, p := q.unit.Currency, q.product
	if a.justTip() { // none of it is the house's, and there is nothing to send
		if q.sum, q.fee, err = compose(parts{unit: q.unit, quantity: 1, tip: q.tip, limits: l}); err != nil {
			return err
		}
		return l.allow(q.sum.Total)
	}
	rate, err := t.Shipping.rate(to.country, code)
	if err != nil {
		return err
	}
	items, ok := q.unit.times(*a.Quantity)
	if !ok {
		return ErrTooLarge.With("maximum", Money{l.most(), code})
	}
	q.weight = p.Weight * *a.Quantity
	shipping, err := rate.price(items.Amount-min(q.discount, items.Amount), q.weight, with)
	if err != nil {
		return err
	}
	q.sum, q.fee, err = compose(parts{unit: q.unit, quantity: *a.Quantity, discount: q.discount, shipping: shipping, tip: q.tip,
		tax: t.Tax.on(to, p.TaxCode), fee: t.Fees.rate(p.ID, "", code), limits: l})
	if err != nil {
		return err
	}
	return l.allow(q.sum.Total)
}

// in is the product's price in a currency: ErrNoPrice. Nothing is ever
// converted.
func (p product) in(code string) (Money, error) {
	if code == "" || code == p.Price.Currency {
		return p.Price, nil
	}
	var others map[string]int64
	if err := json.Unmarshal([]byte(p.Others), &others); err != nil {
		return Money{}, err
	}
	amount, ok := others[code]
	if !ok {
		return Money{}, ErrNoPrice.With("currency", code)
	}
	return Money{amount, code}, nil
}

// pricesOf reads the prices of a row, in the order of their currencies.
func pricesOf(text string) ([]Money, error) {
	var others map[string]int64
	if err := json.Unmarshal([]byte(text), &others); err != nil {
		return nil, err
	}
	all := make([]Money, 0, len(others))
	for _, code := range slices.Sorted(maps.Keys(others)) {
		all = append(all, Money{others[code], code})
	}
	return all, nil
}

// pricesText writes them. The same prices are the same text.
func pricesText(prices []Money) string {
	others := map[string]int64{}
	for _, m := range prices {
		others[m.Currency] = m.Amount
	}
	text, err := json.Marshal(others)
	if err != nil {
		panic(err) // strings and integers
	}
	return string(text)
}

// pricesCell is prices in a file: "EUR 1250; IDR 15000000".
func pricesCell(prices []Money) string {
	cells := make([]string, len(prices))
	for i, m := range prices {
		cells[i] = m.Currency + " " + number(m.Amount)
	}
	return strings.Join(cells, "; ")
}

// readPrices is the inverse of pricesCell.
func readPrices(cell string) (all []Money, err error) {
	for part := range strings.SplitSeq(cell, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		code, amount, ok := strings.Cut(part, " ")
		m := Money{Currency: strings.ToUpper(code)}
		if m.Amount, err = strconv.ParseInt(strings.TrimSpace(amount), 10, 64); !ok || err != nil {
			return nil, errors.New("not a price: " + part)
		}
		all = append(all, m)
	}
	return all, nil
}
