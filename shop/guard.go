package shop

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"souk/internal/api"
)

// What one address or one card may do, however many people it says it is. Card
// testers make a person per card; a hall full of people shares an address.
const (
	methodsPerAddress    = 40 // ways to pay saved from one address at once, then one per addressRefill
	addressRefill        = 15 * time.Second
	tapsPerAddress       = 300 // orders from one address at once, then one per addressTapRefill
	addressTapRefill     = 20 * time.Millisecond
	declinesPerAddress   = 40 // within declineWindow
	declinesPerCard      = 12 // the same, of one card whoever saved it
	maxGuarded           = 20_000
	guardedAddress, card = 'a', 'c'
)

// guard counts what goes wrong per address and per card. It keeps nothing on
// disk: where people come from is nobody's business later. Its methods are safe
// from any goroutine.
type guard struct {
	methods, taps api.Limiter[netip.Prefix]

	mu       sync.Mutex // guards declines
	declines map[guarded][]time.Time
}

// guarded is an address or a card.
type guarded struct {
	kind rune
	name string
}

func newGuard() *guard {
	return &guard{
		methods:  api.Limiter[netip.Prefix]{Burst: methodsPerAddress, Every: addressRefill},
		taps:     api.Limiter[netip.Prefix]{Burst: tapsPerAddress, Every: addressTapRefill},
		declines: map[guarded][]time.Time{},
	}
}

// addressOf is where a request comes from; ok is false for this machine, whose
// programs are the operator's, and for what has no address.
func addressOf(r *http.Request) (at netip.Prefix, ok bool) {
	at = api.Client(r)
	return at, at.IsValid() && !api.Own(at)
}

// admitMethod refuses an address that saves too many ways to pay.
func (g *guard) admitMethod(r *http.Request) error {
	at, ok := addressOf(r)
	if !ok {
		return nil
	}
	if wait, ok := g.methods.Take(at, ""); !ok {
		return api.TooFast(wait)
	}
	return g.tooMany(guarded{guardedAddress, at.String()}, declinesPerAddress)
}

// admitTap refuses an address that asks for too much, or was declined too
// often. The same key again is the same tap.
func (g *guard) admitTap(r *http.Request, key string) error {
	at, ok := addressOf(r)
	if !ok {
		return nil
	}
	if wait, ok := g.taps.Take(at, key); !ok {
		return api.TooFast(wait)
	}
	return g.tooMany(guarded{guardedAddress, at.String()}, declinesPerAddress)
}

// admitCard refuses a card that was declined too often, whoever holds it.
func (g *guard) admitCard(fingerprint string) error {
	if fingerprint == "" {
		return nil
	}
	return g.tooMany(guarded{card, fingerprint}, declinesPerCard)
}

// declined counts a bank's no.
func (g *guard) declined(r *http.Request, fingerprint string) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.declines) >= maxGuarded {
		for of, all := range g.declines {
			if now.Sub(all[len(all)-1]) > declineWindow || len(g.declines) >= maxGuarded { // map order is random: some go early
				delete(g.declines, of)
			}
		}
	}
	if at, ok := addressOf(r); ok {
		of := guarded{guardedAddress, at.String()}
		g.declines[of] = append(recent(g.declines[of], now), now)
	}
	if fingerprint != "" {
		of := guarded{card, fingerprint}
		g.declines[of] = append(recent(g.declines[of], now), now)
	}
}

func (g *guard) tooMany(of guarded, most int) error {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	all := recent(g.declines[of], now)
	if len(all) < most {
		return nil
	}
	return ErrDeclines.With("retry_ms", (declineWindow-now.Sub(all[len(all)-most])).Milliseconds()+1)
}

// recent drops what is longer ago than declineWindow.
func recent(all []time.Time, now time.Time) []time.Time {
	for len(all) > 0 && now.Sub(all[0]) >= declineWindow {
		all = all[1:]
	}
	return all
}
