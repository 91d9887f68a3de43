package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// FeeRule is what the house keeps of an order: a share of the goods and a fixed
// amount in each currency.
type FeeRule struct {
	BPS   int64            `json:"bps"`             // hundredths of a percent
	Fixed map[string]int64 `json:"fixed,omitempty"` // currency -> minor units
}

// Fees are the rules of a channel. That of a product counts before that of its
// merchant, and that before the channel's.
type Fees struct {
	FeeRule
	Merchants map[string]FeeRule `json:"merchants,omitempty"` // by account
	Products  map[string]FeeRule `json:"products,omitempty"`  // by id
}

func (f Fees) rate(product, merchant, currency string) feeRate {
	rule := f.FeeRule
	if own, ok := f.Merchants[merchant]; ok {
		rule = own
	}
	if own, ok := f.Products[product]; ok {
		rule = own
	}
	return feeRate{rule.BPS, rule.Fixed[currency]}
}

// Check refuses what no fee can be.
func (f FeeRule) Check(limits func(string) (Limits, bool)) error {
	if f.BPS < 0 || f.BPS > 10_000 {
		return bad("bps", "must be between 0 and 10000 hundredths of a percent")
	}
	for code, amount := range f.Fixed {
		l, ok := Limits{}, true
		if limits != nil {
			l, ok = limits(code)
		}
		if !ok || amount < 0 || amount > l.most() || l.down(amount) != amount {
			return bad("fixed", fmt.Sprintf("cannot be %d minor units of %q", amount, code))
		}
	}
	return nil
}

// FeesOf returns a channel's fee rules.
func (s *Shop) FeesOf(ctx context.Context, channel string) (Fees, error) {
	t, err := s.terms(ctx, s.DB.Read(), channel)
	return t.Fees, err
}

// SetFee sets a rule from the next tap on: that of the channel, of a merchant's
// account or of a product by its SKU; nil takes an override away. It is for the
// operator: no call of the API leads here.
func (s *Shop) SetFee(ctx context.Context, channel, merchant, sku string, rule *FeeRule) error {
	if rule != nil {
		if err := rule.Check(s.Limits); err != nil {
			return err
		}
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		t, err := s.terms(ctx, tx, channel)
		if err != nil {
			return err
		}
		fees, err := t.Fees.copy()
		if err != nil {
			return err
		}
		switch {
		case sku != "":
			var id string
			if err := tx.QueryRow(ctx, "SELECT id FROM shop_product WHERE channel = $1 AND sku = $2 AND dropped IS NULL", channel, sku).Scan(&id); err != nil {
				return none(err, ErrNoProduct)
			}
			put(&fees.Products, id, rule)
		case merchant != "":
			put(&fees.Merchants, merchant, rule)
		case rule == nil:
			fees.FeeRule = FeeRule{}
		default:
			fees.FeeRule = *rule
		}
		return saveRule(ctx, tx, channel, "fee", fees)
	})
}

func put(into *map[string]FeeRule, key string, rule *FeeRule) {
	if rule == nil {
		delete(*into, key)
		return
	}
	if *into == nil {
		*into = map[string]FeeRule{}
	}
	(*into)[key] = *rule
}

// copy keeps the rules that others read as they are.
func (f Fees) copy() (c Fees, err error) {
	b, err := json.Marshal(f)
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}

// GetFees handles GET /api/v1/channels/{channel}/fee: what the house keeps, for
// those who sell to look at.
func (s *Shop) GetFees(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, r.PathValue("channel"), sellers); err != nil {
		return err
	}
	fees, err := s.FeesOf(r.Context(), r.PathValue("channel"))
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, fees)
}
