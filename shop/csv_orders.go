package shop

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"strconv"

	"souk/internal/api"
	"souk/internal/db"
)

var orderHeader = []string{"order", "created", "state", "parcel", "sku", "title", "quantity", "unit_minor", "total_minor", "fee_minor",
	"refunded_minor", "currency", "total", "name", "email", "line1", "line2", "city", "region", "postal_code", "country", "phone", "carrier", "tracking",
	"items_minor", "discount_minor", "shipping_minor", "tax_minor", "tax_included", "tip_minor", "coupon"}

// exportPage is how many orders are read at once for a file: it is written as it
// is read, however many there are.
const exportPage = 1_000

// ExportOrders handles GET /api/v1/channels/{channel}/orders.csv: every order,
// newest first. Orders that are placed meanwhile are not in it.
func (s *Shop) ExportOrders(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	state, err := stateOf(r)
	if err != nil {
		return err
	}
	skus, err := s.skus(r.Context(), channel)
	if err != nil {
		return err
	}
	all, err := s.ordersOf(r.Context(), channel, state, "", exportPage)
	if err != nil {
		return err
	}
	out := beginFile(w, channel+"-orders.csv", orderHeader)
	for err == nil && len(all) > 0 {
		for _, o := range all {
			if err = writeOrder(out, o, skus); err != nil {
				break
			}
		}
		if err == nil && len(all) == exportPage {
			all, err = s.ordersOf(r.Context(), channel, state, all[len(all)-1].ID, exportPage)
			continue
		}
		break
	}
	if err != nil {
		s.Log.Error("orders.csv broken off", "channel", channel, "err", err)
	}
	out.end(err)
	return nil
}

func writeOrder(out csvOut, o order, skus map[string]string) error {
	var a Address
	if err := json.Unmarshal([]byte(o.Address), &a); err != nil {
		return err
	}
	out.row(o.ID, api.Millis(o.Created).String(), string(o.State), o.Parcel, skus[o.Product], o.Title, number(o.Quantity),
		number(o.Unit.Amount), number(o.Total.Amount), number(o.Fee.Amount), number(o.Refunded), o.Total.Currency, o.Total.String(),
		a.Name, o.BuyerEmail, a.Line1, a.Line2, a.City, a.Region, a.PostalCode, a.Country, a.Phone, o.Carrier, o.Tracking,
		number(o.Items.Amount), number(o.Discount.Amount), number(o.Shipping.Amount), number(o.Tax.Amount), strconv.FormatBool(o.TaxIncluded), number(o.Tip.Amount), o.Coupon)
	return nil
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// skus maps a channel's products, dropped ones included, to their SKUs.
func (s *Shop) skus(ctx context.Context, channel string) (map[string]string, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT id, sku FROM shop_product WHERE channel = $1", channel)
	pairs, err := db.Collect(rows, err, func(rows *sql.Rows) (p [2]string, err error) { return p, rows.Scan(&p[0], &p[1]) })
	by := make(map[string]string, len(pairs))
	for _, p := range pairs {
		by[p[0]] = p[1]
	}
	return by, err
}
