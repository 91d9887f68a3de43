package shop

import (
	"sync"
	"time"
)

// soldOutFor is how long a product that had no unit left may be called sold out
// without looking: what another node puts back is on sale that much later.
const soldOutFor = 250 * time.Millisecond

// soldOut remembers products without a unit left, so that a crowd which comes
// too late does not stand in the way of those who are being served. It only
// ever says what was true a moment ago.
type soldOut struct {
	until sync.Map // product -> time.Time
	cards sync.Map // pin -> product; a pin never changes its product
}

// out notes that a product had no unit left when somebody asked for it, by the
// card it was asked for with, if any.
func (m *soldOut) out(product, pin string) {
	if pin != "" {
		m.cards.Store(pin, product)
	}
	m.until.Store(product, time.Now().Add(soldOutFor))
}

// back forgets a product: units of it may be there again.
func (m *soldOut) back(product string) { m.until.Delete(product) }

// is tells whether an ask can be refused at once.
func (m *soldOut) is(a ask) bool {
	product := any(a.Product)
	if a.Pin != "" {
		product, _ = m.cards.Load(a.Pin)
	}
	until, ok := m.until.Load(product)
	return ok && time.Now().Before(until.(time.Time))
}
