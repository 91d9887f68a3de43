package sandbox

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Types of Stripe's errors.
const (
	invalid   = "invalid_request_error"
	cardError = "card_error"
)

// failure is Stripe's error object.
type failure struct {
	Type          string         `json:"type"`
	Code          string         `json:"code,omitempty"`
	DocURL        string         `json:"doc_url,omitempty"`
	DeclineCode   string         `json:"decline_code,omitempty"`
	Message       string         `json:"message"`
	Param         string         `json:"param,omitempty"`
	Charge        string         `json:"charge,omitempty"`
	PaymentIntent *paymentIntent `json:"payment_intent,omitempty"`
	PaymentMethod *paymentMethod `json:"payment_method,omitempty"`
	SetupIntent   *setupIntent   `json:"setup_intent,omitempty"`

	kept   bool // the request had effects, and its answer is stored under its key
	inForm bool // it is about a parameter, not about the address
}

// document is how an error travels.
type document struct {
	Error *failure `json:"error"`
}

// document is the answer that says f, with the page that explains its code.
func (f *failure) document() document {
	said := *f
	if said.Code != "" {
		said.DocURL = "https://stripe.com/docs/error-codes/" + strings.ReplaceAll(said.Code, "_", "-")
	}
	return document{&said}
}

func (f *failure) Error() string { return f.Type + " " + f.Code + ": " + f.Message }

func (f *failure) status() int {
	switch {
	case f.Type == cardError:
		return http.StatusPaymentRequired
	case f.Code == "resource_missing" && !f.inForm:
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

func missing(kind, id string) error {
	return &failure{Type: invalid, Code: "resource_missing", Param: "id", Message: fmt.Sprintf("No such %s: '%s'", kind, id)}
}

// missingParam is missing for a parameter: the address was right.
func missingParam(param, kind, id string) error {
	return &failure{Type: invalid, Code: "resource_missing", Param: param, Message: fmt.Sprintf("No such %s: '%s'", kind, id), inForm: true}
}

// equal compares secrets.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func wrong(param, message string) error {
	return &failure{Type: invalid, Code: "parameter_invalid", Param: param, Message: message}
}

// only refuses parameters that the real endpoint does not know; a name covers
// its members: metadata covers metadata[order].
func (c *call) only(names ...string) error {
	for name := range c.params {
		root, _, _ := strings.Cut(name, "[")
		if !slices.Contains(names, root) && root != "expand" {
			return &failure{Type: invalid, Code: "parameter_unknown", Param: name, Message: "Received unknown parameter: " + name}
		}
	}
	return nil
}

func (c *call) need(name string) (string, error) {
	if v := c.params.Get(name); v != "" {
		return v, nil
	}
	return "", &failure{Type: invalid, Code: "parameter_missing", Param: name, Message: "Missing required param: " + name + "."}
}

// amount reads a positive integer of at most eight digits.
func (c *call) amount(name string) (int64, error) {
	text, err := c.need(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, &failure{Type: invalid, Code: "parameter_invalid_integer", Param: name, Message: "Invalid integer: " + text}
	case n < 1:
		return 0, &failure{Type: invalid, Code: "parameter_invalid_integer", Param: name, Message: "This value must be greater than or equal to 1."}
	case n > 99_999_999:
		return 0, &failure{Type: invalid, Code: "amount_too_large", Param: name, Message: "Amount must be no more than 999,999.99."}
	}
	return n, nil
}

// members collects name[...]=value.
func (c *call) members(name string) map[string]string {
	m := map[string]string{}
	for key, values := range c.params {
		if inner, ok := strings.CutPrefix(key, name+"["); ok && strings.HasSuffix(inner, "]") {
			m[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	return m
}

// list collects name[0]=… in order, and name[]=….
func (c *call) list(name string) []string {
	var all []string
	for i := 0; i < maxList && len(all) < len(c.params); i++ {
		v, ok := c.params[name+"["+strconv.Itoa(i)+"]"]
		if !ok {
			break
		}
		if v[0] != "" {
			all = append(all, v[0])
		}
	}
	return append(all, c.params[name+"[]"]...)
}
