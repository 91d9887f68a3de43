package shop

import (
	"context"
	"database/sql"
	"encoding/json"

	"souk/internal/db"
)

// parcel is what orders of one buyer share that can travel together: a show, a
// currency and an address, to the letter.
func parcel(channel, show, currency string, to *Address) string {
	if show == "" || to == nil {
		return ""
	}
	address, err := json.Marshal(to)
	if err != nil {
		panic(err) // strings
	}
	return channel + " " + show + " " + currency + " " + string(address)
}

// travelling finds what some buyers have paid for in some shows and what is not
// on its way yet, by buyer and parcel.
func travelling(ctx context.Context, from db.Reader, buyers, shows []string) (map[string]map[string]sent, error) {
	people, args := db.In(nil, buyers)
	during, args := db.In(args, shows)
	rows, err := from.QueryContext(ctx, `SELECT buyer, channel, show_id, currency, address, SUM(items - discount), SUM(weight), SUM(shipping) FROM shop_order
		WHERE buyer IN (`+people+`) AND show_id IN (`+during+`) AND state = 'paid' AND parcel = 'unfulfilled' AND refunded = 0 AND refunding = 0
		GROUP BY buyer, channel, show_id, currency, address`, args...)
	all := map[string]map[string]sent{}
	_, err = db.Collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var buyer, channel, show, currency, address string
		var s sent
		if err = rows.Scan(&buyer, &channel, &show, &currency, &address, &s.goods, &s.weight, &s.paid); err != nil {
			return
		}
		if all[buyer] == nil {
			all[buyer] = map[string]sent{}
		}
		all[buyer][channel+" "+show+" "+currency+" "+address] = s
		return
	})
	return all, err
}

// readParcels finds what already travels to the buyers of some claims, on
// channels that send orders of a show together.
func (b *books) readParcels(ctx context.Context, claims []*claim) error {
	var buyers, shows []string
	for _, c := range claims {
		if c.show != "" && b.channels[c.ask.Channel].Shipping.Combine {
			buyers, shows = append(buyers, c.buyer.ID), append(shows, c.show)
		}
	}
	if buyers == nil {
		return nil
	}
	all, err := travelling(ctx, b.tx, buyers, shows)
	for buyer, parcels := range all {
		b.buyers[buyer].sent = parcels
	}
	return err
}
