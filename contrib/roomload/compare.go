//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Goals of souk's rooms; docs/operate.md explains the figures.
const (
	goalBytes      = 9 << 10 // of an idle viewer, at 10,000
	goalBare       = 1.5     // CPU of one write per message, against bare writes
	goalCentrifuge = 0.6     // … against centrifuge
	goalBusy       = 0.15    // CPU at 200 messages a second, against centrifuge
	goalLag        = 300.0   // ms, p99 at 10,000 viewers and 20 messages a second
	goalPeak       = 4e6     // deliveries a second, 1,000 viewers
	goalPeakLarge  = 3e6     // … 10,000 viewers
	goalStorm      = 4.0     // s until 10,000 are back
	goalDead       = 1.2     // p99 with a fifth that do not read, against without
	goalStock      = 100.0   // ms, p99 of a change of stock in a flood of talk
	goalLate       = 8.0     // ms, p99 of a sleeper in the process
)

// bench is a comparison under way.
type bench struct {
	souk, centrifuge, self string
	dir                    string
	rounds                 int
	viewers                func(int) int // scaled
	rows                   []row
}

// row is a line of the table.
type row struct {
	what, got, goal string
	met             bool
}

var trials = []struct {
	name string
	run  func(*bench) error
}{
	{"idle", (*bench).idle}, {"single", (*bench).single}, {"busy", (*bench).busy}, {"large", (*bench).large},
	{"peak", (*bench).peak}, {"storm", (*bench).storm}, {"dead", (*bench).dead}, {"stock", (*bench).stock},
}

func compareMain(args []string) error {
	b := &bench{}
	set := flag.NewFlagSet("roomload compare", flag.ExitOnError)
	set.StringVar(&b.souk, "souk", "bin/souk", "the binary")
	set.StringVar(&b.centrifuge, "centrifuge", "", "the reference on the centrifuge library; built from contrib/roomload/centrifuge if empty")
	set.IntVar(&b.rounds, "rounds", 3, "times that servers are compared in turn; medians count")
	only := set.String("only", "", "trials to run, with commas: idle single busy large peak storm dead stock; all if empty")
	scale := set.Float64("scale", 1, "share of the viewers, for a machine that may not open 20,000 files; the goals are for 1")
	_ = set.Parse(args)
	b.viewers = func(n int) int { return max(10, int(float64(n)**scale)) }
	dir, err := os.MkdirTemp("", "roomload")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	for _, t := range trials {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), t.name) {
			continue
		}
		if err := t.run(b); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return b.print()
}

func (b *bench) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tgot\tgoal\t")
	for _, r := range b.rows {
		mark := ""
		if !r.met {
			mark = "missed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.what, r.got, r.goal, mark)
	}
	return w.Flush()
}

// most and least note a figure that should be at most or at least its goal.
func (b *bench) most(what string, got, goal float64, unit string) {
	b.rows = append(b.rows, row{what, figure(got) + unit, "≤ " + figure(goal) + unit, got <= goal})
}

func (b *bench) least(what string, got, goal float64, unit string) {
	b.rows = append(b.rows, row{what, figure(got) + unit, "≥ " + figure(goal) + unit, got >= goal})
}

// note notes a figure that has no goal.
func (b *bench) note(what string, got float64, unit string) {
	b.rows = append(b.rows, row{what, figure(got) + unit, "", true})
}

// whole notes that everything arrived in order and once.
func (b *bench) whole(what string, r *report) {
	b.rows = append(b.rows, row{what, fmt.Sprintf("%d lost, %d doubled of %d", r.Lost, r.Doubled, r.Expected), "0, 0", r.Lost == 0 && r.Doubled == 0})
}

func figure(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// start starts a server by its kind; args are the reference's.
func (b *bench) start(kind string, args ...string) (*server, error) {
	switch kind {
	case "souk":
		return startSouk(b.souk, b.dir)
	case "bare":
		return plain(kind, b.self, "bare")
	}
	if b.centrifuge == "" {
		b.centrifuge = filepath.Join(b.dir, "centrifuge")
		build := exec.Command("go", "build", "-o", b.centrifuge, ".")
		build.Dir = filepath.Join("contrib", "roomload", "centrifuge")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the centrifuge reference: %w: %s", err, out)
		}
	}
	return plain(kind, b.centrifuge, args...)
}

// one runs a load against a fresh server.
func (b *bench) one(kind string, l load, args ...string) (*report, error) {
	s, err := b.start(kind, args...)
	if err != nil {
		return nil, err
	}
	defer s.end()
	l = s.fill(l)
	r, err := l.run()
	if err == nil {
		fmt.Fprintf(os.Stderr, "%-10s %s\n", kind, must(r))
	}
	return r, err
}

// inTurn runs a load against each kind of server, rounds times in turn, and
// returns the median of a figure for each.
func (b *bench) inTurn(kinds []string, l load, of func(*report) float64) (map[string]float64, error) {
	all := map[string][]float64{}
	for range b.rounds {
		for _, kind := range kinds {
			r, err := b.one(kind, l)
			if err != nil {
				return nil, err
			}
			if kind == "souk" && (r.Lost != 0 || r.Doubled != 0) {
				return nil, fmt.Errorf("%d lost, %d doubled", r.Lost, r.Doubled)
			}
			all[kind] = append(all[kind], of(r))
		}
	}
	medians := map[string]float64{}
	for kind, v := range all {
		slices.Sort(v)
		medians[kind] = v[len(v)/2]
	}
	return medians, nil
}

const span = 8 * time.Second
