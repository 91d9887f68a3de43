// Package courier is the sandbox's carrier: it carries nothing and plays a route,
// from where a parcel left to where it goes, in a fraction of the time. A route is
// a function of the parcel alone, so that it survives restarts, and every node
// plays the same one.
package courier

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"souk/internal/api"
	"souk/shop"
)

// Name is what merchants ship with.
const Name = "Sandbox Post"

// Usual is how many times faster than a real one a route is played.
const Usual = 1000

// How long the legs of a real route take.
const (
	atOrigin   = 4 * time.Hour
	perLeg     = 18 * time.Hour
	atCustoms  = 12 * time.Hour
	lastMile   = 6 * time.Hour
	mostJitter = 5 * time.Hour
)

// Courier plays routes Speed times faster than real time.
type Courier struct{ Speed float64 }

// Name is [Name].
func (Courier) Name() string { return Name }

// Number makes a tracking number out of an order's id.
func (Courier) Number(order string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(order)) // never fails
	return fmt.Sprintf("SB%010d", h.Sum32())
}

// Track returns the part of the parcel's route that has passed. It ends with the
// delivery.
func (c Courier) Track(_ context.Context, p shop.Parcel) (so []shop.Told, again time.Time, err error) {
	now := time.Now()
	for i, s := range Route(p) {
		at := p.Left.Add(time.Duration(float64(s.after) / max(c.Speed, 1)))
		if at.After(now) {
			return so, at, nil
		}
		lat, lon := s.at.lat, s.at.lon
		so = append(so, shop.Told{
			Checkpoint: shop.Checkpoint{Code: s.code, Place: s.at.name, Lat: &lat, Lon: &lon, At: api.At(at)},
			Mark:       fmt.Sprintf("sandbox:%s:%d", p.Tracking, i),
		})
	}
	return so, time.Time{}, nil
}

// Stop is a point of a route.
type Stop struct {
	code  string
	at    spot
	after time.Duration // since the parcel left, in real time
}

// Route is where a parcel comes by: towns of its country, out by the hub of that
// country and in by that of the other.
func Route(p shop.Parcel) []Stop {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.Order + p.Tracking)) // never fails
	dice := rand.New(rand.NewPCG(h.Sum64(), 1))
	from, to := country(p.From), country(p.To)
	if p.From == "" {
		from = to
	}
	end := to.town(p.City, dice)
	first := from.towns[dice.IntN(len(from.towns))]
	all := []Stop{{"in_transit", first, atOrigin}}
	clock := atOrigin
	leg := func(code string, at spot, takes time.Duration) {
		if last := all[len(all)-1]; last.at == at && last.code == code {
			return
		}
		clock += takes + time.Duration(dice.Int64N(int64(mostJitter)))
		all = append(all, Stop{code, at, clock})
	}
	hub := from.towns[0]
	leg("in_transit", hub, perLeg)
	if p.From != "" && !strings.EqualFold(p.From, p.To) {
		if via, ok := between(hub, to.towns[0]); ok {
			leg("in_transit", via, perLeg)
		}
		leg("customs", to.towns[0], perLeg)
		leg("in_transit", to.towns[0], atCustoms)
	} else if len(to.towns) > 2 {
		leg("in_transit", to.towns[1+dice.IntN(len(to.towns)-1)], perLeg)
	}
	leg("out_for_delivery", end, perLeg)
	leg("delivered", end, lastMile)
	return all
}
