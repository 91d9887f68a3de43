package shop

import "errors"

// Sum is what an order comes to, in parts that are each zero or more and of one
// currency: Total = Items - Discount + Shipping + Tip, and + Tax unless the
// prices include it.
type Sum struct {
	Items       Money `json:"items"`
	Discount    Money `json:"discount"`
	Shipping    Money `json:"shipping"`
	Tax         Money `json:"tax"`
	TaxIncluded bool  `json:"tax_included,omitempty"` // Tax is inside the other parts, and told for the receipt
	Tip         Money `json:"tip"`
	Total       Money `json:"total"`
}

// parts is what a sum is composed of.
type parts struct {
	unit     Money
	quantity int64
	discount int64 // off the items; more than they come to is all of them
	shipping int64
	tax      taxing
	tip      int64
	fee      feeRate
	limits   Limits
}

// feeRate is the house's share of one order.
type feeRate struct {
	bps   int64 // hundredths of a percent of the goods
	fixed int64 // minor units of the order's currency
}

// taxing is how an order is taxed. The zero value is not at all.
type taxing struct {
	goods, shipping int64 // rates, in hundredths of a percent
	included        bool  // prices have the tax in them
}

var errSum = errors.New("a part of a sum is negative")

// compose is where every price of souk comes from: quote, tap, receipt, ledger
// and refund read what it says. It refuses a total that no single payment can
// carry, and what the house takes is never more than the total. What cannot be paid
// in whole steps of the currency is rounded: tax to the nearest, the rest down.
func compose(p parts) (s Sum, fee Money, err error) {
	if p.discount < 0 || p.shipping < 0 || p.tip < 0 || p.fee.bps < 0 || p.fee.fixed < 0 {
		return s, fee, errSum
	}
	in := func(amount int64) Money { return Money{amount, p.unit.Currency} }
	tooMuch := ErrTooLarge.With("maximum", in(p.limits.most()))
	items, ok := p.unit.times(p.quantity)
	if !ok || p.shipping > maxAmount || p.tip > maxAmount {
		return s, fee, tooMuch
	}
	p.shipping, p.tip = p.limits.down(p.shipping), p.limits.down(p.tip)
	discount := min(p.limits.down(p.discount), items.Amount)
	goods := items.Amount - discount
	tax := p.tax.of(goods, p.shipping, max(p.limits.Step, 1))
	if tax < 0 {
		return s, fee, errSum
	}
	total := goods + p.shipping + p.tip
	if !p.tax.included {
		total += tax
	}
	if tax > maxAmount || total > p.limits.most() {
		return s, fee, tooMuch
	}
	s = Sum{Items: items, Discount: in(discount), Shipping: in(p.shipping), Tax: in(tax), TaxIncluded: p.tax.included && tax > 0, Tip: in(p.tip), Total: in(total)}
	return s, in(min(p.limits.down(feeOf(goods, p.fee.bps)+p.fee.fixed), total)), nil
}

// of is the tax on an order's parts, each rounded half up to a step, as receipts
// do.
func (t taxing) of(goods, shipping, step int64) int64 {
	return t.part(goods, t.goods, step) + t.part(shipping, t.shipping, step)
}

func (t taxing) part(amount, bps, step int64) int64 {
	whole := int64(10_000)
	if t.included {
		whole += bps // the amount is more than the price before tax by the tax
	}
	return (share(amount, bps, whole*step) + share(2*amount, bps, whole*step)%2) * step
}

// adds tells whether the parts make the total.
func (s Sum) adds() bool {
	total := s.Items.Amount - s.Discount.Amount + s.Shipping.Amount + s.Tip.Amount
	if !s.TaxIncluded {
		total += s.Tax.Amount
	}
	return total == s.Total.Amount && s.Discount.Amount <= s.Items.Amount
}

// is gives every part its currency, which a row has once.
func (s *Sum) is(currency string) {
	for _, part := range []*Money{&s.Items, &s.Discount, &s.Shipping, &s.Tax, &s.Tip, &s.Total} {
		part.Currency = currency
	}
}
