package shop

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// anyParts makes up an order, often one at an edge.
func anyParts(rnd *rand.Rand) parts {
	upTo := func(n int64) int64 {
		if rnd.IntN(4) == 0 {
			return 0
		}
		return rnd.Int64N(n + 1)
	}
	size := int64(10)
	for range rnd.IntN(6) {
		size *= 10
	}
	p := parts{unit: Money{1 + rnd.Int64N(size), "USD"}, quantity: 1 + rnd.Int64N(maxQuantity),
		discount: upTo(2 * size), shipping: upTo(size), tip: upTo(size),
		tax: taxing{goods: upTo(10_000), shipping: upTo(10_000), included: rnd.IntN(2) == 0}, fee: feeRate{upTo(10_000), upTo(size)}, limits: Limits{Max: 99_999_990, Step: 1}}
	if rnd.IntN(3) == 0 { // a currency that is paid in tens, as dinars are
		p.limits.Step, p.unit.Amount = 10, p.unit.Amount*10
	}
	return p
}

// The parts make the total, whatever they are; the fee is what it is of the
// goods and at most the total; and the tax inside a price is less than it.
func TestSums(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 5))
	for range 50_000 {
		p := anyParts(rnd)
		s, fee, err := compose(p)
		if err != nil {
			continue // more than one payment can carry
		}
		if !s.adds() || s.Total.Amount < 0 || s.Total.Amount > maxAmount {
			t.Fatalf("%+v comes to %+v", p, s)
		}
		for _, part := range []Money{s.Items, s.Discount, s.Shipping, s.Tax, s.Tip, s.Total, fee} {
			if part.Amount < 0 || part.Currency != "USD" {
				t.Fatalf("%+v has a part %v", p, part)
			}
		}
		for _, part := range []Money{s.Items, s.Discount, s.Shipping, s.Tax, s.Tip, s.Total, fee} {
			if part.Amount%p.limits.Step != 0 {
				t.Fatalf("%+v has a part %v that cannot be paid", p, part)
			}
		}
		goods := s.Items.Amount - s.Discount.Amount
		if want := min(p.limits.down(goods*p.fee.bps/10_000+p.fee.fixed), s.Total.Amount); fee.Amount != want {
			t.Fatalf("%+v: a fee of %v, want %d", p, fee, want)
		}
		if s.TaxIncluded && s.Tax.Amount > goods+s.Shipping.Amount {
			t.Fatalf("%+v: %v tax inside %d", p, s.Tax, goods+s.Shipping.Amount)
		}
	}
}

func TestSum(t *testing.T) {
	for name, c := range map[string]struct {
		p          parts
		total, tax int64
		fee        int64
	}{
		"goods alone":        {parts{quantity: 2, fee: feeRate{333, 0}}, 2500, 0, 83},
		"everything":         {parts{quantity: 2, discount: 500, shipping: 400, tip: 100, tax: taxing{goods: 1000, shipping: 2000}, fee: feeRate{1000, 30}}, 2780, 280, 230},
		"tax inside":         {parts{quantity: 2, shipping: 400, tax: taxing{goods: 2000, shipping: 2000, included: true}}, 2900, 417 + 67, 0},
		"half a cent up":     {parts{quantity: 1, tax: taxing{goods: 100}}, 1263, 13, 0},
		"a coupon for all":   {parts{quantity: 1, discount: 5000, shipping: 300, fee: feeRate{1000, 0}}, 300, 0, 0},
		"a fee for all":      {parts{quantity: 1, fee: feeRate{0, 9999}}, 1250, 0, 1250},
		"no fee on the rest": {parts{quantity: 1, shipping: 1000, tip: 1000, tax: taxing{goods: 1000}, fee: feeRate{1000, 0}}, 3375, 125, 125},
	} {
		c.p.unit = Money{1250, "USD"}
		s, fee, err := compose(c.p)
		if err != nil || s.Total.Amount != c.total || s.Tax.Amount != c.tax || fee.Amount != c.fee {
			t.Errorf("%s: %+v, fee %v, %v", name, s, fee, err)
		}
	}
	for name, p := range map[string]parts{
		"a discount that adds": {discount: -1}, "shipping that pays": {shipping: -1}, "a tip from us": {tip: -1},
		"too much in all": {shipping: maxAmount}, "too many": {quantity: maxAmount},
	} {
		p.unit, p.quantity = Money{1250, "USD"}, max(p.quantity, 1)
		if s, _, err := compose(p); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// Refunds in any cut undo exactly the sale, and no account gives more than it
// has got.
func TestRefundsUndoTheSale(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	for range 5000 {
		o := order{Channel: "tea"}
		var err error
		if o.Sum, o.Fee, err = compose(anyParts(rnd)); err != nil || o.Total.Amount == 0 {
			continue
		}
		left := saleLines(o)
		sum := func(lines []line) (n int64) {
			for _, l := range lines {
				n += l.amount
			}
			return n
		}
		if sum(left) != 0 || left[0].amount != o.Total.Amount {
			t.Fatalf("%+v: %+v", o.Sum, left)
		}
		owing := left[1].amount <= 0 // a fee may be more than the goods; then the merchant owes it
		for back := int64(0); back < o.Total.Amount; {
			part := 1 + rnd.Int64N(o.Total.Amount-back)
			lines := refundLines(left, part)
			if sum(lines) != 0 || lines[0].amount != -part {
				t.Fatalf("%d of %+v: %+v", part, left, lines)
			}
			for _, l := range lines {
				for i := range left {
					if left[i].account == l.account {
						left[i].amount += l.amount
					}
				}
			}
			for _, l := range left[1:] {
				if l.amount > 0 && owing {
					t.Fatalf("%s gave more than it had: %+v", l.account, left)
				}
			}
			back += part
		}
		for _, l := range left {
			if l.amount != 0 {
				t.Fatalf("%s is left with %d", l.account, l.amount)
			}
		}
	}
}

// No byte of a quote can be another one.
func TestQuoteSealed(t *testing.T) {
	s := New(nil, nil)
	s.secrets.all[quoteSecret] = []byte("0123456789abcdef0123456789abcdef")
	one := int64(1)
	a := ask{Channel: "tea", Product: "p", Quantity: &one}
	said := agreed{Buyer: "mira", Channel: "tea", Product: "p", Quantity: 1, Price: Money{1250, "USD"}, Country: "PT", Expires: 1}
	said.is("USD")
	a.Quote = s.signQuote(said).Quote
	if was, err := s.readQuote(t.Context(), Person{ID: "mira"}, a); err != nil || *was != said {
		t.Fatalf("%+v came back as %+v, %v", said, was, err)
	}
	text, mark, _ := strings.Cut(a.Quote, ".")
	for part, raw := range []string{text, mark} {
		bytes, err := base64.RawURLEncoding.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		for i := range bytes {
			changed := []string{text, mark}
			bytes[i] ^= 1
			changed[part] = base64.RawURLEncoding.EncodeToString(bytes)
			bytes[i] ^= 1
			a.Quote = strings.Join(changed, ".")
			if _, err := s.readQuote(t.Context(), Person{ID: "mira"}, a); err != ErrBadQuote {
				t.Fatalf("byte %d of part %d changed: %v", i, part, err)
			}
		}
	}
}
