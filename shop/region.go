package shop

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/language"

	"souk/internal/api"
	"souk/internal/db"
)

// Verdict is what a channel does with buyers from a country.
type Verdict string

// The verdicts.
const (
	Sell    Verdict = "sell"
	Handoff Verdict = "handoff" // sells somewhere else, under the hand-over address
	Watch   Verdict = "watch"   // shows, and sells nothing
)

func (v Verdict) known() bool { return v == Sell || v == Handoff || v == Watch }

// Region says where a channel sells. The country that counts is the one the
// parcel goes to.
type Region struct {
	Default    Verdict            `json:"default"`
	Countries  map[string]Verdict `json:"countries"` // by ISO 3166-1 alpha-2
	HandoffURL string             `json:"handoff_url,omitempty"`
}

// admit refuses a country the channel does not sell to, with the verdict.
func (g Region) admit(country string) error {
	v, ok := g.Countries[country]
	if !ok {
		v = g.Default
	}
	if v == Sell {
		return nil
	}
	refusal := ErrRegion.With("verdict", v).With("country", country)
	if v == Handoff && g.HandoffURL != "" {
		refusal = refusal.With("handoff_url", g.HandoffURL)
	}
	return refusal
}

func (g *Region) check() error {
	if g.Default == "" {
		g.Default = Sell
	}
	if !g.Default.known() {
		return bad("default", "is sell, handoff or watch")
	}
	if len(g.Countries) > maxCountries {
		return bad("countries", "has more rules than there are countries")
	}
	clean := map[string]Verdict{}
	handoff := g.Default == Handoff
	for country, v := range g.Countries {
		region, err := language.ParseRegion(country)
		if err != nil || len(country) != 2 || !region.IsCountry() || !v.known() {
			return bad("countries", "maps ISO 3166 two-letter codes to sell, handoff or watch")
		}
		clean[region.String()] = v
		handoff = handoff || v == Handoff
	}
	g.Countries = clean
	g.HandoffURL = strings.TrimSpace(g.HandoffURL)
	if g.HandoffURL == "" {
		if handoff {
			return bad("handoff_url", "is missing; somebody is to be handed over")
		}
		return nil
	}
	u, err := url.Parse(g.HandoffURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || len(g.HandoffURL) > maxImageURL {
		return bad("handoff_url", "must be an https address")
	}
	return nil
}

// GetRegion handles GET /api/v1/channels/{channel}/region.
func (s *Shop) GetRegion(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, r.PathValue("channel"), sellers); err != nil {
		return err
	}
	t, err := s.terms(r.Context(), s.DB.Read(), r.PathValue("channel"))
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, t.Region)
}

// SetRegion handles PUT /api/v1/channels/{channel}/region. It counts from the
// next tap on; orders that stand are honoured.
func (s *Shop) SetRegion(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, hosts); err != nil {
		return err
	}
	var g Region
	if err := api.Read(w, r, &g); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	countries, err := json.Marshal(g.Countries)
	if err != nil {
		return err
	}
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO shop_channel (channel, region_default, countries, handoff_url) VALUES ($1, $2, $3, $4)
			ON CONFLICT (channel) DO UPDATE SET region_default = excluded.region_default, countries = excluded.countries, handoff_url = excluded.handoff_url`,
			channel, g.Default, string(countries), g.HandoffURL)
		return err
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, g)
}
