package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/bojanz/currency"

	"souk/internal/api"
	"souk/internal/db"
)

// terms is what a channel demands of everybody: where it sells, and what it adds
// to the price. Shared by all who read it, and never changed.
type terms struct {
	Region     Region
	Fine       fineprint // that an order keeps of these
	Shipping   Shipping
	Tax        Tax
	Fees       Fees
	Currencies Currency
}

// Currency is how the currency of a viewer is chosen: by country, else the
// default, else that of the product. What has no price in it is sold in its own.
type Currency struct {
	Default   string            `json:"default"`
	Countries map[string]string `json:"countries"` // ISO 3166-1 alpha-2 -> ISO 4217
}

// termsCache keeps the terms of channels that were read lately, by the text they
// were parsed from: who asks always reads the text, and parses it when it is
// another one.
type termsCache struct {
	mu  sync.Mutex // guards all
	all map[string]parsedTerms
}

type parsedTerms struct {
	text  [8]string
	bps   int64
	fine  [2]int64 // version and days of withdrawal
	terms terms
}

const maxCachedTerms = 1_000 // channels

// terms reads a channel's: everywhere, and nothing added, unless somebody said
// otherwise.
func (s *Shop) terms(ctx context.Context, from db.Reader, channel string) (terms, error) {
	var p parsedTerms
	err := from.QueryRowContext(ctx, `SELECT c.region_default, c.countries, c.handoff_url, c.fee_bps, c.region_more, c.terms, c.withdrawal_days,
		COALESCE(r.shipping, '{}'), COALESCE(r.tax, '{}'), COALESCE(r.fee, '{}'), COALESCE(r.currencies, '{}')
		FROM shop_channel c LEFT JOIN shop_rules r ON r.channel = c.channel WHERE c.channel = $1`, channel).
		Scan(&p.text[0], &p.text[1], &p.text[2], &p.bps, &p.text[7], &p.fine[0], &p.fine[1], &p.text[3], &p.text[4], &p.text[5], &p.text[6])
	if err != nil {
		return terms{Region: Region{Default: Sell, Countries: map[string]Verdict{}, barred: s.Barred}}, none(err, nil)
	}
	s.termsCache.mu.Lock()
	defer s.termsCache.mu.Unlock()
	if was, ok := s.termsCache.all[channel]; ok && was.text == p.text && was.bps == p.bps && was.fine == p.fine {
		return was.terms, nil
	}
	t := &p.terms
	t.Region = Region{Default: Verdict(p.text[0]), HandoffURL: p.text[2], barred: s.Barred}
	t.Fine = fineprint{Terms: p.fine[0], Days: p.fine[1]}
	var rest more
	for i, into := range map[int]any{1: &t.Region.Countries, 7: &rest, 3: &t.Shipping, 4: &t.Tax, 5: &t.Fees, 6: &t.Currencies} {
		if err := json.Unmarshal([]byte(p.text[i]), into); err != nil {
			return terms{}, fmt.Errorf("terms of %s: %w", channel, err)
		}
	}
	t.Region.Reasons, t.Region.Licences, t.Region.Signals = rest.Reasons, rest.Licences, rest.Signals
	if p.text[5] == "{}" {
		t.Fees.BPS = p.bps
	}
	if len(s.termsCache.all) >= maxCachedTerms || s.termsCache.all == nil {
		s.termsCache.all = map[string]parsedTerms{}
	}
	s.termsCache.all[channel] = p
	return *t, nil
}

// saveRule writes one part of a channel's terms; they count from the next tap
// on.
func saveRule(ctx context.Context, tx *db.Tx, channel, part string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO shop_channel (channel) VALUES ($1) ON CONFLICT (channel) DO NOTHING", channel); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO shop_rules (channel, "+part+") VALUES ($1, $2) ON CONFLICT (channel) DO UPDATE SET "+part+" = excluded."+part, channel, string(text))
	return err
}

// setRule handles PUT of one part of the terms: read, check, store, answer.
func (s *Shop) setRule(w http.ResponseWriter, r *http.Request, part string, value any, check func() error) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	if err := api.Read(w, r, value); err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	if err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error { return saveRule(ctx, tx, channel, part, value) }); err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, value)
}

// getRule handles GET of one part.
func (s *Shop) getRule(w http.ResponseWriter, r *http.Request, pick func(terms) any) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	t, err := s.terms(r.Context(), s.DB.Read(), channel)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, pick(t))
}

// GetShipping handles GET /api/v1/channels/{channel}/shipping.
func (s *Shop) GetShipping(w http.ResponseWriter, r *http.Request) error {
	return s.getRule(w, r, func(t terms) any {
		if t.Shipping.Zones == nil {
			t.Shipping.Zones = []Zone{}
		}
		return t.Shipping
	})
}

// SetShipping handles PUT /api/v1/channels/{channel}/shipping.
func (s *Shop) SetShipping(w http.ResponseWriter, r *http.Request) error {
	var v Shipping
	return s.setRule(w, r, "shipping", &v, func() error { return v.check(s.limits) })
}

// GetTax handles GET /api/v1/channels/{channel}/tax.
func (s *Shop) GetTax(w http.ResponseWriter, r *http.Request) error {
	return s.getRule(w, r, func(t terms) any {
		if t.Tax.Mode == "" { // never said
			t.Tax = Tax{Mode: TaxNone, Rates: []TaxRate{}}
		}
		return t.Tax
	})
}

// SetTax handles PUT /api/v1/channels/{channel}/tax.
func (s *Shop) SetTax(w http.ResponseWriter, r *http.Request) error {
	var v Tax
	return s.setRule(w, r, "tax", &v, v.check)
}

// GetCurrencies handles GET /api/v1/channels/{channel}/currencies. It is for
// everybody: pages choose by it in what currency they show prices.
func (s *Shop) GetCurrencies(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Who.Channel(r.Context(), r.PathValue("channel"), ""); err != nil {
		return err
	}
	t, err := s.terms(r.Context(), s.DB.Read(), r.PathValue("channel"))
	if err != nil {
		return err
	}
	if t.Currencies.Countries == nil {
		t.Currencies.Countries = map[string]string{}
	}
	return api.Write(w, http.StatusOK, t.Currencies)
}

// SetCurrencies handles PUT /api/v1/channels/{channel}/currencies.
func (s *Shop) SetCurrencies(w http.ResponseWriter, r *http.Request) error {
	var v Currency
	return s.setRule(w, r, "currencies", &v, func() error { return v.check(s.limits) })
}

func (c *Currency) check(limits func(string) (Limits, error)) error {
	if len(c.Countries) > maxCountries {
		return bad("countries", "has more rules than there are countries")
	}
	clean := map[string]string{}
	for country, code := range c.Countries {
		known, ok := countryCode(country)
		if _, real := currency.GetDigits(code); !ok || !real {
			return bad("countries", "maps ISO 3166 two-letter codes to ISO 4217 currencies")
		}
		if _, err := limits(code); err != nil {
			return err
		}
		clean[known] = code
	}
	c.Countries = clean
	if c.Default == "" {
		return nil
	}
	if _, real := currency.GetDigits(c.Default); !real {
		return bad("default", "is an ISO 4217 currency")
	}
	_, err := limits(c.Default)
	return err
}
