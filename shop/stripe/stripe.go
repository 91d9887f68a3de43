package stripe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"souk/shop"
)

// Limits.
const (
	callTimeout = 12 * time.Second // one call with its retries
	retries     = 1                // of stripe-go, on network errors and conflicts; the reconciler has more patience
	hookWindow  = 5 * time.Minute  // how far a notification's clock may be off, either way
	keyLifetime = 23 * time.Hour   // Stripe forgets an idempotency key after 24
	maxCards    = 20               // saved methods read per customer
)

// Config is how to reach Stripe.
type Config struct {
	SecretKey      string
	PublishableKey string            // may be empty: nothing here uses it, but its mode is checked
	WebhookSecret  string            // empty: every notification is refused; not allowed in live mode
	Transport      http.RoundTripper // nil: the network
	Log            *slog.Logger
}

// Client is Stripe as the shop sees it. Its methods are safe from any goroutine.
type Client struct {
	api           *client.API
	live          bool
	webhookSecret string
	log           *slog.Logger
}

// New checks the keys against each other: a live key does not go together with
// a test key, with the sandbox, or with unsigned notifications.
func New(c Config) (*Client, error) {
	live, err := mode(c.SecretKey, "sk_", "rk_")
	if err != nil {
		return nil, fmt.Errorf("stripe secret key: %w", err)
	}
	if c.PublishableKey != "" {
		other, err := mode(c.PublishableKey, "pk_")
		if err != nil {
			return nil, fmt.Errorf("stripe publishable key: %w", err)
		}
		if other != live {
			return nil, errors.New("stripe keys: one is for live mode, the other for test mode")
		}
	}
	switch {
	case live && c.WebhookSecret == "":
		return nil, errors.New("stripe: live mode needs the webhook signing secret")
	case live && c.Transport != nil:
		return nil, errors.New("stripe: a live key must not be given to the sandbox")
	case c.WebhookSecret != "" && !strings.HasPrefix(c.WebhookSecret, "whsec_"):
		return nil, errors.New("stripe webhook secret: must begin with whsec_")
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	backend := func(of stripego.SupportedBackend) stripego.Backend {
		return stripego.GetBackendWithConfig(of, &stripego.BackendConfig{
			HTTPClient:        &http.Client{Transport: c.Transport},
			MaxNetworkRetries: stripego.Int64(retries),
			EnableTelemetry:   stripego.Bool(false),
			LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull},
		})
	}
	return &Client{
		api: client.New(c.SecretKey, &stripego.Backends{
			API: backend(stripego.APIBackend), Connect: backend(stripego.ConnectBackend), Uploads: backend(stripego.UploadsBackend),
		}),
		live: live, webhookSecret: c.WebhookSecret, log: log,
	}, nil
}

// Live tells whether money moves.
func (c *Client) Live() bool { return c.live }

// mode reads a key's mode off its prefix. The error does not quote the key.
func mode(key string, prefixes ...string) (live bool, err error) {
	for _, p := range prefixes {
		switch {
		case strings.HasPrefix(key, p+"live_"):
			return true, nil
		case strings.HasPrefix(key, p+"test_"):
			return false, nil
		}
	}
	return false, fmt.Errorf("must begin with %slive_ or %stest_", prefixes[0], prefixes[0])
}

// params are what every call has: its deadline and its idempotency key.
func params(ctx context.Context, key string) stripego.Params {
	p := stripego.Params{Context: ctx}
	if key != "" {
		p.SetIdempotencyKey(key)
	}
	return p
}

// explain turns an error of a call into what the shop tells apart: refused, or
// unknown. Only a request that Stripe calls invalid is refused: Stripe has read
// it, nothing was done under its key, and the same request would be refused
// again. Keys, limits, outages and cut connections say nothing about the money.
func explain(doing string, err error) error {
	var e *stripego.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	why := fmt.Errorf("%s: %s %s (HTTP %d, %s, request %s)", doing, e.Type, e.Code, e.HTTPStatusCode, e.Param, e.RequestID)
	if e.Code == stripego.ErrorCodeChargeDisputed {
		return fmt.Errorf("%w: %w", shop.ErrContested, why)
	}
	if e.Type == stripego.ErrorTypeInvalidRequest && (e.HTTPStatusCode == http.StatusBadRequest || e.HTTPStatusCode == http.StatusNotFound) {
		return fmt.Errorf("%w: %w", shop.ErrRefused, why)
	}
	return why
}
