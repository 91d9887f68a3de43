package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"souk/shop"
)

var testName = regexp.MustCompile(`^pm_card_[A-Za-z0-9_]{1,60}$`)

// ReadHook checks that Stripe signed the payload, not long ago and not in the
// future, for this mode, and reads which object it is about. The event's API
// version may be any: the object is looked up, not read.
func (c *Client) ReadHook(payload []byte, signature string) (shop.Hook, error) {
	if c.webhookSecret == "" {
		return shop.Hook{}, errors.New("no webhook secret is configured")
	}
	// Constant time, and the age; the library takes any date to come.
	if err := webhook.ValidatePayloadWithTolerance(payload, signature, c.webhookSecret, hookWindow); err != nil {
		return shop.Hook{}, err
	}
	at, err := signedAt(signature)
	if err != nil {
		return shop.Hook{}, err
	}
	if time.Until(at) > hookWindow {
		return shop.Hook{}, errors.New("signed in the future")
	}
	var e struct {
		ID       string `json:"id"`
		Account  string `json:"account"`
		Type     string `json:"type"`
		Livemode bool   `json:"livemode"`
		Data     struct {
			Object struct {
				ID            string          `json:"id"`
				Object        string          `json:"object"`
				Customer      json.RawMessage `json:"customer"`
				PaymentIntent json.RawMessage `json:"payment_intent"`
			} `json:"object"`
			Previous struct {
				Customer json.RawMessage `json:"customer"`
			} `json:"previous_attributes"`
		} `json:"data"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return shop.Hook{}, fmt.Errorf("event: %w", err)
	}
	if e.ID == "" || e.Type == "" {
		return shop.Hook{}, errors.New("not an event")
	}
	if e.Livemode != c.live {
		return shop.Hook{}, errors.New("the event is of another mode")
	}
	h := shop.Hook{ID: e.ID, Type: e.Type, Intent: reference(e.Data.Object.PaymentIntent), Customer: reference(e.Data.Object.Customer)}
	if h.Customer == "" { // of what was taken off a customer
		h.Customer = reference(e.Data.Previous.Customer)
	}
	switch e.Data.Object.Object {
	case "payment_intent":
		h.Intent = e.Data.Object.ID
	case "dispute":
		h.Dispute = e.Data.Object.ID
	case "radar.early_fraud_warning":
		h.Warning = e.Data.Object.ID
	}
	if e.Account != "" && !strings.HasPrefix(e.Type, "account.") {
		// A connected account's own affairs: our orders are paid on ours, and what has the same name there is not it.
		return shop.Hook{ID: h.ID, Type: h.Type}, nil
	}
	return h, nil
}

// signedAt reads the one t= of a Stripe-Signature header.
func signedAt(header string) (time.Time, error) {
	stamp, found := "", false
	for part := range strings.SplitSeq(header, ",") {
		text, ok := strings.CutPrefix(part, "t=")
		if ok && found {
			return time.Time{}, errors.New("signed at two times")
		}
		if ok {
			stamp, found = text, true
		}
	}
	sec, err := strconv.ParseInt(stamp, 10, 64)
	return time.Unix(sec, 0), err
}

// reference reads an id that may come as text or as an expanded object.
func reference(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return id
	}
	var o struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &o) // absent, null or another shape: no reference
	return o.ID
}
