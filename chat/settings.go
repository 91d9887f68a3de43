package chat

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/fold"
)

// What [Settings] says about links.
const (
	LinksAllow = "allow"
	LinksKnown = "known" // of people who are known, see known.go
	LinksHold  = "hold"  // a moderator reads them first
	LinksBlock = "block"
)

// What [Settings] says about the words nobody may say.
const (
	WordsBlock = "block" // what has one is refused
	WordsHold  = "hold"  // a moderator reads it first
	WordsMask  = "mask"  // its letters are covered
)

// maxSites is how many hosts links may lead to whatever the rule for links is.
const maxSites = 50

const maskedLetter = '•'

// Settings are what a channel's host decides about its room. They have the same
// form in the database and in the API.
type Settings struct {
	Slow       int64     `json:"slow"`        // seconds between two messages of one person
	SlowBuyers bool      `json:"slow_buyers"` // buyers wait as long as the others
	KnownOnly  bool      `json:"known_only"`
	BuyersOnly bool      `json:"buyers_only"`
	Calm       bool      `json:"calm"` // buyers only, slowly, and links are read first, whatever else is set
	Links      string    `json:"links"`
	Sites      []string  `json:"sites"` // hosts that links may always lead to
	Words      []string  `json:"words"`
	WordsDo    string    `json:"words_do"`
	RaidGuests int64     `json:"raid_guests"` // new guests within raidWindow that make a raid; 0: never
	RaidUntil  *api.Time `json:"raid_until"`  // nil: no raid
	Notice     *Notice   `json:"notice"`      // what stays on the wall; nil: nothing
}

// Notice is a notice that stays for those who come later.
type Notice struct {
	Text string   `json:"text"`
	At   api.Time `json:"at"`
}

// DefaultSettings are those of a new channel.
func DefaultSettings() Settings {
	return Settings{Links: LinksKnown, Sites: []string{}, Words: []string{}, WordsDo: WordsBlock, SlowBuyers: true, RaidGuests: raidGuests}
}

// Change is what a host changes; what is nil stays as it is.
type Change struct {
	Slow        *int64    `json:"slow,omitempty"`
	SlowBuyers  *bool     `json:"slow_buyers,omitempty"`
	KnownOnly   *bool     `json:"known_only,omitempty"`
	BuyersOnly  *bool     `json:"buyers_only,omitempty"`
	Calm        *bool     `json:"calm,omitempty"`
	Links       *string   `json:"links,omitempty"`
	Sites       *[]string `json:"sites,omitempty"`
	Words       *[]string `json:"words,omitempty"`
	WordsDo     *string   `json:"words_do,omitempty"`
	RaidGuests  *int64    `json:"raid_guests,omitempty"`
	RaidSeconds *int64    `json:"raid_seconds,omitempty"` // begins a raid by hand; 0 ends one
}

// tidy refuses what cannot be, and tidies the words.
func (c *Change) tidy() error {
	outside := func(n *int64, most int64) bool { return n != nil && (*n < 0 || *n > most) }
	switch {
	case outside(c.Slow, int64(maxSlow/time.Second)):
		return bad("slow", "slow is 0 to 300 seconds.")
	case outside(c.RaidGuests, maxRaidGuests):
		return bad("raid_guests", "raid_guests is 0 to 10000.")
	case outside(c.RaidSeconds, int64(maxRaid/time.Second)):
		return bad("raid_seconds", "raid_seconds is 0 to 3600.")
	case c.Links != nil && !slices.Contains([]string{LinksAllow, LinksKnown, LinksHold, LinksBlock}, *c.Links):
		return bad("links", "links is allow, known, hold or block.")
	case c.WordsDo != nil && !slices.Contains([]string{WordsBlock, WordsHold, WordsMask}, *c.WordsDo):
		return bad("words_do", "words_do is block, hold or mask.")
	}
	if err := c.tidySites(); err != nil {
		return err
	}
	if c.Words == nil {
		return nil
	}
	words := []string{}
	for _, w := range *c.Words {
		w = tidy(w)
		if runes(w) > maxWord {
			return bad("words", "An entry of the word list has at most 60 characters.")
		}
		if w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	if len(words) > maxWords {
		return bad("words", "The word list has at most 500 entries.")
	}
	c.Words = &words
	return nil
}

// tidySites brings the hosts of the list into one form.
func (c *Change) tidySites() error {
	if c.Sites == nil {
		return nil
	}
	sites := []string{}
	for _, s := range *c.Sites {
		if strings.TrimSpace(s) == "" {
			continue
		}
		host, ok := siteOf(s)
		if !ok {
			return bad("sites", "An entry of sites is a host name such as shop.example.")
		}
		if !slices.Contains(sites, host) {
			sites = append(sites, host)
		}
	}
	if len(sites) > maxSites {
		return bad("sites", "sites has at most 50 entries.")
	}
	c.Sites = &sites
	return nil
}

// bad is the refusal of one member of a body.
func bad(field, detail string) error {
	return api.Fail(http.StatusUnprocessableEntity, "bad_"+field, detail).With("field", field)
}

// Settings returns what holds in a channel's room.
func (h *Hub) Settings(ctx context.Context, channel string) (Settings, error) {
	return ask(ctx, h, channel, func(r *room, answer func(Settings)) { answer(r.law.set) })
}

// Change changes what holds in a channel's room, at once, and returns what holds
// then. by is who does it. The error is an [api.Error] for what cannot be; nil
// means that it is stored.
func (h *Hub) Change(ctx context.Context, channel string, by Person, c Change) (Settings, error) {
	if err := c.tidy(); err != nil {
		return Settings{}, err
	}
	return ask(ctx, h, channel, func(r *room, answer func(Settings)) {
		set := r.law.set
		replace(&set.Slow, c.Slow)
		replace(&set.SlowBuyers, c.SlowBuyers)
		replace(&set.KnownOnly, c.KnownOnly)
		replace(&set.BuyersOnly, c.BuyersOnly)
		replace(&set.Calm, c.Calm)
		replace(&set.Links, c.Links)
		replace(&set.Sites, c.Sites)
		replace(&set.Words, c.Words)
		replace(&set.WordsDo, c.WordsDo)
		replace(&set.RaidGuests, c.RaidGuests)
		if c.RaidSeconds != nil {
			set.RaidUntil = r.raidFor(time.Duration(*c.RaidSeconds) * time.Second)
		}
		r.record(by, Deed{Did: "settings", Detail: mustEncode(c)})
		r.settle(set)
		r.awaiting = append(r.awaiting, awaiting{ticket: r.scribe.await(), done: func() { answer(set) }})
	})
}

// replace sets what is given.
func replace[T any](old, given *T) {
	if given != nil {
		*old = *given
	}
}

// law is what holds in a room, in the form in which it is asked.
type law struct {
	set      Settings
	words    fold.Words
	sites    map[string]bool
	devices  map[string]string // of people under a sanction: whose they are
	networks map[string]hold   // of banned people
	vouched  map[string]bool   // people whom a moderator let speak
	pace     bucket            // of everybody together
	crowds   map[string]*bucket
	copies   map[uint64]copies // what people whom nobody knows said lately
	fresh    []time.Time       // when the last new guests came
	peace    time.Time         // until then no raid begins by itself
}

func newLaw() law {
	return law{vouched: map[string]bool{}, crowds: map[string]*bucket{}, copies: map[uint64]copies{}}
}

// settle makes set the law, has it stored, and tells everybody what concerns
// them.
func (r *room) settle(set Settings) {
	r.apply(set)
	r.fact(Batch{Settings: &set})
	r.showLaw()
}

// apply makes set the law without a word.
func (r *room) apply(set Settings) {
	if !slices.Equal(set.Words, r.law.set.Words) {
		r.law.words = fold.NewWords(set.Words)
	}
	if !slices.Equal(set.Sites, r.law.set.Sites) {
		r.law.sites = map[string]bool{}
		for _, s := range set.Sites {
			r.law.sites[s] = true
		}
	}
	r.law.set = set
}

// rules are what everybody may know of the settings. The words are not among
// them: a list that can be read is a list of what else to write.
type rules struct {
	KnownOnly  bool      `json:"known_only"`
	BuyersOnly bool      `json:"buyers_only"`
	Calm       bool      `json:"calm"`
	Links      string    `json:"links"`
	RaidUntil  *api.Time `json:"raid_until"`
}

func (r *room) rules() rules {
	set := r.law.set
	return rules{
		KnownOnly: set.KnownOnly || r.raided(), BuyersOnly: r.buyersOnly(), Calm: set.Calm,
		Links: r.linkRule(), RaidUntil: set.RaidUntil,
	}
}

// buyersOnly tells whether only those who have paid may write.
func (r *room) buyersOnly() bool { return r.law.set.BuyersOnly || r.law.set.Calm }

// linkRule is what becomes of links now.
func (r *room) linkRule() string {
	if r.law.set.Calm && r.law.set.Links != LinksBlock {
		return LinksHold
	}
	return r.law.set.Links
}

func (r *room) showLaw() {
	set := r.law.set
	show := func(typ string, data any) {
		refresh{key: latestKey{typ: typ}, data: mustEncode(data)}.deliver(r)
	}
	show("slow", map[string]int64{"seconds": int64(r.slowness() / time.Second)})
	show("rules", r.rules())
	show("pinned_notice", r.pinnedNotice())
	event := appendEvent(nil, "settings", stamp{}, mustEncode(set))
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		if v := r.sockets[i]; v.person.moderates() {
			r.whisper(v, event)
		}
	}
}

// pinnedNotice is the data of `pinned_notice`: empty when there is none.
func (r *room) pinnedNotice() any {
	if n := r.law.set.Notice; n != nil {
		return n
	}
	return struct{}{}
}

// slowness is the time between two messages of one person.
func (r *room) slowness() time.Duration {
	slow := time.Duration(r.law.set.Slow) * time.Second
	if r.raided() {
		slow = max(slow, raidSlow)
	}
	if r.law.set.Calm {
		slow = max(slow, calmSlow)
	}
	return slow
}

// slowFor is the time between two messages of p.
func (r *room) slowFor(p Person) time.Duration {
	if p.moderates() || p.bought() && !r.law.set.SlowBuyers {
		return 0
	}
	return r.slowness()
}

// ask has f run in a channel's room, and returns what it answers, then or later.
func ask[T any](ctx context.Context, h *Hub, channel string, f func(r *room, answer func(T))) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, joinWait)
	defer cancel()
	got := make(chan T, 1)
	question := inRoom(func(r *room) { f(r, func(v T) { got <- v }) })
	var none T
	r := h.room(channel)
	if r == nil {
		return none, errClosing
	}
	select {
	case r.inbox <- question:
	case <-r.done:
		return none, errClosing
	case <-ctx.Done():
		return none, errSilent
	}
	select {
	case v := <-got:
		return v, nil
	case <-r.done:
		return none, errClosing
	case <-ctx.Done():
		return none, errSilent
	}
}

// inRoom is a message that does something.
type inRoom func(*room)

func (f inRoom) deliver(r *room) { f(r) }

var (
	errClosing = api.Fail(http.StatusServiceUnavailable, "busy", "The server is restarting. Try again in a moment.")
	errSilent  = api.Fail(http.StatusServiceUnavailable, "busy", "The room does not answer right now. Try again in a moment.")
)
