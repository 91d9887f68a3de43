package shop

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// Cards of room events, as JSON.
type (
	stockCard struct {
		Product   string `json:"product"`
		Available int64  `json:"available"`
		Held      int64  `json:"held"`    // set aside, or being paid for
		Waiting   int64  `json:"waiting"` // people in line
		// Of the offer that runs on the product, where only a share of the stock goes for its price.
		OfferLeft *int64 `json:"offer_left,omitempty"`
	}
	soldCard struct {
		Product   string `json:"product"`
		Title     string `json:"title"`
		Quantity  int64  `json:"quantity"`
		Available int64  `json:"available"`
	}
	priceCard struct {
		Product string `json:"product"`
		Price   Money  `json:"price"`
		Offer   *Offer `json:"offer"`
	}
)

// announce tells the buyer, everybody who sells on the channel and those outside
// where an order stands, and shows the stock it touched. Call it after the commit.
func (s *Shop) announce(o order) {
	nudge(s.lanes.wake)
	nudge(s.turns)
	s.Rooms.Whisper(o.Channel, o.Buyer, sellers, Event{Type: "order", Data: o.view()})
	if o.Units == unitsFree {
		s.sold.back(o.Product)
	}
	s.moved(o.Product, o.Channel)
}

// moved shows what a commit did to a product's stock, here and on other nodes.
func (s *Shop) moved(product, channel string) {
	s.display.mark(product, channel)
	if s.display.others != nil {
		s.display.others(channel, product)
	}
}

// OnStock has f called after each commit that moved a product's stock, to tell
// the other nodes over this database. Call it before Run.
func (s *Shop) OnStock(f func(channel, product string)) { s.display.others = f }

// ShowStock shows the stock that another node moved.
func (s *Shop) ShowStock(channel, product string) {
	s.sold.back(product)
	s.display.mark(product, channel)
}

// display collects products whose stock changed. One goroutine reads them from
// the database and shows them, so that rooms see values in the order in which
// they were true, and a rush of a thousand sales is a few updates.
type display struct {
	mu    sync.Mutex        // guards dirty
	dirty map[string]string // product -> channel

	others func(channel, product string) // see OnStock; nil: there are none

	wake chan struct{}
}

func (d *display) mark(product, channel string) {
	d.mu.Lock()
	d.dirty[product] = channel
	d.mu.Unlock()
	nudge(d.wake)
}

// runDisplay shows stock until ctx ends.
func (s *Shop) runDisplay(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.display.wake:
		}
		s.display.mu.Lock()
		dirty := s.display.dirty
		s.display.dirty = map[string]string{}
		s.display.mu.Unlock()
		for product, channel := range dirty {
			card, err := s.stockOf(ctx, product)
			if err != nil {
				if ctx.Err() == nil {
					s.Log.Error("show stock", "product", product, "err", err)
				}
				continue
			}
			s.Rooms.Refresh(channel, Event{Type: "stock", Key: product, Data: card})
		}
	}
}

// stockOf reads what a page may say about a product's units, at one moment.
func (s *Shop) stockOf(ctx context.Context, product string) (card stockCard, err error) {
	var left sql.NullInt64
	card.Product = product
	err = s.DB.Read().QueryRowContext(ctx, `SELECT p.available, p.held, (SELECT COUNT(*) FROM shop_wait w WHERE w.product = p.id AND w.state = 'waiting'),
		(SELECT q.offer_left FROM shop_pin q WHERE q.product = p.id AND q.ended IS NULL AND q.offer_ends > $2) FROM shop_product p WHERE p.id = $1`,
		product, time.Now().UnixMilli()).Scan(&card.Available, &card.Held, &card.Waiting, &left)
	card.OfferLeft = pointer(left)
	return card, err
}

// nudge wakes whoever waits on c; several nudges before that are one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
