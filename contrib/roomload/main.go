//go:build linux

// Command roomload is a crowd in a websocket room. It opens many connections
// from one process, has somebody talk, and reports what arrived: how much, how
// late, whether in order and each message once, and what it cost the server.
//
//	roomload -url http://127.0.0.1:8080 -token T -n 1000 -rate 200 -for 8s -pid 1234
//	roomload compare -souk bin/souk          the whole comparison, as a table
//	roomload bare                            the reference that only makes write calls
//
// Latency counts from the moment at which a message should have been sent, so
// that a server that holds up the talker does not look fast. CPU time is
// quoted for a million deliveries, a delivery being one message to one viewer.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "bare":
		err = bareMain(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "compare":
		err = compareMain(os.Args[2:])
	default:
		err = loadMain(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "roomload:", err)
		os.Exit(1)
	}
}

func loadMain(args []string) error {
	var l load
	set := flag.NewFlagSet("roomload", flag.ExitOnError)
	set.StringVar(&l.Kind, "kind", "souk", "what the server is: souk, bare or centrifuge")
	set.StringVar(&l.URL, "url", "http://127.0.0.1:8080", "the server")
	set.StringVar(&l.Channel, "channel", "tea", "the room")
	set.StringVar(&l.Token, "token", "", "session of a host of the channel, who talks (souk)")
	set.IntVar(&l.Viewers, "n", 1000, "viewers")
	set.IntVar(&l.Sources, "sources", 8, "loopback addresses that the viewers come from")
	set.Float64Var(&l.Rate, "rate", 10, "messages a second; 0 for as many as -window allows")
	set.IntVar(&l.Window, "window", 64, "messages on their way, with -rate 0")
	set.BoolVar(&l.Urgent, "urgent", false, "send notices, which do not wait for a tick (souk)")
	set.IntVar(&l.Size, "size", 100, "bytes of text in a message")
	set.DurationVar(&l.Span, "for", 8*time.Second, "how long to measure; 0 to see idle viewers only")
	set.DurationVar(&l.Settle, "settle", 2*time.Second, "pause before memory is read and before the talk is measured")
	set.DurationVar(&l.Storm, "storm", 0, "how long after the begin everybody drops and comes back; 0 for never")
	set.IntVar(&l.Dead, "dead", 0, "viewers that stop reading")
	set.IntVar(&l.Receive, "receive-buffer", 0, "SO_RCVBUF of those that stop reading; 0 for the system's")
	set.BoolVar(&l.Deflate, "deflate", false, "offer permessage-deflate")
	set.StringVar(&l.Product, "product", "", "a product whose stock changes ten times a second meanwhile (souk)")
	set.IntVar(&l.PID, "pid", 0, "server process whose CPU time and memory are reported")
	_ = set.Parse(args)
	r, err := l.run()
	if err != nil {
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// sources are n loopback addresses: one can hold about 28,000 connections to
// one port, and a server may limit what comes from one.
func sources(n int) []netip.Addr {
	at := netip.AddrFrom4([4]byte{127, 0, 0, 2})
	all := []netip.Addr{at}
	for len(all) < n {
		at = at.Next()
		all = append(all, at)
	}
	return all
}

// enoughFiles checks that the process may open one file for each viewer. Go has
// raised the limit as far as it may.
func enoughFiles(viewers int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if uint64(viewers)+spareFiles > limit.Cur {
		return fmt.Errorf("%d viewers need more open files than this process may have (%d)", viewers, limit.Cur)
	}
	return nil
}

const spareFiles = 64
