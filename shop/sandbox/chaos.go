package sandbox

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// chaosDelay is the longest that chaos keeps an event back.
const chaosDelay = 3 * time.Second

// Chaos is what goes wrong between a provider and its customers. Each member is
// a share, 0 never and 1 always. What was asked for has been done in any case:
// only the news of it suffers.
type Chaos struct {
	Fail      float64 // an answer is a 500 instead
	Cut       float64 // an answer does not come
	Duplicate float64 // an event is posted twice
	Delay     float64 // an event is posted later
	Reorder   float64 // a round of events is posted in any order
	Drop      float64 // an event is not posted at all
}

// Everything goes wrong in that share of all cases.
func Everything(share float64) Chaos { return Chaos{share, share, share, share, share, share} }

var errCut = errors.New("sandbox chaos: the connection was cut")

func happens(share float64) bool { return share > 0 && rand.Float64() < share }

// spoil makes of an answer what becomes of it on the way; false: it is lost.
func (c Chaos) spoil(out *recorder) bool {
	if happens(c.Cut) {
		return false
	}
	if happens(c.Fail) {
		id := out.header.Get("Request-Id")
		*out = recorder{header: http.Header{"Request-Id": {id}}}
		write(out, http.StatusInternalServerError, &failure{Type: "api_error", Message: "An unknown error occurred."})
	}
	return true
}

// shuffle changes the order of a round of events.
func (c Chaos) shuffle(due []delivery) {
	if happens(c.Reorder) {
		rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	}
}
