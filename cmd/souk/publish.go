package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"souk/ingest"
	"souk/internal/testcard"
)

// publishTo is the flag whose value ends in a stream key.
const publishTo = "to"

// maxClip bounds a file that is pushed, in bytes: it is held in memory.
const maxClip = 1 << 30

// runPublish is `souk publish`.
func runPublish(ctx context.Context, c *cli, args []string) error {
	set := flag.NewFlagSet("publish", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	to := set.String(publishTo, "", "rtmp://host/live/KEY")
	file := set.String("file", "", "FLV file; the built-in clip without it")
	loop := set.Bool("loop", false, "start over at the end, and reconnect when cut")
	flatOut := set.Bool("flat-out", false, "as fast as the server takes it, not in real time")
	if err := presets(c, set, nil); err != nil {
		return err
	}
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	if *to == "" || set.NArg() > 0 {
		return fmt.Errorf("%w: publish needs --to rtmp://host/live/KEY and nothing else", errUsage)
	}
	clip := testcard.Clip()
	if *file != "" {
		var err error
		if clip, err = readClip(*file); err != nil {
			return err
		}
	}
	e := &ingest.Encoder{URL: *to, Clip: clip, Loop: *loop, FlatOut: *flatOut, Log: c.logger(slog.LevelInfo)}
	return e.Run(ctx)
}

func readClip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: --file: %v", errUsage, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxClip+1))
	if err == nil && len(b) > maxClip {
		err = fmt.Errorf("--file: larger than %d bytes", maxClip)
	}
	return b, err
}
