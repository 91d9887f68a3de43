package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"souk/account"
	"souk/internal/db"
	"souk/shop"
)

// version is set by the release build; a checkout tells its commit.
var version = ""

// runVersion is `souk version`.
func runVersion(_ context.Context, c *cli, _ []string) error {
	v, commit := version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = " " + s.Value[:min(12, len(s.Value))]
			}
		}
		commit += " " + info.GoVersion
	}
	fmt.Fprintf(c.out, "souk %s%s\n", v, commit)
	return nil
}

// withExisting is withDatabase for commands that have nothing to say about an
// empty shop: a mistyped folder must not become one that is "clean".
func withExisting(ctx context.Context, c *cli, cfg Config, do func(context.Context, *db.DB, *slog.Logger) error) error {
	if cfg.Database == "" {
		if _, err := os.Stat(cfg.sqlite()); err != nil {
			return fmt.Errorf("--data: no souk has run here: %w", err)
		}
	}
	return withDatabase(ctx, c, cfg, do)
}

// withDatabase runs an operator's command on the database, beside a running
// server or without one.
func withDatabase(ctx context.Context, c *cli, cfg Config, do func(context.Context, *db.DB, *slog.Logger) error) error {
	log := c.logger(max(cfg.LogLevel, slog.LevelWarn))
	if cfg.Database == "" {
		if _, err := os.Stat(cfg.Data); err != nil {
			if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
				return fmt.Errorf("--data: %w", err)
			}
		}
	}
	d, err := db.Open(ctx, cfg.database(), log)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := migrate(ctx, d); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.Run(running) // ends with running
	}()
	defer func() { stop(); <-ended }()
	return do(ctx, d, log)
}

// runUserAdd is `souk user add`.
func runUserAdd(ctx context.Context, c *cli, args []string) error {
	var email, name, channel, title, role string
	cfg, rest, err := parse(c, "user add", args, func(set *flag.FlagSet, _ *Config) {
		set.StringVar(&email, "email", "", "")
		set.StringVar(&name, "name", "", "")
		set.StringVar(&channel, "channel", "", "")
		set.StringVar(&title, "title", "", "")
		set.StringVar(&role, "role", string(account.Owner), "")
	})
	if err != nil {
		return err
	}
	if email == "" || len(rest) > 0 {
		return fmt.Errorf("%w: user add needs --email and takes flags only", errUsage)
	}
	password, made, err := readPassword(c)
	if err != nil {
		return err
	}
	return withDatabase(ctx, c, cfg, func(ctx context.Context, d *db.DB, log *slog.Logger) error {
		accounts := account.New(d, log)
		id, found, err := accounts.AccountByEmail(ctx, email)
		if err != nil {
			return err
		}
		if !found {
			if id, err = accounts.CreateAccount(ctx, account.NewAccount{Email: email, Name: name, Password: password}); err != nil {
				return sentence(err)
			}
			fmt.Fprintf(c.out, "account %s\n", email)
			if made {
				fmt.Fprintf(c.out, "password %s\n", password)
			}
		}
		if channel == "" {
			return nil
		}
		return addRole(ctx, c, accounts, channel, title, id, account.Role(role))
	})
}

// addRole gives a person a role; an owner of a channel that is not there yet
// gets it made.
func addRole(ctx context.Context, c *cli, accounts *account.Accounts, channel, title, person string, role account.Role) error {
	_, err := accounts.Channel(ctx, channel)
	if errors.Is(err, account.ErrNoChannel) && role == account.Owner {
		if title == "" {
			title = channel
		}
		if _, err = accounts.CreateChannel(ctx, account.Channel{Slug: channel, Title: title}); err == nil {
			fmt.Fprintf(c.out, "channel %s\n", channel)
		}
	}
	if err == nil {
		err = accounts.Grant(ctx, channel, person, role)
	}
	if err != nil {
		return sentence(err)
	}
	fmt.Fprintf(c.out, "role %s on %s\n", role, channel)
	return nil
}

// readPassword takes the first line of standard input, or makes a password
// when there is none.
func readPassword(c *cli) (password string, made bool, err error) {
	line, err := bufio.NewReader(c.in).ReadString('\n')
	if password = strings.TrimRight(line, "\r\n"); password != "" {
		return password, false, nil
	}
	if err != nil && line == "" {
		return rand.Text(), true, nil // nothing on standard input
	}
	return "", false, fmt.Errorf("%w: the password on standard input is empty", errUsage)
}

// runKeyShow is `souk key show`.
func runKeyShow(ctx context.Context, c *cli, args []string) error {
	return withKey(ctx, c, "key show", args, (*account.Accounts).StreamKey)
}

// runKeyRotate is `souk key rotate`. A running server notices and cuts the
// publisher that still uses the old key.
func runKeyRotate(ctx context.Context, c *cli, args []string) error {
	return withKey(ctx, c, "key rotate", args, (*account.Accounts).RotateKey)
}

func withKey(ctx context.Context, c *cli, name string, args []string, do func(*account.Accounts, context.Context, string) (string, error)) error {
	cfg, rest, err := parse(c, name, args, nil)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return fmt.Errorf("%w: %s needs a channel, after the flags", errUsage, name)
	}
	return withExisting(ctx, c, cfg, func(ctx context.Context, d *db.DB, log *slog.Logger) error {
		key, err := do(account.New(d, log), ctx, rest[0])
		if err != nil {
			return sentence(err)
		}
		fmt.Fprintln(c.out, key)
		return nil
	})
}

// runFsck is `souk fsck`: exit 1 and a line each when an invariant is broken.
func runFsck(ctx context.Context, c *cli, args []string) error {
	cfg, rest, err := parse(c, "fsck", args, nil)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: fsck takes flags only", errUsage)
	}
	return withExisting(ctx, c, cfg, func(ctx context.Context, d *db.DB, log *slog.Logger) error {
		broken, err := shop.New(d, log).Fsck(ctx)
		if err != nil {
			return err
		}
		for _, line := range broken {
			fmt.Fprintln(c.out, line)
		}
		if len(broken) > 0 {
			return errReported
		}
		fmt.Fprintln(c.out, "clean")
		return nil
	})
}
