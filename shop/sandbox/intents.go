package sandbox

import (
	"net/url"
	"regexp"
	"slices"
)

// Statuses of a payment intent that occur here.
const (
	needsMethod  = "requires_payment_method"
	needsConfirm = "requires_confirmation"
	needsAction  = "requires_action"
	needsCapture = "requires_capture"
	succeeded    = "succeeded"
	canceled     = "canceled"
)

type paymentIntent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	CanceledAt         *int64            `json:"canceled_at"`
	CancellationReason *string           `json:"cancellation_reason"`
	CaptureMethod      string            `json:"capture_method"`
	ClientSecret       string            `json:"client_secret"`
	ConfirmationMethod string            `json:"confirmation_method"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	Customer           *string           `json:"customer"`
	Description        *string           `json:"description"`
	LastPaymentError   *failure          `json:"last_payment_error"`
	LatestCharge       *string           `json:"latest_charge"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	NextAction         *nextAction       `json:"next_action"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             string            `json:"status"`
}

type nextAction struct {
	Type          string   `json:"type"`
	RedirectToURL redirect `json:"redirect_to_url"`
}

type redirect struct {
	URL       string `json:"url"`
	ReturnURL string `json:"return_url"`
}

func (o paymentIntent) head() (string, string, string) { return o.ID, o.Object, text(o.Customer) }

var currencyCode = regexp.MustCompile(`^[a-z]{3}$`)

// createIntent makes an intent and, with confirm=true, tries it at once.
func createIntent(c *call) (any, error) {
	if err := c.only("amount", "currency", "customer", "payment_method", "payment_method_types", "confirm", "return_url",
		"metadata", "description", "capture_method", "statement_descriptor_suffix", "receipt_email"); err != nil {
		return nil, err
	}
	amount, err := c.amount("amount")
	if err != nil {
		return nil, err
	}
	currency := c.params.Get("currency")
	if !currencyCode.MatchString(currency) {
		return nil, wrong("currency", "Invalid currency: "+currency)
	}
	if of := c.params.Get("customer"); of != "" {
		if err := c.exists("customer", "customer", of); err != nil {
			return nil, err
		}
	}
	capture := c.params.Get("capture_method")
	switch capture {
	case "", "automatic_async":
		capture = "automatic"
	case "automatic", "manual":
	default:
		return nil, wrong("capture_method", "Invalid capture_method: must be one of automatic, automatic_async, or manual")
	}
	types := c.list("payment_method_types")
	if len(types) == 0 {
		types = []string{"card"}
	}
	id := newID("pi")
	p := paymentIntent{
		ID: id, Object: "payment_intent", Amount: amount, CaptureMethod: capture, ClientSecret: id + "_secret_" + token(),
		ConfirmationMethod: "automatic", Created: c.tx.Now.Unix(), Currency: currency, Customer: optional(c.params.Get("customer")),
		Description: optional(c.params.Get("description")), Metadata: c.members("metadata"), PaymentMethodTypes: types, Status: needsMethod,
	}
	if err := c.emit("payment_intent.created", p); err != nil {
		return nil, err
	}
	if c.params.Get("confirm") == "true" {
		return c.confirm(p)
	}
	if with := c.params.Get("payment_method"); with != "" {
		if _, _, err := c.method(with); err != nil {
			return nil, err
		}
		p.PaymentMethod, p.Status = &with, needsConfirm
	}
	return p, c.save(p, "")
}

func confirmIntent(c *call) (any, error) {
	if err := c.only("payment_method", "payment_method_types", "return_url", "client_secret"); err != nil {
		return nil, err
	}
	if secret := c.params.Get("client_secret"); secret != "" {
		if err := c.opens("payment_intent", secret); err != nil {
			return nil, err
		}
	}
	p, _, err := load[paymentIntent](c, "payment_intent", c.id)
	if err != nil {
		return nil, err
	}
	if p.Status != needsMethod && p.Status != needsConfirm {
		return nil, p.unexpected("confirm")
	}
	return c.confirm(p)
}

// confirm tries to pay: the answer is the intent, or a decline that is kept.
func (c *call) confirm(p paymentIntent) (any, error) {
	with := c.params.Get("payment_method")
	if with == "" {
		with = text(p.PaymentMethod)
	}
	if with == "" {
		return nil, wrong("payment_method", "You cannot confirm this PaymentIntent because it's missing a payment method.")
	}
	m, note, err := c.seen(with)
	if err != nil {
		return nil, err
	}
	if text(m.Customer) != text(p.Customer) {
		return nil, wrong("payment_method", "The payment method does not belong to the customer of this PaymentIntent.")
	}
	if !slices.Contains(p.PaymentMethodTypes, m.Type) {
		return nil, wrong("payment_method", "The payment method type is not allowed for this PaymentIntent.")
	}
	b, ok := behaviourOf(note)
	if !ok {
		return nil, wrong("payment_method", "The sandbox knows test methods only.")
	}
	p.PaymentMethod, p.LastPaymentError = &m.ID, nil
	switch {
	case b.challenge:
		return c.challenge(p)
	case b.code != "":
		return nil, c.decline(p, m, &failure{Type: cardError, Code: b.code, DeclineCode: b.declineCode, Message: b.message})
	}
	return c.succeed(p, m, b)
}

// bankPage is the address of the page on which the buyer's bank asks. It is
// served where the shop is, unless the sandbox has a home of its own.
func (c *call) bankPage(back *url.URL, of, key string) (string, error) {
	if c.home != "" {
		home, err := url.Parse(c.home)
		if err != nil {
			return "", err
		}
		back = home
	}
	page := url.URL{Scheme: back.Scheme, Host: back.Host, Path: "/sandbox/challenge/" + of, RawQuery: url.Values{"key": {key}}.Encode()}
	return page.String(), nil
}

// challenge has the buyer's bank ask.
func (c *call) challenge(p paymentIntent) (any, error) {
	back := c.params.Get("return_url")
	u, err := url.Parse(back)
	if err != nil || u.Host == "" {
		return nil, wrong("return_url", "This payment method needs a return_url.")
	}
	key := token()
	page, err := c.bankPage(u, p.ID, key)
	if err != nil {
		return nil, err
	}
	p.Status = needsAction
	p.NextAction = &nextAction{"redirect_to_url", redirect{page, back}}
	if err := c.save(p, key+" "+back); err != nil {
		return nil, err
	}
	return p, c.emit("payment_intent.requires_action", p)
}

// succeed takes the money, or sets it aside until it is captured, and does what
// the method is known to do afterwards.
func (c *call) succeed(p paymentIntent, m paymentMethod, b behaviour) (any, error) {
	paid := c.charge(p, m)
	paid.Status, paid.Paid = succeeded, true
	p.LatestCharge, p.NextAction, p.LastPaymentError = &paid.ID, nil, nil
	if p.CaptureMethod == "manual" {
		p.Status, p.AmountCapturable = needsCapture, p.Amount
		if err := c.save(paid, ""); err != nil {
			return nil, err
		}
		if err := c.save(p, ""); err != nil {
			return nil, err
		}
		if err := c.emit("charge.succeeded", paid); err != nil {
			return nil, err
		}
		return p, c.emit("payment_intent.amount_capturable_updated", p)
	}
	paid.take(p.Amount)
	p.Status, p.AmountReceived = succeeded, p.Amount
	if b.dispute != "" {
		paid.Disputed = true
	}
	if err := c.save(paid, ""); err != nil {
		return nil, err
	}
	if err := c.save(p, ""); err != nil {
		return nil, err
	}
	if err := c.emit("charge.succeeded", paid); err != nil {
		return nil, err
	}
	if err := c.emit("payment_intent.succeeded", p); err != nil {
		return nil, err
	}
	return p, c.aftermath(paid, b)
}

// take is the moment at which the money moves.
func (o *charge) take(amount int64) {
	line := balanceID(o.ID)
	o.Captured, o.AmountCaptured, o.Balance = true, amount, &line
}

// captureIntent takes the money that was set aside, or part of it; the rest is
// free again.
func captureIntent(c *call) (any, error) {
	if err := c.only("amount_to_capture", "metadata"); err != nil {
		return nil, err
	}
	p, _, err := load[paymentIntent](c, "payment_intent", c.id)
	if err != nil {
		return nil, err
	}
	if p.Status != needsCapture {
		return nil, p.unexpected("capture")
	}
	amount := p.AmountCapturable
	if c.params.Has("amount_to_capture") {
		asked, err := c.amount("amount_to_capture")
		if err != nil {
			return nil, err
		}
		if asked > amount {
			return nil, &failure{Type: invalid, Code: "amount_too_large", Param: "amount_to_capture", Message: "The amount to capture is greater than the remaining amount_capturable."}
		}
		amount = asked
	}
	paid, _, err := load[charge](c, "charge", text(p.LatestCharge))
	if err != nil {
		return nil, err
	}
	paid.take(amount)
	p.Status, p.AmountCapturable, p.AmountReceived = succeeded, 0, amount
	if err := c.save(paid, ""); err != nil {
		return nil, err
	}
	if err := c.save(p, ""); err != nil {
		return nil, err
	}
	if err := c.emit("charge.captured", paid); err != nil {
		return nil, err
	}
	return p, c.emit("payment_intent.succeeded", p)
}

// decline is the bank's no: the intent can be tried again, and the answer is an
// error that carries it.
func (c *call) decline(p paymentIntent, m paymentMethod, no *failure) error {
	failed := c.charge(p, m)
	failed.Status, failed.FailureCode, failed.FailureMessage = "failed", &no.Code, &no.Message
	why := *no
	why.Charge, why.PaymentMethod = failed.ID, &m
	p.Status, p.LatestCharge, p.PaymentMethod, p.NextAction, p.LastPaymentError = needsMethod, &failed.ID, nil, nil, &why
	if err := c.save(failed, ""); err != nil {
		return err
	}
	if err := c.save(p, ""); err != nil {
		return err
	}
	if err := c.emit("charge.failed", failed); err != nil {
		return err
	}
	if err := c.emit("payment_intent.payment_failed", p); err != nil {
		return err
	}
	answer := why
	answer.PaymentIntent, answer.kept = &p, true
	return &answer
}

func cancelIntent(c *call) (any, error) {
	if err := c.only("cancellation_reason"); err != nil {
		return nil, err
	}
	p, _, err := load[paymentIntent](c, "payment_intent", c.id)
	if err != nil {
		return nil, err
	}
	if p.Status == succeeded || p.Status == canceled {
		return nil, p.unexpected("cancel")
	}
	now := c.tx.Now.Unix()
	switch c.params.Get("cancellation_reason") {
	case "", "duplicate", "fraudulent", "requested_by_customer", "abandoned":
	default:
		return nil, wrong("cancellation_reason", "Invalid cancellation_reason: must be one of duplicate, fraudulent, requested_by_customer, or abandoned")
	}
	if p.Status == needsCapture { // what was set aside is free again
		held, _, err := load[charge](c, "charge", text(p.LatestCharge))
		if err != nil {
			return nil, err
		}
		held.AmountRefunded, held.Refunded = held.Amount, true
		if err := c.save(held, ""); err != nil {
			return nil, err
		}
	}
	p.AmountCapturable = 0
	p.Status, p.CanceledAt, p.CancellationReason, p.NextAction = canceled, &now, optional(c.params.Get("cancellation_reason")), nil
	if err := c.save(p, ""); err != nil {
		return nil, err
	}
	return p, c.emit("payment_intent.canceled", p)
}

// unexpected refuses what the intent's status does not allow.
func (p paymentIntent) unexpected(verb string) error {
	return &failure{Type: invalid, Code: "payment_intent_unexpected_state", PaymentIntent: &p,
		Message: "You cannot " + verb + " this PaymentIntent because it has a status of " + p.Status + "."}
}
