package shop_test

import (
	"strings"
	"testing"

	"souk/internal/db/dbtest"
)

// Each way to break the books, and the line that says so. The constraints that
// would refuse the damage are what the rest of the suite meets; here they are
// stepped around.
func TestFsckFindsDamage(t *testing.T) {
	cases := map[string]struct{ damage, line string }{
		"stock without an entry": {
			"UPDATE shop_product SET available = available + 1, received = received + 1",
			"received is 6, its entries sum to 5"},
		"held by nobody": {
			"UPDATE shop_product SET available = available - 1, held = held + 1",
			"held is 1, its open orders and holds have 0"},
		"sold to nobody": {
			"UPDATE shop_product SET available = available - 1, sold = sold + 1",
			"sold is 3, its orders bought 2"},
		"paid, and its units free": {
			"UPDATE shop_order SET units = 'free' WHERE state = 'paid'",
			"its units are not where its state says"},
		"moved without a word": {
			"UPDATE shop_order SET state = 'expired' WHERE state = 'payment_failed'",
			"its history does not end where it stands"},
		"paid without a charge": {
			"UPDATE shop_attempt SET outcome = 'open' WHERE outcome = 'succeeded'",
			"0 attempts succeeded"},
		"failed, and its intent alive": {
			"UPDATE shop_attempt SET outcome = 'open' WHERE outcome = 'dead'",
			"1 of its intents could still succeed"},
		"money from nowhere": {
			"UPDATE shop_ledger_line SET amount = amount + 1 WHERE account = 'provider'",
			"sums to 1 in one currency"},
		"money booked twice": {
			"INSERT INTO shop_ledger_line (entry, account, currency, amount) SELECT entry, account || '-again', currency, amount FROM shop_ledger_line WHERE account = 'provider'",
			"in one currency (3 lines)"},
		"a sale without an entry": {
			"DELETE FROM shop_ledger_line",
			"the ledger has 0 at the provider, the order 1800"},
		"a refund without an order's leave": {
			"INSERT INTO shop_refund (id, order_id, idem_key, amount, state, person, created) SELECT 'r', id, 'r', 5, 'succeeded', 'x', 0 FROM shop_order WHERE state = 'paid'",
			"refunded 0, its refunds sum to 5"},
		"a dispute without its money": {
			"UPDATE shop_dispute SET withdrawn = FALSE",
			"disputes hold back 500 of it, its disputes sum to 0"},
		"a dispute nobody sees": {
			"UPDATE shop_order SET dispute_state = 'won' WHERE dispute <> ''",
			"shows another dispute than its newest"},
		"a dispute that costs more": {
			"UPDATE shop_dispute SET fee = fee + 1",
			"costs 1501, its order's ledger says 1500"},
		"a share given twice": {
			"UPDATE shop_pin SET offer_left = offer_left + 1",
			"2 left of its share, orders under it took 2"},
		"more than a buyer may": {
			"UPDATE shop_pin SET per_buyer = 1",
			"a buyer has 2 units, the cap is 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.Open(t, schemas...))
			cup := w.product("cup", 1250, 5)
			pin := w.pin(cup, obj{"price": usd(900), "seconds": 600, "stock": 3, "per_buyer": 2}).str("pin")
			w.buyer("mira", "pm_card_visa")
			w.buyer("poor", "pm_card_chargeDeclined")
			same(t, "paid", w.tap("mira", obj{"pin": pin, "quantity": 2}).status, 200)
			same(t, "declined", w.tap("poor", obj{"pin": pin}).status, 402)
			if strings.Contains(c.damage, "dispute") {
				w.buyer("ugo", "pm_card_createDispute")
				same(t, "disputed", w.tap("ugo", obj{"product": w.product("pot", 500, 1)}).status, 200)
				w.deliver(1, "charge.dispute.created")
			}
			w.clean()
			w.exec(c.damage)
			found, err := w.shop.Fsck(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(found, "\n"), c.line) {
				t.Errorf("found %q, want a line with %q", found, c.line)
			}
		})
	}
}

// What the schema itself does not let happen, whoever writes.
func TestConstraints(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		cup := w.product("cup", 1250, 5)
		w.buyer("mira", "pm_card_visa")
		w.paid(cup, 2)
		for name, damage := range map[string]string{
			"a negative shelf":          "UPDATE shop_product SET available = -1, received = received - 4",
			"units out of thin air":     "UPDATE shop_product SET available = available + 1",
			"a second success":          "INSERT INTO shop_attempt (order_id, seq, idem_key, customer, method, return_url, outcome, sent) SELECT order_id, 2, 'k', customer, method, return_url, 'succeeded', 0 FROM shop_attempt",
			"more back than paid":       "UPDATE shop_order SET refunded = total + 1",
			"more back than paid, soon": "UPDATE shop_order SET refunding = total, refunded = 1",
			"the same tap twice":        "UPDATE shop_order SET quantity = 0",
			"two cards on air":          "INSERT INTO shop_pin (id, channel, product, amount, currency, offer_open, media_at, pinned) SELECT 'a' || id, 'tea', id, 1, 'USD', FALSE, 0, 0 FROM shop_product UNION ALL SELECT 'b' || id, 'tea', id, 1, 'USD', FALSE, 0, 0 FROM shop_product",
			"a fee of all and more":     "INSERT INTO shop_channel (channel, fee_bps) VALUES ('x', 10001)",
		} {
			if execute(w, damage) == nil {
				t.Errorf("%s: the database let it happen", name)
			}
		}
		w.clean()
	})
}
