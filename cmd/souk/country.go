package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
	"golang.org/x/text/language"

	"souk/internal/api"
)

// places says which country a request comes from, as far as somebody knows.
type places struct {
	header string // that trusted proxies set
	geo    *maxminddb.Reader
}

// buildPlaces reads what the options name, and the countries where nobody sells
// without a licence.
func (s *souk) buildPlaces() error {
	p := places{header: s.cfg.CountryHeader}
	if s.cfg.GeoIP != "" {
		var err error
		if p.geo, err = maxminddb.Open(s.cfg.GeoIP); err != nil {
			return fmt.Errorf("%w: --geoip: %v", errUsage, err)
		}
	}
	barred, err := parseBarred(s.cfg.Barred)
	if err != nil {
		return fmt.Errorf("%w: --barred: %v", errUsage, err)
	}
	s.places, s.shop.Barred, s.shop.Locate = p, barred, p.country
	return nil
}

// parseBarred reads "ID=why not,SA".
func parseBarred(list string) (map[string]string, error) {
	all := map[string]string{}
	for item := range strings.SplitSeq(list, ",") {
		code, why, _ := strings.Cut(strings.TrimSpace(item), "=")
		if code == "" {
			continue
		}
		country, ok := isCountry(code)
		if !ok {
			return nil, fmt.Errorf("%q is not an ISO 3166 two-letter code", code)
		}
		all[country] = strings.TrimSpace(why)
	}
	return all, nil
}

func isCountry(code string) (string, bool) {
	region, err := language.ParseRegion(code)
	return region.String(), err == nil && len(code) == 2 && region.IsCountry()
}

// country is where a request comes from, ISO 3166-1 alpha-2, or "".
func (p places) country(r *http.Request) string {
	if p.header != "" {
		if country, ok := isCountry(r.Header.Get(p.header)); ok {
			return country
		}
	}
	client := api.Client(r)
	if p.geo == nil || !client.IsValid() {
		return ""
	}
	var code string
	if err := p.geo.Lookup(client.Addr()).DecodePath(&code, "country", "iso_code"); err != nil {
		return ""
	}
	if country, ok := isCountry(code); ok {
		return country
	}
	return ""
}

// onlyFrom takes the header of places away from whoever is no trusted proxy. It
// goes before [behindProxies], which hides who that is.
func (p places) onlyFrom(trusted []netip.Prefix, next http.Handler) http.Handler {
	if p.header == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		at, bad := netip.ParseAddr(host)
		believed := false
		for _, t := range trusted {
			believed = believed || err == nil && bad == nil && t.Contains(at.Unmap())
		}
		if !believed {
			r.Header.Del(p.header)
		}
		next.ServeHTTP(w, r)
	})
}
