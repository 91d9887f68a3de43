package courier_test

import (
	"testing"
	"testing/synctest"
	"time"

	"souk/shop"
	"souk/shop/courier"
)

// A route grows with time, says the same of the past whoever asks, and ends where
// the parcel goes.
func TestRouteIsPlayed(t *testing.T) {
	for _, ways := range [][2]string{{"GB", "GB"}, {"GB", "SA"}, {"", "ID"}, {"XX", "YY"}, {"JP", "US"}} {
		synctest.Test(t, func(t *testing.T) {
			c := courier.Courier{Speed: courier.Usual}
			p := shop.Parcel{Order: "o1", Tracking: c.Number("o1"), From: ways[0], To: ways[1], City: "leeds", Left: time.Now()}
			so, again, err := c.Track(t.Context(), p)
			if err != nil || len(so) != 0 || !again.After(time.Now()) {
				t.Fatalf("%v: at once %v, again %v, %v", ways, so, again, err)
			}
			known := map[string]shop.Told{}
			for steps := 0; !again.IsZero(); steps++ {
				if steps > 20 {
					t.Fatalf("%v: it never arrives", ways)
				}
				time.Sleep(time.Until(again))
				so, again, err = courier.Courier{Speed: courier.Usual}.Track(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				for i, s := range so {
					if was, ok := known[s.Mark]; ok && (was.Code != s.Code || was.Place != s.Place || was.At != s.At) {
						t.Errorf("%v: %s was %v, is %v", ways, s.Mark, was, s)
					}
					known[s.Mark] = s
					if i > 0 && s.At.Std().Before(so[i-1].At.Std()) {
						t.Errorf("%v: back in time at %d", ways, i)
					}
				}
			}
			last := so[len(so)-1]
			if last.Code != "delivered" || ways[1] == "GB" && last.Place != "Leeds" {
				t.Errorf("%v: ends with %v", ways, last)
			}
			if took := time.Since(p.Left); took > 15*time.Minute {
				t.Errorf("%v: %v", ways, took)
			}
		})
	}
}
