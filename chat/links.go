package chat

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// hasLink tells whether text leads somewhere else: an address with a scheme, or
// a host name under a common top-level domain, also with its dot in disguise.
func hasLink(text string) bool {
	text = dotted.ReplaceAllString(undisguise.Replace(strings.ToLower(norm.NFKC.String(text))), ".")
	return address.MatchString(text)
}

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
