package shop

// State is where an order stands.
type State string

// The states, as stored and as sent to clients.
const (
	Charging       State = "charging"        // the request for money has been sent, or is about to be
	ActionRequired State = "action_required" // the buyer's bank wants to see the buyer
	Processing     State = "processing"      // the bank takes its time
	Releasing      State = "releasing"       // on the way out: the intent is being cancelled, the units are still held
	PaymentFailed  State = "payment_failed"  // declined; units are back on sale
	Expired        State = "expired"         // the buyer did not act in time; units are back on sale
	Canceled       State = "canceled"        // called off; units are back on sale
	Paid           State = "paid"
	Refunded       State = "refunded" // paid back in full
)

// news is what somebody learned about an order.
type news string

const (
	tapped      news = "tapped"       // the buyer agreed to it
	succeeded   news = "succeeded"    // the intent took the money, all of it
	needsAction news = "needs_action" // the intent waits for the buyer's bank
	pending     news = "processing"   // the intent waits for nobody
	declined    news = "declined"     // the intent failed, and could be tried again
	refused     news = "refused"      // the provider made no intent: its answer to this very key
	barred      news = "barred"       // not sold there any more, and the provider was never asked
	dead        news = "dead"         // the intent is cancelled and cannot succeed
	timedOut    news = "timed_out"    // the hold is past its time
	calledOff   news = "called_off"   // buyer or merchant want out
	paidBack    news = "paid_back"    // the last of the money went back
)

// move is what happens to the order's units.
type move int

const (
	keep    move = iota
	take         // available -> held
	sell         // held -> sold
	free         // held -> available
	restock      // sold -> available, unless the parcel has left
)

// transition is one row of the table: an order in From that hears News becomes
// To. Then is what a releasing order becomes once its intent is dead.
type transition struct {
	From State
	News news
	To   State
	Move move
	Then State
}

// transitions is everything that can happen to an order. News without a row
// changes nothing: hooks come late, twice and out of order. In particular no
// row leaves an ended order, and only `succeeded`, `dead` and `refused`, each a
// fact about the intent, move held units.
var transitions = []transition{
	{"", tapped, Charging, take, ""},

	{Charging, succeeded, Paid, sell, ""},
	{Charging, needsAction, ActionRequired, keep, ""},
	{Charging, pending, Processing, keep, ""},
	{Charging, declined, Releasing, keep, PaymentFailed},
	{Charging, refused, PaymentFailed, free, ""},
	{Charging, barred, Canceled, free, ""},
	{Charging, dead, Canceled, free, ""},

	{ActionRequired, succeeded, Paid, sell, ""},
	{ActionRequired, pending, Processing, keep, ""},
	{ActionRequired, declined, Releasing, keep, PaymentFailed},
	{ActionRequired, timedOut, Releasing, keep, Expired},
	{ActionRequired, calledOff, Releasing, keep, Canceled},
	{ActionRequired, dead, Canceled, free, ""},

	{Processing, succeeded, Paid, sell, ""},
	{Processing, needsAction, ActionRequired, keep, ""},
	{Processing, declined, Releasing, keep, PaymentFailed},
	{Processing, timedOut, Releasing, keep, Expired},
	{Processing, calledOff, Releasing, keep, Canceled},
	{Processing, dead, Canceled, free, ""},

	{Releasing, succeeded, Paid, sell, ""}, // late, and honoured: the units are still there
	{Releasing, dead, "", free, ""},        // To is what Then said

	{Paid, paidBack, Refunded, restock, ""},
}

// next finds the row; ok is false when the news changes nothing.
func next(from State, n news) (row transition, ok bool) {
	for _, row := range transitions {
		if row.From == from && row.News == n {
			return row, true
		}
	}
	return transition{}, false
}

// ended tells whether an order was closed without a payment.
func (s State) ended() bool { return s == PaymentFailed || s == Expired || s == Canceled }

// open tells whether an order still holds units.
func (s State) open() bool {
	return s == Charging || s == ActionRequired || s == Processing || s == Releasing
}

// units is the value of shop_order.units after a move.
func (m move) units(before string) string {
	switch m {
	case take:
		return unitsHeld
	case sell:
		return unitsSold
	case free, restock:
		return unitsFree
	}
	return before
}

// Where an order's units are, as stored.
const (
	unitsHeld = "held"
	unitsSold = "sold"
	unitsFree = "free"
)
