package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"souk/account"
	"souk/chat"
	"souk/hls"
	"souk/ingest"
	"souk/internal/api"
	"souk/shop"
	"souk/show"
)

// pinClass is the CLASS of a pin's date range.
const pinClass = "live.souk.pin"

// conductors are the roles that run a show.
var conductors = []account.Role{account.Owner, account.Host}

// storeTimeout bounds what an event of the picture may wait for the database.
const storeTimeout = 5 * time.Second

// onPublisher turns an encoder's coming and going into the show's.
func (s *souk) onPublisher(ctx context.Context, channel string, on bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if !on {
		defer s.holdStream(ctx, channel, false)
		return s.board.Lost(ctx, channel)
	}
	s.holdStream(ctx, channel, true)
	now, err := s.board.Live(ctx, channel)
	if err != nil {
		return err
	}
	s.origin.Start(channel, hls.Show{ID: now.ID, StartedAt: now.StartedAt.Std(), Record: s.wantsRecording(ctx, channel)})
	return s.markAgain(ctx, channel, now)
}

// onHealth tells the hosts what there is to say about their stream.
func (s *souk) onHealth(channel string, p ingest.Publisher) {
	s.hub.Whisper(channel, chat.To{Roles: words(conductors)}, chat.Event{Type: "health", Data: p})
}

// policy is what a channel wants from its encoders.
func (s *souk) policy(ctx context.Context, channel string) ingest.Policy {
	p, err := s.accounts.EncoderPolicy(ctx, channel)
	if err != nil {
		s.log.Error("encoder policy", "channel", channel, "err", err) // the server's own choice does
	}
	return ingest.Policy(p)
}

// markAgain puts the pin that is on air into a timeline that is new, as it is
// after a restart, and into the log of a show that began under it. Marking what
// is there already changes nothing.
func (s *souk) markAgain(ctx context.Context, channel string, now show.Show) error {
	marks, err := s.shop.ActiveMarks(ctx, channel)
	if err != nil {
		return err
	}
	stream, ok := s.origin.Stream(channel)
	for _, m := range marks {
		if ok {
			stream.Mark(dateRange(m))
		}
		s.keepMark(now.ID, m)
		if m.Start.Before(now.StartedAt.Std()) {
			began := show.Entry{Kind: "pinned", MediaAt: now.StartedAt, Data: m.Card}
			if err := s.board.AppendOnce(ctx, now.ID, m.Pin, began); err != nil {
				return err
			}
		}
	}
	return nil
}

// onPlayable tells the room that there is a picture: pages wait for it.
func (s *souk) onPlayable(channel string) {
	if now, ok := s.board.Current(channel); ok {
		s.hub.Tell(channel, chat.Event{Type: "live", Data: map[string]any{"show": map[string]any{"id": now.ID, "started_at": now.StartedAt}}})
	}
}

// onShow tells the room what becomes of the show. Live is told once there is a
// picture.
func (s *souk) onShow(now show.Show) {
	switch now.State {
	case show.Paused:
		s.hub.Tell(now.Channel, chat.Event{Type: "paused", Data: map[string]any{"show": now.ID, "until": now.Until}})
	case show.Ended:
		s.origin.End(now.Channel)
		s.archive.End(now.ID)
		s.hub.Tell(now.Channel, chat.Event{Type: "ended", Data: map[string]any{"show": now.ID}})
	case show.Live:
	}
}

// showID is the show on air, for orders.
func (s *souk) showID(channel string) string {
	now, _ := s.board.Current(channel)
	return now.ID
}

// chatWho lets a room know who is at the door.
type chatWho struct{ *souk }

func (w chatWho) Join(r *http.Request, channel string) (chat.Person, error) {
	if _, err := w.accounts.Channel(r.Context(), channel); err != nil {
		if errors.Is(err, account.ErrNoChannel) {
			err = chat.ErrNoChannel
		}
		return chat.Person{}, err
	}
	p, err := w.joiner(r)
	switch {
	case errors.Is(err, account.ErrSignIn):
		return chat.Person{}, nil
	case errors.Is(err, account.ErrBadToken):
		return chat.Person{}, chat.ErrBadToken
	case err != nil:
		return chat.Person{}, err
	}
	roles, err := w.accounts.Roles(r.Context(), channel, p.ID)
	if err != nil {
		return chat.Person{}, err
	}
	paid, err := w.shop.HasPaid(r.Context(), p.ID)
	if err != nil {
		return chat.Person{}, err
	}
	who := chat.Person{ID: p.ID, Name: p.Name, Roles: words(roles), Badges: badges(roles, paid), Guest: p.Guest}
	if !p.Guest {
		who.Session = p.Session
		return who, nil
	}
	who.Device = p.Device
	if who.Network, who.Local, err = w.accounts.Network(r); err != nil {
		return chat.Person{}, err
	}
	who.Since, err = w.records.Since(r.Context(), channel, p.ID)
	return who, err
}

// joiner reads a token from the query too: a websocket of a program or an
// overlay has no other place for it.
func (w chatWho) joiner(r *http.Request) (account.Person, error) {
	if token := r.URL.Query().Get("token"); token != "" {
		return w.accounts.PersonByToken(r.Context(), token)
	}
	return w.accounts.Person(r)
}

func badges(roles []account.Role, paid bool) []string {
	out := []string{}
	for _, r := range roles {
		if r != account.Merchant {
			out = append(out, string(r))
		}
	}
	if paid {
		out = append(out, "buyer")
	}
	return out
}

func words(roles []account.Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out
}

// snapshot is what a joiner must know beside the conversation.
func (s *souk) snapshot(ctx context.Context, channel string) chat.Snapshot {
	now, _ := s.board.Current(channel)
	snap := chat.Snapshot{Live: now.State == show.Live}
	pin, err := s.shop.CurrentPin(ctx, channel)
	if err != nil {
		s.log.Error("pin for a joiner", "channel", channel, "err", err)
		return snap
	}
	if pin != nil {
		if snap.Pin, err = json.Marshal(pin); err != nil {
			s.log.Error("pin for a joiner", "channel", channel, "err", err)
		}
	}
	return snap
}

// shopWho lets the shop know who asks.
type shopWho struct{ accounts *account.Accounts }

func (w shopWho) Person(r *http.Request) (shop.Person, error) {
	p, err := w.accounts.Person(r)
	return shop.Person{ID: p.ID, Name: p.Name, Email: p.Email, Address: (*shop.Address)(p.Address)}, err
}

func (w shopWho) Channel(ctx context.Context, slug, person string) (shop.Channel, error) {
	c, err := w.accounts.Channel(ctx, slug)
	if errors.Is(err, account.ErrNoChannel) {
		return shop.Channel{}, shop.ErrNoChannel
	}
	if err != nil || person == "" {
		return shop.Channel{Slug: c.Slug, Title: c.Title}, err
	}
	roles, err := w.accounts.Roles(ctx, slug, person)
	return shop.Channel{Slug: c.Slug, Title: c.Title, Roles: words(roles)}, err
}

// rooms carries the shop's news.
type rooms struct{ *souk }

func (r rooms) Tell(channel string, e shop.Event)    { r.hub.Tell(channel, chat.Event(e)) }
func (r rooms) Refresh(channel string, e shop.Event) { r.hub.Refresh(channel, chat.Event(e)) }
func (r rooms) Send(ctx context.Context, channel, person string, e shop.Event, until time.Time) error {
	_, err := r.hub.Send(ctx, channel, person, chat.Event(e), until)
	return err
}
func (r rooms) Whisper(channel, person string, roles []string, e shop.Event) {
	r.hub.Whisper(channel, chat.To{Person: person, Roles: roles}, chat.Event(e))
	if o, ok := e.Data.(shop.Order); ok && o.State == shop.Paid {
		r.knowBuyer(channel, person)
	}
}

// timeline is the picture's clock and the two places that remember a pin: the
// playlist and the show log.
type timeline struct{ *souk }

func (t timeline) Now(channel string) time.Time {
	if stream, ok := t.origin.Stream(channel); ok {
		return stream.MediaNow()
	}
	return time.Now()
}

func (t timeline) Mark(channel string, m shop.Mark) {
	if stream, ok := t.origin.Stream(channel); ok {
		stream.Mark(dateRange(m))
	}
	now, ok := t.board.Current(channel)
	if !ok {
		return
	}
	t.keepMark(now.ID, m)
	entry := show.Entry{Kind: "pinned", MediaAt: api.At(m.Start), Data: m.Card}
	if !m.End.IsZero() {
		entry = show.Entry{Kind: "unpinned", MediaAt: api.At(m.End), Data: m.Card}
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := t.board.Append(ctx, now.ID, entry); err != nil {
		t.log.Error("show log", "channel", channel, "show", now.ID, "err", err)
	}
}

func dateRange(m shop.Mark) hls.DateRange {
	return hls.DateRange{
		ID: "pin-" + m.Pin, Class: pinClass, Start: m.Start, End: m.End,
		Attrs: []hls.Attr{
			{Name: "X-PRODUCT-ID", Value: m.Product},
			{Name: "X-PRICE", Value: strconv.FormatInt(m.Price.Amount, 10)},
			{Name: "X-CURRENCY", Value: m.Price.Currency},
		},
	}
}
