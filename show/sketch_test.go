package show

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A sketch counts everybody once, exactly at first and closely later, also over
// several servers and after it was stored.
func TestSketch(t *testing.T) {
	for _, people := range []int{0, 1, 7, exactly, exactly + 1, 5_000, 100_000, 1_000_000} {
		r := rand.New(rand.NewPCG(1, uint64(people)))
		here, there := &sketch{}, &sketch{}
		for range people {
			hash := r.Uint64()
			here.add(hash)
			if here.add(hash) {
				t.Fatal("the same person changed it twice")
			}
			if hash&3 == 0 { // was on the other server too
				there.add(hash)
			}
		}
		both := decodeSketch(there.encode())
		both.merge(decodeSketch(here.encode()))
		for name, s := range map[string]*sketch{"one": here, "merged": both} {
			n, exact := s.count()
			if off := math.Abs(float64(n) - float64(people)); exact && n != int64(people) || off > 0.06*float64(people) {
				t.Errorf("%s: %d instead of %d, exact %t", name, n, people, exact)
			}
			if exact != (people <= exactly) {
				t.Errorf("%s: %d people, exact %t", name, people, exact)
			}
		}
		if size := len(here.encode()); size > 1+8*exactly {
			t.Errorf("%d people take %d bytes", people, size)
		}
	}
	for _, bad := range [][]byte{nil, {}, {9}, {formRanks, 1}, {formSet, 1, 2}} {
		if n, exact := decodeSketch(bad).count(); n != 0 || !exact {
			t.Errorf("%v is %d", bad, n)
		}
	}
}
