package shop

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// order is a row of shop_order.
type order struct {
	ID, Buyer, Key, Request        string
	Channel, Show, Pin             string
	InOffer                        bool
	Product, Title                 string
	Quantity, Weight               int64 // units, and grams of all of them
	Unit                           Money
	Sum                            // what it came to at the tap
	Fee                            Money
	State                          State
	Units                          string
	Then                           State // what Releasing becomes
	HoldUntil, LookAt              int64
	ActionURL                      string
	Parcel, Carrier, Tracking      string
	Shipped                        int64
	BuyerName, BuyerEmail, Address string
	Country, Brand, Last4          string
	DeclineCode, DeclineDetail     string
	Refunded, Refunding            int64
	Dispute                        string // id of the newest; "": none
	DisputeState                   DisputeState
	DisputeReason                  string
	DisputeAmount, DisputeDue      int64
	Warned                         int64 // of fraud, by the card's bank; 0: not
	MediaAt                        time.Time
	Created, Changed               int64
	Fine                           fineprint

	// What the first request for money says, beside what follows from the above.
	// It gets a row of its own when there is an answer to note: see unasked.
	Customer, Method, Base string

	// Of the tap that made it, and not stored.
	fresh       bool
	fingerprint string // of the card

	Coupon, Personal string // the code and the offer to one person that it was made with
	Thanks           bool   // the room may hear of the tip
}

const orderColumns = `id, buyer, idem_key, request, channel, show_id, pin, in_offer, product, title, quantity,
	amount, items, discount, shipping, tax, tax_included, tip, total, fee, currency, state, units, release_to, hold_until, look_at, action_url,
	parcel, carrier, tracking, shipped, buyer_name, buyer_email, address, country, brand, last4,
	decline_code, decline_detail, refunded, refunding,
	dispute, dispute_state, dispute_reason, dispute_amount, dispute_due, fraud_warning, media_at, created, changed, customer, method, base, coupon, personal, thanks, weight, fineprint`

func scanOrder(row interface{ Scan(...any) error }) (order, error) {
	var o order
	var currency string
	var media int64
	var fine string
	err := row.Scan(&o.ID, &o.Buyer, &o.Key, &o.Request, &o.Channel, &o.Show, &o.Pin, &o.InOffer, &o.Product, &o.Title, &o.Quantity,
		&o.Unit.Amount, &o.Items.Amount, &o.Discount.Amount, &o.Shipping.Amount, &o.Tax.Amount, &o.TaxIncluded, &o.Tip.Amount,
		&o.Total.Amount, &o.Fee.Amount, &currency, &o.State, &o.Units, &o.Then, &o.HoldUntil, &o.LookAt, &o.ActionURL,
		&o.Parcel, &o.Carrier, &o.Tracking, &o.Shipped, &o.BuyerName, &o.BuyerEmail, &o.Address, &o.Country, &o.Brand, &o.Last4,
		&o.DeclineCode, &o.DeclineDetail, &o.Refunded, &o.Refunding,
		&o.Dispute, &o.DisputeState, &o.DisputeReason, &o.DisputeAmount, &o.DisputeDue, &o.Warned, &media, &o.Created, &o.Changed, &o.Customer, &o.Method, &o.Base, &o.Coupon, &o.Personal, &o.Thanks, &o.Weight, &fine)
	if err == nil {
		o.Fine, err = readFineprint(fine)
	}
	o.Unit.Currency, o.Fee.Currency = currency, currency
	o.Sum.is(currency)
	o.MediaAt = time.UnixMilli(media)
	return o, err
}

// orderByID returns ErrNoOrder when there is none. It does not ask whose it is.
func orderByID(ctx context.Context, from db.Reader, id string) (order, error) {
	o, err := scanOrder(from.QueryRowContext(ctx, "SELECT "+orderColumns+" FROM shop_order WHERE id = $1", id))
	return o, none(err, ErrNoOrder)
}

// newOrder computes everything an order says, none of it from the buyer's word.
func newOrder(tx *db.Tx, c *claim, q quote, m method) (order, error) {
	address, err := json.Marshal(c.buyer.Address)
	if err != nil {
		return order{}, err
	}
	id, parcel := newID(), "unfulfilled"
	if q.product.Jar {
		parcel = "delivered" // there is nothing to send
	}
	return order{
		ID: id, Buyer: c.buyer.ID, Key: c.key, Request: c.hash, Channel: c.ask.Channel, Show: c.show, Pin: c.ask.Pin, InOffer: q.inOffer,
		Product: q.product.ID, Title: q.product.Title, Quantity: *c.ask.Quantity, Weight: q.weight,
		Unit: q.unit, Sum: q.sum, Fee: q.fee,
		State: Charging, Units: take.units(""), Parcel: parcel,
		BuyerName: c.buyer.Name, BuyerEmail: c.buyer.Email, Address: string(address), Country: c.buyer.Address.Country,
		Brand: m.Brand, Last4: m.Last4, MediaAt: time.UnixMilli(c.media.UnixMilli()),
		Created: tx.Millis(), Changed: tx.Millis(), LookAt: tx.Now.Add(patience).UnixMilli(),
		Customer: m.Customer, Method: m.ID, Base: c.base, Fine: c.fine, fresh: true, fingerprint: m.Fingerprint,
		Coupon: q.code(), Personal: c.ask.Offer, Thanks: c.ask.Thanks && q.tip > 0,
	}, nil
}

const orderInto = `shop_order (id, buyer, idem_key, request, channel, show_id, pin, in_offer, product, title, quantity,
	amount, items, discount, shipping, tax, tax_included, tip, total, fee, currency, state, units, look_at, buyer_name, buyer_email, address, country, brand, last4, media_at, created, changed, customer, method, base, coupon, personal, thanks, parcel, weight, fineprint)`

// row is a new order as orderInto has it.
func (o order) row() []any {
	return []any{o.ID, o.Buyer, o.Key, o.Request, o.Channel, o.Show, o.Pin, o.InOffer, o.Product, o.Title, o.Quantity,
		o.Unit.Amount, o.Items.Amount, o.Discount.Amount, o.Shipping.Amount, o.Tax.Amount, o.TaxIncluded, o.Tip.Amount,
		o.Total.Amount, o.Fee.Amount, o.Total.Currency, o.State, o.Units, o.LookAt,
		o.BuyerName, o.BuyerEmail, o.Address, o.Country, o.Brand, o.Last4, o.MediaAt.UnixMilli(), o.Created, o.Changed, o.Customer, o.Method, o.Base, o.Coupon, o.Personal, o.Thanks, o.Parcel, o.Weight, o.Fine.String()}
}

// attempt is one request for money.
type attempt struct {
	Key, Customer, Method, ReturnURL string
	Intent                           string
	Sent                             int64
}

// unasked tells whether nobody has yet heard anything about the order's first
// request for money. All there is to it stands in the order then, and there is
// no row of shop_attempt: a hold is one row, and any news of the intent moves the
// order on. (Orders of an older souk have no Customer, and have the row.)
func (o order) unasked() bool { return o.State == Charging && o.Customer != "" }

func (o order) firstAttempt() attempt {
	return attempt{Key: "souk:" + o.ID + ":1", Customer: o.Customer, Method: o.Method, ReturnURL: o.Base + "/pay/return?order=" + o.ID, Sent: o.Created}
}

const attemptInto = "shop_attempt (order_id, seq, idem_key, customer, method, return_url, sent, intent, outcome, ended)"

// row is an attempt as attemptInto begins.
func (a attempt) row(order string) []any {
	return []any{order, 1, a.Key, a.Customer, a.Method, a.ReturnURL, a.Sent}
}

func attemptOf(ctx context.Context, from db.Reader, o order) (attempt, error) {
	if o.unasked() {
		return o.firstAttempt(), nil
	}
	var a attempt
	err := from.QueryRowContext(ctx, `SELECT idem_key, customer, method, return_url, intent, sent
		FROM shop_attempt WHERE order_id = $1 ORDER BY seq DESC LIMIT 1`, o.ID).
		Scan(&a.Key, &a.Customer, &a.Method, &a.ReturnURL, &a.Intent, &a.Sent)
	return a, err
}

const eventInto = "shop_order_event (order_id, seq, from_state, to_state, news, actor, at)"

// logEvent adds a line to the order's history.
func logEvent(ctx context.Context, tx *db.Tx, order string, from, to State, n news, actor string) error {
	_, err := tx.Exec(ctx, `INSERT INTO `+eventInto+`
		VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM shop_order_event WHERE order_id = $1), $2, $3, $4, $5, $6)`,
		order, from, to, n, actor, tx.Millis())
	return err
}

// Order is an order as its buyer and its merchant see it.
type Order struct {
	ID       string    `json:"id"`
	Channel  string    `json:"channel"`
	Show     string    `json:"show"`
	Pin      string    `json:"pin"`
	State    State     `json:"state"`
	Parcel   string    `json:"parcel"`
	Shipment *Shipment `json:"shipment,omitempty"`
	Lines    []Line    `json:"lines"`
	Sum
	Coupon    string        `json:"coupon,omitempty"` // the code behind the discount
	Offer     string        `json:"offer,omitempty"`  // the offer to this buyer alone
	Fee       Money         `json:"fee"`
	Refunded  Money         `json:"refunded"`
	Currency  string        `json:"currency"`
	CreatedAt api.Time      `json:"created_at"`
	MediaAt   api.Time      `json:"media_at"`
	HoldUntil api.Time      `json:"hold_until,omitzero"`
	Payment   *PaidWith     `json:"payment"`
	Decline   *Decline      `json:"decline"`
	Dispute   *OrderDispute `json:"dispute,omitempty"`
	WarnedAt  api.Time      `json:"fraud_warning_at,omitzero"` // the card's bank fears fraud; sellers only
	Buyer     OrderPerson   `json:"buyer"`
	Language  string        `json:"language,omitempty"` // of the buyer's mails
	Rule      *Ruling       `json:"region,omitempty"`   // why it was sold there; to those who sell

	// Where one order is answered, and not in lists.
	Checkpoints []Checkpoint `json:"checkpoints,omitempty"`
	Seller      *Seller      `json:"seller,omitempty"`     // who sells, as it was at the tap
	Withdrawal  *Withdrawal  `json:"withdrawal,omitempty"` // the right to it, and what came of it
	History     []Change     `json:"history,omitempty"`    // what became of the order
}

// Line is what was bought; Price is that of one unit.
type Line struct {
	Product  string `json:"product"`
	Title    string `json:"title"`
	Quantity int64  `json:"quantity"`
	Price    Money  `json:"price"`
}

// PaidWith is what the buyer paid with, as a receipt says it.
type PaidWith struct {
	Brand string `json:"brand"`
	Last4 string `json:"last4"`
}

// Shipment is how the parcel travels.
type Shipment struct {
	Carrier   string   `json:"carrier"`
	Tracking  string   `json:"tracking"`
	Link      string   `json:"link,omitempty"` // a page of the carrier that shows the parcel, where one is known
	ShippedAt api.Time `json:"shipped_at"`
}

// OrderPerson is who bought, as they were at the tap.
type OrderPerson struct {
	Name    string          `json:"name"`
	Email   string          `json:"email"`
	Address json.RawMessage `json:"address"`
}

// view is the order as JSON.
func (o order) view() Order {
	v := Order{
		ID: o.ID, Channel: o.Channel, Show: o.Show, Pin: o.Pin, State: o.State, Parcel: o.Parcel,
		Lines: []Line{{o.Product, o.Title, o.Quantity, o.Unit}},
		Sum:   o.Sum, Coupon: o.Coupon, Offer: o.Personal, Fee: o.Fee, Refunded: Money{o.Refunded, o.Total.Currency}, Currency: o.Total.Currency,
		CreatedAt: api.Millis(o.Created), MediaAt: api.At(o.MediaAt),
		Buyer: OrderPerson{o.BuyerName, o.BuyerEmail, json.RawMessage(o.Address)}, Language: o.Fine.Lang,
	}
	if o.justTip() {
		v.Lines = []Line{}
	}
	if o.Brand != "" {
		v.Payment = &PaidWith{o.Brand, o.Last4}
	}
	if o.DeclineCode != "" {
		v.Decline = &Decline{o.DeclineCode, o.DeclineDetail}
	}
	if o.Dispute != "" {
		v.Dispute = &OrderDispute{ID: o.Dispute, State: o.DisputeState, Reason: o.DisputeReason, Amount: Money{o.DisputeAmount, o.Total.Currency}}
		if o.DisputeDue > 0 {
			v.Dispute.DueAt = api.Millis(o.DisputeDue)
		}
	}
	if o.HoldUntil > 0 && o.State.open() {
		v.HoldUntil = api.Millis(o.HoldUntil)
	}
	if o.Shipped > 0 {
		v.Shipment = &Shipment{o.Carrier, o.Tracking, linked(wellKnown[strings.ToLower(o.Carrier)], o.Tracking), api.Millis(o.Shipped)}
	}
	return v
}

// sellerView is the order as those see it who sell: with what the buyer's bank
// says of the buyer.
func (o order) sellerView() Order {
	v := o.view()
	v.Rule = o.Fine.Rule
	if o.Warned > 0 {
		v.WarnedAt = api.Millis(o.Warned)
	}
	return v
}

// reply is an order and, while the bank waits for the buyer, where to go.
func (o order) reply() map[string]any {
	doc := map[string]any{"order": o.view()}
	if o.State == ActionRequired && o.ActionURL != "" {
		doc["action"] = map[string]string{"redirect_url": o.ActionURL}
	}
	return doc
}
