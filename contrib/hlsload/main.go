// Command hlsload is a crowd of low-latency HLS players: each blocks for the
// next part of every rendition it plays and fetches that part, over a
// connection of its own. It prints what they got as one JSON object.
//
//	hlsload -url http://127.0.0.1:8080/hls/tea/index.m3u8 -n 500 -for 20s -pid 1234
//
// A server with separate audio makes it two requests more for each part. The
// lag of an update is how long after the first of all players somebody has the
// playlist with a part; with -against URL, how long after a player there.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// clockTick is how long a unit of /proc/PID/stat is: 1/100 s on every Linux of
// the last decades.
const clockTick = 10 * time.Millisecond

// giveUp is how long a player waits for an answer.
const giveUp = 20 * time.Second

// report is what is printed.
type report struct {
	Viewers   int     `json:"viewers"`
	Seconds   float64 `json:"seconds"`
	Updates   float64 `json:"updates_per_viewer_second"`
	Requests  float64 `json:"requests_per_second"`
	Megabits  float64 `json:"mbit_per_second"`
	LagP50    float64 `json:"lag_ms_p50"`
	LagP99    float64 `json:"lag_ms_p99"`
	Errors    int64   `json:"errors"`
	LastError string  `json:"last_error,omitempty"`
	CPU       float64 `json:"server_cpu_ms_per_viewer_second,omitempty"`
	Cores     float64 `json:"server_cores,omitempty"`
}

// crowd is what all players share.
type crowd struct {
	measuring atomic.Bool
	updates   atomic.Int64
	requests  atomic.Int64
	bytes     atomic.Int64
	errors    atomic.Int64

	mu    sync.Mutex // guards everything below
	first map[string]time.Time
	got   []arrival
	last  error
}

// arrival is a playlist with a new part.
type arrival struct {
	part string
	at   time.Time
}

func main() {
	at := flag.String("url", "", "multivariant playlist")
	against := flag.String("against", "", "multivariant playlist of the same stream that lag is measured against")
	n := flag.Int("n", 100, "players")
	span := flag.Duration("for", 15*time.Second, "how long to measure")
	pid := flag.Int("pid", 0, "server process whose CPU time is reported")
	flag.Parse()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := measure(ctx, *at, *against, *n, *span, *pid)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hlsload:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(r)
}

func measure(ctx context.Context, at, against string, n int, span time.Duration, pid int) (*report, error) {
	players, err := open(ctx, at)
	if err != nil {
		return nil, err
	}
	c := &crowd{first: map[string]time.Time{}}
	begin := func(p player, leads bool) { go p.run(ctx, c, leads) }
	for i := range n {
		for k, p := range players {
			p.counts = k == 0
			begin(p, against == "")
		}
		if i%50 == 49 {
			time.Sleep(20 * time.Millisecond) // as a crowd comes in, not a flood
		}
	}
	if against != "" {
		there, err := open(ctx, against)
		if err != nil {
			return nil, err
		}
		there[0].reference = true
		begin(there[0], true)
	}
	time.Sleep(3 * time.Second) // everybody is at the live edge
	before, err := cpu(pid)
	if err != nil {
		return nil, err
	}
	c.measuring.Store(true)
	start := time.Now()
	time.Sleep(span)
	c.measuring.Store(false)
	took := time.Since(start).Seconds()
	after, err := cpu(pid)
	if err != nil {
		return nil, err
	}
	r := c.report(n, took)
	r.Cores = (after - before).Seconds() / took
	r.CPU = r.Cores * 1000 / float64(n)
	return r, nil
}

func (c *crowd) report(n int, took float64) *report {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lags []float64
	for _, a := range c.got {
		if first, ok := c.first[a.part]; ok {
			lags = append(lags, float64(a.at.Sub(first).Microseconds())/1000)
		}
	}
	slices.Sort(lags)
	at := func(q float64) float64 {
		if len(lags) == 0 {
			return 0
		}
		return lags[int(q*float64(len(lags)-1))]
	}
	r := &report{
		Viewers: n, Seconds: took, Updates: float64(c.updates.Load()) / took / float64(n),
		Requests: float64(c.requests.Load()) / took, Megabits: float64(c.bytes.Load()) * 8 / 1e6 / took,
		LagP50: at(0.5), LagP99: at(0.99), Errors: c.errors.Load(),
	}
	if c.last != nil {
		r.LastError = c.last.Error()
	}
	return r
}

// cpu is what a process has used so far, in user and system time.
func cpu(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, nil
}

// player follows one media playlist.
type player struct {
	at        *url.URL
	cookie    string
	counts    bool // its updates are those of its viewer
	reference bool // only tells when the others could have had a part

	conn net.Conn
	in   *bufio.Reader
}

// open reads the multivariant playlist and returns a player for the first
// variant, and one for its audio if that is separate.
func open(ctx context.Context, at string) ([]player, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Jar: jar, Timeout: giveUp}).Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s, %w", at, resp.Status, err)
	}
	var cookies []string
	for _, c := range jar.Cookies(resp.Request.URL) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	var video, audio string
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-MEDIA:") && strings.Contains(line, "TYPE=AUDIO") && audio == "":
			audio = attribute(line, "URI")
		case line != "" && line[0] != '#' && video == "":
			video = line
		}
	}
	var players []player
	for _, name := range []string{video, audio} {
		if name == "" {
			continue
		}
		u, err := resp.Request.URL.Parse(name)
		if err != nil {
			return nil, err
		}
		players = append(players, player{at: u, cookie: strings.Join(cookies, "; ")})
	}
	if players == nil {
		return nil, fmt.Errorf("%s lists nothing", at)
	}
	return players, nil
}

// run plays until the context ends. After an error it starts over.
func (p player) run(ctx context.Context, c *crowd, leads bool) {
	for ctx.Err() == nil {
		err := p.play(ctx, c, leads)
		if p.conn != nil {
			p.conn.Close()
			p.conn = nil
		}
		if ctx.Err() != nil {
			return
		}
		c.errors.Add(1)
		c.mu.Lock()
		c.last = err
		c.mu.Unlock()
		time.Sleep(200 * time.Millisecond)
	}
}

func (p *player) play(ctx context.Context, c *crowd, leads bool) error {
	text, err := p.get(c, p.at)
	if err != nil {
		return err
	}
	now := read(text)
	for ctx.Err() == nil {
		next := *p.at
		q := next.Query()
		q.Set("_HLS_msn", strconv.Itoa(now.msn))
		q.Set("_HLS_part", strconv.Itoa(now.part))
		next.RawQuery = q.Encode()
		if text, err = p.get(c, &next); err != nil {
			return err
		}
		at, was := time.Now(), now
		if now = read(text); now.msn == was.msn && now.part == was.part {
			continue // overdue: the encoder is late
		}
		p.arrived(c, now, at, leads)
		if p.reference {
			continue
		}
		for _, uri := range was.newer(now) {
			u, err := p.at.Parse(uri)
			if err != nil {
				return err
			}
			if _, err := p.get(c, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrived takes note of a playlist with a new part.
func (p *player) arrived(c *crowd, now position, at time.Time, leads bool) {
	if !c.measuring.Load() {
		return
	}
	key := strconv.Itoa(now.msn) + "." + strconv.Itoa(now.part)
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.first[key]; leads && (p.counts || p.reference) && (!ok || at.Before(first)) {
		c.first[key] = at
	}
	if p.counts {
		c.updates.Add(1)
		c.got = append(c.got, arrival{key, at})
	}
}

// position is where a playlist ends: the part that comes next.
type position struct {
	msn, part int
	parts     map[[2]int]string
}

// newer are the URIs of the parts that now has beyond was.
func (was position) newer(now position) (uris []string) {
	msn, part := was.msn, was.part
	for range 64 {
		if uri, ok := now.parts[[2]int{msn, part}]; ok {
			uris = append(uris, uri)
			part++
		} else if msn < now.msn {
			msn, part = msn+1, 0
		} else {
			break
		}
	}
	return uris
}

func read(text []byte) position {
	p := position{parts: map[[2]int]string{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"):
			p.msn, _ = strconv.Atoi(line[len("#EXT-X-MEDIA-SEQUENCE:"):])
		case strings.HasPrefix(line, "#EXT-X-PART:"):
			p.parts[[2]int{p.msn, p.part}] = attribute(line, "URI")
			p.part++
		case line != "" && line[0] != '#':
			p.msn, p.part = p.msn+1, 0
		}
	}
	return p
}

func attribute(line, name string) string {
	_, rest, _ := strings.Cut(line, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// get makes one request over the player's own connection.
func (p *player) get(c *crowd, u *url.URL) ([]byte, error) {
	if p.conn == nil {
		conn, err := (&net.Dialer{Timeout: giveUp}).Dial("tcp", u.Host)
		if err != nil {
			return nil, err
		}
		p.conn, p.in = conn, bufio.NewReaderSize(conn, 32<<10)
	}
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nUser-Agent: hlsload\r\nAccept-Encoding: gzip\r\n"
	if p.cookie != "" {
		request += "Cookie: " + p.cookie + "\r\n"
	}
	if err := p.conn.SetDeadline(time.Now().Add(giveUp)); err != nil {
		return nil, err
	}
	if strings.HasSuffix(u.Path, ".m3u8") {
		request = strings.Replace(request, "Accept-Encoding: gzip\r\n", "", 1) // unpacking would load the machine
	}
	if _, err := io.WriteString(p.conn, request+"\r\n"); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body []byte
	var n int64
	if strings.HasSuffix(u.Path, ".m3u8") {
		body, err = io.ReadAll(resp.Body)
		n = int64(len(body))
	} else {
		n, err = io.Copy(io.Discard, resp.Body)
	}
	if err == nil && (resp.StatusCode != http.StatusOK || n == 0) {
		err = fmt.Errorf("%s: %s with %d bytes", u.Path, resp.Status, n)
	}
	if c.measuring.Load() {
		c.requests.Add(1)
		c.bytes.Add(n)
	}
	return body, err
}
