package shop

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"souk/internal/api"
	"souk/internal/db"
)

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
	out := beginFile(w, channel+"-products.csv", productHeader)
	for _, p := range all {
		out.row(p.SKU, p.Title, p.Description, number(p.Price.Amount), p.Price.Currency, number(p.Stock.Available), p.Image, pricesCell(p.Prices), number(p.Weight), p.TaxCode)
	}
	out.end(nil)
	return nil
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
		var wrong faults
		for i, n := range all {
			id, former, err := s.putProduct(ctx, tx, channel, who.ID, n)
			if err := wrong.add(i+2, err); err != nil { // the first row is the header
				return err
			}
			if err != nil {
				continue
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
		return wrong.refusal()
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

// readProducts parses an import.
func readProducts(from io.Reader) ([]NewProduct, error) {
	in, err := openCSV(from, "sku", "title", "price_minor", "currency", "stock")
	if err != nil {
		return nil, err
	}
	_, whole := in.column["prices"]
	var all []NewProduct
	var wrong faults
	for {
		row, err := in.next()
		if errors.Is(err, io.EOF) {
			return all, wrong.refusal()
		}
		if err != nil {
			return nil, err
		}
		if len(all) == maxProducts {
			return nil, ErrFull
		}
		amount, errAmount := strconv.ParseInt(row.get("price_minor"), 10, 64)
		stock, errStock := strconv.ParseInt(row.get("stock"), 10, 64)
		if errAmount != nil || errStock != nil {
			_ = wrong.add(in.row, api.Fail(http.StatusUnprocessableEntity, "bad_csv", "The columns price_minor and stock must be whole numbers.")) // it is a refusal
		}
		prices, errPrices := readPrices(row.get("prices"))
		weight, errWeight := int64(0), error(nil)
		if text := row.get("weight_grams"); text != "" {
			weight, errWeight = strconv.ParseInt(text, 10, 64)
		}
		if errPrices != nil || errWeight != nil {
			_ = wrong.add(in.row, api.Fail(http.StatusUnprocessableEntity, "bad_csv", "The column prices is like EUR 1250; IDR 15000000, and weight_grams is a whole number.")) // it is a refusal
		}
		all = append(all, NewProduct{SKU: row.get("sku"), Title: row.get("title"), Description: row.get("description"), Price: Money{amount, strings.ToUpper(row.get("currency"))},
			Stock: stock, Image: row.get("image"), Prices: prices, Weight: weight, TaxCode: row.get("tax_code"), partial: !whole})
	}
}
