package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"souk/ingest"
	"souk/internal/testcard"
)

// maxClip bounds a file that is pushed, in bytes: it is held in memory.
const maxClip = 1 << 30

// runPublish is `souk publish`.
func runPublish(ctx context.Context, c *cli, args []string) error {
	set := flag.NewFlagSet("publish", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	to := set.String("to", "", "rtmp://host/live/KEY")
	file := set.String("file", "", "FLV file; the built-in clip without it")
	loop := set.Bool("loop", false, "start over at the end, and reconnect when cut")
	flatOut := set.Bool("flat-out", false, "as fast as the server takes it, not in real time")
	if err := set.Parse(args); err != nil {
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
