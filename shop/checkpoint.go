package shop

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits of parcels.
const (
	maxPlace       = 120 // runes
	maxMark        = 100 // bytes
	maxCheckpoints = 200 // of one parcel
	aheadOfTime    = 24 * time.Hour
)

// What parcels are, as stored and as sent to clients, in the order in which they
// become it.
const (
	Unfulfilled = "unfulfilled"
	Packed      = "packed"
	Shipped     = "shipped"
	Delivered   = "delivered"
	Returned    = "returned"
)

var parcelOrder = []string{Unfulfilled, Packed, Shipped, Delivered, Returned}

// codes are the words for what happens to a parcel: what it becomes, and what it
// must be at least for that.
var codes = map[string]struct{ to, least string }{
	"packed":           {Packed, Unfulfilled},
	"shipped":          {Shipped, Unfulfilled},
	"in_transit":       {"", Shipped},
	"customs":          {"", Shipped},
	"out_for_delivery": {"", Shipped},
	"attempted":        {"", Shipped}, // nobody was there
	"exception":        {"", Shipped},
	"returning":        {"", Shipped},
	"delivered":        {Delivered, Shipped},
	"returned":         {Returned, Shipped},
}

// Checkpoint is something that happened to a parcel.
type Checkpoint struct {
	Code  string   `json:"code"`
	Place string   `json:"place,omitempty"`
	Lat   *float64 `json:"lat,omitempty"` // degrees, north is positive
	Lon   *float64 `json:"lon,omitempty"` // degrees, east is positive
	At    api.Time `json:"at"`
}

// Told is a checkpoint as somebody tells of it.
type Told struct {
	Checkpoint
	Mark string // the teller's name for it, the same when it is told again; "" for a new one
}

// check trims the texts, and refuses what cannot have happened. Without a time it
// happened now.
func (c *Told) check(now time.Time) error {
	c.Place = strings.TrimSpace(c.Place)
	if _, known := codes[c.Code]; !known {
		return bad("code", "is none that parcels have")
	}
	if !fits(c.Place, maxPlace, false) {
		return bad("place", "must have at most 120 characters on one line")
	}
	if (c.Lat == nil) != (c.Lon == nil) {
		return bad("lat", "and lon belong together")
	}
	if c.Lat != nil && !(math.Abs(*c.Lat) <= 90 && math.Abs(*c.Lon) <= 180) {
		return bad("lat", "and lon must be degrees on this earth")
	}
	if c.At.IsZero() {
		c.At = api.At(now)
	}
	if at := c.At.Std(); at.After(now.Add(aheadOfTime)) || at.Year() < 2000 {
		return bad("at", "is no time at which this can have happened")
	}
	if len(c.Mark) > maxMark || strings.ContainsFunc(c.Mark, unicode.IsControl) {
		return bad("mark", "must have at most 100 characters")
	}
	return nil
}

// becomes is what a checkpoint makes of a parcel: "" for nothing new. ok is false
// for what cannot happen to it.
func becomes(parcel, code string) (to string, ok bool) {
	rule := codes[code]
	is, least := slices.Index(parcelOrder, parcel), slices.Index(parcelOrder, rule.least)
	if is < least {
		return "", false
	}
	if slices.Index(parcelOrder, rule.to) > is {
		return rule.to, true
	}
	return "", true // told late, or again
}

// tellOf is what there is to say outside about a parcel that has just become
// something.
var tellOf = map[string]string{Packed: tellPacked, Shipped: tellShipped, Delivered: tellDelivered, Returned: tellReturned}

// note writes a checkpoint down, with what it makes of the parcel, in the commit
// of tx. fresh is false for one that was told before. Errors: ErrNotNow.
func (s *Shop) note(ctx context.Context, tx *db.Tx, id string, c Told, source, actor string) (o order, fresh bool, err error) {
	if err := c.check(tx.Now); err != nil {
		return o, false, err
	}
	// Holds the row until the commit: what the parcel is decides what it becomes.
	if _, err = tx.Exec(ctx, "UPDATE shop_order SET parcel = parcel WHERE id = $1", id); err != nil {
		return o, false, err
	}
	if o, err = orderByID(ctx, tx, id); err != nil {
		return o, false, err
	}
	if c.Mark == "" {
		c.Mark = newID()
	}
	var count, known int64
	err = tx.QueryRow(ctx, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN mark = $2 THEN 1 ELSE 0 END), 0) FROM shop_checkpoint WHERE order_id = $1", id, c.Mark).Scan(&count, &known)
	if err != nil || known > 0 {
		return o, false, err
	}
	to, can := becomes(o.Parcel, c.Code)
	travels := !o.justTip() && (o.State == Paid || o.State == Refunded && o.Shipped > 0)
	if !can || !travels || count >= maxCheckpoints {
		return o, false, ErrNotNow
	}
	_, err = tx.Exec(ctx, `INSERT INTO shop_checkpoint (order_id, seq, mark, code, parcel, place, lat, lon, at, told, source)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id, count+1, c.Mark, c.Code, to, c.Place, c.Lat, c.Lon, c.At.Std().UnixMilli(), tx.Millis(), source)
	if err != nil || to == "" {
		return o, true, err
	}
	o.Parcel, o.Changed = to, tx.Millis()
	if to == Shipped {
		o.Shipped = tx.Millis()
	}
	if _, err = tx.Exec(ctx, "UPDATE shop_order SET parcel = $2, shipped = $3, changed = $4 WHERE id = $1", id, o.Parcel, o.Shipped, o.Changed); err != nil {
		return o, true, err
	}
	if to == Delivered || to == Returned { // nobody need be asked any more
		if _, err = tx.Exec(ctx, "DELETE FROM shop_voyage WHERE order_id = $1", id); err != nil {
			return o, true, err
		}
	}
	if err = logEvent(ctx, tx, id, o.State, o.State, news(to), actor); err != nil {
		return o, true, err
	}
	return o, true, s.tell(ctx, tx, tellOf[to], o)
}

// checkpointsOf reads what became of a parcel, in the order in which it happened.
func checkpointsOf(ctx context.Context, from db.Reader, order string) ([]Checkpoint, error) {
	rows, err := from.QueryContext(ctx, "SELECT code, place, lat, lon, at FROM shop_checkpoint WHERE order_id = $1 ORDER BY at, seq", order)
	return db.Collect(rows, err, func(rows *sql.Rows) (c Checkpoint, err error) {
		var at int64
		err = rows.Scan(&c.Code, &c.Place, &c.Lat, &c.Lon, &at)
		c.At = api.Millis(at)
		return c, err
	})
}

// becameAt is when a parcel became something, 0 when it did not.
func becameAt(ctx context.Context, from db.Reader, order, parcel string) (at int64, err error) {
	err = from.QueryRowContext(ctx, "SELECT COALESCE(MAX(at), 0) FROM shop_checkpoint WHERE order_id = $1 AND parcel = $2", order, parcel).Scan(&at)
	return at, err
}
