package account

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits.
const (
	maxName       = 32              // runes of a person's name
	maxTitle      = 80              // runes of a channel's title
	maxEmail      = 254             // bytes (RFC 5321, section 4.5.3.1.3)
	maxField      = 120             // runes of one address field
	minPassword   = 10              // runes
	maxPassword   = 256             // bytes, before hashing
	maxChannels   = 500             // channels in one list
	guestsPerIP   = 600             // guests an address may make, then one per guestRefill; a phone carrier
	guestRefill   = time.Second / 5 // … puts thousands of people behind one
	loginsPerIP   = 10              // sign-ins an address may try, then one per loginRefill
	loginRefill   = 6 * time.Second // …
	opensPerIP    = 30              // links and passkeys an address may try, then one per openRefill
	openRefill    = 2 * time.Second // …
	wrongPerDoor  = 10              // wrong passwords an account takes, then one per wrongRefill
	wrongRefill   = time.Minute     // …
	parallelHash  = 2               // password hashes computed at once (19 MiB each)
	parallelPost  = 4               // letters on their way at once
	accountTTL    = 30 * 24 * time.Hour
	guestTTL      = 180 * 24 * time.Hour
	sweepInterval = time.Hour
)

// Role is what a person may do on a channel.
type Role string

// The roles, as stored and as sent to clients.
const (
	Owner     Role = "owner"     // everything, keys included
	Host      Role = "host"      // runs the show: keys, pins, prices, moderation
	Moderator Role = "moderator" // the room only: neither keys nor orders
	Merchant  Role = "merchant"  // products and orders
)

var roles = []Role{Owner, Host, Moderator, Merchant}

// Refusals.
var (
	ErrSignIn    = api.Fail(http.StatusUnauthorized, "sign_in_first", "Sign in first.")
	ErrBadToken  = api.Fail(http.StatusUnauthorized, "bad_token", "This session has ended. Sign in again.")
	ErrForbidden = api.Fail(http.StatusForbidden, "not_allowed", "Your role on this channel does not allow this.")
	ErrNoChannel = api.Fail(http.StatusNotFound, "no_such_channel", "There is no such channel.")
	ErrGuest     = api.Fail(http.StatusForbidden, "not_allowed", "This is for people with an account.")
	ErrNoKey     = errors.New("no channel has this stream key")
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the goose files of this package's tables.
func Migrations() fs.FS { return db.Folder(migrations, "migrations") }

// Person is somebody with a session.
type Person struct {
	ID      string
	Name    string
	Guest   bool
	Email   string // contact address, empty until given
	Address *Address
	Device  string // of this session: the browser it was opened in

	Session  string    // what this session is called; not its token
	SignedIn time.Time // when it began
}

// Accounts answers who. Configure it, then use it; Run sweeps old sessions.
type Accounts struct {
	// configuration
	DB     *db.DB
	Log    *slog.Logger
	Secure bool // the public address is https: cookies say so
	// PublicURL is the address people reach the server by; empty: that of each
	// request. Home is where links in letters lead without it.
	PublicURL, Home string
	// Post sends a letter; nil: there are none, and who invites passes the link on.
	Post func(context.Context, Letter) error
	// Language is the one that r is read in; nil: English.
	Language func(r *http.Request) string
	// Ended is told what a session was called that is over before its time. nil:
	// nobody wants to know.
	Ended func(session string)
	// OnRoles is told where somebody's roles have changed. nil: the same.
	OnRoles func(ctx context.Context, at Post)

	// state
	guests  api.Limiter[netip.Prefix]
	logins  api.Limiter[netip.Prefix]
	wrong   api.Limiter[string]       // by account, and by browser where its owner was signed in
	opens   api.Limiter[netip.Prefix] // links and passkeys
	asks    api.Limiter[netip.Prefix]
	letters api.Limiter[string]
	seen    seen
	wanted  chan wish // links that somebody asked for by mail
	setup   setup
	hashing chan struct{}
	keyTurn sync.Mutex // guards key
	key     []byte     // nil: not read yet
}

// New returns Accounts over d.
func New(d *db.DB, log *slog.Logger) *Accounts {
	return &Accounts{
		DB: d, Log: log,
		guests:  api.Limiter[netip.Prefix]{Burst: guestsPerIP, Every: guestRefill},
		logins:  api.Limiter[netip.Prefix]{Burst: loginsPerIP, Every: loginRefill},
		wrong:   api.Limiter[string]{Burst: wrongPerDoor, Every: wrongRefill},
		opens:   api.Limiter[netip.Prefix]{Burst: opensPerIP, Every: openRefill},
		asks:    api.Limiter[netip.Prefix]{Burst: asksPerIP, Every: askRefill},
		letters: api.Limiter[string]{Burst: lettersPerEmail, Every: letterRefill},
		wanted:  make(chan wish, maxWishes),
		hashing: make(chan struct{}, parallelHash),
	}
}

// Run sends letters, and deletes sessions and links that have expired, until ctx
// ends.
func (a *Accounts) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { a.keepSeen(ctx) })
	for range parallelPost {
		beside.Go(func() { a.write(ctx) })
	}
	defer beside.Wait()
	if err := a.sketch(ctx); err != nil && ctx.Err() == nil {
		a.Log.Error("sketch names", "err", err)
	}
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		err := a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
			for _, table := range []string{"account_session", "account_link", "account_challenge"} {
				if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE expires <= $1", tx.Millis()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			a.Log.Error("sweep sessions", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Roles returns what person may do on channel; empty for nobody in particular.
func (a *Accounts) Roles(ctx context.Context, channel, person string) ([]Role, error) {
	rows, err := a.DB.Read().QueryContext(ctx, "SELECT role FROM account_role WHERE channel = $1 AND person = $2 ORDER BY role", channel, person)
	return db.Collect(rows, err, func(rows *sql.Rows) (r Role, err error) { return r, rows.Scan(&r) })
}

// RolesOf returns every role of a person, by channel.
func (a *Accounts) RolesOf(ctx context.Context, person string) (map[string][]Role, error) {
	type row struct {
		channel string
		role    Role
	}
	rows, err := a.DB.Read().QueryContext(ctx, "SELECT channel, role FROM account_role WHERE person = $1 ORDER BY channel, role", person)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.channel, &r.role) })
	by := map[string][]Role{}
	for _, r := range all {
		by[r.channel] = append(by[r.channel], r.role)
	}
	return by, err
}

// Require returns who asks if they hold one of the roles on the channel.
// Errors: ErrSignIn, ErrBadToken, ErrNoChannel, ErrForbidden.
func (a *Accounts) Require(r *http.Request, channel string, any ...Role) (Person, error) {
	p, err := a.Person(r)
	if err != nil {
		return Person{}, err
	}
	if _, err := a.Channel(r.Context(), channel); err != nil {
		return Person{}, err
	}
	held, err := a.Roles(r.Context(), channel, p.ID)
	if err != nil {
		return Person{}, err
	}
	if !slices.ContainsFunc(held, func(have Role) bool { return slices.Contains(any, have) }) {
		return Person{}, ErrForbidden
	}
	return p, nil
}

// Grant gives a person a role. Granting twice changes nothing.
func (a *Accounts) Grant(ctx context.Context, channel, person string, role Role) error {
	if !slices.Contains(roles, role) {
		return api.Fail(http.StatusUnprocessableEntity, "bad_role", "A role is owner, host, moderator or merchant.")
	}
	return a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error { return grant(ctx, tx, channel, person, role) })
}

func grant(ctx context.Context, tx *db.Tx, channel, person string, role Role) error {
	_, err := tx.Exec(ctx, "INSERT INTO account_role (channel, person, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", channel, person, role)
	return err
}
