package shop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bojanz/currency"
	"golang.org/x/text/language"
)

const (
	maxZones  = 60
	maxRates  = 40     // currencies of a zone
	maxBands  = 30     // weights of a rate
	maxWeight = 50_000 // grams of one unit
	maxZone   = 60     // runes of its name
	anywhere  = "*"    // the countries that no other zone has
)

// Shipping is what it costs to send things, by where they go. Without zones
// everything goes everywhere, for nothing.
type Shipping struct {
	Zones []Zone `json:"zones"`
	// Combine has a buyer's later orders in a show travel with the first: they pay
	// what the parcel costs more for being heavier.
	Combine bool `json:"combine"`
}

// Zone is some countries and what shipping there costs, in each currency that
// is sold there.
type Zone struct {
	Name      string   `json:"name"`
	Countries []string `json:"countries"` // ISO 3166-1 alpha-2, or *
	Rates     []Rate   `json:"rates"`
}

// Rate is the price of a parcel by its weight.
type Rate struct {
	Currency string `json:"currency"`
	Bands    []Band `json:"bands"`               // lightest first
	FreeOver *int64 `json:"free_over,omitempty"` // goods for as much go free, in minor units
}

// Band is a price for parcels up to a weight.
type Band struct {
	UpTo  int64 `json:"up_to,omitempty"` // grams; absent: any weight
	Price int64 `json:"price"`           // minor units
}

// rate finds what applies: ErrNotShipped.
func (s Shipping) rate(country, code string) (*Rate, error) {
	if len(s.Zones) == 0 {
		return nil, nil
	}
	refusal := ErrNotShipped.With("country", country).With("currency", code)
	var rest *Zone
	for i := range s.Zones {
		z := &s.Zones[i]
		if slices.Contains(z.Countries, country) {
			return z.rate(code, refusal)
		}
		if slices.Contains(z.Countries, anywhere) {
			rest = z
		}
	}
	if rest == nil {
		return nil, refusal
	}
	return rest.rate(code, refusal)
}

func (z Zone) rate(code string, refusal error) (*Rate, error) {
	for i := range z.Rates {
		if z.Rates[i].Currency == code {
			return &z.Rates[i], nil
		}
	}
	return nil, refusal
}

// sent is what already travels to the same buyer: in the same parcel.
type sent struct {
	goods, weight, paid int64 // minor units, grams, minor units of shipping
}

// price is what shipping costs for goods of a weight beside what already
// travels: never less than nothing. ErrTooHeavy.
func (r *Rate) price(goods, weight int64, with sent) (int64, error) {
	if r == nil {
		return 0, nil
	}
	if r.FreeOver != nil && goods+with.goods >= *r.FreeOver {
		return 0, nil
	}
	for _, b := range r.Bands {
		if b.UpTo == 0 || weight+with.weight <= b.UpTo {
			return max(0, b.Price-with.paid), nil
		}
	}
	if with.weight > 0 { // too much for one parcel: it gets its own
		return r.price(goods, weight, sent{})
	}
	return 0, ErrTooHeavy.With("grams", weight)
}

// check puts a table in order and refuses what cannot be one.
func (s *Shipping) check(limits func(string) (Limits, error)) error {
	if len(s.Zones) > maxZones {
		return bad("zones", fmt.Sprintf("has more than %d zones", maxZones))
	}
	if s.Zones == nil {
		s.Zones = []Zone{}
	}
	seen := map[string]bool{}
	for i := range s.Zones {
		z := &s.Zones[i]
		z.Name = strings.TrimSpace(z.Name)
		if !fits(z.Name, maxZone, false) || len(z.Countries) == 0 {
			return bad("zones", "needs countries in every zone, and a name of at most 60 characters")
		}
		for j, country := range z.Countries {
			if country != anywhere {
				known, ok := countryCode(country)
				if !ok {
					return bad("zones", "lists ISO 3166 two-letter codes, or * for everywhere else")
				}
				z.Countries[j], country = known, known
			}
			if seen[country] {
				return bad("zones", "has "+country+" twice")
			}
			seen[country] = true
		}
		if err := z.check(limits); err != nil {
			return err
		}
	}
	return nil
}

func (z *Zone) check(limits func(string) (Limits, error)) error {
	if len(z.Rates) == 0 || len(z.Rates) > maxRates {
		return bad("zones", "needs rates in every zone, one for each currency")
	}
	seen := map[string]bool{}
	for i := range z.Rates {
		r := &z.Rates[i]
		if _, known := currency.GetDigits(r.Currency); !known || seen[r.Currency] {
			return bad("zones", "needs an ISO 4217 currency in every rate, each once in a zone")
		}
		seen[r.Currency] = true
		l, err := limits(r.Currency)
		if err != nil {
			return err
		}
		if len(r.Bands) == 0 || len(r.Bands) > maxBands || r.FreeOver != nil && *r.FreeOver < 0 {
			return bad("zones", "needs one or more bands in every rate, and free_over is zero or more")
		}
		slices.SortStableFunc(r.Bands, func(a, b Band) int { return cmpWeight(a.UpTo, b.UpTo) })
		for j, b := range r.Bands {
			if b.UpTo < 0 || b.Price < 0 || b.Price > l.most() || l.down(b.Price) != b.Price || j > 0 && b.UpTo == r.Bands[j-1].UpTo {
				return bad("zones", "has a band that no parcel could have, or a price that no payment could take")
			}
		}
	}
	return nil
}

// cmpWeight has no limit come last.
func cmpWeight(a, b int64) int {
	switch {
	case a == b:
		return 0
	case a == 0:
		return 1
	case b == 0 || a < b:
		return -1
	}
	return 1
}

// countryCode is an ISO 3166-1 alpha-2 code in capitals.
func countryCode(text string) (string, bool) {
	region, err := language.ParseRegion(text)
	if err != nil || len(text) != 2 || !region.IsCountry() {
		return "", false
	}
	return region.String(), true
}
