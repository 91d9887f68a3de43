package chat

import (
	"context"
	"errors"
)

// ErrNewEpoch is the refusal of [Bus.Publish] when the line has begun anew:
// join again.
var ErrNewEpoch = errors.New("the line has begun anew")

// Bus joins the rooms of a channel on several nodes: it puts what each of them
// does into one line, and gives the line to all. chattest.ExerciseBus is its
// contract as a test. Different channels call at the same time.
type Bus interface {
	// Join goes to where a channel's line stands and follows it from there. A
	// line that does not exist, or can no longer be trusted, begins anew with
	// another epoch and a number well above seed, so that no number that
	// anybody ever saw is given out twice.
	Join(ctx context.Context, channel string, from Place, seed int64) (Joined, error)

	// Publish puts p at the end of the line, unless it is there already: p is
	// known by Node and Serial, and a node publishes its parcels in the order
	// of their serials. So a call that did not answer can be repeated. Offset
	// and First are of no account here. Errors: ErrNewEpoch.
	Publish(ctx context.Context, channel, epoch string, p Parcel) error

	// Count notes who is on this node and returns how many are on all
	// together, each person once. Who was not noted for a while, because the
	// node died, no longer counts.
	Count(ctx context.Context, channel string, who Attendance) (int, error)

	// Leave ends a Join; Rest is closed. Leaving twice is no harm.
	Leave(channel string)
}

// Place is a position in a line. The zero Place is before everything that is kept.
type Place struct {
	Epoch  string
	Offset int64
}

// Parcel is what one node did at one moment.
type Parcel struct {
	Offset  int64  // place in the line, from 1 on, consecutive
	First   int64  // the number of the first event in it
	Numbers int    // how many numbers it takes
	Node    string // who did it
	Serial  int64  // which of the node's parcels it is, growing
	Data    []byte
}

// Joined is where a line stands.
type Joined struct {
	Epoch string
	Last  int64 // the highest number given out, by Parcels too
	// Parcels are those after the place asked for, in order; if Whole is false,
	// there have been others, and these are all that is kept.
	Parcels []Parcel
	Whole   bool
	// Rest are the parcels that follow, in order, each once. It is closed when
	// there is no proof of that any more: join again, from the last one's place.
	Rest <-chan Parcel
}

// Attendance is who is on a node.
type Attendance struct {
	Here []string // everybody
	Gone []string // who has left since the last time
}
