package show

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// Sizes of a sketch.
const (
	exactly   = 1024 // people that are counted one by one; more are estimated
	registers = 4096 // of an estimate: 1.04/√4096 is an error of 1.6 %
	indexBits = 12   // …that choose one
)

// sketch counts different people without remembering who: up to exactly by the
// set of their hashes, beyond that by HyperLogLog (Flajolet et al., 2007, section
// 3). Two sketches of the same hashes merge, so that servers count apart. Its
// zero value is empty.
type sketch struct {
	set   map[uint64]struct{}
	ranks []byte // nil while the set is kept
}

// add returns whether the sketch has changed.
func (s *sketch) add(hash uint64) bool {
	if s.ranks != nil {
		return s.rank(hash)
	}
	if _, known := s.set[hash]; known {
		return false
	}
	if s.set == nil {
		s.set = map[uint64]struct{}{}
	}
	s.set[hash] = struct{}{}
	if len(s.set) > exactly {
		s.estimate()
	}
	return true
}

func (s *sketch) rank(hash uint64) bool {
	i, rest := hash>>(64-indexBits), hash<<indexBits|1<<(indexBits-1) // the bit ends the zeros
	if r := byte(bits.LeadingZeros64(rest) + 1); r > s.ranks[i] {
		s.ranks[i] = r
		return true
	}
	return false
}

// estimate goes over from the set to ranks.
func (s *sketch) estimate() {
	s.ranks = make([]byte, registers)
	for hash := range s.set {
		s.rank(hash)
	}
	s.set = nil
}

func (s *sketch) merge(other *sketch) {
	if other.ranks == nil {
		for hash := range other.set {
			s.add(hash)
		}
		return
	}
	if s.ranks == nil {
		s.estimate()
	}
	for i, r := range other.ranks {
		s.ranks[i] = max(s.ranks[i], r)
	}
}

// count returns how many people; exact says whether it is no estimate.
func (s *sketch) count() (n int64, exact bool) {
	if s.ranks == nil {
		return int64(len(s.set)), true
	}
	sum, empty := 0.0, 0
	for _, r := range s.ranks {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	const m = float64(registers)
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && empty > 0 { // few: linear counting is closer
		estimate = m * math.Log(m/float64(empty))
	}
	return int64(math.Round(estimate)), false
}

// Forms of a stored sketch, its first byte.
const (
	formSet   = 1
	formRanks = 2
)

func (s *sketch) encode() []byte {
	if s.ranks != nil {
		return append([]byte{formRanks}, s.ranks...)
	}
	all := make([]uint64, 0, len(s.set))
	for hash := range s.set {
		all = append(all, hash)
	}
	slices.Sort(all)
	out := []byte{formSet}
	for _, hash := range all {
		out = binary.BigEndian.AppendUint64(out, hash)
	}
	return out
}

// decodeSketch reads what encode wrote; anything else is an empty sketch.
func decodeSketch(b []byte) *sketch {
	s := &sketch{}
	switch {
	case len(b) == 1+registers && b[0] == formRanks:
		s.ranks = slices.Clone(b[1:])
	case len(b) > 0 && b[0] == formSet:
		for rest := b[1:]; len(rest) >= 8; rest = rest[8:] {
			s.add(binary.BigEndian.Uint64(rest))
		}
	}
	return s
}
