package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"souk/account"
	"souk/chat"
	"souk/chat/redisbus"
	"souk/hls"
	"souk/ingest"
	"souk/internal/db"
	"souk/shop"
	"souk/shop/courier"
	"souk/shop/mail"
	"souk/shop/sandbox"
	"souk/shop/stripe"
	"souk/show"
	"souk/web"
)

// souk is the server: every package, built and wired.
type souk struct {
	cfg Config
	log *slog.Logger

	db       *db.DB
	accounts *account.Accounts
	board    *show.Board
	origin   *hls.Origin
	archive  *hls.Archive
	stills   *hls.Stills
	keys     *keys
	ingest   *ingest.Server
	hub      *chat.Hub
	records  *chat.Archive
	shop     *shop.Shop
	sandbox  *sandbox.Sandbox                       // nil with Stripe keys
	mailbox  *mail.Box                              // nil where mails are sent, or none are written
	bus      *redisbus.Bus                          // nil on a server that is alone
	streams  *redisbus.Streams                      // the same
	peers    *hls.Peers                             // the same
	note     func(context.Context, mail.Note) error // nil: there are no mails
	pages    *web.Pages
	beacons  *beacons
	places   places

	rtmpPort string // what port 0 became, for the studio
	hookURL  string // where the sandbox posts its notifications: this very server
}

// build makes everything and runs nothing. The database is open afterwards and
// its tables are up to date.
func build(ctx context.Context, cfg Config, log *slog.Logger) (s *souk, err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	d, err := db.Open(ctx, cfg.database(), log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	s = &souk{cfg: cfg, log: log, db: d, beacons: newBeacons()}
	if err := migrate(ctx, s.db); err != nil {
		return nil, err
	}
	s.accounts = account.New(s.db, log)
	s.accounts.Secure = cfg.https()
	if err := s.openArchive(); err != nil {
		return nil, err
	}
	s.origin = &hls.Origin{Log: log, Archive: s.archive, OnPlayable: s.onPlayable}
	s.stills = &hls.Stills{Origin: s.origin, Dir: filepath.Join(cfg.Data, "stills"), FFmpeg: cfg.ffmpeg(), Log: log}
	s.board = &show.Board{DB: s.db, Log: log, Grace: cfg.Grace, OnChange: s.onShow}
	s.keys = &keys{accounts: s.accounts, used: map[string]string{}}
	rtmpProxies, err := parseProxies(cfg.RTMPProxies)
	if err != nil {
		return nil, fmt.Errorf("%w: --rtmp-proxies: %v", errUsage, err)
	}
	s.ingest = &ingest.Server{
		Keys: s.keys, Origin: s.origin, OnState: s.onPublisher, OnHealth: s.onHealth, Policy: s.policy,
		Endpoints: func(r *http.Request) []string { return []string{s.rtmpServer(r)} }, Proxies: rtmpProxies, Log: log,
	}
	s.records = &chat.Archive{DB: s.db, Logger: log, Keep: cfg.ChatKeep}
	s.hub = &chat.Hub{Who: chatWho{s}, Log: &chat.SQLLog{DB: s.db}, Snapshot: s.snapshot, Outside: s.outside, Logger: log, PerAddress: cfg.AddressSockets}
	if at := cfg.public(); at != nil {
		s.hub.Origins = []string{at.Host}
	}
	if err := s.buildShop(); err != nil {
		return nil, err
	}
	if err := s.joinNodes(); err != nil {
		return nil, err
	}
	s.accounts.Ended = s.hub.Expel
	s.pages, err = web.New(web.Config{Boot: s.boot, Sandbox: s.sandbox != nil, EmbedSites: strings.Fields(cfg.EmbedSites), Log: log})
	if err != nil {
		return nil, err
	}
	s.openDoors()
	return s, nil
}

// buildShop picks the till: Stripe with keys, the sandbox without. Both are
// reached through the same client.
func (s *souk) buildShop() error {
	pay := stripe.Config{
		SecretKey: s.cfg.StripeSecretKey, PublishableKey: s.cfg.StripePublishableKey,
		WebhookSecret: s.cfg.StripeWebhookSecret, Log: s.log,
	}
	if pay.SecretKey == "" {
		s.log.Info("payments go to the sandbox: no money moves")
		s.sandbox = sandbox.New(s.db, s.log)
		s.sandbox.HookSecret = sandbox.NewSecret()
		s.sandbox.HookURL = func() string { return s.hookURL }
		pay.SecretKey, pay.WebhookSecret, pay.Transport = sandbox.Key, s.sandbox.HookSecret, s.sandbox
	}
	gateway, err := stripe.New(pay)
	if err != nil {
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	s.shop = shop.New(s.db, s.log)
	s.shop.Who, s.shop.Rooms, s.shop.Timeline = shopWho{s.accounts}, rooms{s}, timeline{s}
	s.shop.Gateway, s.shop.Wallet, s.shop.Disputes = gateway, gateway, gateway
	if s.sandbox != nil {
		s.shop.TestDispute = s.sandbox.Dispute
	}
	s.shop.Limits = stripe.Limits
	s.shop.PublicURL = s.cfg.PublicURL
	s.shop.Show = s.showID
	// A merchant's program on this machine is for trying things, not for a server that others can reach.
	s.shop.Poster.Loopback = s.sandbox != nil && s.cfg.PublicURL == ""
	if s.sandbox != nil {
		s.shop.Carrier = courier.Courier{Speed: float64(s.cfg.ParcelSpeed)}
	}
	if err := s.buildPlaces(); err != nil {
		return err
	}
	return s.buildMail()
}

// buildMail has buyers told by mail: through a mail server, or in the sandbox
// into a folder. Real orders without a mail server are told to nobody.
func (s *souk) buildMail() error {
	switch {
	case s.cfg.SMTP != "":
		sender, err := mail.NewSMTP(s.cfg.SMTP, s.cfg.MailFrom, s.sandbox != nil)
		if err != nil {
			return fmt.Errorf("%w: --smtp: %v", errUsage, err)
		}
		s.shop.Mail, s.note = sender.Send, sender.Note
	case s.sandbox != nil:
		s.mailbox = &mail.Box{Dir: filepath.Join(s.cfg.Data, "mail")}
		s.shop.Mail, s.note = s.mailbox.Send, s.mailbox.Note
	default:
		s.log.Warn("buyers get no mails: there is no --smtp")
	}
	return nil
}

// migrate brings every package's tables up to date.
func migrate(ctx context.Context, d *db.DB) error {
	for _, p := range []struct {
		name  string
		files fs.FS
	}{
		{"account", account.Migrations()},
		{"show", show.Migrations()},
		{"chat", chat.Migrations()},
		{"shop", shop.Migrations()},
		{"sandbox", sandbox.Migrations()},
	} {
		if err := d.Migrate(ctx, p.name, p.files); err != nil {
			return err
		}
	}
	return nil
}

// load picks up what a former process left: running shows wait for their
// encoders, with the pins that were on air.
func (s *souk) load(ctx context.Context) error {
	if err := s.board.Load(ctx); err != nil {
		return err
	}
	if err := s.loadArchive(ctx); err != nil {
		return err
	}
	return s.tellReplays(ctx)
}

// reachedAt learns the addresses that port 0 became.
func (s *souk) reachedAt(ln *listeners) {
	if a, ok := ln.rtmp.Addr().(*net.TCPAddr); ok {
		s.rtmpPort = strconv.Itoa(a.Port)
	}
	s.hookURL = ln.ready().HTTP + "/hooks/stripe"
	s.shop.Home, s.accounts.Home = ln.ready().HTTP, ln.ready().HTTP
	if s.streams != nil {
		s.streams.URL = cmp.Or(s.cfg.NodeURL, ln.ready().HTTP)
	}
}

// sandboxRun delivers the sandbox's notifications; with Stripe there is
// nothing to run.
func (s *souk) sandboxRun(ctx context.Context) error {
	if s.sandbox == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return s.sandbox.Run(ctx)
}
