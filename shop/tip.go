package shop

import (
	"context"

	"github.com/bojanz/currency"
)

// A tip is money without goods, alone or on top of a purchase. None of it is the
// house's, and it has an account of its own in the ledger. An order for a tip
// alone is one of a unit of the channel's jar, a product that is never on the
// shelf and gets a unit for each: so it is held, paid, declined and refunded as
// every order is.

const tipTitle = "Tip"

// tipCard is what a room hears of a tip, if the tipper agreed to that.
type tipCard struct {
	Name string `json:"name"`
	Tip  Money  `json:"tip"`
}

// worth is about what a dollar is in a currency, in whole units: for amounts to
// suggest, and for the least that a provider takes. Those that are not here are
// near a dollar.
var worth = map[string]int64{
	"JPY": 150, "KRW": 1_400, "IDR": 15_000, "VND": 25_000, "INR": 80, "THB": 35, "PHP": 55, "TWD": 30, "HUF": 350, "CZK": 23,
	"SEK": 10, "NOK": 10, "DKK": 7, "PLN": 4, "TRY": 30, "MXN": 18, "ZAR": 18, "BRL": 5, "CNY": 7, "HKD": 8, "MYR": 4, "EGP": 50,
	"SAR": 4, "AED": 4, "QAR": 4, "ILS": 4, "CLP": 900, "COP": 4_000, "ARS": 1_000, "UGX": 3_700, "KES": 130, "NGN": 1_500,
	"ISK": 140, "RUB": 90, "UAH": 40, "PKR": 280, "BDT": 120, "LKR": 300, "MAD": 10, "XAF": 600, "XOF": 600, "XPF": 110, "MGA": 4_500,
}

// dollars is an amount near n hundredths of a dollar in minor units of a
// currency.
func dollars(code string, cents int64) int64 {
	digits, _ := currency.GetDigits(code)
	n := max(worth[code], 1)
	for range digits {
		n *= 10
	}
	return max(n*cents/100, 1)
}

// leastCharge is about the smallest sum that a provider takes.
func leastCharge(code string) int64 { return dollars(code, 50) }

// Tips is what a page suggests in a currency.
type Tips struct {
	Suggested []int64 `json:"suggested"` // minor units
	Least     int64   `json:"least"`     // alone; on top of a purchase, any sum
	Most      int64   `json:"most"`
}

// TipsIn is what a page suggests in a currency.
func TipsIn(code string) Tips {
	return Tips{
		Suggested: []int64{dollars(code, 100), dollars(code, 300), dollars(code, 1_000)},
		Least:     dollars(code, 100), Most: min(dollars(code, 50_000), maxAmount),
	}
}

// checkTip refuses what is no tip.
func checkTip(tip Money, alone bool) error {
	if err := tip.check("tip"); err != nil {
		return err
	}
	t := TipsIn(tip.Currency)
	if alone && tip.Amount < t.Least || tip.Amount > t.Most {
		return ErrTip.With("tips", t)
	}
	return nil
}

// jar names the jar of an ask.
func (a ask) jar() string {
	if a.Tip == nil {
		return ""
	}
	return a.Channel + " " + a.Tip.Currency
}

// justTip tells whether there are no goods in an order.
func (o order) justTip() bool { return o.Items.Amount == 0 && o.Tip.Amount > 0 }

// readJars finds the jar of each tip without goods, and makes it where there is
// none yet.
func (b *books) readJars(ctx context.Context, claims []*claim) error {
	for _, c := range claims {
		if !c.ask.justTip() || c.aside || b.jars[c.ask.jar()] != "" {
			continue
		}
		code := c.ask.Tip.Currency
		_, err := b.tx.Exec(ctx, `INSERT INTO shop_product (id, channel, sku, title, description, image, amount, currency, available, held, sold, received, created, dropped, jar)
			VALUES ($1, $2, 'tip', $3, '', '', 1, $4, 0, 0, 0, 0, $5, $5, TRUE) ON CONFLICT (channel, currency) WHERE jar DO NOTHING`,
			newID(), c.ask.Channel, tipTitle, code, b.tx.Millis())
		if err != nil {
			return err
		}
		var id string
		if err := b.tx.QueryRow(ctx, "SELECT id FROM shop_product WHERE channel = $1 AND currency = $2 AND jar", c.ask.Channel, code).Scan(&id); err != nil {
			return err
		}
		b.jars[c.ask.jar()] = id
	}
	return nil
}

// fillJar gives the jar the unit that an order is for.
func (b *books) fillJar(ctx context.Context, o order, q quote) error {
	if err := bookStock(ctx, b.tx, q.product.ID, 1, o.Buyer); err != nil {
		return err
	}
	_, err := b.tx.Exec(ctx, "UPDATE shop_product SET received = received + 1, held = held + 1 WHERE id = $1", q.product.ID)
	return err
}

// extras is the part of a quote that is on top of the goods, or off them.
func (b *books) extras(ctx context.Context, buyer Person, a ask, q *quote) error {
	if a.Tip != nil {
		if a.Tip.Currency != q.unit.Currency {
			return bad("tip", "must be in the currency of the order")
		}
		q.tip = a.Tip.Amount
	}
	if a.Coupon == "" {
		return nil
	}
	if a.justTip() {
		return ErrCouponNotHere
	}
	c, err := couponFor(ctx, b.from, b.tx, a)
	if err != nil {
		return err
	}
	items, ok := q.unit.times(*a.Quantity)
	if !ok {
		return nil // compose says so
	}
	if q.discount, err = c.discount(b.now, *q, b.show(a.Channel), items.Amount); err != nil {
		return err
	}
	q.coupon = c
	return c.allows(ctx, b.from, buyer.ID)
}

// code is that of the coupon, if any.
func (q quote) code() string {
	if q.coupon == nil {
		return ""
	}
	return q.coupon.Code
}
