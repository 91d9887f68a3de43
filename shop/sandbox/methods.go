package sandbox

import (
	"net/http"

	"souk/internal/api"
)

// behaviour is what a test method does when it is charged.
type behaviour struct {
	Name, Label, Hint string
	brand, last4      string
	code, declineCode string // of the decline; empty: it pays
	message           string
	challenge         bool // the bank wants to see the buyer first
}

// behaviours are Stripe's test methods, by Stripe's names, with the last four
// digits Stripe documents for them.
var behaviours = []behaviour{
	{Name: "pm_card_visa", Label: "Visa", Hint: "Pays.", brand: "visa", last4: "4242"},
	{Name: "pm_card_mastercard", Label: "Mastercard", Hint: "Pays.", brand: "mastercard", last4: "4444"},
	{Name: "pm_card_authenticationRequired", Label: "Visa, with the bank's question", Hint: "The bank asks before each payment.",
		brand: "visa", last4: "3184", challenge: true},
	{Name: "pm_card_chargeDeclined", Label: "Visa, declined", Hint: "The bank says no.",
		brand: "visa", last4: "0002", code: "card_declined", declineCode: "generic_decline", message: "Your card was declined."},
	{Name: "pm_card_chargeDeclinedInsufficientFunds", Label: "Visa, no funds", Hint: "The account is empty.",
		brand: "visa", last4: "9995", code: "card_declined", declineCode: "insufficient_funds", message: "Your card has insufficient funds."},
	{Name: "pm_card_chargeDeclinedLostCard", Label: "Visa, lost", Hint: "The card was reported lost.",
		brand: "visa", last4: "9987", code: "card_declined", declineCode: "lost_card", message: "Your card has been declined."},
	{Name: "pm_card_chargeDeclinedStolenCard", Label: "Visa, stolen", Hint: "The card was reported stolen.",
		brand: "visa", last4: "9979", code: "card_declined", declineCode: "stolen_card", message: "Your card has been declined."},
	{Name: "pm_card_chargeDeclinedExpiredCard", Label: "Visa, expired", Hint: "The card is out of date.",
		brand: "visa", last4: "0069", code: "expired_card", message: "Your card has expired."},
	{Name: "pm_card_chargeDeclinedProcessingError", Label: "Visa, bank in trouble", Hint: "The bank cannot process it.",
		brand: "visa", last4: "0119", code: "processing_error", message: "An error occurred while processing your card. Try again in a little bit."},
	{Name: "pm_card_chargeCustomerFail", Label: "Visa, declined later", Hint: "Can be saved, cannot be charged.",
		brand: "visa", last4: "0341", code: "card_declined", declineCode: "generic_decline", message: "Your card was declined."},
}

func behaviourOf(name string) (behaviour, bool) {
	for _, b := range behaviours {
		if b.Name == name {
			return b, true
		}
	}
	return behaviour{}, false
}

// Methods handles GET /api/v1/sandbox/methods: what one can pay with here.
func (s *Sandbox) Methods(w http.ResponseWriter, _ *http.Request) error {
	type entry struct {
		Test  string `json:"test"`
		Label string `json:"label"`
		Hint  string `json:"hint"`
	}
	all := make([]entry, len(behaviours))
	for i, b := range behaviours {
		all[i] = entry{b.Name, b.Label, b.Hint}
	}
	return api.Write(w, http.StatusOK, map[string]any{"methods": all})
}

type customer struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Created  int64             `json:"created"`
	Email    *string           `json:"email"`
	Name     *string           `json:"name"`
	Livemode bool              `json:"livemode"`
	Metadata map[string]string `json:"metadata"`
}

func (o customer) head() (string, string, string) { return o.ID, o.Object, o.ID }

func createCustomer(c *call) (any, error) {
	if err := c.only("email", "name", "metadata", "description"); err != nil {
		return nil, err
	}
	o := customer{ID: newID("cus"), Object: "customer", Created: c.tx.Now.Unix(),
		Email: optional(c.params.Get("email")), Name: optional(c.params.Get("name")), Metadata: c.members("metadata")}
	if err := c.save(o, ""); err != nil {
		return nil, err
	}
	return o, c.emit("customer.created", o)
}

type paymentMethod struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Billing  billing           `json:"billing_details"`
	Card     card              `json:"card"`
	Created  int64             `json:"created"`
	Customer *string           `json:"customer"`
	Livemode bool              `json:"livemode"`
	Metadata map[string]string `json:"metadata"`
	Type     string            `json:"type"`
}

// billing is whose card it is; nobody says so here.
type billing struct {
	Address *struct{} `json:"address"`
	Email   *string   `json:"email"`
	Name    *string   `json:"name"`
	Phone   *string   `json:"phone"`
}

type card struct {
	Brand       string `json:"brand"`
	Country     string `json:"country"`
	ExpMonth    int    `json:"exp_month"`
	ExpYear     int    `json:"exp_year"`
	Fingerprint string `json:"fingerprint"`
	Funding     string `json:"funding"`
	Last4       string `json:"last4"`
}

func (o paymentMethod) head() (string, string, string) { return o.ID, o.Object, text(o.Customer) }

// attachMethod saves a method for a customer. A test name makes a new method,
// as Stripe's do.
func attachMethod(c *call) (any, error) {
	if err := c.only("customer"); err != nil {
		return nil, err
	}
	to, err := c.need("customer")
	if err != nil {
		return nil, err
	}
	if err := c.exists("customer", to); err != nil {
		return nil, err
	}
	m, note, err := c.method(c.id)
	if err != nil {
		return nil, err
	}
	if m.Customer != nil && *m.Customer != to {
		return nil, wrong("payment_method", "The payment method you provided has already been attached to a customer.")
	}
	m.Customer = &to
	if err := c.save(m, note); err != nil {
		return nil, err
	}
	return m, c.emit("payment_method.attached", m)
}

// method finds a payment method to change; a test name is a new one each time.
func (c *call) method(id string) (m paymentMethod, note string, err error) {
	if b, ok := behaviourOf(id); ok {
		return c.newMethod(b), b.Name, nil
	}
	return load[paymentMethod](c, "payment_method", id)
}

// seen is method for one that stays as it is.
func (c *call) seen(id string) (m paymentMethod, note string, err error) {
	if b, ok := behaviourOf(id); ok {
		return c.newMethod(b), b.Name, nil
	}
	return peek[paymentMethod](c, "payment_method", id)
}

func (c *call) newMethod(b behaviour) paymentMethod {
	return paymentMethod{ID: newID("pm"), Object: "payment_method", Type: "card", Created: c.tx.Now.Unix(), Metadata: map[string]string{},
		Card: card{Brand: b.brand, Country: "US", ExpMonth: 8, ExpYear: c.tx.Now.Year() + 1, Fingerprint: "fp" + b.last4, Funding: "credit", Last4: b.last4},
	}
}

func detachMethod(c *call) (any, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	m, note, err := load[paymentMethod](c, "payment_method", c.id)
	if err != nil {
		return nil, err
	}
	if m.Customer == nil {
		return nil, wrong("payment_method", "The payment method you provided is not attached to a customer so detachment is impossible.")
	}
	m.Customer = nil
	if err := c.save(m, note); err != nil {
		return nil, err
	}
	return m, c.emit("payment_method.detached", m)
}

func listMethods(c *call) (any, error) {
	if err := c.only("customer", "type", "limit", "starting_after"); err != nil {
		return nil, err
	}
	of := c.id
	if of == "" {
		of = c.params.Get("customer")
	}
	if of == "" {
		return page{Object: "list", URL: "/v1/payment_methods"}, nil
	}
	return c.page("payment_method", of)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
