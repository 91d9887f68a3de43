package sandbox

type setupIntent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	ClientSecret       string            `json:"client_secret"`
	Created            int64             `json:"created"`
	Customer           *string           `json:"customer"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             string            `json:"status"`
	Usage              string            `json:"usage"`
}

func (o setupIntent) head() (string, string, string) { return o.ID, o.Object, text(o.Customer) }

func createSetup(c *call) (any, error) {
	if err := c.only("customer", "usage", "payment_method_types", "metadata", "description"); err != nil {
		return nil, err
	}
	of := c.params.Get("customer")
	if of != "" {
		if err := c.exists("customer", of); err != nil {
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
		Metadata: c.members("metadata"), PaymentMethodTypes: types, Status: needsMethod, Usage: usage}
	if err := c.save(o, ""); err != nil {
		return nil, err
	}
	return o, c.emit("setup_intent.created", o)
}

// confirmSetup saves a method for the intent's customer.
func confirmSetup(c *call) (any, error) {
	if err := c.only("payment_method", "return_url"); err != nil {
		return nil, err
	}
	o, _, err := load[setupIntent](c, "setup_intent", c.id)
	if err != nil {
		return nil, err
	}
	if o.Status != needsMethod {
		return nil, o.unexpected("confirm")
	}
	with, err := c.need("payment_method")
	if err != nil {
		return nil, err
	}
	m, note, err := c.method(with)
	if err != nil {
		return nil, err
	}
	if m.Customer != nil && text(m.Customer) != text(o.Customer) {
		return nil, wrong("payment_method", "The payment method does not belong to the customer of this SetupIntent.")
	}
	m.Customer, o.PaymentMethod, o.Status = o.Customer, &m.ID, succeeded
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

func cancelSetup(c *call) (any, error) {
	if err := c.only("cancellation_reason"); err != nil {
		return nil, err
	}
	o, _, err := load[setupIntent](c, "setup_intent", c.id)
	if err != nil {
		return nil, err
	}
	if o.Status != needsMethod {
		return nil, o.unexpected("cancel")
	}
	o.Status = canceled
	if err := c.save(o, ""); err != nil {
		return nil, err
	}
	return o, c.emit("setup_intent.canceled", o)
}

func (o setupIntent) unexpected(verb string) error {
	return &failure{Type: invalid, Code: "setup_intent_unexpected_state",
		Message: "You cannot " + verb + " this SetupIntent because it has a status of " + o.Status + "."}
}
