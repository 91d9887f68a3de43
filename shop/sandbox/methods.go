package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"souk/internal/api"
	"souk/internal/db"
)

// behaviour is what a test method does when it is charged.
type behaviour struct {
	Name, Label, Hint string
	brand, last4      string
	code, declineCode string // of the decline; empty: it pays
	message           string
	later             bool   // the decline comes at the charge, not where the method is saved
	asksOnSetup       bool   // the bank wants to see the buyer when the method is saved
	challenge         bool   // the bank wants to see the buyer first
	dispute           string // the reason of the dispute that follows the charge
	inquiry           bool   // …which only asks: no money is taken meanwhile
	warned            bool   // the bank warns of a fraud after the charge
}

// behaviours are Stripe's test methods, by Stripe's names, with the last four
// digits Stripe documents for them.
var behaviours = []behaviour{
	{Name: "pm_card_visa", Label: "Visa", Hint: "Pays.", brand: "visa", last4: "4242"},
	{Name: "pm_card_mastercard", Label: "Mastercard", Hint: "Pays.", brand: "mastercard", last4: "4444"},
	{Name: "pm_card_authenticationRequired", Label: "Visa, with the bank's question", Hint: "The bank asks before each payment.",
		brand: "visa", last4: "3184", challenge: true},
	{Name: "pm_card_authenticationRequiredOnSetup", Label: "Visa, with a question first", Hint: "The bank asks once, when the card is saved.",
		brand: "visa", last4: "3220", asksOnSetup: true},
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
		brand: "visa", last4: "0341", later: true, code: "card_declined", declineCode: "generic_decline", message: "Your card was declined."},
	{Name: "pm_card_createDispute", Label: "Visa, disputed as fraud", Hint: "Pays, and the owner disputes it.", brand: "visa", last4: "0259", dispute: "fraudulent"},
	{Name: "pm_card_createDisputeProductNotReceived", Label: "Visa, disputed as not received", Hint: "Pays, and the owner says that nothing came.",
		brand: "visa", last4: "2685", dispute: "product_not_received"},
	{Name: "pm_card_createDisputeInquiry", Label: "Visa, with an inquiry", Hint: "Pays, and the owner asks what it was.", brand: "visa", last4: "1976", dispute: "fraudulent", inquiry: true},
	{Name: "pm_card_createIssuerFraudRecord", Label: "Visa, with a warning", Hint: "Pays, and the bank warns of fraud.", brand: "visa", last4: "5423", warned: true},
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
	if err := c.exists("customer", "customer", to); err != nil {
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
	m.Card.Fingerprint = fingerprintOf(to, m.Card.Last4)
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

// fingerprintOf tells cards apart: each customer's test card is a card of its
// own, as it would be if all of them were people.
func fingerprintOf(customer, last4 string) string {
	sum := sha256.Sum256([]byte(customer + " " + last4))
	return hex.EncodeToString(sum[:8])
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
	was := *m.Customer
	m.Customer = nil
	if err := c.save(m, note); err != nil {
		return nil, err
	}
	return m, c.emitWas("payment_method.detached", m, map[string]any{"customer": was})
}

func listMethods(c *call) (any, error) {
	if err := c.only(append([]string{"customer", "type"}, windowParams...)...); err != nil {
		return nil, err
	}
	if c.id != "" { // of the customer in the address
		if err := c.exists("customer", "customer", c.id); err != nil {
			return nil, missing("customer", c.id)
		}
		c.params.Set("customer", c.id)
	}
	switch kind := c.params.Get("type"); {
	case c.params.Get("customer") == "" || kind != "" && kind != "card":
		return page{Object: "list", Data: []json.RawMessage{}, URL: c.path}, nil
	}
	return c.page("payment_method", "customer")
}

// updateMethod changes the dates of a card, as a bank does that replaces one.
// An update without a request of ours is what a shop is told of most.
func updateMethod(c *call) (any, error) {
	if err := c.only("card", "metadata", "billing_details"); err != nil {
		return nil, err
	}
	m, note, err := load[paymentMethod](c, "payment_method", c.id)
	if err != nil {
		return nil, err
	}
	if m.Customer == nil {
		return nil, wrong("payment_method", "You must save this PaymentMethod to a customer before you can update it.")
	}
	for name, to := range map[string]*int{"card[exp_month]": &m.Card.ExpMonth, "card[exp_year]": &m.Card.ExpYear} {
		if text := c.params.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || name == "card[exp_month]" && (n < 1 || n > 12) || name == "card[exp_year]" && (n < 2000 || n > 2100) {
				return nil, &failure{Type: cardError, Code: "invalid_expiry", Param: name, Message: "Your card's expiration date is invalid."}
			}
			*to = n
		}
	}
	for name, value := range c.members("metadata") {
		m.Metadata[name] = value
	}
	if err := c.save(m, note); err != nil {
		return nil, err
	}
	return m, c.emit("payment_method.updated", m)
}

// Replace plays the bank that sends a customer a new card: the saved method
// stays, with other digits and dates, and the shop is told.
func (s *Sandbox) Replace(ctx context.Context, method, last4 string, year int) error {
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		c := &call{Context: ctx, tx: tx}
		m, note, err := load[paymentMethod](c, "payment_method", method)
		if err != nil {
			return err
		}
		m.Card.Last4, m.Card.ExpYear = last4, year
		if err := c.save(m, note); err != nil {
			return err
		}
		return c.emit("payment_method.automatically_updated", m)
	})
	s.nudge()
	return err
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
