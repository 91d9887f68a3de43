package chat

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// hasLink tells whether text leads somewhere else: an address with a scheme, or
// a host name under a common top-level domain, also with its dot in disguise.
// Links to one of sites, or to a name under it, do not count.
func hasLink(text string, sites map[string]bool) bool {
	text = dotted.ReplaceAllString(undisguise.Replace(strings.ToLower(norm.NFKC.String(text))), ".")
	if len(sites) > 0 {
		text = withoutSites(text, sites)
	}
	return address.MatchString(text)
}

// withoutSites takes the links to sites out of text.
func withoutSites(text string, sites map[string]bool) string {
	var b strings.Builder
	from := 0
	for _, m := range link.FindAllStringSubmatchIndex(text, -1) {
		host := text[m[2]:m[3]]
		// What has an @ behind the name leads to what stands there, RFC 3986 3.2.1.
		if strings.HasPrefix(text[m[1]:], "@") || !under(host, sites) {
			continue
		}
		b.WriteString(text[from:m[0]])
		b.WriteByte(' ')
		from = m[1]
	}
	return b.String() + text[from:]
}

// under tells whether host is one of sites or below one.
func under(host string, sites map[string]bool) bool {
	for !sites[host] {
		var below bool
		if _, host, below = strings.Cut(host, "."); !below {
			return false
		}
	}
	return true
}

// link is an address as people write it; the first group is the name of the host.
var link = regexp.MustCompile(`(?:https?://)?((?:[\p{L}\p{N}-]+\.)+[\p{L}\p{N}-]+)(?::\d+)?(?:[/?#]\S*)?`)

var (
	undisguise = strings.NewReplacer("\u200c", "", "\u200d", "", "。", ".", "．", ".", "｡", ".", "․", ".", "hxxp", "http")
	dotted     = regexp.MustCompile(`\s*[\[({<]\s*(?:dot|\.)\s*[\])}>]\s*|\s+dot\s+`)
	address    = regexp.MustCompile(`[a-z][a-z0-9+.-]*://\S|\bwww\d?\.|\bmailto:|` +
		`[\p{L}\p{N}][\p{L}\p{N}-]*\.(?:` + domains + `)(?:[:/?#\s.,;!)"'»”]|$)|` +
		`\bxn--[a-z0-9]|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?/`)
)

// domains are the top-level domains that spam lives under, and the commonest
// others. One that is also a word after a full stop ("no.it is") needs the
// end of a word behind it, as all do.
const domains = `com|net|org|info|biz|shop|store|online|site|website|xyz|top|club|live|link|click|icu|app|dev|io|co|me|tv|cc|ly|gg|gl|to|ru|su|cn|tk|ml|ga|cf|gq|pw|ws|vip|win|work|world|space|fun|life|today|page|bio|ink|pro|mobi|asia|eu|uk|us|ca|de|fr|es|nl|be|ch|at|se|no|dk|fi|pl|cz|hu|ro|gr|pt|it|ie|au|nz|jp|kr|tw|hk|sg|my|id|th|vn|ph|in|pk|bd|ir|iq|sa|ae|qa|kw|eg|ma|tr|il|ua|by|kz|br|ar|mx|cl|za|ng|ke|рф|com\.[a-z]{2}|co\.[a-z]{2}`

// siteOf brings the name of a host into the form in which links are compared.
func siteOf(s string) (host string, ok bool) {
	s = strings.ToLower(strings.TrimSpace(norm.NFKC.String(s)))
	if _, rest, cut := strings.Cut(s, "://"); cut {
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	s = strings.TrimPrefix(strings.TrimSuffix(s, "."), "www.")
	return s, site.MatchString(s) && len(s) <= maxSite
}

const maxSite = 253 // bytes, RFC 1035

var site = regexp.MustCompile(`^[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+$`)
