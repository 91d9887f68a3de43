package shop

import (
	"fmt"
	"strings"
)

const (
	maxTaxRates = 600
	maxTaxCode  = 40 // runes
	maxTaxRate  = 10_000
)

// Ways to tax.
const (
	TaxNone  = "none"
	TaxTable = "table"
)

// Tax is how a channel's orders are taxed.
type Tax struct {
	Mode     string    `json:"mode"`
	Included bool      `json:"included"` // prices have the tax in them
	Shipping bool      `json:"shipping"` // shipping is taxed at the rate of the goods
	Rates    []TaxRate `json:"rates"`    // of mode table
}

// TaxRate is a rate for a place and a kind of goods. The most particular one
// counts: region before country before anywhere, and in each a code before none.
type TaxRate struct {
	Country string `json:"country"`          // ISO 3166-1 alpha-2, or *
	Region  string `json:"region,omitempty"` // as in addresses, whatever the case; empty: all of the country
	Code    string `json:"code,omitempty"`   // of products; empty: any
	BPS     int64  `json:"bps"`              // hundredths of a percent
}

// destination is where an order goes.
type destination struct{ country, region, postal string }

func destinationOf(a *Address) destination {
	if a == nil {
		return destination{}
	}
	return destination{a.Country, a.Region, a.PostalCode}
}

// on is how goods with a code are taxed when they go to a place. Nothing said is
// nothing taxed.
func (t Tax) on(to destination, code string) taxing {
	if t.Mode != TaxTable {
		return taxing{included: t.Included}
	}
	best, bps := -1, int64(0)
	for _, r := range t.Rates {
		weight := 0
		switch {
		case r.Country != anywhere && r.Country != to.country, r.Region != "" && !strings.EqualFold(r.Region, strings.TrimSpace(to.region)), r.Code != "" && r.Code != code:
			continue
		}
		if r.Country != anywhere {
			weight += 2
		}
		if r.Region != "" {
			weight += 4
		}
		if r.Code != "" {
			weight++
		}
		if weight > best {
			best, bps = weight, r.BPS
		}
	}
	how := taxing{goods: bps, included: t.Included}
	if t.Shipping {
		how.shipping = bps
	}
	return how
}

func (t *Tax) check() error {
	switch t.Mode {
	case "":
		t.Mode = TaxNone
	case TaxNone, TaxTable:
	default:
		return bad("mode", "is none or table")
	}
	if len(t.Rates) > maxTaxRates {
		return bad("rates", fmt.Sprintf("has more than %d rates", maxTaxRates))
	}
	if t.Rates == nil {
		t.Rates = []TaxRate{}
	}
	seen := map[TaxRate]bool{}
	for i := range t.Rates {
		r := &t.Rates[i]
		r.Region, r.Code = strings.TrimSpace(r.Region), strings.TrimSpace(r.Code)
		if r.Country != anywhere {
			known, ok := countryCode(r.Country)
			if !ok {
				return bad("rates", "lists ISO 3166 two-letter codes, or * for everywhere else")
			}
			r.Country = known
		} else if r.Region != "" {
			return bad("rates", "has a region of no country")
		}
		if r.BPS < 0 || r.BPS > maxTaxRate || !fits(r.Code, maxTaxCode, false) || !fits(r.Region, maxTitle, false) {
			return bad("rates", "has a rate that is none: bps are hundredths of a percent, up to 10000")
		}
		key := TaxRate{Country: r.Country, Region: strings.ToLower(r.Region), Code: r.Code}
		if seen[key] {
			return bad("rates", "says two things about the same place and code")
		}
		seen[key] = true
	}
	return nil
}
