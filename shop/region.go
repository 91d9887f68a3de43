package shop

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	Reasons    map[string]string  `json:"reasons,omitempty"`  // why not, by country, for people
	Licences   map[string]string  `json:"licences,omitempty"` // by country: with it the channel sells there, whatever the rules say
	Signals    []string           `json:"signals,omitempty"`  // what else must be in a country that is sold to: card, network

	barred map[string]string // countries where nobody here sells without a licence, and why
}

// What tells where a buyer is.
const (
	byShipTo  = "ship_to"
	byCard    = "card"
	byNetwork = "network"
	byDefault = "default"
)

// signals are the countries that something says a buyer is in; "" says nothing.
type signals struct {
	ShipTo  string `json:"ship_to,omitempty"`
	Card    string `json:"card,omitempty"`
	Network string `json:"network,omitempty"`
}

// Ruling is a verdict about one buyer, with why it is so.
type Ruling struct {
	Verdict    Verdict `json:"verdict"`
	Country    string  `json:"country,omitempty"` // that decided; left out when nobody knows
	By         string  `json:"by"`                // what told the country: ship_to, card, network, or default
	Reason     string  `json:"reason,omitempty"`
	Licence    string  `json:"licence,omitempty"` // that allows it
	HandoffURL string  `json:"handoff_url,omitempty"`
	Signals    signals `json:"signals"`
}

// of is what the rules say about one country.
func (g Region) of(country string) (v Verdict, reason, licence string) {
	v, ok := g.Countries[country]
	if !ok {
		v = g.Default
	}
	reason = g.Reasons[country]
	if why, barred := g.barred[country]; barred && v == Sell {
		v, reason = Watch, why
	}
	if licence = g.Licences[country]; licence != "" {
		return Sell, "", licence
	}
	if v == Sell {
		reason = ""
	}
	return v, reason, ""
}

// decide rules about a buyer. Where the parcel goes binds; without it the network
// is the best guess, as before anybody said anything. What the channel names
// besides must be sold to as well.
func (g Region) decide(at signals) Ruling {
	r := Ruling{Verdict: g.Default, By: byDefault, Signals: at}
	country, by := at.ShipTo, byShipTo
	if country == "" {
		country, by = at.Network, byNetwork
	}
	if country != "" {
		r.Country, r.By = country, by
		r.Verdict, r.Reason, r.Licence = g.of(country)
	}
	for _, s := range []struct{ by, country string }{{byCard, at.Card}, {byNetwork, at.Network}} {
		if r.Verdict != Sell || s.country == "" || !slices.Contains(g.Signals, s.by) {
			continue
		}
		if v, reason, _ := g.of(s.country); v != Sell {
			r.Verdict, r.Reason, r.Licence, r.Country, r.By = v, reason, "", s.country, s.by
		}
	}
	if r.Verdict == Handoff {
		r.HandoffURL = g.HandoffURL
	}
	return r
}

// refusal is what a buyer is told who cannot buy.
func (r Ruling) refusal() error {
	if r.Verdict == Sell {
		return nil
	}
	no := ErrRegion.With("verdict", r.Verdict).With("country", r.Country)
	if r.Reason != "" {
		no = no.With("reason", r.Reason)
	}
	if r.HandoffURL != "" {
		no = no.With("handoff_url", r.HandoffURL)
	}
	return no
}

func (g *Region) check() error {
	if g.Default == "" {
		g.Default = Sell
	}
	if !g.Default.known() {
		return bad("default", "is sell, handoff or watch")
	}
	if len(g.Countries) > maxCountries || len(g.Reasons) > maxCountries || len(g.Licences) > maxCountries {
		return bad("countries", "has more rules than there are countries")
	}
	clean := map[string]Verdict{}
	handoff := g.Default == Handoff
	for text, v := range g.Countries {
		country, ok := countryCode(text)
		if !ok || !v.known() {
			return bad("countries", "maps ISO 3166 two-letter codes to sell, handoff or watch")
		}
		clean[country] = v
		handoff = handoff || v == Handoff
	}
	g.Countries = clean
	if !cleanWords(&g.Reasons) {
		return bad("reasons", "maps ISO 3166 two-letter codes to at most 200 characters")
	}
	if !cleanWords(&g.Licences) {
		return bad("licences", "maps ISO 3166 two-letter codes to at most 200 characters")
	}
	slices.Sort(g.Signals)
	g.Signals = slices.Compact(g.Signals)
	if slices.ContainsFunc(g.Signals, func(s string) bool { return s != byCard && s != byNetwork }) {
		return bad("signals", "are card and network")
	}
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

// cleanWords trims what is said about countries and leaves out what says nothing.
func cleanWords(words *map[string]string) bool {
	clean := map[string]string{}
	for text, said := range *words {
		country, ok := countryCode(text)
		said = strings.TrimSpace(said)
		if !ok || !fits(said, maxReason, false) {
			return false
		}
		if said != "" {
			clean[country] = said
		}
	}
	*words = clean
	return true
}

// Rule tells how a channel rules about who sends r: what a page shows in place of
// the button. Nobody in particular is judged by where the request comes from.
func (s *Shop) Rule(r *http.Request, channel string) (Ruling, error) {
	t, err := s.terms(r.Context(), s.DB.Read(), channel)
	if err != nil {
		return Ruling{}, err
	}
	at := signals{Network: s.network(r)}
	if p, err := s.Who.Person(r); err == nil {
		if p.Address != nil {
			at.ShipTo = p.Address.Country
		}
		err := s.DB.Read().QueryRowContext(r.Context(), "SELECT m.country FROM shop_method m WHERE m.person = $1 ORDER BY "+methodsNewest+" LIMIT 1", p.ID).Scan(&at.Card)
		if none(err, nil) != nil {
			return Ruling{}, err
		}
	}
	return t.Region.decide(at), nil
}

func (s *Shop) network(r *http.Request) string {
	if s.Locate == nil {
		return ""
	}
	return s.Locate(r)
}

// GetRuling handles GET /api/v1/channels/{channel}/ruling, for whoever asks.
func (s *Shop) GetRuling(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Who.Channel(r.Context(), r.PathValue("channel"), "")
	if err != nil {
		return err
	}
	rule, err := s.Rule(r, c.Slug)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, rule)
}

// more is what a row keeps of a region beside its verdicts.
type more struct {
	Reasons  map[string]string `json:"reasons,omitempty"`
	Licences map[string]string `json:"licences,omitempty"`
	Signals  []string          `json:"signals,omitempty"`
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
// next tap on, and for taps whose money has not been asked for; orders that stand
// are honoured.
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
	rest, err := json.Marshal(more{g.Reasons, g.Licences, g.Signals})
	if err != nil {
		return err
	}
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO shop_channel (channel, region_default, countries, handoff_url, region_more) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (channel) DO UPDATE SET region_default = excluded.region_default, countries = excluded.countries, handoff_url = excluded.handoff_url,
			region_more = excluded.region_more`, channel, g.Default, string(countries), g.HandoffURL, string(rest))
		return err
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, g)
}
