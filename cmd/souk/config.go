package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk/show"
)

// Config is every option of the server.
type Config struct {
	HTTP, RTMP, RTMPS, Admin string
	TLSCert, TLSKey          string
	Data, Database, Redis    string
	PublicURL, NodeURL       string
	EmbedSites               string
	Origin                   string
	Proxies, RTMPProxies     string
	StripeSecretKey          string
	StripePublishableKey     string
	StripeWebhookSecret      string
	SMTP, MailFrom           string
	ParcelSpeed              int
	Barred                   string
	CountryHeader, GeoIP     string
	Grace                    time.Duration
	ChatKeep                 time.Duration
	AddressSockets           int
	FFmpeg                   string
	ReadyFile                string
	LogLevel                 slog.Level
	Record                   bool
	KeepRecordings           time.Duration // 0: for ever
	RecordingsMax            int64         // bytes, 0: no limit
	NoBroadcast              bool          // demo only
}

// maxSecretFile bounds a file that holds one secret, in bytes.
const maxSecretFile = 4 << 10

// option is one option, said once: everything else (flags, environment, help,
// the sample file) is derived from this list.
type option struct {
	name     string
	value    flag.Value
	preset   string
	sentence string
	secret   bool // may also come from a file, and its value is never printed
}

func options(c *Config) []option {
	text := func(p *string) flag.Value { return (*textValue)(p) }
	return []option{
		{"http", text(&c.HTTP), ":8080", "address of pages, API, HLS and websocket", false},
		{"rtmp", text(&c.RTMP), ":1935", "address encoders push to", false},
		{"rtmps", text(&c.RTMPS), "", "address encoders push to over TLS", false},
		{"tls-cert", text(&c.TLSCert), "", "certificate chain for rtmps, a PEM file", false},
		{"tls-key", text(&c.TLSKey), "", "private key for rtmps, a PEM file", false},
		{"admin", text(&c.Admin), "127.0.0.1:9090", "address of metrics, profiles and health; keep it private", false},
		{"data", text(&c.Data), "./data", "folder for everything that must last", false},
		{"database", text(&c.Database), "", "postgres://… instead of a SQLite file in the data folder", true},
		{"redis", text(&c.Redis), "", "redis://… that joins the rooms of several servers over one PostgreSQL", true},
		{"public-url", text(&c.PublicURL), "", "address people reach this server by, for links and cookies", false},
		{"node-url", text(&c.NodeURL), "", "address the other servers of --redis reach this one by, when it is not that of --http", false},
		{"origin", text(&c.Origin), "", "address of another souk to be an edge of: media are served from here, all else is passed on to it", false},
		{"embed-sites", text(&c.EmbedSites), "*", "sites that may show channels in a frame, such as https://magazine.example; * for all, none when empty", false},
		{"proxies", text(&c.Proxies), "127.0.0.0/8,::1", "networks of proxies whose X-Forwarded-For is believed", false},
		{"rtmp-proxies", text(&c.RTMPProxies), "", "networks of proxies that introduce encoders with a PROXY header, and must", false},
		{"stripe-secret-key", text(&c.StripeSecretKey), "", "Stripe secret or restricted key; without it a sandbox takes the payments", true},
		{"stripe-publishable-key", text(&c.StripePublishableKey), "", "Stripe publishable key", false},
		{"stripe-webhook-secret", text(&c.StripeWebhookSecret), "", "signing secret of the Stripe webhook endpoint /hooks/stripe", true},
		{"smtp", text(&c.SMTP), "", "mail server for mails about orders: smtp://user:password@host:587, or smtps://; without it there are none, and in the sandbox they go into a folder", true},
		{"mail-from", text(&c.MailFrom), "", "address that mails are from", false},
		{"parcel-speed", (*countValue)(&c.ParcelSpeed), "1000", "how many times faster than real ones the sandbox's parcels travel", false},
		{"barred", text(&c.Barred), "", "countries where no channel sells without a licence, with why: ID=Permendag 31/2023,SA", false},
		{"country-header", text(&c.CountryHeader), "", "header in which the proxies of --proxies say where a request comes from, such as CF-IPCountry", false},
		{"geoip", text(&c.GeoIP), "", "MaxMind DB file that says where addresses are", false},
		{"grace", (*durationValue)(&c.Grace), show.DefaultGrace.String(), "how long a show waits for a lost encoder", false},
		{"address-sockets", (*countValue)(&c.AddressSockets), "2000", "websockets that one client address may have open; this machine is not limited", false},
		{"chat-keep", (*durationValue)(&c.ChatKeep), "8760h0m0s", "how long conversation, questions and the audit list are kept", false},
		{"record", (*switchValue)(&c.Record), "true", "record shows, for replays and for rewinding while they are on", false},
		{"keep-recordings", (*ageValue)(&c.KeepRecordings), "30d", "how long recordings are kept after the show, 0 for ever; channels may say otherwise", false},
		{"recordings-max", (*sizeValue)(&c.RecordingsMax), "50GB", "what all recordings may take, the oldest go first; 0 for no limit", false},
		{"ffmpeg", text(&c.FFmpeg), "ffmpeg", "program that takes pictures of what is on air; where there is none, there are no pictures", false},
		{"ready-file", text(&c.ReadyFile), "", "file that appears, whole, once every listener accepts", false},
		{"log-level", (*levelValue)(&c.LogLevel), "info", "debug, info, warn or error", false},
	}
}

type (
	textValue     string
	countValue    int
	durationValue time.Duration
	levelValue    slog.Level
)

func (v *textValue) String() string     { return string(*v) }
func (v *textValue) Set(s string) error { *v = textValue(s); return nil }

func (v *countValue) String() string { return strconv.Itoa(int(*v)) }
func (v *countValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return errors.New("want a number from 1 on")
	}
	*v = countValue(n)
	return nil
}

func (v *durationValue) String() string { return time.Duration(*v).String() }
func (v *durationValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("want a time such as 60s or 2m")
	}
	*v = durationValue(d)
	return nil
}

func (v *levelValue) String() string     { return strings.ToLower(slog.Level(*v).String()) }
func (v *levelValue) Set(s string) error { return (*slog.Level)(v).UnmarshalText([]byte(s)) }

func (o option) env() string {
	return "SOUK_" + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

func (o option) shownDefault() string {
	if o.preset == "" {
		return "off"
	}
	return o.preset
}

// parse fills a Config: flag over environment over secret file over default.
// extra adds flags that only one command has. Errors wrap errUsage.
func parse(c *cli, name string, args []string, extra func(*flag.FlagSet, *Config)) (Config, []string, error) {
	var cfg Config
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	all := options(&cfg)
	for _, o := range all {
		if o.preset != "" {
			if err := o.value.Set(o.preset); err != nil {
				panic(err) // a preset of ours
			}
		}
		if v, from, err := fromEnv(c, o); err != nil {
			return cfg, nil, err
		} else if from != "" {
			if err := o.value.Set(v); err != nil {
				return cfg, nil, fmt.Errorf("%w: %s: %v", errUsage, from, err)
			}
		}
		set.Var(o.value, o.name, o.sentence)
	}
	if extra != nil {
		extra(set, &cfg)
		if err := presets(c, set, all); err != nil {
			return cfg, nil, err
		}
	}
	// Flags may stand before and after the arguments.
	var words []string
	for {
		if err := set.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return cfg, nil, err
			}
			return cfg, nil, fmt.Errorf("%w: %v", errUsage, err)
		}
		if set.NArg() == 0 {
			return cfg, words, cfg.check()
		}
		words, args = append(words, set.Arg(0)), set.Args()[1:]
	}
}

// presets sets the flags of set that are not among the options from the
// environment. None of them is a secret but the address to publish to, which
// ends in a stream key, and a rehearsing host's password.
func presets(c *cli, set *flag.FlagSet, options []option) (err error) {
	set.VisitAll(func(f *flag.Flag) {
		if slices.ContainsFunc(options, func(o option) bool { return o.name == f.Name }) {
			return
		}
		v, from, e := fromEnv(c, option{name: f.Name, secret: f.Name == publishTo || f.Name == hostPassword})
		if e == nil && v != "" {
			if e = f.Value.Set(v); e != nil {
				e = fmt.Errorf("%w: %s: %v", errUsage, from, e)
			}
		}
		err = errors.Join(err, e)
	})
	return err
}

// fromEnv returns the value of o in the environment and the variable it came
// from, "" when there is none.
func fromEnv(c *cli, o option) (value, from string, err error) {
	if v, ok := c.env(o.env()); ok {
		return v, o.env(), nil
	}
	path, ok := c.env(o.env() + "_FILE")
	if !o.secret || !ok {
		return "", "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "", fmt.Errorf("%w: %s_FILE: %v", errUsage, o.env(), err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if value = strings.TrimSpace(string(b)); err == nil && value == "" {
		err = fmt.Errorf("%w: %s_FILE: %s is empty", errUsage, o.env(), path)
	}
	return value, o.env() + "_FILE", err
}

// embeddable is a list of origins as frame-ancestors takes them, and nothing
// that could end the directive.
var embeddable = regexp.MustCompile(`^( *(\*|https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]+)?))* *$`)

// check refuses combinations that cannot work, before anything starts.
func (c *Config) check() error {
	if c.RTMPS != "" && (c.TLSCert == "" || c.TLSKey == "") {
		return fmt.Errorf("%w: --rtmps needs --tls-cert and --tls-key", errUsage)
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%w: --public-url must be a whole address such as https://shop.example", errUsage)
		}
		c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	}
	if !embeddable.MatchString(c.EmbedSites) {
		return fmt.Errorf("%w: --embed-sites takes * or origins such as https://magazine.example, with spaces between them", errUsage)
	}
	if c.Redis != "" && c.Database == "" {
		return fmt.Errorf("%w: --redis joins servers that share a --database", errUsage)
	}
	if c.Origin != "" {
		u, err := url.Parse(c.Origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("%w: --origin must be the address of a server such as http://10.0.0.5:8080", errUsage)
		}
	}
	if _, err := parseProxies(c.Proxies); err != nil {
		return fmt.Errorf("%w: --proxies: %v", errUsage, err)
	}
	// Half a configuration would sell real goods for the sandbox's money.
	if c.StripeSecretKey == "" && (c.StripePublishableKey != "" || c.StripeWebhookSecret != "") {
		return fmt.Errorf("%w: Stripe needs --stripe-secret-key too; without any of the three a sandbox takes the payments", errUsage)
	}
	live := strings.HasPrefix(c.StripeSecretKey, "sk_live_") || strings.HasPrefix(c.StripeSecretKey, "rk_live_")
	if live && !strings.HasPrefix(c.PublicURL, "https://") {
		return fmt.Errorf("%w: live Stripe keys need an https --public-url", errUsage)
	}
	if live && c.StripePublishableKey == "" {
		return fmt.Errorf("%w: live Stripe keys need --stripe-publishable-key, with which pages save a card", errUsage)
	}
	if (c.SMTP == "") != (c.MailFrom == "") {
		return fmt.Errorf("%w: mails need both --smtp and --mail-from", errUsage)
	}
	if c.SMTP != "" && c.PublicURL == "" {
		return fmt.Errorf("%w: mails need a --public-url, where their links lead", errUsage)
	}
	return nil
}

// database is the address of what must last.
func (c *Config) database() string {
	if c.Database != "" {
		return c.Database
	}
	return "sqlite:" + c.sqlite()
}

// sqlite is the file that holds everything when there is no other database.
func (c *Config) sqlite() string { return filepath.Join(c.Data, "souk.db") }

// public is the address people reach the server by; nil when it is that of
// each request.
func (c *Config) public() *url.URL {
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		return u
	}
	return nil
}

// https tells whether people reach the server by https only.
func (c *Config) https() bool { return strings.HasPrefix(c.PublicURL, "https://") }

// runConfig prints a sample that, fed back as an environment file, changes
// nothing.
func runConfig(_ context.Context, c *cli, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: config takes no arguments", errUsage)
	}
	fmt.Fprintln(c.out, "# souk: every option, with its default. Each is also a flag: SOUK_HTTP is --http.")
	for _, o := range options(new(Config)) {
		fmt.Fprintf(c.out, "\n# %s.", strings.ToUpper(o.sentence[:1])+o.sentence[1:])
		if o.secret {
			fmt.Fprintf(c.out, " Or the name of a file that holds it: %s_FILE.", o.env())
		}
		fmt.Fprintf(c.out, "\n#%s=%s\n", o.env(), o.preset)
	}
	return nil
}

// ffmpeg is the path of the program, empty where there is none.
func (c *Config) ffmpeg() string {
	path, err := exec.LookPath(c.FFmpeg)
	if err != nil {
		return ""
	}
	return path
}
