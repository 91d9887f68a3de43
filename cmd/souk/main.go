// Command souk is live shopping in one binary: RTMP in, HLS out, rooms over
// websocket, a shop with one tap.
//
// The tour: config.go says every option once; serve.go builds the server,
// opens the listeners, runs and drains it; routes.go lists every URL; wire.go
// holds the adapters between packages that do not know each other. demo.go and
// publish.go put something on air; operate.go holds the operator's commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"souk/internal/cards"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// errUsage marks what the person at the keyboard got wrong: exit code 2.
var errUsage = errors.New("usage")

// errReported is a failure that has been printed already.
var errReported = errors.New("reported")

// command is one word after `souk`.
type command struct {
	name, args, does string
	run              func(ctx context.Context, c *cli, args []string) error
}

// cli is what a command may touch of the outside.
type cli struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
}

func commands() []command {
	return []command{
		{"serve", "[flags]", "run the server (default)", runServe},
		{"demo", "[flags]", "run the server with a seeded shop and a clip on air", runDemo},
		{"publish", "--to URL [--file F.flv] [--loop] [--flat-out]", "push a clip over RTMP", runPublish},
		{"rehearse", "--url URL --viewers N --buyers M", "send a synthetic audience, print one JSON report", runRehearse},
		{"user add", "--email E [--name N] [--channel C --title T --role R]", "make an account (password from standard input)", runUserAdd},
		{"key show", "CHANNEL", "print a channel's stream key", runKeyShow},
		{"key rotate", "CHANNEL", "replace a channel's stream key", runKeyRotate},
		{"fee show", "CHANNEL", "print what the house keeps of a channel's orders", runFeeShow},
		{"fee set", "CHANNEL [--bps N] [--fixed USD=30,EUR=25] [--product SKU | --merchant EMAIL] [--clear]", "say what it keeps, from the next order on", runFeeSet},
		{"fsck", "[flags]", "check every stock, order and ledger invariant", runFsck},
		{"config", "", "print a commented sample of all options", runConfig},
		{"version", "", "print the version", runVersion},
	}
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(exitFailure) // asked twice: at once
	}()
	c := &cli{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv}
	os.Exit(c.main(ctx, os.Args[1:]))
}

// main runs the command that args name and returns the exit code.
func (c *cli) main(ctx context.Context, args []string) int {
	cmd, rest, err := find(args)
	if err == nil {
		err = cmd.run(ctx, c, rest)
	}
	switch {
	case err == nil, errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		c.usage(c.out)
		return exitOK
	case errors.Is(err, errReported):
		return exitFailure
	case errors.Is(err, errUsage):
		fmt.Fprintf(c.err, "souk: %v\nRun `souk help` for the commands and flags.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(c.err, "souk: %v\n", err)
		return exitFailure
	}
}

// find picks the command: the longest name that args begin with; serve when
// they begin with a flag or not at all.
func find(args []string) (command, []string, error) {
	all := commands()
	if len(args) == 0 || args[0] != "" && args[0][0] == '-' && args[0] != "-h" && args[0] != "--help" {
		return all[0], args, nil
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		return command{}, nil, flag.ErrHelp
	}
	for _, n := range []int{2, 1} {
		for _, c := range all {
			if len(args) >= n && c.name == joinWords(args[:n]) {
				return c, args[n:], nil
			}
		}
	}
	return command{}, nil, fmt.Errorf("%w: no command %q", errUsage, args[0])
}

func joinWords(w []string) string {
	if len(w) == 1 {
		return w[0]
	}
	return w[0] + " " + w[1]
}

func (c *cli) usage(w io.Writer) {
	fmt.Fprintln(w, "souk is live shopping that you own.\n\nCommands:")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  souk %-12s %-58s %s\n", cmd.name, cmd.args, cmd.does)
	}
	fmt.Fprintln(w, "\nFlags of serve and demo (each also as an environment variable):")
	for _, o := range options(new(Config)) {
		fmt.Fprintf(w, "  --%-24s %s (%s)\n", o.name, o.sentence, o.shownDefault())
	}
}

func (c *cli) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level, ReplaceAttr: unreadable}))
}

// unreadable takes card numbers out of what is logged: an error may quote what
// somebody typed.
func unreadable(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(cards.Mask(v))
	case error:
		a.Value = slog.StringValue(cards.Mask(v.Error()))
	}
	return a
}
