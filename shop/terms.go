package shop

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits of terms.
const (
	maxSellerLine   = 200 // runes
	maxSellerText   = 600 // runes of an address
	leastWithdrawal = 14  // days, Directive 2011/83/EU, article 9
	mostWithdrawal  = 365
	longestVoyage   = 30 * 24 * time.Hour // of a parcel
)

// Terms is who sells on a channel and what buyers are promised. Each part can be
// switched off.
type Terms struct {
	Seller     Seller          `json:"seller"`
	Withdrawal WithdrawalTerms `json:"withdrawal"`
}

// Seller is who buyers have to do with. Country is ISO 3166-1 alpha-2.
type Seller struct {
	Show         bool   `json:"show"` // on cards, orders and mails
	Name         string `json:"name"`
	Address      string `json:"address"` // several lines
	Country      string `json:"country,omitempty"`
	Email        string `json:"email"`
	Phone        string `json:"phone,omitempty"`
	Registration string `json:"registration,omitempty"` // where and under which number
	VAT          string `json:"vat_id,omitempty"`
	TermsURL     string `json:"terms_url,omitempty"`
	PrivacyURL   string `json:"privacy_url,omitempty"`
}

// WithdrawalTerms is the right to send goods back within a time.
type WithdrawalTerms struct {
	Offered  bool   `json:"offered"`
	Days     int64  `json:"days"`                // from delivery on
	ReturnTo string `json:"return_to,omitempty"` // several lines; "" for the seller's address
}

func (t *Terms) check() error {
	s := &t.Seller
	for _, f := range []struct {
		name  string
		value *string
		limit int
		lines bool
	}{
		{"name", &s.Name, maxSellerLine, false}, {"address", &s.Address, maxSellerText, true}, {"email", &s.Email, maxSellerLine, false},
		{"phone", &s.Phone, maxSellerLine, false}, {"registration", &s.Registration, maxSellerLine, false}, {"vat_id", &s.VAT, maxSellerLine, false},
		{"terms_url", &s.TermsURL, maxImageURL, false}, {"privacy_url", &s.PrivacyURL, maxImageURL, false}, {"return_to", &t.Withdrawal.ReturnTo, maxSellerText, true},
	} {
		*f.value = strings.TrimSpace(*f.value)
		if !fits(*f.value, f.limit, f.lines) {
			return bad("seller", "has a "+f.name+" that is too long, or has characters that cannot be shown")
		}
	}
	if (s.Show || t.Withdrawal.Offered) && (s.Name == "" || s.Address == "" || s.Email == "") {
		return bad("seller", "needs a name, an address and an e-mail address to be shown, or to be sent anything back")
	}
	if a, err := mail.ParseAddress(s.Email); s.Email != "" && (err != nil || a.Address != s.Email) {
		return bad("seller", "has an email that is no e-mail address")
	}
	if s.Country != "" {
		country, ok := countryCode(s.Country)
		if !ok {
			return bad("seller", "has a country that is not an ISO 3166 two-letter code")
		}
		s.Country = country
	}
	for name, link := range map[string]string{"terms_url": s.TermsURL, "privacy_url": s.PrivacyURL} {
		if u, err := url.Parse(link); link != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			return bad("seller", "has a "+name+" that is not an https address")
		}
	}
	if t.Withdrawal.Offered && (t.Withdrawal.Days < leastWithdrawal || t.Withdrawal.Days > mostWithdrawal) {
		return bad("withdrawal", "must be offered for 14 to 365 days")
	}
	return nil
}

// termsAt reads a version of a channel's terms; 0 is that of a channel without.
func termsAt(ctx context.Context, from db.Reader, channel string, version int64) (t Terms, err error) {
	if version == 0 {
		return t, nil
	}
	var body string
	if err = from.QueryRowContext(ctx, "SELECT body FROM shop_terms WHERE channel = $1 AND version = $2", channel, version).Scan(&body); err == nil {
		err = json.Unmarshal([]byte(body), &t)
	}
	return t, err
}

// TermsOf returns a channel's terms of now.
func (s *Shop) TermsOf(ctx context.Context, channel string) (Terms, error) {
	var version int64
	err := s.DB.Read().QueryRowContext(ctx, "SELECT terms FROM shop_channel WHERE channel = $1", channel).Scan(&version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Terms{}, err
	}
	return termsAt(ctx, s.DB.Read(), channel, version)
}

// GetTerms handles GET /api/v1/channels/{channel}/terms. Who sells sees all of it;
// anybody else what is shown.
func (s *Shop) GetTerms(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Who.Channel(r.Context(), r.PathValue("channel"), "")
	if err != nil {
		return err
	}
	t, err := s.TermsOf(r.Context(), c.Slug)
	if err != nil {
		return err
	}
	if _, err := s.require(r, c.Slug, sellers); err != nil {
		t = t.shown()
	}
	return api.Write(w, http.StatusOK, t)
}

// shown is what buyers see.
func (t Terms) shown() Terms {
	if !t.Withdrawal.Offered {
		t.Withdrawal = WithdrawalTerms{}
	}
	if !t.Seller.Show {
		t.Seller = Seller{}
	}
	return t
}

// SetTerms handles PUT /api/v1/channels/{channel}/terms. It counts from the next
// tap on; an order keeps the terms it was placed under.
func (s *Shop) SetTerms(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, treasury); err != nil {
		return err
	}
	var t Terms
	if err := api.Read(w, r, &t); err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	if err := s.PutTerms(r.Context(), channel, t); err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, t)
}

// PutTerms makes a new version of a channel's terms. They have been checked.
func (s *Shop) PutTerms(ctx context.Context, channel string, t Terms) error {
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	days := int64(0)
	if t.Withdrawal.Offered {
		days = t.Withdrawal.Days
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		var version int64
		// The row of the channel orders those who write at once.
		err := tx.QueryRow(ctx, `INSERT INTO shop_channel (channel, terms, withdrawal_days) VALUES ($1, 1, $2)
			ON CONFLICT (channel) DO UPDATE SET terms = shop_channel.terms + 1, withdrawal_days = excluded.withdrawal_days RETURNING terms`, channel, days).Scan(&version)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO shop_terms (channel, version, body, at) VALUES ($1, $2, $3, $4)", channel, version, string(body), tx.Millis())
		return err
	})
}

// fineprint is what an order keeps of what was decided at its tap, beside prices.
type fineprint struct {
	Lang  string  `json:"lang,omitempty"`  // the buyer's, en id or ar
	Terms int64   `json:"terms,omitempty"` // version
	Days  int64   `json:"days,omitempty"`  // of withdrawal
	Rule  *Ruling `json:"rule,omitempty"`  // why it may be sold there
}

func (f fineprint) String() string {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and integers
	}
	return string(b)
}

func readFineprint(text string) (f fineprint, err error) { return f, json.Unmarshal([]byte(text), &f) }

// sentFrom is the country that an order's parcel leaves from; "" when nobody said.
func (s *Shop) sentFrom(ctx context.Context, o order) (string, error) {
	t, err := termsAt(ctx, s.DB.Read(), o.Channel, o.Fine.Terms)
	return t.Seller.Country, err
}

// withdrawUntil is until when a buyer may withdraw, zero while nothing limits it:
// the time runs from delivery, or as long as nobody has heard of it, from when the
// slowest parcel would have come. ok is false when there is no such right.
func (o order) withdrawUntil(delivered int64) (until time.Time, ok bool) {
	if o.Fine.Days == 0 || o.justTip() {
		return until, false
	}
	days := time.Duration(o.Fine.Days) * 24 * time.Hour
	switch {
	case delivered > 0:
		return time.UnixMilli(delivered).Add(days), true
	case o.Shipped > 0:
		return time.UnixMilli(o.Shipped).Add(longestVoyage + days), true
	}
	return until, true
}
