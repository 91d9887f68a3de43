package shop

import (
	"context"
	"database/sql"
	"fmt"

	"souk/internal/db"
)

// maxFindings bounds the lines per check; one is enough to know.
const maxFindings = 100

// check is one invariant: a query whose rows are the places where it is broken,
// each an id and two numbers for the sentence.
type check struct{ name, sentence, query string }

var checks = []check{
	{"units", "product %s: available+held+sold is %d, received %d", `
		SELECT id, available + held + sold, received FROM shop_product
		WHERE available + held + sold <> received OR available < 0 OR held < 0 OR sold < 0`},
	{"received", "product %s: received is %d, its entries sum to %d", `
		SELECT p.id, p.received, COALESCE(SUM(e.delta), 0) FROM shop_product p LEFT JOIN shop_stock_entry e ON e.product = p.id
		GROUP BY p.id, p.received HAVING p.received <> COALESCE(SUM(e.delta), 0)`},
	{"held", "product %s: held is %d, its open orders and holds have %d", `
		SELECT id, held, has FROM (SELECT p.id, p.held,
			(SELECT COALESCE(SUM(o.quantity), 0) FROM shop_order o WHERE o.product = p.id AND o.units = 'held') +
			(SELECT COALESCE(SUM(h.quantity), 0) FROM shop_hold h WHERE h.product = p.id AND h.state = 'open') AS has FROM shop_product p) AS counted
		WHERE held <> has`},
	{"line served", "product %s: %d units are available, and %d people wait in line for them", `
		SELECT p.id, p.available, COUNT(*) FROM shop_product p JOIN shop_wait w ON w.product = p.id AND w.state = 'waiting'
		WHERE p.available > 0 OR p.dropped IS NOT NULL GROUP BY p.id, p.available`},
	{"turns", "place %s in line: its turn is not there, or another's (state since %d, %d)", `
		SELECT w.id, w.ended, w.seq FROM shop_wait w LEFT JOIN shop_hold h ON h.id = w.hold AND h.kind = 'turn' AND h.buyer = w.buyer AND h.product = w.product
		WHERE w.state = 'called' AND h.id IS NULL
		UNION ALL SELECT MIN(id), COUNT(*), 0 FROM shop_wait WHERE hold <> '' GROUP BY hold HAVING COUNT(*) > 1`},
	{"nobody overtaken", "product %s: number %d in line was called, and an earlier one still waits (%d)", `
		SELECT a.product, a.seq, MIN(b.seq) FROM shop_wait a JOIN shop_wait b ON b.product = a.product AND b.state = 'waiting' AND b.seq < a.seq
		WHERE a.state = 'called' GROUP BY a.product, a.seq`},
	{"used holds", "hold %s: used, but not by an order of its person (%d units, until %d)", `
		SELECT h.id, h.quantity, h.until FROM shop_hold h WHERE (h.state = 'used') <> EXISTS
			(SELECT 1 FROM shop_order o WHERE o.id = h.order_id AND o.buyer = h.buyer AND o.product = h.product)`},
	{"sold", "product %s: sold is %d, its orders bought %d", `
		SELECT p.id, p.sold, COALESCE(SUM(o.quantity), 0) FROM shop_product p LEFT JOIN shop_order o ON o.product = p.id AND o.units = 'sold'
		GROUP BY p.id, p.sold HAVING p.sold <> COALESCE(SUM(o.quantity), 0)`},
	{"units of state", "order %s: its units are not where its state says (quantity %d, state since %d)", `
		SELECT id, quantity, changed FROM shop_order WHERE NOT (
			(units = 'held' AND state IN ('charging', 'action_required', 'processing', 'releasing')) OR
			(units = 'sold' AND (state = 'paid' OR state = 'refunded' AND shipped > 0)) OR
			(units = 'free' AND (state IN ('payment_failed', 'expired', 'canceled') OR state = 'refunded' AND shipped = 0)))`},
	{"history", "order %s: its history does not end where it stands (%d lines, changed %d)", `
		SELECT o.id, (SELECT COUNT(*) FROM shop_order_event e WHERE e.order_id = o.id), o.changed FROM shop_order o
		WHERE o.state <> 'charging' AND NOT EXISTS (SELECT 1 FROM shop_order_event e WHERE e.order_id = o.id AND e.to_state = o.state
			AND e.seq = (SELECT MAX(seq) FROM shop_order_event WHERE order_id = o.id))`},
	{"one charge", "order %s: %d attempts succeeded, paid %d", `
		SELECT o.id, (SELECT COUNT(*) FROM shop_attempt a WHERE a.order_id = o.id AND a.outcome = 'succeeded') AS n, o.total FROM shop_order o
		WHERE (SELECT COUNT(*) FROM shop_attempt a WHERE a.order_id = o.id AND a.outcome = 'succeeded')
			<> CASE WHEN o.state IN ('paid', 'refunded') THEN 1 ELSE 0 END`},
	{"live intent", "order %s: ended, and %d of its intents could still succeed (total %d)", `
		SELECT o.id, COUNT(*), o.total FROM shop_order o LEFT JOIN shop_attempt a ON a.order_id = o.id
		WHERE o.state IN ('payment_failed', 'expired', 'canceled') AND COALESCE(a.outcome, 'open') NOT IN ('dead', 'refused') GROUP BY o.id, o.total`},
	{"entry sums to zero", "ledger entry %s: sums to %d in one currency (%d lines)", `
		SELECT entry, SUM(amount), COUNT(*) FROM shop_ledger_line GROUP BY entry, currency HAVING SUM(amount) <> 0`},
	{"ledger matches", "order %s: the ledger has %d at the provider, the order %d", `
		SELECT o.id, COALESCE(SUM(l.amount), 0), CASE WHEN o.state IN ('paid', 'refunded') THEN o.total - o.refunded - o.disputed ELSE 0 END
		FROM shop_order o LEFT JOIN shop_ledger e ON e.order_id = o.id LEFT JOIN shop_ledger_line l ON l.entry = e.id AND l.account = 'provider'
		GROUP BY o.id, o.state, o.total, o.refunded, o.disputed
		HAVING COALESCE(SUM(l.amount), 0) <> CASE WHEN o.state IN ('paid', 'refunded') THEN o.total - o.refunded - o.disputed ELSE 0 END`},
	{"disputes match", "order %s: disputes hold back %d of it, its disputes sum to %d", `
		SELECT o.id, o.disputed, COALESCE(SUM(d.amount), 0) FROM shop_order o LEFT JOIN shop_dispute d ON d.order_id = o.id AND d.withdrawn AND d.currency = o.currency
		GROUP BY o.id, o.disputed HAVING o.disputed <> COALESCE(SUM(d.amount), 0)`},
	{"dispute shown", "order %s: shows another dispute than its newest (%d of them, due %d)", `
		SELECT o.id, (SELECT COUNT(*) FROM shop_dispute d WHERE d.order_id = o.id), o.dispute_due FROM shop_order o
		WHERE o.dispute || o.dispute_state <> COALESCE((SELECT d.id || d.state FROM shop_dispute d WHERE d.order_id = o.id ORDER BY d.created DESC, d.id DESC LIMIT 1), '')`},
	{"dispute fees", "dispute %s: costs %d, its order's ledger says %d", `
		SELECT MIN(d.id), SUM(d.fee), -COALESCE((SELECT SUM(l.amount) FROM shop_ledger e JOIN shop_ledger_line l ON l.entry = e.id
			WHERE e.order_id = d.order_id AND e.kind = 'dispute_fee' AND l.account = 'provider_fee'), 0) FROM shop_dispute d GROUP BY d.order_id
		HAVING SUM(d.fee) <> -COALESCE((SELECT SUM(l.amount) FROM shop_ledger e JOIN shop_ledger_line l ON l.entry = e.id
			WHERE e.order_id = d.order_id AND e.kind = 'dispute_fee' AND l.account = 'provider_fee'), 0)`},
	{"parts make the total", "order %s: its parts come to %d, the total is %d", `
		SELECT id, items - discount + shipping + tip + CASE WHEN tax_included THEN 0 ELSE tax END, total FROM shop_order
		WHERE total <> items - discount + shipping + tip + CASE WHEN tax_included THEN 0 ELSE tax END
			OR items <> amount * quantity OR discount > items OR fee > total`},
	{"coupon uses", "coupon %s: used %d times, by %d orders", `
		SELECT id, used, by_orders FROM (SELECT c.id, c.used, (SELECT COUNT(*) FROM shop_coupon_use u WHERE u.coupon = c.id AND NOT u.back) AS by_orders
			FROM shop_coupon c) AS counted WHERE used <> by_orders`},
	{"coupons given back", "order %s: its coupon is not where its state says (discount %d, changed %d)", `
		SELECT o.id, o.discount, o.changed FROM shop_order o LEFT JOIN shop_coupon_use u ON u.order_id = o.id AND NOT u.back
		WHERE o.coupon <> '' AND (u.order_id IS NULL) <> (o.units = 'free' AND o.state <> 'refunded') OR o.coupon = '' AND u.order_id IS NOT NULL`},
	{"offers to one", "offer %s: taken, but not by a living order of its person, or by more than one (%d units, until %d)", `
		SELECT p.id, p.quantity, p.ends FROM shop_personal p WHERE (p.state = 'used') <> (1 =
			(SELECT COUNT(*) FROM shop_order o WHERE o.personal = p.id AND o.buyer = p.buyer AND (o.units <> 'free' OR o.state = 'refunded')))`},
	{"refunds match", "order %s: refunded %d, its refunds sum to %d", `
		SELECT o.id, o.refunded + o.refunding, COALESCE(SUM(f.amount), 0) FROM shop_order o LEFT JOIN shop_refund f ON f.order_id = o.id AND f.state <> 'failed'
		GROUP BY o.id, o.refunded, o.refunding HAVING o.refunded + o.refunding <> COALESCE(SUM(f.amount), 0)`},
	{"offer share", "pin %s: %d left of its share, orders under it took %d", `
		SELECT id, offer_left, took FROM (SELECT q.id, q.offer_left, q.offer_stock,
			(SELECT COALESCE(SUM(o.quantity), 0) FROM shop_order o WHERE o.pin = q.id AND o.in_offer AND (o.units <> 'free' OR o.state = 'refunded')) +
			(SELECT COALESCE(SUM(h.quantity), 0) FROM shop_hold h WHERE h.pin = q.id AND h.state = 'open') AS took
			FROM shop_pin q WHERE q.offer_stock IS NOT NULL) AS counted WHERE offer_left <> offer_stock - took`},
	{"per buyer", "pin %s: a buyer has %d units, the cap is %d", `
		SELECT q.id, SUM(o.quantity), q.per_buyer FROM shop_pin q
		JOIN shop_order o ON o.pin = q.id AND o.in_offer AND (o.units <> 'free' OR o.state = 'refunded')
		WHERE q.per_buyer IS NOT NULL GROUP BY q.id, q.per_buyer, o.buyer HAVING SUM(o.quantity) > q.per_buyer`},
}

// Fsck checks every invariant of stock, orders and ledger that can be checked
// in the tables, and returns a line for each place where one is broken. It may
// run beside a working shop: each check sees one moment.
func (s *Shop) Fsck(ctx context.Context) ([]string, error) {
	var found []string
	for _, c := range checks {
		rows, err := s.DB.Read().QueryContext(ctx, fmt.Sprintf("SELECT * FROM (%s) AS broken LIMIT %d", c.query, maxFindings))
		lines, err := db.Collect(rows, err, func(rows *sql.Rows) (string, error) {
			var id string
			var a, b int64
			err := rows.Scan(&id, &a, &b)
			return fmt.Sprintf(c.sentence, id, a, b), err
		})
		if err != nil {
			return found, fmt.Errorf("fsck %s: %w", c.name, err)
		}
		found = append(found, lines...)
	}
	return found, nil
}
