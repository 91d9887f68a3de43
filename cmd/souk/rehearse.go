package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Limits of a rehearsal: it is a tool for one's own server, not a weapon.
const (
	maxRehearsal   = 20_000 // viewers, or buyers
	maxTalk        = 1000   // messages a second
	rehearsalShort = 5 * time.Second
	rehearsalLong  = time.Hour
)

// hostPassword is the flag whose value is a secret.
const hostPassword = "host-password"

// rehearsal is `souk rehearse`: a synthetic audience that comes in through the
// doors that people use, and one report of how it was treated.
type rehearsal struct {
	// configuration
	viewers, buyers int
	span            time.Duration // from the first viewer to the last
	talk            float64       // messages a second, all viewers together
	video           bool
	host            credentials // pins by itself when given
	door            *door
	channel         string

	// state
	found   found
	product string // what is bought, "" when nothing is for sale
	started time.Time
}

// runRehearse is `souk rehearse`.
func runRehearse(ctx context.Context, c *cli, args []string) error {
	set := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	r := &rehearsal{}
	at := set.String("url", "http://127.0.0.1:8080", "the server, or the page of the channel")
	set.StringVar(&r.channel, "channel", "", "channel; without it the one in --url, or the first that is live")
	set.IntVar(&r.viewers, "viewers", 100, "people who watch and listen")
	set.IntVar(&r.buyers, "buyers", 10, "people who buy, all at about the same moment")
	set.DurationVar(&r.span, "for", 20*time.Second, "how long")
	set.Float64Var(&r.talk, "talk", 5, "messages a second, all viewers together")
	set.BoolVar(&r.video, "video", true, "viewers follow the picture too")
	set.StringVar(&r.host.Email, "host-email", "", "a host's account: the rehearsal pins by itself")
	set.StringVar(&r.host.Password, hostPassword, "", "the host's password")
	if err := presets(c, set, nil); err != nil {
		return err
	}
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%w: rehearse takes flags only, not %q", errUsage, set.Arg(0))
	}
	if err := r.check(*at); err != nil {
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	report, err := r.run(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(c.out)
	out.SetIndent("", "  ")
	if err := out.Encode(report); err != nil {
		return err
	}
	if report.Broken.any() {
		return fmt.Errorf("a promise was broken, see broken_promises")
	}
	return nil
}

// check refuses what no rehearsal could be, and finds the channel in the address.
func (r *rehearsal) check(at string) error {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("--url must be http://host or https://host, or a channel's page there")
	}
	if slug, ok := strings.CutPrefix(u.Path, "/live/"); ok && r.channel == "" {
		r.channel = strings.Trim(slug, "/")
	}
	r.door = newDoor(u.Scheme + "://" + u.Host)
	switch {
	case r.viewers < 0 || r.viewers > maxRehearsal || r.buyers < 0 || r.buyers > maxRehearsal:
		return fmt.Errorf("--viewers and --buyers are 0 to %d", maxRehearsal)
	case r.talk < 0 || r.talk > maxTalk:
		return fmt.Errorf("--talk is 0 to %d messages a second", maxTalk)
	case r.span < rehearsalShort || r.span > rehearsalLong:
		return fmt.Errorf("--for is %v to %v", rehearsalShort, rehearsalLong)
	case (r.host.Email == "") != (r.host.Password == ""):
		return errors.New("--host-email and --" + hostPassword + " go together")
	}
	return nil
}

// run brings the audience in over the first fifth of the time. The host pins
// after a third, buyers tap at half time.
func (r *rehearsal) run(ctx context.Context) (*rehearsalReport, error) {
	if err := r.choose(ctx); err != nil {
		return nil, err
	}
	before, err := r.stock(ctx)
	if err != nil {
		return nil, err
	}
	r.product = r.forSale(before)
	var host string
	if r.host.Email != "" {
		if host, err = r.signIn(ctx); err != nil {
			return nil, err
		}
	}
	r.started = time.Now()
	audience, leave := context.WithDeadline(ctx, r.started.Add(r.span))
	defer leave()
	var all sync.WaitGroup
	house := newHouse(r)
	for i := range r.viewers {
		all.Go(func() { house.viewer(audience, r.step(i, r.viewers)) })
	}
	all.Go(func() { house.talk(audience) })
	all.Go(func() { house.pin(audience, host) })
	tills := newQueue(ctx, r)
	for i := range r.buyers {
		all.Go(func() { tills.buyer(ctx, r.step(i, r.buyers)) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	after, err := r.stock(ctx)
	if err != nil {
		return nil, err
	}
	return r.report(house, tills, before, after), nil
}

// step is the moment at which the i-th of n comes in.
func (r *rehearsal) step(i, n int) time.Time {
	return r.started.Add(r.span / 5 * time.Duration(i) / time.Duration(n))
}

// choose finds the channel.
func (r *rehearsal) choose(ctx context.Context) error {
	if r.channel == "" {
		var list struct{ Channels []found }
		if err := r.door.get(ctx, "/api/v1/channels", "", &list); err != nil {
			return err
		}
		for _, c := range list.Channels {
			if c.Live {
				r.channel = c.Slug
				break
			}
		}
		if r.channel == "" {
			return fmt.Errorf("%w: nobody is live there: say which --channel", errUsage)
		}
	}
	return r.door.get(ctx, "/api/v1/channels/"+url.PathEscape(r.channel), "", &r.found)
}

// found is what a rehearsal reads of a channel.
type found struct {
	Slug string
	Live bool
	HLS  string
	Pin  *foundPin
}

type foundPin struct {
	Pin     string
	Product struct{ ID string }
}

func (r *rehearsal) signIn(ctx context.Context) (token string, err error) {
	var answer struct{ Token string }
	err = r.door.post(ctx, "/api/v1/login", "", r.host, &answer)
	return answer.Token, err
}

// sleepUntil waits for a moment or the end.
func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
