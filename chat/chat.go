package chat

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Limits of a hub.
const (
	maxPerAddress    = 2000 // sockets of one client address: a phone carrier puts thousands behind one
	roomIdle         = 30 * time.Minute
	maxViewers       = 20_000 // sockets in all rooms together; one is one descriptor
	maxPersonSockets = 20     // sockets of one person in a room
	maxInbox         = 512    // what may wait for a room before its senders wait too
	takeBetween      = 32     // of it is done between two parts of a pass over the viewers
	tellWait         = 2 * time.Second
	joinWait         = 5 * time.Second // for a room that is still opening its log
)

// Limits of a room.
const (
	historyLen    = 50          // events in a welcome
	ringLen       = EntriesKept // events that can be replayed or deleted
	maxPending    = 256         // entries that wait for the tick; more make a frame of their own
	framesLen     = 1024        // shared frames kept for viewers who lag
	framesBytes   = 4 << 20     // their bytes
	maxLatest     = 1024        // latest values; the one refreshed longest ago gives way
	maxSanctioned = 10_000      // bans and timeouts
	maxBacklog    = 2048        // entries not yet stored before `say` is refused
	maxAwaiting   = 256         // moderators' replies that wait for the log
	roomBurst     = 400         // messages of everybody together
	roomEvery     = 5 * time.Millisecond
	maxWords      = 500 // of a word list
	maxWord       = 60  // code points of an entry
	maxQuestions  = 200 // open at a time
	maxLetters    = 1000
	maxMembers    = 50_000 // remembered; beyond it those who left are forgotten early
)

// Guests whom nobody knows yet.
const (
	knownAfter  = 10 * time.Minute // since their first visit: then they are known
	networkHold = 10 * time.Minute // new guests of a banned one's network are read by a moderator first
	crowdHold   = 2 * time.Minute  // the same for a network that many share
	crowdedFrom = 10               // people here from one network who make it one that many share
	traceKept   = 30 * time.Minute // after a guest left: how long a ban finds device and network
	maxDevices  = 5                // of one banned person
)

// Raids.
const (
	raidWindow    = 10 * time.Second // in which the new guests of a raid come
	raidGuests    = 100              // how many they are, unless the channel says otherwise
	maxRaidGuests = 10_000
	raidLasts     = 5 * time.Minute
	raidSlow      = 10 * time.Second // between two messages of one person meanwhile
	raidPeace     = 10 * time.Minute // after a moderator ended one: no other begins by itself
	maxRaid       = time.Hour        // by hand
)

// Letters.
const (
	maxPersonLetters = 10
	letterLasts      = 24 * time.Hour // of what a host writes
	maxLetterLasts   = 30 * 24 * time.Hour
)

// EntriesKept is how many of a room's last entries a [Log] gives back.
const EntriesKept = 4096

// Limits of a person.
const (
	maxText   = 300 // code points after NFC
	maxAnswer = 300
	maxName   = 40
	maxUserID = 64
	sayBurst  = 5
	sayEvery  = 2 * time.Second
	hitBurst  = 10 // reactions
	hitEvery  = 500 * time.Millisecond
	maxHits   = 10 // in one reaction
	maxSlow   = 300 * time.Second
	maxMute   = 14 * 24 * time.Hour
	maxBan    = 365 * 24 * time.Hour // one that ends
	calmSlow  = 30 * time.Second     // between two messages of one person while a room calms down
)

// Limits of a socket.
const (
	maxFrame      = 4 << 10  // bytes from a client
	maxPersonal   = 64       // replies and whispers that wait for a slow socket
	maxWrite      = 32 << 10 // bytes of a lagging viewer joined into one write
	thinKept      = 50       // messages of people that a thinned viewer still gets
	maxCatchUp    = 1 << 20  // bytes of what a thinned viewer gets
	sendBuffer    = 64 << 10 // SO_SNDBUF: the kernel must not hide a slow viewer
	writeWait     = 10 * time.Second
	closeWait     = 2 * time.Second
	slowCloseWait = 5 * time.Second
	pingEvery     = 10 * time.Second
	silenceLimit  = 25 * time.Second
	maxStrikes    = 16 // frames that are no commands
	floodBurst    = 60 // commands of any kind
	floodEvery    = 50 * time.Millisecond
)

// Times of a room.
const (
	tickMin      = 10 * time.Millisecond
	tickMax      = 250 * time.Millisecond
	tickEnough   = 100 * time.Millisecond
	tickShare    = 32                    // until tickEnough, a pass over the viewers takes 1/32 of the time
	tickLoad     = 25                    // percent of all processors that conversation may take in the largest rooms
	urgentLoad   = 40                    // … and what cannot wait
	urgentGap    = 10 * time.Millisecond // between two frames that cannot wait
	costMemory   = 8                     // the cost of a write is an average over about so many measurements
	viewersEvery = 3 * time.Second
	quietLimit   = 20 * time.Second // then `viewers` is repeated
	sweepEvery   = time.Second
	pingPhases   = int(pingEvery / sweepEvery) // every sweep pings one part of the viewers
)

// Close codes, beside those of RFC 6455. Up to 4099: come back with your
// position; from 4100: stay away.
const (
	CloseSlow       = 4001
	CloseRestart    = 4002
	CloseBanned     = 4100
	CloseBadToken   = 4101
	CloseNoChannel  = 4102
	CloseAbuse      = 4103
	closeBadMessage = 1007
)

// ErrBadToken and ErrNoChannel are the refusals of [Who].
var (
	ErrBadToken  = errors.New("unknown or expired session")
	ErrNoChannel = errors.New("no such channel")
)

// Words for roles.
const (
	roleOwner     = "owner"
	roleHost      = "host"
	roleModerator = "moderator"
)

// moderators are those who hear what is for moderators.
var moderators = []string{roleOwner, roleHost, roleModerator}

// Person is somebody in a room. The zero Person is a reader: nobody signed in.
type Person struct {
	ID     string
	Name   string
	Roles  []string // on this channel: owner, host, moderator, merchant
	Badges []string

	Guest  bool      // nobody with an account
	Since  time.Time // when a guest first came to this room; zero: never before
	Device string    // what a guest's browser is recognised by; "" for nothing
	// DeviceSince is since when the server knows that browser; zero: it does not say.
	DeviceSince time.Time
	Network     string // stands for the network that a guest comes from; "" for unknown
	Local       bool   // comes from the server's own machine
	Session     string // what an account's sign-in is called, so that it can be ended; "" for guests
}

// runs tells whether the channel is theirs: nothing here limits them.
func (p Person) runs() bool {
	return slices.Contains(p.Roles, roleOwner) || slices.Contains(p.Roles, roleHost)
}

func (p Person) moderates() bool { return p.runs() || slices.Contains(p.Roles, roleModerator) }

// Who tells the hub who is at the door.
type Who interface {
	// Join reads the credentials of r (the session cookie, or ?token=) and
	// returns the person with the roles held on channel. A request without
	// credentials is the zero Person. Errors: ErrBadToken, ErrNoChannel.
	Join(r *http.Request, channel string) (Person, error)
}

// Snapshot is what a joiner must know that is not conversation.
type Snapshot struct {
	Live bool
	Pin  json.RawMessage // the card on air; nil when none
}

// Event is something a room is told. Type is a word of lower-case letters and
// underscores; Data becomes JSON before the call returns.
type Event struct {
	Type    string
	Key     string    // Refresh: a newer value of the same Type and Key replaces this one
	MediaAt time.Time // the moment of the video; zero for none
	Data    any
}

// To addresses a whisper: one person, everybody who holds one of the roles, or both.
type To struct {
	Person string
	Roles  []string
}

func (t To) includes(p Person) bool {
	if p.ID != "" && p.ID == t.Person {
		return true
	}
	return slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(t.Roles, r) })
}
