package sandbox

import "net/url"

type setupIntent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	CancellationReason *string           `json:"cancellation_reason"`
	ClientSecret       string            `json:"client_secret"`
	Created            int64             `json:"created"`
	Customer           *string           `json:"customer"`
	Description        *string           `json:"description"`
	LastSetupError     *failure          `json:"last_setup_error"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	NextAction         *nextAction       `json:"next_action"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             string            `json:"status"`
	Usage              string            `json:"usage"`
}

func (o setupIntent) head() (string, string, string) { return o.ID, o.Object, text(o.Customer) }

func createSetup(c *call) (any, error) {
	if err := c.only("customer", "usage", "payment_method_types", "metadata", "description", "payment_method", "confirm", "return_url"); err != nil {
		return nil, err
	}
	of := c.params.Get("customer")
	if of != "" {
		if err := c.exists("customer", "customer", of); err != nil {
			return nil, err
		}
	}
	usage := c.params.Get("usage")
	switch usage {
	case "":
		usage = "off_session" // Stripe's default
	case "on_session", "off_session":
	default:
		return nil, wrong("usage", "Invalid usage: must be one of on_session or off_session")
	}
	types := c.list("payment_method_types")
	if len(types) == 0 {
		types = []string{"card"}
	}
	id := newID("seti")
	o := setupIntent{ID: id, Object: "setup_intent", ClientSecret: id + "_secret_" + token(), Created: c.tx.Now.Unix(), Customer: optional(of),
		Description: optional(c.params.Get("description")), Metadata: c.members("metadata"), PaymentMethodTypes: types, Status: needsMethod, Usage: usage}
	if err := c.emit("setup_intent.created", o); err != nil {
		return nil, err
	}
	if c.params.Get("confirm") == "true" {
		return c.confirmSetup(o)
	}
	if with := c.params.Get("payment_method"); with != "" {
		m, note, err := c.method(with)
		if err != nil {
			return nil, err
		}
		if err := c.save(m, note); err != nil {
			return nil, err
		}
		o.PaymentMethod, o.Status = &m.ID, needsConfirm
	}
	return o, c.save(o, "")
}

// confirmSetup saves a method for the intent's customer.
func confirmSetup(c *call) (any, error) {
	if err := c.only("payment_method", "return_url", "client_secret"); err != nil {
		return nil, err
	}
	if secret := c.params.Get("client_secret"); secret != "" {
		if err := c.opens("setup_intent", secret); err != nil {
			return nil, err
		}
	}
	o, _, err := load[setupIntent](c, "setup_intent", c.id)
	if err != nil {
		return nil, err
	}
	return c.confirmSetup(o)
}

func (c *call) confirmSetup(o setupIntent) (any, error) {
	if o.Status != needsMethod && o.Status != needsConfirm {
		return nil, o.unexpected("confirm")
	}
	with := c.params.Get("payment_method")
	if with == "" {
		with = text(o.PaymentMethod)
	}
	if with == "" {
		return nil, &failure{Type: invalid, Code: "parameter_missing", Param: "payment_method", Message: "You cannot confirm this SetupIntent because it's missing a payment method."}
	}
	m, note, err := c.method(with)
	if err != nil {
		return nil, err
	}
	if m.Customer != nil && text(m.Customer) != text(o.Customer) {
		return nil, wrong("payment_method", "The payment method does not belong to the customer of this SetupIntent.")
	}
	b, _ := behaviourOf(note)
	switch {
	case b.asksOnSetup:
		return c.challengeSetup(o, m, note)
	case b.code != "" && !b.later:
		return nil, c.declineSetup(o, &failure{Type: cardError, Code: b.code, DeclineCode: b.declineCode, Message: b.message})
	}
	return c.saved(o, m, note)
}

// saved ends a setup well.
func (c *call) saved(o setupIntent, m paymentMethod, note string) (any, error) {
	if o.Customer != nil {
		m.Card.Fingerprint = fingerprintOf(*o.Customer, m.Card.Last4)
	}
	m.Customer, o.PaymentMethod, o.Status, o.NextAction, o.LastSetupError = o.Customer, &m.ID, succeeded, nil, nil
	if err := c.save(m, note); err != nil {
		return nil, err
	}
	if err := c.save(o, ""); err != nil {
		return nil, err
	}
	if m.Customer != nil {
		if err := c.emit("payment_method.attached", m); err != nil {
			return nil, err
		}
	}
	return o, c.emit("setup_intent.succeeded", o)
}

// challengeSetup has the bank ask before a method is saved.
func (c *call) challengeSetup(o setupIntent, m paymentMethod, note string) (any, error) {
	back := c.params.Get("return_url")
	u, err := url.Parse(back)
	if err != nil || u.Host == "" {
		return nil, wrong("return_url", "This payment method needs a return_url.")
	}
	if err := c.save(m, note); err != nil {
		return nil, err
	}
	key := token()
	page, err := c.bankPage(u, o.ID, key)
	if err != nil {
		return nil, err
	}
	o.Status, o.PaymentMethod, o.NextAction = needsAction, &m.ID, &nextAction{"redirect_to_url", redirect{page, back}}
	if err := c.save(o, key+" "+back); err != nil {
		return nil, err
	}
	return o, c.emit("setup_intent.requires_action", o)
}

// declineSetup is the bank's no.
func (c *call) declineSetup(o setupIntent, no *failure) error {
	o.Status, o.PaymentMethod, o.NextAction, o.LastSetupError = needsMethod, nil, nil, no
	if err := c.save(o, ""); err != nil {
		return err
	}
	if err := c.emit("setup_intent.setup_failed", o); err != nil {
		return err
	}
	answer := *no
	answer.SetupIntent, answer.kept = &o, true
	return &answer
}

func cancelSetup(c *call) (any, error) {
	if err := c.only("cancellation_reason"); err != nil {
		return nil, err
	}
	o, _, err := load[setupIntent](c, "setup_intent", c.id)
	if err != nil {
		return nil, err
	}
	switch c.params.Get("cancellation_reason") {
	case "", "abandoned", "duplicate", "requested_by_customer":
	default:
		return nil, wrong("cancellation_reason", "Invalid cancellation_reason: must be one of abandoned, requested_by_customer, or duplicate")
	}
	if o.Status == succeeded || o.Status == canceled {
		return nil, o.unexpected("cancel")
	}
	o.Status, o.NextAction, o.CancellationReason = canceled, nil, optional(c.params.Get("cancellation_reason"))
	if err := c.save(o, ""); err != nil {
		return nil, err
	}
	return o, c.emit("setup_intent.canceled", o)
}

func (o setupIntent) unexpected(verb string) error {
	return &failure{Type: invalid, Code: "setup_intent_unexpected_state", SetupIntent: &o,
		Message: "You cannot " + verb + " this SetupIntent because it has a status of " + o.Status + "."}
}
