package shop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"souk/internal/db"
)

// books is what a crowd of taps is decided on, as it stands inside their
// transaction, and what their orders will write. Rows that run out are locked,
// products before pins and each in the order of their ids, as everybody does who
// locks more than one.
type books struct {
	shop      *Shop
	tx        *db.Tx
	from      db.Reader // tx, or, for who only looks, the read side
	show      func(channel string) string
	now       time.Time
	pins      map[string]*openPin // nil: no such card on that channel
	products  map[string]*openProduct
	channels  map[string]terms
	buyers    map[string]*purse
	orders    map[[2]string]order    // by buyer and key
	personals map[string]*personal   // nil: there is none
	jars      map[string]string      // where tips without goods go: channel and currency -> product
	holdings  map[[2]string]*holding // open, by product and buyer

	guard *guard

	newOrders [][]any // rows to add
}

type openPin struct {
	pin
	taken int64
}

type openProduct struct {
	product
	taken int64
}

// perBuyer is the offer's cap; 0: none.
func (p *openPin) perBuyer() int64 {
	if p == nil {
		return 0
	}
	return p.PerBuyer.Int64
}

// purse is what there is to know about a buyer.
type purse struct {
	open, declines int64
	sent           map[string]sent // what already travels to them, by show and currency
	method         method
}

// open reads the books for some claims.
func (s *Shop) open(ctx context.Context, tx *db.Tx, claims []*claim) (*books, error) {
	b := &books{shop: s, tx: tx, from: tx, now: tx.Now, personals: map[string]*personal{}, jars: map[string]string{}, pins: map[string]*openPin{}, products: map[string]*openProduct{}, channels: map[string]terms{},
		buyers: map[string]*purse{}, orders: map[[2]string]order{}}
	for _, read := range []func(context.Context, []*claim) error{b.readChannels, b.readPins, b.readPersonals, b.readJars, b.readProducts, b.readAside, b.readHoldings, b.readShares, b.readBuyers, b.readMethods, b.readParcels} {
		if err := read(ctx, claims); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *books) readChannels(ctx context.Context, claims []*claim) error {
	for _, c := range claims {
		if _, ok := b.channels[c.ask.Channel]; ok {
			continue
		}
		t, err := b.shop.terms(ctx, b.tx, c.ask.Channel)
		if err != nil {
			return err
		}
		b.channels[c.ask.Channel] = t
	}
	return nil
}

func (b *books) readPins(ctx context.Context, claims []*claim) error {
	for _, c := range claims {
		if _, ok := b.pins[c.ask.card()]; ok || c.ask.Pin == "" {
			continue
		}
		p, err := pinByID(ctx, b.tx, c.ask.Channel, c.ask.Pin)
		switch {
		case errors.Is(err, ErrNoPin):
			b.pins[c.ask.card()] = nil
		case err != nil:
			return err
		default:
			b.pins[c.ask.card()] = &openPin{pin: p}
		}
	}
	return nil
}

// card is where to find the pin of an ask.
func (a ask) card() string { return a.Channel + " " + a.Pin }

// lockProduct reads a product and holds its row until the commit, on either
// engine.
var lockProduct = "UPDATE shop_product SET available = available WHERE id = $1 RETURNING " + strings.ReplaceAll(productColumns, "p.", "")

func (b *books) readProducts(ctx context.Context, claims []*claim) error {
	wanted := map[string]bool{}
	for _, c := range claims {
		if p := b.pins[c.ask.card()]; p != nil {
			wanted[p.Product] = true
		} else if p := b.personals[c.ask.Offer]; p != nil {
			wanted[p.Product] = true
		} else if jar := b.jars[c.ask.jar()]; c.ask.justTip() && jar != "" {
			wanted[jar] = true
		} else if c.ask.Product != "" {
			wanted[c.ask.Product] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		p, err := scanProduct(b.tx.QueryRow(ctx, lockProduct, id))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue
		case err != nil:
			return err
		}
		b.products[id] = &openProduct{product: p}
	}
	return nil
}

func (b *books) readShares(ctx context.Context, _ []*claim) error {
	for _, name := range slices.Sorted(maps.Keys(b.pins)) {
		p := b.pins[name]
		if p == nil || !p.OfferStock.Valid || !p.running(b.tx.Now) {
			continue
		}
		err := b.tx.QueryRow(ctx, "UPDATE shop_pin SET offer_left = offer_left WHERE id = $1 RETURNING offer_left", p.ID).Scan(&p.Left)
		if err != nil {
			return err
		}
	}
	return nil
}

// readBuyers counts each buyer's open and declined orders, and finds those that
// a claim is a repetition of.
func (b *books) readBuyers(ctx context.Context, claims []*claim) error {
	var keys []string
	for _, c := range claims {
		b.buyers[c.buyer.ID] = &purse{}
		keys = append(keys, c.key)
	}
	ids := slices.Collect(maps.Keys(b.buyers))
	buyers, args := db.In([]any{b.tx.Now.Add(-declineWindow).UnixMilli()}, ids)
	fingers, args := db.In(args, keys)
	rows, err := b.tx.Query(ctx, `SELECT id, buyer, idem_key, CASE WHEN units = 'held' THEN 1 ELSE 0 END,
		CASE WHEN decline_code <> '' AND created > $1 THEN 1 ELSE 0 END FROM shop_order
		WHERE buyer IN (`+buyers+`) AND (units = 'held' OR decline_code <> '' OR idem_key IN (`+fingers+`))`, args...)
	type known struct {
		id, buyer, key string
		open, declined int64
	}
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (k known, err error) {
		return k, rows.Scan(&k.id, &k.buyer, &k.key, &k.open, &k.declined)
	})
	if err != nil {
		return err
	}
	for _, k := range all {
		who := b.buyers[k.buyer]
		who.open += k.open
		who.declines += k.declined
		if !slices.ContainsFunc(claims, func(c *claim) bool { return c.finger() == [2]string{k.buyer, k.key} }) {
			continue
		}
		if b.orders[[2]string{k.buyer, k.key}], err = orderByID(ctx, b.tx, k.id); err != nil {
			return err
		}
	}
	return nil
}

// readMethods finds what each buyer pays with.
func (b *books) readMethods(ctx context.Context, _ []*claim) error {
	people, args := db.In(nil, slices.Collect(maps.Keys(b.buyers)))
	rows, err := b.tx.Query(ctx, `SELECT m.person, m.id, m.brand, m.last4, m.exp_month, m.exp_year, m.fingerprint, m.country, c.customer
		FROM shop_method m JOIN shop_customer c ON c.person = m.person WHERE m.person IN (`+people+`) ORDER BY `+methodsNewest, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var person string
		var m method
		if err := rows.Scan(&person, &m.ID, &m.Brand, &m.Last4, &m.expMonth, &m.expYear, &m.Fingerprint, &m.Country, &m.Customer); err != nil {
			return err
		}
		// The first, or else the first that has not expired.
		if have := &b.buyers[person].method; have.ID == "" || have.expired(b.tx.Now) && !m.expired(b.tx.Now) {
			*have = m
		}
	}
	return rows.Err()
}

// add notes an order for the commit. It is all there is of it: the request for
// money and the first line of its history are written with what comes of them.
func (b *books) add(c *claim) {
	b.buyers[c.buyer.ID].open++
	b.newOrders = append(b.newOrders, c.order.row())
}

// write adds what was decided.
func (b *books) write(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(b.products)) {
		if p := b.products[id]; p.taken != 0 {
			n, err := b.tx.Changed(ctx, "UPDATE shop_product SET available = available - $2, held = held + $2 WHERE id = $1 AND available >= $2", id, p.taken)
			if err != nil || n != 1 {
				return errors.Join(err, fmt.Errorf("product %s: no %d units after all", id, p.taken))
			}
			if p.taken < 0 { // somebody held more than they ordered
				if _, err := serve(ctx, b.tx, id, p.Stock.Available); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.pins)) {
		if p := b.pins[name]; p != nil && p.taken != 0 {
			n, err := b.tx.Changed(ctx, "UPDATE shop_pin SET offer_left = offer_left - $2 WHERE id = $1 AND offer_left >= $2", p.ID, p.taken)
			if err != nil || n != 1 {
				return errors.Join(err, fmt.Errorf("pin %s: no %d units left of its share after all", p.ID, p.taken))
			}
		}
	}
	return b.tx.Insert(ctx, orderInto, b.newOrders)
}
