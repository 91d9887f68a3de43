package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"souk/chat/client"
)

// rehearsalReport is what `souk rehearse` prints. Durations are milliseconds;
// those that start at the server trust that its clock and ours agree.
type rehearsalReport struct {
	Server  string        `json:"server"`
	Channel string        `json:"channel"`
	Started time.Time     `json:"started"`
	Seconds float64       `json:"seconds"`
	Viewers reportViewers `json:"viewers"`
	Chat    reportChat    `json:"chat"`
	Pins    reportPins    `json:"pins"`
	Picture reportPicture `json:"picture"`
	Buyers  reportBuyers  `json:"buyers"`
	Stock   []reportStock `json:"stock"`
	Broken  promises      `json:"broken_promises"`
}

type reportViewers struct {
	Asked    int              `json:"asked"`
	Joined   int64            `json:"joined"`
	Nameless int64            `json:"nameless"`
	Returned int64            `json:"returned"`
	Refused  map[string]int64 `json:"refused"`
}

type reportChat struct {
	Said    int64            `json:"said"`
	Refused map[string]int64 `json:"refused"`
	Heard   int64            `json:"heard"`
	Lag     quantiles        `json:"lag_ms"`
}

type reportPins struct {
	Room     quantiles `json:"room_ms"`
	Playlist quantiles `json:"playlist_ms"`
}

type reportPicture struct {
	Started   int64            `json:"started"`
	Playlists int64            `json:"playlists"`
	Parts     int64            `json:"parts"`
	Bytes     int64            `json:"bytes"`
	Missed    int64            `json:"missed_parts"`
	Stalls    int64            `json:"stalls"`
	Stalled   float64          `json:"stalled_ms"`
	Failed    map[string]int64 `json:"failed"`
	Start     quantiles        `json:"start_ms"`
	Behind    quantiles        `json:"behind_ms"`
}

type reportBuyers struct {
	Asked     int              `json:"asked"`
	Ready     int64            `json:"ready"`
	Unready   map[string]int64 `json:"unready"`
	Taps      int64            `json:"taps"`
	Paid      int64            `json:"paid"`
	Refused   map[string]int64 `json:"refused"`
	Unsettled int64            `json:"unsettled"`
	Confirm   quantiles        `json:"confirm_ms"`
}

type reportStock struct {
	Product string     `json:"product"`
	Title   string     `json:"title"`
	Before  shelfStock `json:"before"`
	After   shelfStock `json:"after"`
}

// promises are those that souk makes. Each should be 0.
type promises struct {
	Oversold      int64 `json:"oversold"`
	DoubleCharged int64 `json:"double_charged"`
	LostOrders    int64 `json:"lost_orders"`
	ChatGaps      int64 `json:"chat_gaps"`
}

func (p promises) any() bool { return p != promises{} }

func (r *rehearsal) report(h *house, q *queue, before, after []shelf) *rehearsalReport {
	p := &h.picture
	out := &rehearsalReport{
		Server: r.door.base, Channel: r.channel, Started: r.started.UTC().Truncate(time.Millisecond),
		Seconds: milliseconds(time.Since(r.started)) / 1000,
		Viewers: reportViewers{r.viewers, h.joined.Load(), h.nameless.Load(), h.returns.Load(), h.refused.all()},
		Chat:    reportChat{h.said.Load(), h.unsaid.all(), h.messages.Load(), h.heard.quantiles()},
		Pins:    reportPins{h.pinHeard.quantiles(), h.pinShown.quantiles()},
		Picture: reportPicture{p.started.Load(), p.playlists.Load(), p.parts.Load(), p.bytes.Load(), p.missed.Load(),
			p.stalls.Load(), milliseconds(time.Duration(p.stalled.Load())), p.failed.all(), p.first.quantiles(), p.behind.quantiles()},
		Buyers: reportBuyers{r.buyers, q.ready.Load(), q.unready.all(), q.taps.Load(), q.paid.Load(), q.refused.all(),
			q.unproven.Load(), q.confirm.quantiles()},
		Broken: promises{DoubleCharged: q.doubled.Load(), LostOrders: q.lost.Load(), ChatGaps: h.gaps.Load()},
	}
	out.Stock, out.Broken.Oversold = compare(before, after, q)
	return out
}

// compare finds what was sold and was not there: more units than the shelf had,
// or more orders paid than units left it.
func compare(before, after []shelf, q *queue) (stock []reportStock, oversold int64) {
	was := map[string]shelf{}
	for _, s := range before {
		was[s.ID] = s
	}
	for _, now := range after {
		then, ok := was[now.ID]
		if !ok || then.Stock == now.Stock && now.ID != q.product {
			continue
		}
		stock = append(stock, reportStock{now.ID, now.Title, then.Stock, now.Stock})
		oversold += max(0, now.Stock.Sold-then.Stock.total())
		if now.ID == q.product {
			oversold += max(0, q.paid.Load()-(now.Stock.Sold-then.Stock.Sold))
		}
	}
	return stock, oversold
}

// counts counts by word.
type counts struct {
	mu sync.Mutex // guards by
	by map[string]int64
}

func (c *counts) count(word string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]int64{}
	}
	c.by[word]++
}

// add counts an error by its stable word, or by what it is.
func (c *counts) add(err error) {
	var no *refusal
	closed := client.CloseCode(err)
	switch {
	case errors.As(err, &no):
		c.count(no.Code)
	case closed != 0:
		c.count("closed " + strconv.Itoa(closed))
	default:
		c.count(fmt.Sprintf("%T", root(err)))
	}
}

func (c *counts) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		return map[string]int64{}
	}
	return c.by
}

// root is what an error wraps in the end: its type is a word that does not
// change with every address in it.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func decode(data json.RawMessage, into any) bool { return json.Unmarshal(data, into) == nil }
