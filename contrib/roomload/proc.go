//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat: 1/100 s on every Linux of the last decades.
const clockTick = 10 * time.Millisecond

// usage is what a process has used so far.
type usage struct {
	cpu time.Duration
	rss int64
}

// used reads it; pid 0 is nobody.
func used(pid int) (u usage, err error) {
	if pid == 0 {
		return u, nil
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	_, rest, ok := bytes.Cut(b, []byte(") ")) // the name may hold spaces
	f := strings.Fields(string(rest))
	if !ok || len(f) < 22 {
		return u, fmt.Errorf("/proc/%d/stat is in another form", pid)
	}
	field := func(n int) int64 { v, _ := strconv.ParseInt(f[n], 10, 64); return v }
	u.cpu = time.Duration(field(11)+field(12)) * clockTick
	u.rss = field(21) * int64(os.Getpagesize())
	return u, nil
}
