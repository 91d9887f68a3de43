package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"souk/account"
	"souk/ingest"
	"souk/internal/testcard"
	"souk/shop"
	"souk/web"
)

// The demo's shop.
const (
	demoChannel = "tea"
	demoTitle   = "Tea House"
	demoHost    = "Hana"
	demoEmail   = "host@tea.example"
	demoRetry   = 2 * time.Second // how soon the clip tries to be on air again
)

var demoProducts = []struct {
	picture string
	product shop.NewProduct
}{
	{"sencha-tin", shop.NewProduct{SKU: "sencha-100", Title: "Spring sencha, 100 g", Price: usd(1450), Stock: 24,
		Description: "First flush from a small garden on a north slope. Steamed, rolled by hand, sweet at 70 degrees."}},
	{"teapot", shop.NewProduct{SKU: "teapot-moss", Title: "Moss-green teapot", Price: usd(5800), Stock: 5,
		Description: "Stoneware, 600 ml, with a strainer thrown into the spout. Every one a little different."}},
	{"two-cups", shop.NewProduct{SKU: "cups-pair", Title: "Pair of cups", Price: usd(2600), Stock: 12,
		Description: "Two cups, 120 ml each, cream glaze over dark clay."}},
	{"matcha-whisk", shop.NewProduct{SKU: "whisk-80", Title: "Matcha whisk", Price: usd(1900), Stock: 16,
		Description: "Eighty prongs, cut from one piece of bamboo."}},
	{"tea-sampler", shop.NewProduct{SKU: "sampler-6", Title: "Sampler of six teas", Price: usd(2200), Stock: 30,
		Description: "Six tins of 15 g: sencha, hojicha, genmaicha, assam, earl grey, lapsang."}},
	{"tasting-spoon", shop.NewProduct{SKU: "spoon-brass", Title: "Brass tasting spoon", Price: usd(950), Stock: 3,
		Description: "For measuring leaves and for looking as if you knew what you were doing."}},
}

func usd(cents int64) shop.Money { return shop.Money{Amount: cents, Currency: "USD"} }

// demoReady is what the demo adds to the ready file.
type demoReady struct {
	Channel   string      `json:"channel"`
	StreamKey string      `json:"stream_key"`
	Host      credentials `json:"host"`
	Watch     string      `json:"watch"`
	Studio    string      `json:"studio"`
}

type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// runDemo is `souk demo`.
func runDemo(ctx context.Context, c *cli, args []string) error {
	cfg, rest, err := parse(c, "demo", args, func(set *flag.FlagSet, cfg *Config) {
		set.BoolVar(&cfg.NoBroadcast, "no-broadcast", false, "seed only, put nothing on air")
	})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: demo takes flags only, not %q", errUsage, rest[0])
	}
	if cfg.Origin != "" {
		return fmt.Errorf("%w: the demo is a server of its own: --origin is for souk serve", errUsage)
	}
	if cfg.StripeSecretKey != "" {
		return fmt.Errorf("%w: the demo sells nothing for real: run it without Stripe keys", errUsage)
	}
	log := c.logger(cfg.LogLevel)
	return serve(ctx, cfg, log, func(ctx context.Context, s *souk, ln *listeners) (any, []part, error) {
		host, err := s.seed(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("seed the demo: %w", err)
		}
		key, err := s.accounts.StreamKey(ctx, demoChannel)
		if err != nil {
			return nil, nil, err
		}
		at := ln.ready()
		d := demoReady{
			Channel: demoChannel, StreamKey: key, Host: host,
			Watch: at.HTTP + "/live/" + demoChannel, Studio: at.HTTP + "/studio",
		}
		d.print(c, at)
		if cfg.NoBroadcast {
			return d, nil, nil
		}
		return d, []part{func(ctx context.Context) error { return s.demoBroadcast(ctx, at.RTMP) }}, nil
	})
}

// demoBroadcast keeps the clip on air. A host who tries out a new key, or their
// own encoder with the old one, takes it off air; it comes back with the key of
// the hour once nobody else is on.
func (s *souk) demoBroadcast(ctx context.Context, server string) error {
	for {
		key, err := s.accounts.StreamKey(ctx, demoChannel)
		if err != nil {
			return err
		}
		if _, on := s.ingest.Publisher(demoChannel); !on {
			encoder := &ingest.Encoder{URL: server + "/" + key, Clip: testcard.Clip(), Loop: true, Log: s.log}
			if err := encoder.Run(ctx); !errors.Is(err, ingest.ErrRefused) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(demoRetry):
		}
	}
}

func (d demoReady) print(c *cli, at ready) {
	fmt.Fprintf(c.out, `
  The Tea House is open. No money moves here.

    watch and buy   %s
    studio          %s
      e-mail        %s
      password      %s
    OBS             server %s
                    key    %s

  Stop with Ctrl-C.

`, d.Watch, d.Studio, d.Host.Email, d.Host.Password, at.RTMP, d.StreamKey)
}

// seed makes the channel, its host, its products and a pin, whatever of it is
// not there yet: a second run finds its own work.
func (s *souk) seed(ctx context.Context) (credentials, error) {
	host, err := s.demoCredentials()
	if err != nil {
		return host, err
	}
	id, found, err := s.accounts.AccountByEmail(ctx, host.Email)
	if err == nil && !found {
		id, err = s.accounts.CreateAccount(ctx, account.NewAccount{Email: host.Email, Name: demoHost, Password: host.Password})
	}
	if err != nil {
		return host, err
	}
	if _, err := s.accounts.Channel(ctx, demoChannel); errors.Is(err, account.ErrNoChannel) {
		_, err = s.accounts.CreateChannel(ctx, account.Channel{Slug: demoChannel, Title: demoTitle})
		if err != nil {
			return host, err
		}
	} else if err != nil {
		return host, err
	}
	for _, role := range []account.Role{account.Owner, account.Merchant} {
		if err := s.accounts.Grant(ctx, demoChannel, id, role); err != nil {
			return host, err
		}
	}
	return host, s.seedProducts(ctx, id)
}

func (s *souk) seedProducts(ctx context.Context, host string) error {
	there, err := s.shop.Products(ctx, demoChannel)
	if err != nil || len(there) > 0 {
		return err
	}
	first := ""
	for _, d := range demoProducts {
		body, err := web.DemoPictures.ReadFile("demo/" + d.picture + ".webp")
		if err != nil {
			return err
		}
		n := d.product
		if n.Image, err = s.shop.SaveImage(ctx, body); err != nil {
			return err
		}
		made, err := s.shop.AddTo(ctx, demoChannel, host, n)
		if err != nil {
			return err
		}
		if first == "" {
			first = made.ID
		}
	}
	_, err = s.shop.PutOnAir(ctx, demoChannel, first, nil)
	return err
}

// demoCredentials returns the host's password, made on the first run and kept
// beside the database: a password that everybody knows would open every demo
// that can be reached.
func (s *souk) demoCredentials() (credentials, error) {
	path := filepath.Join(s.cfg.Data, "demo.json")
	c := credentials{Email: demoEmail}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &c)
		return c, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	c.Password = rand.Text()
	if b, err = json.Marshal(c); err != nil {
		return c, err
	}
	return c, os.WriteFile(path, b, 0o600)
}
