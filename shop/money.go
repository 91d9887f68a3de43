package shop

import (
	"fmt"
	"math/big"

	"github.com/bojanz/currency"
)

// maxAmount is the largest amount of any payment, in minor units. What one in a
// certain currency may be at most is [Limits].
const maxAmount = 999_999_999_999

// Money is an amount in the minor units of its ISO 4217 currency: 1250 USD is
// $12.50, 1250 JPY is ¥1,250, 1250 KWD is 1.250 dinars.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// check refuses what cannot be a price: not positive, too large, or in a
// currency that does not exist.
func (m Money) check(field string) error {
	if _, known := currency.GetDigits(m.Currency); !known {
		return bad(field, "needs an ISO 4217 currency, as in USD")
	}
	if m.Amount < 1 || m.Amount > maxAmount {
		return bad(field, fmt.Sprintf("must be between 1 and %d minor units", int64(maxAmount)))
	}
	return nil
}

// Limits are what one payment in a currency may be, in minor units of ISO 4217:
// from Min to Max, in steps of Step. The zero value is everything.
type Limits struct{ Min, Max, Step int64 }

// most is the largest payment.
func (l Limits) most() int64 {
	if l.Max == 0 {
		return maxAmount
	}
	return l.Max
}

// down is the largest amount up to n that can be paid.
func (l Limits) down(n int64) int64 {
	if l.Step > 1 {
		n -= n % l.Step
	}
	return n
}

// limits asks the provider what one payment in a currency may be.
func (s *Shop) limits(currency string) (Limits, error) {
	if s.Limits == nil {
		return Limits{}, nil
	}
	l, ok := s.Limits(currency)
	if !ok {
		return l, ErrCurrency.With("currency", currency)
	}
	return l, nil
}

// charges refuses a price that no payment could take, at once and not at the
// first tap.
func (s *Shop) charges(prices ...Money) error {
	for _, m := range prices {
		l, err := s.limits(m.Currency)
		if err != nil {
			return err
		}
		if err := l.allow(m); err != nil {
			return err
		}
	}
	return nil
}

// allow refuses an amount that is no payment.
func (l Limits) allow(m Money) error {
	switch {
	case m.Amount < l.Min:
		return ErrTooSmall.With("minimum", Money{l.Min, m.Currency})
	case m.Amount > l.most():
		return ErrTooLarge.With("maximum", Money{l.most(), m.Currency})
	case l.down(m.Amount) != m.Amount:
		return ErrStep.With("step", Money{l.Step, m.Currency})
	}
	return nil
}

// times is the price of n units; ok is false when the total is more than one
// payment can carry.
func (m Money) times(n int64) (total Money, ok bool) {
	if n < 1 || m.Amount > maxAmount/n {
		return Money{}, false
	}
	return Money{m.Amount * n, m.Currency}, true
}

// String is for files and logs: "12.50 USD", with the digits ISO gives the
// currency and no grouping.
func (m Money) String() string {
	digits, _ := currency.GetDigits(m.Currency)
	unit := int64(1)
	for range digits {
		unit *= 10
	}
	if digits == 0 {
		return fmt.Sprintf("%d %s", m.Amount, m.Currency)
	}
	sign, abs := "", m.Amount
	if abs < 0 {
		sign, abs = "-", -abs
	}
	return fmt.Sprintf("%s%d.%0*d %s", sign, abs/unit, int(digits), abs%unit, m.Currency)
}

// feeOf is the house's part of goods at bps hundredths of a percent, rounded
// down: the merchant keeps the fraction.
func feeOf(goods, bps int64) int64 { return share(goods, bps, 10_000) }

// share is floor(whole * part / of) without overflow on the way.
func share(whole, part, of int64) int64 {
	n := new(big.Int).Mul(big.NewInt(whole), big.NewInt(part))
	return n.Div(n, big.NewInt(of)).Int64()
}
