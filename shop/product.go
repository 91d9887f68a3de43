package shop

import (
	"context"
	"database/sql"
	"strings"
	"unicode"
	"unicode/utf8"

	"souk/internal/cards"
	"souk/internal/db"
)

// Product is a product as everybody sees it.
type Product struct {
	ID          string  `json:"id"`
	Channel     string  `json:"channel"`
	SKU         string  `json:"sku"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Price       Money   `json:"price"`
	Stock       Stock   `json:"stock"`
	Image       string  `json:"image"`            // "", a path of ours, or an https address
	Prices      []Money `json:"prices,omitempty"` // in other currencies
	Weight      int64   `json:"weight,omitempty"` // grams
	TaxCode     string  `json:"tax_code,omitempty"`
}

// Stock is where a product's units are.
type Stock struct {
	Available int64 `json:"available"`
	Held      int64 `json:"held"`
	Sold      int64 `json:"sold"`
}

// product is a row: what everybody sees, and whether it still is for sale.
type product struct {
	Product
	Dropped bool
	Jar     bool   // for tips: never on the shelf
	Version int64  // counts its prices
	Others  string // JSON of Prices, as stored
}

const productColumns = "p.id, p.channel, p.sku, p.title, p.description, p.image, p.amount, p.currency, p.available, p.held, p.sold, p.dropped, p.price_version, p.prices, p.weight, p.tax_code, p.jar"

func scanProduct(row interface{ Scan(...any) error }, also ...any) (product, error) {
	var p product
	var dropped sql.NullInt64
	err := row.Scan(append([]any{&p.ID, &p.Channel, &p.SKU, &p.Title, &p.Description, &p.Image, &p.Price.Amount, &p.Price.Currency,
		&p.Stock.Available, &p.Stock.Held, &p.Stock.Sold, &dropped, &p.Version, &p.Others, &p.Weight, &p.TaxCode, &p.Jar}, also...)...)
	p.Dropped = dropped.Valid
	if err == nil && p.Others != "{}" {
		p.Prices, err = pricesOf(p.Others)
	}
	return p, err
}

// productByID finds products on sale and dropped ones: orders outlive them.
func productByID(ctx context.Context, from db.Reader, id string) (product, error) {
	p, err := scanProduct(from.QueryRowContext(ctx, "SELECT "+productColumns+" FROM shop_product p WHERE p.id = $1", id))
	return p, none(err, ErrNoProduct)
}

// NewProduct is what a merchant says about a product.
type NewProduct struct {
	SKU         string  `json:"sku"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Price       Money   `json:"price"`
	Stock       int64   `json:"stock"`
	Image       string  `json:"image"`
	Prices      []Money `json:"prices"` // in other currencies
	Weight      int64   `json:"weight"` // grams, with its wrapping
	TaxCode     string  `json:"tax_code"`

	partial bool // prices, weight and tax code were not said: those there are stay
}

// check trims the texts and refuses what no product can be.
func (n *NewProduct) check() error {
	// An SKU stays as it is: one in ten article numbers would pass for a card's.
	n.SKU, n.Title, n.Description = strings.TrimSpace(n.SKU), cards.Mask(strings.TrimSpace(n.Title)), cards.Mask(strings.TrimSpace(n.Description))
	switch {
	case n.SKU == "" || !fits(n.SKU, maxSKU, false):
		return bad("sku", "must have 1 to 64 characters on one line")
	case n.Title == "" || !fits(n.Title, maxTitle, false):
		return bad("title", "must have 1 to 120 characters on one line")
	case !fits(n.Description, maxDescription, true):
		return bad("description", "must have at most 4000 characters")
	case n.Stock < 0 || n.Stock > maxStock:
		return bad("stock", "must be a number of units, zero or more")
	case !imageOK(n.Image):
		return bad("image", "must be the path of an uploaded image or an https address")
	}
	if n.Weight < 0 || n.Weight > maxWeight {
		return bad("weight", "must be between 0 and 50000 grams")
	}
	if n.TaxCode = strings.TrimSpace(n.TaxCode); !fits(n.TaxCode, maxTaxCode, false) {
		return bad("tax_code", "must have at most 40 characters")
	}
	if err := n.Price.check("price"); err != nil {
		return err
	}
	seen := map[string]bool{n.Price.Currency: true}
	for _, m := range n.Prices {
		if err := m.check("prices"); err != nil {
			return err
		}
		if seen[m.Currency] {
			return bad("prices", "has two prices in "+m.Currency)
		}
		seen[m.Currency] = true
	}
	if len(n.Prices) > maxRates {
		return bad("prices", "has more than 40 currencies")
	}
	return nil
}

// fits tells whether text has at most limit runes and no control characters;
// several lines only where lines is set.
func fits(text string, limit int, lines bool) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r' || r == '\t')) })
}

// AddTo puts a product on a channel's shelf. person is who did it. Errors:
// ErrSKUTaken, ErrFull, or a refusal of one member.
func (s *Shop) AddTo(ctx context.Context, channel, person string, n NewProduct) (Product, error) {
	if err := n.check(); err != nil {
		return Product{}, err
	}
	if err := s.charges(append(n.Prices, n.Price)...); err != nil {
		return Product{}, err
	}
	p := Product{ID: newID(), Channel: channel, SKU: n.SKU, Title: n.Title, Description: n.Description, Price: n.Price,
		Stock: Stock{Available: n.Stock}, Image: n.Image, Prices: n.Prices, Weight: n.Weight, TaxCode: n.TaxCode}
	err := s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error { return insertProduct(ctx, tx, p, person) })
	return p, err
}

func insertProduct(ctx context.Context, tx *db.Tx, p Product, person string) error {
	var count int64
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_product WHERE channel = $1 AND dropped IS NULL", p.Channel).Scan(&count); err != nil {
		return err
	}
	if count >= maxProducts {
		return ErrFull
	}
	n, err := tx.Changed(ctx, `INSERT INTO shop_product (id, channel, sku, title, description, image, amount, currency, available, held, sold, received, created, prices, weight, tax_code)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $9, $10, $11, $12, $13) ON CONFLICT (channel, sku) WHERE dropped IS NULL DO NOTHING`,
		p.ID, p.Channel, p.SKU, p.Title, p.Description, p.Image, p.Price.Amount, p.Price.Currency, p.Stock.Available, tx.Millis(), pricesText(p.Prices), p.Weight, p.TaxCode)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrSKUTaken
	}
	return bookStock(ctx, tx, p.ID, p.Stock.Available, person)
}

// Products lists what a channel has on its shelf, oldest first.
func (s *Shop) Products(ctx context.Context, channel string) ([]Product, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+productColumns+" FROM shop_product p WHERE p.channel = $1 AND p.dropped IS NULL ORDER BY p.id LIMIT $2", channel, maxProducts)
	return db.Collect(rows, err, func(rows *sql.Rows) (Product, error) {
		p, err := scanProduct(rows)
		return p.Product, err
	})
}

// change is the body of PATCH: only what it names changes.
type change struct {
	SKU         *string  `json:"sku"`
	Title       *string  `json:"title"`
	Description *string  `json:"description"`
	Price       *Money   `json:"price"`
	Image       *string  `json:"image"`
	Prices      *[]Money `json:"prices"`
	Weight      *int64   `json:"weight"`
	TaxCode     *string  `json:"tax_code"`
	Stock       *int64   `json:"stock"` // units available from now on
	Add         *int64   `json:"add"`   // units more, or fewer, than there are
}

// edit applies a change and returns the product as it is then. Units that
// buyers hold are not touched: setting the stock sets what is still to be had.
func (s *Shop) edit(ctx context.Context, id, person string, c change) (p product, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		if p, err = productByID(ctx, tx, id); err != nil {
			return err
		}
		if p.Dropped {
			return ErrNoProduct
		}
		n := NewProduct{SKU: p.SKU, Title: p.Title, Description: p.Description, Price: p.Price, Image: p.Image, Prices: p.Prices, Weight: p.Weight, TaxCode: p.TaxCode}
		for _, m := range []struct{ to, from *string }{{&n.SKU, c.SKU}, {&n.Title, c.Title}, {&n.Description, c.Description}, {&n.Image, c.Image}, {&n.TaxCode, c.TaxCode}} {
			if m.from != nil {
				*m.to = *m.from
			}
		}
		if c.Price != nil {
			n.Price = *c.Price
		}
		if c.Prices != nil {
			n.Prices = *c.Prices
		}
		if c.Weight != nil {
			n.Weight = *c.Weight
		}
		if err := n.check(); err != nil {
			return err
		}
		if c.Price != nil || c.Prices != nil {
			if err := s.charges(append(n.Prices, n.Price)...); err != nil {
				return err
			}
		}
		if err := skuFree(ctx, tx, p.Channel, n.SKU, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE shop_product SET sku = $2, title = $3, description = $4, image = $5, amount = $6, currency = $7, "+newVersion+", prices = $8, weight = $9, tax_code = $10 WHERE id = $1",
			id, n.SKU, n.Title, n.Description, n.Image, n.Price.Amount, n.Price.Currency, pricesText(n.Prices), n.Weight, n.TaxCode); err != nil {
			return err
		}
		if err := setStock(ctx, tx, id, person, c); err != nil {
			return err
		}
		p, err = productByID(ctx, tx, id)
		return err
	})
	return p, err
}

// newVersion counts a price that is another one; the row still has the old.
const newVersion = "price_version = price_version + CASE WHEN amount <> $6 OR currency <> $7 OR prices <> $8 THEN 1 ELSE 0 END"

// skuFree refuses a SKU that another product of the channel has. The unique
// index decides between two who ask at once.
func skuFree(ctx context.Context, tx *db.Tx, channel, sku, except string) error {
	var n int64
	err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM shop_product WHERE channel = $1 AND sku = $2 AND id <> $3 AND dropped IS NULL", channel, sku, except).Scan(&n)
	if err == nil && n > 0 {
		err = ErrSKUTaken
	}
	return err
}

// setStock books units in or out, down to none.
func setStock(ctx context.Context, tx *db.Tx, id, person string, c change) error {
	if c.Stock != nil && c.Add != nil {
		return bad("add", "and stock exclude each other")
	}
	var available int64
	// Holds the row against takers until the commit, on either engine.
	if err := tx.QueryRow(ctx, "UPDATE shop_product SET available = available WHERE id = $1 RETURNING available", id).Scan(&available); err != nil {
		return err
	}
	delta := int64(0)
	switch {
	case c.Stock != nil:
		if *c.Stock < 0 || *c.Stock > maxStock {
			return bad("stock", "must be a number of units, zero or more")
		}
		delta = *c.Stock - available
	case c.Add != nil:
		if *c.Add > maxStock || *c.Add < -maxStock || available+*c.Add < 0 || available+*c.Add > maxStock {
			return bad("add", "leaves a number of units that cannot be")
		}
		delta = *c.Add
	}
	if delta == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, "UPDATE shop_product SET available = available + $2, received = received + $2 WHERE id = $1", id, delta); err != nil {
		return err
	}
	if _, err := serve(ctx, tx, id, available+delta); err != nil {
		return err
	}
	return bookStock(ctx, tx, id, delta, person)
}

// drop takes a product off the shelf. Orders that stand are honoured; a running
// pin ends.
func (s *Shop) drop(ctx context.Context, id string) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "UPDATE shop_product SET dropped = $2 WHERE id = $1 AND dropped IS NULL", id, tx.Millis())
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNoProduct
		}
		if _, err = tx.Exec(ctx, "DELETE FROM shop_lineup WHERE product = $1", id); err != nil {
			return err
		}
		return closeLine(ctx, tx, id)
	})
}
