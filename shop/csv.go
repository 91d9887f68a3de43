package shop

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"souk/internal/api"
	"souk/internal/db"
)

const maxImport = 4 << 20 // bytes of one file

// cell makes text safe to open in a spreadsheet: what would start a formula is
// led by an apostrophe, which spreadsheets take as "this is text".
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}

// uncell undoes cell, so that an exported file can be imported.
func uncell(text string) string {
	if len(text) > 1 && text[0] == '\'' && cell(text[1:]) != text[1:] {
		return text[1:]
	}
	return text
}

// file answers rows as a CSV download, every cell safe.
func file(w http.ResponseWriter, name string, header []string, rows [][]string) error {
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180, section 2
	_ = out.Write(header)
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
		_ = out.Write(row)
	}
	out.Flush() // the client may be gone; nothing to undo
	return nil
}

var orderHeader = []string{"order", "created", "state", "parcel", "sku", "title", "quantity", "unit_minor", "total_minor", "fee_minor",
	"refunded_minor", "currency", "total", "name", "email", "line1", "line2", "city", "region", "postal_code", "country", "phone", "carrier", "tracking",
	"items_minor", "discount_minor", "shipping_minor", "tax_minor", "tax_included", "tip_minor", "coupon"}

// ExportOrders handles GET /api/v1/channels/{channel}/orders.csv.
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
	all, err := s.ordersOf(r.Context(), channel, state, "", maxExport)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(all))
	for _, o := range all {
		var a Address
		if err := json.Unmarshal([]byte(o.Address), &a); err != nil {
			return err
		}
		rows = append(rows, []string{o.ID, api.Millis(o.Created).String(), string(o.State), o.Parcel, skus[o.Product], o.Title, number(o.Quantity),
			number(o.Unit.Amount), number(o.Total.Amount), number(o.Fee.Amount), number(o.Refunded), o.Total.Currency, o.Total.String(),
			a.Name, o.BuyerEmail, a.Line1, a.Line2, a.City, a.Region, a.PostalCode, a.Country, a.Phone, o.Carrier, o.Tracking,
			number(o.Items.Amount), number(o.Discount.Amount), number(o.Shipping.Amount), number(o.Tax.Amount), strconv.FormatBool(o.TaxIncluded), number(o.Tip.Amount), o.Coupon})
	}
	return file(w, channel+"-orders.csv", orderHeader, rows)
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

var productHeader = []string{"sku", "title", "description", "price_minor", "currency", "stock", "image", "prices", "weight_grams", "tax_code"}

// ExportProducts handles GET /api/v1/channels/{channel}/products.csv, in the
// form that ImportProducts reads.
func (s *Shop) ExportProducts(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	all, err := s.Products(r.Context(), channel)
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, p := range all {
		rows[i] = []string{p.SKU, p.Title, p.Description, number(p.Price.Amount), p.Price.Currency, number(p.Stock.Available), p.Image, pricesCell(p.Prices), number(p.Weight), p.TaxCode}
	}
	return file(w, channel+"-products.csv", productHeader, rows)
}

// ImportProducts handles POST /api/v1/channels/{channel}/products/import: a CSV
// file with the columns of ExportProducts, in any order. A SKU that is there is
// changed, its stock set; a new one is added. All rows or none.
func (s *Shop) ImportProducts(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	who, err := s.require(r, channel, sellers)
	if err != nil {
		return err
	}
	all, err := readProducts(http.MaxBytesReader(w, r.Body, maxImport))
	if err != nil {
		return err
	}
	added, changed := 0, 0
	var touched []string
	var repriced []priceCard
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		added, changed, touched, repriced = 0, 0, nil, nil
		for i, n := range all {
			id, former, err := s.putProduct(ctx, tx, channel, who.ID, n)
			var refusal *api.Error
			if errors.As(err, &refusal) {
				return refusal.With("row", i+2) // the first row is the header
			}
			if err != nil {
				return err
			}
			touched = append(touched, id)
			if former == nil {
				added++
				continue
			}
			changed++
			if *former != n.Price {
				repriced = append(repriced, priceCard{Product: id, Price: n.Price})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range touched {
		s.sold.back(id)
		s.moved(id, channel)
	}
	for _, card := range repriced {
		if err := s.tellPrice(r.Context(), channel, card.Product, card.Price); err != nil {
			return err
		}
	}
	return api.Write(w, http.StatusOK, map[string]int{"added": added, "changed": changed})
}

// putProduct adds a product or makes the one with its SKU like it; former is the
// price that one had.
func (s *Shop) putProduct(ctx context.Context, tx *db.Tx, channel, person string, n NewProduct) (id string, former *Money, err error) {
	if err := n.check(); err != nil {
		return "", nil, err
	}
	if err := s.charges(append(n.Prices, n.Price)...); err != nil {
		return "", nil, err
	}
	former = &Money{}
	err = tx.QueryRow(ctx, "SELECT id, amount, currency FROM shop_product WHERE channel = $1 AND sku = $2 AND dropped IS NULL", channel, n.SKU).Scan(&id, &former.Amount, &former.Currency)
	if errors.Is(err, sql.ErrNoRows) {
		p := Product{ID: newID(), Channel: channel, SKU: n.SKU, Title: n.Title, Description: n.Description, Price: n.Price, Stock: Stock{Available: n.Stock},
			Image: n.Image, Prices: n.Prices, Weight: n.Weight, TaxCode: n.TaxCode}
		return p.ID, nil, insertProduct(ctx, tx, p, person)
	}
	if err != nil {
		return "", nil, err
	}
	if n.partial {
		p, err := productByID(ctx, tx, id)
		if err != nil {
			return "", nil, err
		}
		n.Prices, n.Weight, n.TaxCode = p.Prices, p.Weight, p.TaxCode
	}
	_, err = tx.Exec(ctx, "UPDATE shop_product SET sku = $2, title = $3, description = $4, image = $5, amount = $6, currency = $7, "+newVersion+", prices = $8, weight = $9, tax_code = $10 WHERE id = $1",
		id, n.SKU, n.Title, n.Description, n.Image, n.Price.Amount, n.Price.Currency, pricesText(n.Prices), n.Weight, n.TaxCode)
	if err != nil {
		return "", nil, err
	}
	return id, former, setStock(ctx, tx, id, person, change{Stock: &n.Stock})
}

// readProducts parses an import. The error names the row.
func readProducts(from io.Reader) ([]NewProduct, error) {
	refuse := func(what string) error {
		return api.Fail(http.StatusUnprocessableEntity, "bad_csv", "The file "+what+".")
	}
	in := csv.NewReader(from)
	header, err := in.Read()
	if err != nil {
		return nil, refuse("has no header row")
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))] = i
	}
	for _, needed := range []string{"sku", "title", "price_minor", "currency", "stock"} {
		if _, ok := column[needed]; !ok {
			return nil, refuse("lacks the column " + needed)
		}
	}
	_, whole := column["prices"]
	var all []NewProduct
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, api.Fail(http.StatusRequestEntityTooLarge, "too_large", "A file may have at most 4 MiB.")
		}
		if err != nil {
			return nil, api.Fail(http.StatusUnprocessableEntity, "bad_csv", "The file cannot be read as CSV.").Because(err).With("row", len(all)+2)
		}
		if len(all) == maxProducts {
			return nil, ErrFull
		}
		get := func(name string) string {
			if i, ok := column[name]; ok {
				return strings.TrimSpace(uncell(row[i]))
			}
			return ""
		}
		amount, errAmount := strconv.ParseInt(get("price_minor"), 10, 64)
		stock, errStock := strconv.ParseInt(get("stock"), 10, 64)
		if errAmount != nil || errStock != nil {
			return nil, api.Fail(http.StatusUnprocessableEntity, "bad_csv", "The columns price_minor and stock must be whole numbers.").With("row", len(all)+2)
		}
		prices, err := readPrices(get("prices"))
		weight, errWeight := int64(0), error(nil)
		if text := get("weight_grams"); text != "" {
			weight, errWeight = strconv.ParseInt(text, 10, 64)
		}
		if err != nil || errWeight != nil {
			return nil, api.Fail(http.StatusUnprocessableEntity, "bad_csv", "The column prices is like EUR 1250; IDR 15000000, and weight_grams is a whole number.").With("row", len(all)+2)
		}
		all = append(all, NewProduct{SKU: get("sku"), Title: get("title"), Description: get("description"), Price: Money{amount, strings.ToUpper(get("currency"))},
			Stock: stock, Image: get("image"), Prices: prices, Weight: weight, TaxCode: get("tax_code"), partial: !whole})
	}
}
