package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// layers is the only inline style of a page, allowed by its hash. Stylesheets arrive in any order; the cascade must not care.
const layers = "@layer reset, tokens, base, ui;"

// messagePolicy is for documents without script.
var messagePolicy = policy(nil)

// pagePolicy is the Content-Security-Policy of a view. Only pages that can pay get the payment provider's origins,
// and only where real money moves. Only the page made for it may be framed by the given sites.
func pagePolicy(view View, sandbox bool, sites []string) string {
	allow := map[string]string{
		"script-src":  "'self'",
		"connect-src": "'self'",
		// The player attaches an empty data: text track and plays from a blob: media source.
		"media-src":  "'self' blob: data:",
		"worker-src": "'self' blob:",
		"frame-src":  "'self'", // the sandbox's bank page
	}
	if view == Embed {
		allow["frame-ancestors"] = strings.Join(append([]string{"'self'"}, sites...), " ")
	}
	if (view == Live || view == Embed || view == Replay) && !sandbox {
		allow["script-src"] += " https://js.stripe.com"
		allow["connect-src"] += " https://api.stripe.com"
		allow["frame-src"] += " https://js.stripe.com https://hooks.stripe.com"
	}
	return policy(allow)
}

// policy renders directives in a fixed order; what is not allowed is denied.
func policy(allow map[string]string) string {
	sum := sha256.Sum256([]byte(layers))
	parts := []string{
		"default-src 'none'",
		"style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
		"img-src 'self' https: data: blob:", // product pictures may live elsewhere
		"base-uri 'none'",
		"form-action 'self'",
	}
	if allow["frame-ancestors"] == "" {
		parts = append(parts, "frame-ancestors 'self'") // a bank check comes back into the frame it was opened in
	}
	for _, name := range []string{"script-src", "connect-src", "media-src", "worker-src", "frame-src", "frame-ancestors"} {
		if sources, ok := allow[name]; ok {
			parts = append(parts, name+" "+sources)
		}
	}
	return strings.Join(parts, "; ")
}

// secure sets the headers every document carries.
func secure(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
}
