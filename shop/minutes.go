package shop

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"souk/internal/db"
)

// minutes are what a transaction learns about orders and writes down in the end,
// with as few statements as the sum needs: orders that become the same are
// updated together, a product that is sold is counted once.
type minutes struct {
	tx     *db.Tx
	wanted func(ctx context.Context, from db.Reader, channel string) (bool, error) // does anybody outside listen?

	orders    map[string]*order
	touched   map[string]bool   // orders with a turn
	turns     map[turn][]string // ids of the orders
	moves     []func() error    // of units, but for those that are sold
	sold      map[string]int64  // product -> units
	sales     []*lesson         // whose left is known once those are counted
	listening map[string]bool   // channel -> wanted

	attempts, events, entries, lines, outbox [][]any
}

// turn is all that a transition writes into an order's row.
type turn struct {
	from, to                   State
	units                      string
	then                       State
	holdUntil, lookAt          int64
	actionURL                  string
	declineCode, declineDetail string
	changed                    int64
}

// read finds the orders that nobody knows. Order by id: who locks many does it in
// one order.
func (m *minutes) read(ctx context.Context, lessons []*lesson) error {
	slices.SortStableFunc(lessons, func(a, b *lesson) int { return cmp.Compare(a.id, b.id) })
	m.orders, m.listening = map[string]*order{}, map[string]bool{}
	m.clear()
	var unknown []string
	for _, l := range lessons {
		if l.known != nil {
			known := *l.known
			m.orders[l.id] = &known
		}
	}
	for _, l := range lessons {
		if m.orders[l.id] == nil {
			unknown = append(unknown, l.id)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	list, args := db.In(nil, unknown)
	rows, err := m.tx.Query(ctx, "SELECT "+orderColumns+" FROM shop_order WHERE id IN ("+list+")", args...)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (order, error) { return scanOrder(rows) })
	for _, o := range all {
		m.orders[o.ID] = &o
	}
	return err
}

// apply moves an order by one row of the table, with everything that belongs
// to that row. It finds out first whether the report can be true.
func (m *minutes) apply(ctx context.Context, l *lesson) error {
	o := m.orders[l.id]
	if o == nil {
		return ErrNoOrder
	}
	l.order = *o
	if err := o.believes(l.r); err != nil {
		return err
	}
	if m.touched[o.ID] { // one thing after the other
		if err := m.write(ctx); err != nil {
			return err
		}
	}
	row, ok := next(o.State, l.r.news)
	first := o.unasked()
	if err := m.bind(ctx, o, l.r, first, ok); err != nil || !ok {
		return err
	}
	from := o.State
	o.follow(row, l.r, m.tx)
	c := turn{from, o.State, o.Units, o.Then, o.HoldUntil, o.LookAt, o.ActionURL, o.DeclineCode, o.DeclineDetail, o.Changed}
	m.turns[c] = append(m.turns[c], o.ID)
	m.touched[o.ID] = true
	l.order, l.moved = *o, true
	if first {
		m.events = append(m.events, []any{o.ID, 1, "", Charging, tapped, "buyer", o.Created},
			[]any{o.ID, 2, from, o.State, l.r.news, l.r.actor, m.tx.Millis()})
	} else if err := logEvent(ctx, m.tx, o.ID, from, o.State, l.r.news, l.r.actor); err != nil {
		return err
	}
	return m.consequences(ctx, l, row)
}

// bind ties the attempt to its intent, once, and writes down how it ended if it
// did. moves tells whether the order follows: news that it cannot use end nothing.
func (m *minutes) bind(ctx context.Context, o *order, r report, first, moves bool) error {
	if r.intent.ID != "" && r.intent.Order != o.ID {
		return fmt.Errorf("%w: intent %s is of order %q", errContradiction, r.intent.ID, r.intent.Order)
	}
	outcome, ended := "open", sql.NullInt64{}
	if moves && (r.news == succeeded || r.news == dead || r.news == refused) {
		outcome, ended = string(r.news), sql.NullInt64{Int64: m.tx.Millis(), Valid: true}
	}
	if moves && r.news == barred { // the provider would have refused it as well
		outcome, ended = string(refused), sql.NullInt64{Int64: m.tx.Millis(), Valid: true}
	}
	switch {
	case !ended.Valid && r.intent.ID == "":
		return nil
	case first && moves:
		a := o.firstAttempt()
		m.attempts = append(m.attempts, append(a.row(o.ID), r.intent.ID, outcome, ended))
		return nil
	}
	n, err := m.tx.Changed(ctx, `UPDATE shop_attempt SET intent = CASE WHEN $2 = '' THEN intent ELSE $2 END,
		outcome = CASE WHEN outcome = 'open' THEN $3 ELSE outcome END,
		ended = CASE WHEN outcome = 'open' THEN $4 ELSE ended END
		WHERE order_id = $1 AND ($2 = '' OR intent IN ('', $2))`, o.ID, r.intent.ID, outcome, ended)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: intent %s is not the one of the attempt", errContradiction, r.intent.ID)
	}
	return err
}

// consequences notes what follows from a transition: units and money, and who
// must hear of it.
func (m *minutes) consequences(ctx context.Context, l *lesson, row transition) error {
	o := l.order
	switch move := o.moves(row); move {
	case sell:
		m.sold[o.Product] += o.Quantity
		m.sales = append(m.sales, l)
	case keep:
	default:
		m.moves = append(m.moves, func() error {
			_, err := moveUnits(ctx, m.tx, o, move)
			return err
		})
	}
	if o.State == Paid {
		entry, lines, err := entryOf(m.tx, o, "sale", saleLines(o))
		if err != nil {
			return err
		}
		m.entries, m.lines = append(m.entries, entry), append(m.lines, lines...)
	}
	return m.tell(ctx, o)
}

// tell notes what somebody outside must hear about an order, if anybody listens.
func (m *minutes) tell(ctx context.Context, o order) error {
	kind := o.toTell()
	if kind == "" {
		return nil
	}
	if _, asked := m.listening[o.Channel]; !asked {
		var err error
		if m.listening[o.Channel], err = m.wanted(ctx, m.tx, o.Channel); err != nil {
			return err
		}
	}
	if !m.listening[o.Channel] {
		return nil
	}
	row, err := tellRow(m.tx, kind, o, o.sellerView())
	m.outbox = append(m.outbox, row)
	return err
}

// write writes down what was noted. errStale when an order was not what somebody
// had known: nothing of all this is true then.
func (m *minutes) write(ctx context.Context) error {
	for c, ids := range m.turns {
		list, args := db.In([]any{c.from, c.to, c.units, c.then, c.holdUntil, c.lookAt, c.actionURL, c.declineCode, c.declineDetail, c.changed}, ids)
		n, err := m.tx.Changed(ctx, `UPDATE shop_order SET state = $2, units = $3, release_to = $4, hold_until = $5, look_at = $6,
			action_url = $7, decline_code = $8, decline_detail = $9, changed = $10 WHERE state = $1 AND id IN (`+list+`)`, args...)
		if err != nil {
			return err
		}
		if n != int64(len(ids)) {
			return errStale
		}
	}
	// Units move only for orders that have moved.
	for _, move := range m.moves {
		if err := move(); err != nil {
			return err
		}
	}
	left := map[string]int64{}
	for _, id := range slices.Sorted(maps.Keys(m.sold)) {
		var err error
		if left[id], err = sellUnits(ctx, m.tx, id, m.sold[id]); err != nil {
			return err
		}
	}
	for _, l := range m.sales {
		l.left = left[l.order.Product]
	}
	for _, of := range []struct {
		table string
		rows  [][]any
	}{
		{attemptInto, m.attempts},
		{eventInto, m.events},
		{entryInto, m.entries},
		{lineInto, m.lines},
		{outboxInto, m.outbox},
	} {
		if err := m.tx.Insert(ctx, of.table, of.rows); err != nil {
			return err
		}
	}
	m.clear()
	return nil
}

func (m *minutes) clear() {
	m.turns, m.touched, m.moves, m.sold, m.sales = map[turn][]string{}, map[string]bool{}, nil, map[string]int64{}, nil
	m.attempts, m.events, m.entries, m.lines, m.outbox = nil, nil, nil, nil, nil
}

// apply is for a transaction that learns something about one order among other
// things. It returns the order as it is then.
func apply(ctx context.Context, tx *db.Tx, id string, r report) (order, error) {
	m, l := &minutes{tx: tx}, &lesson{id: id, r: r}
	if err := m.read(ctx, []*lesson{l}); err != nil {
		return order{}, err
	}
	if err := m.apply(ctx, l); err != nil {
		return l.order, err
	}
	return l.order, m.write(ctx)
}
