package shop

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"souk/internal/api"
	"souk/internal/db"
	"souk/shop/handover"
)

// Limits.
const (
	maxProducts     = 500     // products of a channel
	maxLineup       = 200     // products in a run of show
	maxTitle        = 120     // runes
	maxDescription  = 4_000   // runes
	maxSKU          = 64      // runes
	maxStock        = 1 << 30 // units of one product
	maxImage        = 2 << 20 // bytes
	maxImageURL     = 500     // bytes
	maxQuantity     = 99      // units in one order
	maxOpenOrders   = 10      // orders one buyer may hold units with at once
	maxOpenHolds    = 5       // products one person may have units of set aside without an order
	maxCoupons      = 200     // of a channel
	leastCode       = 4       // letters of a coupon's code
	maxCode         = 32
	maxPersonals    = 50 // offers to single people that a channel has open at once
	maxPersonalTime = 24 * time.Hour
	maxLine         = 1_000            // people in line for one product
	maxPlaces       = 20               // lines one person may stand in
	maxHoldTime     = 10 * time.Minute // units stay set aside no longer, however often their person asks for more time
	leastHoldTime   = 30 * time.Second // what a channel can choose for holds and turns…
	mostHoldTime    = maxHoldTime
	maxOfferTime    = 24 * time.Hour
	maxCarrier      = 60  // runes
	maxTracking     = 120 // runes
	maxCountries    = 260 // rules in one region table
	maxReason       = 200 // runes, of why not to sell somewhere, or of a licence
	pageOrders      = 50  // orders in one answer

	tapsPerBuyer      = 10 // orders one buyer may ask for at once, then one per tapRefill
	tapRefill         = time.Second
	quotesPerBuyer    = 30 // quotes, then one per quoteRefill
	quoteRefill       = 500 * time.Millisecond
	methodsPerBuyer   = 12 // payment methods one person may add at once, then one per methodRefill: card testers come this way
	methodRefill      = 30 * time.Second
	guessesPerPerson  = 10 // different coupon codes, then one per guessRefill
	guessRefill       = 20 * time.Second
	guessesPerNetwork = 60 // the same, of everybody on one network
	guessNetRefill    = 5 * time.Second
	asidesPerPerson   = 20 // holds and places in line, then one per asideRefill
	asideRefill       = time.Second
	imagesPerPerson   = 30 // uploads, then one per imageRefill
	imageRefill       = 2 * time.Second
	maxDeclines       = 12 // declined payments of one buyer within declineWindow
	declineWindow     = 10 * time.Minute

	actionTTL     = 5 * time.Minute  // how long a bank's question may stay open
	processingTTL = 10 * time.Minute // how long a bank may think before the sweeper calls it off
	patience      = 15 * time.Second // how long a charge may be in flight before the reconciler asks again
	maxPatience   = 10 * time.Minute // …and the longest it waits between two tries
	sweepEvery    = 2 * time.Second
	sweepBatch    = 200 // orders one sweep looks at
	sweepParallel = 32  // provider calls a sweep makes at once; Stripe takes about a hundred a second
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the goose files of this package's tables.
func Migrations() fs.FS { return db.Folder(migrations, "migrations") }

// Person is somebody who asks.
type Person struct {
	ID, Name, Email string
	Address         *Address // nil until given
	Lang            string   // en, id or ar; what the request wants to read
	Network         string   // country that the request comes from, ISO 3166-1 alpha-2; "" unknown
}

// Address is where a parcel goes; Country is ISO 3166-1 alpha-2.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country"`
	Phone      string `json:"phone,omitempty"`
}

// Channel is a channel as one person sees it.
type Channel struct {
	Slug, Title string
	Roles       []string // of the person who asks: owner, host, merchant, moderator
}

// Who answers who asks and what they may do.
type Who interface {
	// Person returns who sent r, or a refusal that tells them to sign in.
	Person(r *http.Request) (Person, error)
	// Channel returns ErrNoChannel for a slug that is not there. person may be
	// empty: nobody in particular.
	Channel(ctx context.Context, slug, person string) (Channel, error)
}

// Rooms carries events to the people watching a channel. Calls do not block,
// but Send.
type Rooms interface {
	Tell(channel string, e Event)                            // numbered, to all
	Refresh(channel string, e Event)                         // the latest value per (Type, Key), to all
	Whisper(channel, person string, roles []string, e Event) // to one person and to everybody with one of the roles
	// Send is for one person, now and whenever they come back until they have
	// taken it or until has come. It returns once that is certain.
	Send(ctx context.Context, channel, person string, e Event, until time.Time) error
}

// Event is something a room is told. MediaAt, when set, is the media time from
// which it shows.
type Event struct {
	Type, Key string
	MediaAt   time.Time
	Data      any
}

// Timeline is what is on air, in media time.
type Timeline interface {
	Now(channel string) time.Time
	Mark(channel string, m Mark)
}

// Mark is a pin on the timeline. End is zero while it is on air; Card is what
// the room was told.
type Mark struct {
	Pin, Product string
	Price        Money
	Start, End   time.Time
	Card         any
}

// Shop answers every request about goods and money. Set the configuration,
// then Run it.
type Shop struct {
	// configuration
	DB        *db.DB
	Who       Who
	Rooms     Rooms
	Timeline  Timeline
	Gateway   Gateway
	Wallet    Wallet
	Disputes  Disputes // nil: nobody contests anything
	Log       *slog.Logger
	PublicURL string                               // scheme and host of return links; empty: those of the request
	Limits    func(currency string) (Limits, bool) // what the provider takes; false: nothing in that currency; nil: anything
	Show      func(channel string) string          // id of the show on air, empty when none; nil: never any
	Home      string                               // the same for links in mails, which answer no request
	Poster    handover.Poster                      // to merchants' endpoints
	// TestDispute contests a payment, or decides about that; false: it cannot be. Nil where money moves.
	TestDispute func(ctx context.Context, intent, outcome string) (bool, error)
	Barred      map[string]string                 // country -> why nobody sells there without a licence
	Locate      func(*http.Request) string        // country that a request comes from, "" unknown; nil: never known
	Carrier     Carrier                           // nil: nobody is asked about parcels
	Mail        func(context.Context, Mail) error // sends one to a buyer: ErrNoMail when it never will; nil: no mails

	// state
	flights    singleflight.Group // one provider call per order at a time
	holds      db.Together[*claim]
	lessons    db.Together[*lesson]
	sold       soldOut
	taps       api.Limiter[string]
	cards      api.Limiter[string]
	images     api.Limiter[string]
	guard      *guard
	quotes     api.Limiter[string]
	asides     api.Limiter[string]
	guesses    [2]api.Limiter[string] // by person, by network
	display    display                // stock that rooms have not been shown yet
	secrets    secrets
	termsCache termsCache
	lanes      lanes      // receivers outside that are written to
	pinning    sync.Mutex // held from the commit of a pin until the room was told

	// channels
	offers chan struct{} // the set of running offers changed
	turns  chan struct{} // the set of holdings changed
}

// New returns a Shop over d with its limits set. The caller fills in the
// remaining configuration.
func New(d *db.DB, log *slog.Logger) *Shop {
	s := &Shop{
		DB: d, Log: log,
		taps:    api.Limiter[string]{Burst: tapsPerBuyer, Every: tapRefill},
		cards:   api.Limiter[string]{Burst: methodsPerBuyer, Every: methodRefill},
		images:  api.Limiter[string]{Burst: imagesPerPerson, Every: imageRefill},
		asides:  api.Limiter[string]{Burst: asidesPerPerson, Every: asideRefill},
		guesses: [2]api.Limiter[string]{{Burst: guessesPerPerson, Every: guessRefill}, {Burst: guessesPerNetwork, Every: guessNetRefill}},
		guard:   newGuard(),
		display: display{dirty: map[string]string{}, wake: make(chan struct{}, 1)},
		lanes:   lanes{busy: map[string]int{}, failed: map[string]int{}, resting: map[string]time.Time{}, wake: make(chan struct{}, 1)},
		offers:  make(chan struct{}, 1),
		secrets: secrets{all: map[string][]byte{}},
		quotes:  api.Limiter[string]{Burst: quotesPerBuyer, Every: quoteRefill},
		turns:   make(chan struct{}, 1),
	}
	s.holds.DB, s.holds.Do = d, s.holdAll
	s.lessons.DB, s.lessons.Do = d, s.learnAll
	return s
}

// Languages are those that buyers are written to in, the one for everybody else
// first.
var Languages = []string{"en", "id", "ar"}

// Roles that sell, see orders, and move money back.
var (
	sellers  = []string{"owner", "host", "merchant"}
	hosts    = []string{"owner", "host"}
	treasury = []string{"owner", "merchant"}
)

// require returns who asks, if they hold one of the roles on the channel.
func (s *Shop) require(r *http.Request, channel string, roles []string) (Person, error) {
	p, err := s.Who.Person(r)
	if err != nil {
		return Person{}, err
	}
	c, err := s.Who.Channel(r.Context(), channel, p.ID)
	if err != nil {
		return Person{}, err
	}
	if !c.any(roles) {
		return Person{}, ErrForbidden
	}
	return p, nil
}

func (c Channel) any(roles []string) bool {
	return slices.ContainsFunc(c.Roles, func(r string) bool { return slices.Contains(roles, r) })
}

// showOf is the id of the show on air, if any.
func (s *Shop) showOf(channel string) string {
	if s.Show == nil {
		return ""
	}
	return s.Show(channel)
}

// newID returns an id that sorts by time, so that indexes grow at one end.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// none turns "no such row" into a refusal.
func none(err, refusal error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return refusal
	}
	return err
}
