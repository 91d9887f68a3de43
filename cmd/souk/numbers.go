package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"souk/account"
	"souk/internal/api"
	"souk/shop"
	"souk/show"
)

// accountants see what a show has earned.
var accountants = []account.Role{account.Owner, account.Host, account.Merchant}

// numbersAnswer is what became of a show.
type numbersAnswer struct {
	Show    show.Show     `json:"show"`
	Replay  bool          `json:"replay"` // it can be watched again
	Exact   bool          `json:"exact"`  // people are counted, not estimated
	Peak    int           `json:"peak"`
	Viewers []show.Crowd  `json:"viewers"` // the most at once, by minute
	Funnel  funnel        `json:"funnel"`
	Totals  []takings     `json:"totals"`  // by currency
	Minutes []minuteMoney `json:"minutes"` // in which something was sold
	Pins    []pinNumbers  `json:"pins"`    // in the order of the show; last what was bought from the shelf
}

// funnel counts people, but for its last two, which count orders.
type funnel struct {
	Watched  int64 `json:"watched"`
	Seen     int64 `json:"seen"`
	Opened   int64 `json:"opened"`
	Tapped   int64 `json:"tapped"`
	Paid     int64 `json:"paid"`
	Declined int64 `json:"declined"`
	Refunded int64 `json:"refunded"`
}

// takings are sums of one currency, in minor units. Gross is what was paid, net
// what is left of it after refunds.
type takings struct {
	Currency string `json:"currency"`
	Orders   int64  `json:"orders"`
	Units    int64  `json:"units"`
	Gross    int64  `json:"gross"`
	Refunded int64  `json:"refunded"`
	Net      int64  `json:"net"`
	Fee      int64  `json:"fee"`
}

type minuteMoney struct {
	At api.Time `json:"at"`
	takings
}

type pinNumbers struct {
	Pin     string    `json:"pin"` // empty: bought from the shelf
	Product string    `json:"product"`
	Title   string    `json:"title"`
	From    api.Time  `json:"from,omitzero"`
	To      api.Time  `json:"to,omitzero"` // absent while it is on air
	Seen    int64     `json:"seen"`
	Opened  int64     `json:"opened"`
	Earned  []takings `json:"earned"`
}

// add counts a sale in.
func (t *takings) add(s shop.Sale) {
	t.Currency = s.Total.Currency
	t.Orders++
	t.Units += s.Quantity
	t.Gross += s.Total.Amount
	t.Refunded += s.Refunded
	t.Net += s.Total.Amount - s.Refunded
	t.Fee += s.Fee
}

// sums are takings by currency.
type sums map[string]*takings

func (m sums) add(s shop.Sale) {
	if m[s.Total.Currency] == nil {
		m[s.Total.Currency] = &takings{}
	}
	m[s.Total.Currency].add(s)
}

func (m sums) list() []takings {
	all := []takings{}
	for _, t := range m {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b takings) int { return cmp.Compare(a.Currency, b.Currency) })
	return all
}

// numbers puts together what the show knows of its viewers and the shop of its
// sales. Each keeps its own; nothing here is stored.
func (s *souk) numbers(ctx context.Context, sh show.Show) (numbersAnswer, error) {
	seen, err := s.board.Numbers(ctx, sh.ID)
	if err != nil {
		return numbersAnswer{}, err
	}
	sales, err := s.shop.Sales(ctx, sh.ID)
	if err != nil {
		return numbersAnswer{}, err
	}
	to := time.Now()
	if !sh.EndedAt.IsZero() {
		to = sh.EndedAt.Std()
	}
	aired, err := s.shop.AiredIn(ctx, sh.Channel, sh.StartedAt.Std(), to)
	if err != nil {
		return numbersAnswer{}, err
	}
	return reckon(sh, seen, sales, aired), nil
}

// reckon does the sums.
func reckon(sh show.Show, seen show.Numbers, sales []shop.Sale, aired []shop.Aired) numbersAnswer {
	out := numbersAnswer{Show: sh, Exact: seen.Exact, Peak: sh.ViewersPeak, Viewers: seen.Minutes, Pins: []pinNumbers{}, Minutes: []minuteMoney{}}
	if out.Viewers == nil {
		out.Viewers = []show.Crowd{}
	}
	for _, c := range seen.Minutes {
		out.Peak = max(out.Peak, c.Viewers)
	}
	tapped, paid := map[string]bool{}, map[string]bool{}
	total, byPin := sums{}, map[string]sums{}
	byMinute := map[int64]sums{}
	for _, x := range sales {
		tapped[x.Buyer] = true
		if x.Declined {
			out.Funnel.Declined++
		}
		if x.Refunded > 0 {
			out.Funnel.Refunded++
		}
		if !x.Taken() {
			continue
		}
		paid[x.Buyer] = true
		total.add(x)
		at := x.At.Truncate(time.Minute).UnixMilli()
		if byMinute[at] == nil {
			byMinute[at] = sums{}
		}
		byMinute[at].add(x)
		if byPin[x.Pin] == nil {
			byPin[x.Pin] = sums{}
		}
		byPin[x.Pin].add(x)
	}
	out.Totals = total.list()
	out.Funnel.Tapped, out.Funnel.Paid = int64(len(tapped)), int64(len(paid))
	// Who bought has seen and opened, whatever the page could report of it.
	out.Funnel.Opened = max(seen.AnyOpen, out.Funnel.Tapped)
	out.Funnel.Seen = max(seen.AnySeen, out.Funnel.Opened)
	out.Funnel.Watched = max(seen.People, out.Funnel.Seen)
	for at, m := range byMinute {
		for _, t := range m.list() {
			out.Minutes = append(out.Minutes, minuteMoney{api.Millis(at), t})
		}
	}
	slices.SortFunc(out.Minutes, func(a, b minuteMoney) int {
		return cmp.Or(a.At.Std().Compare(b.At.Std()), cmp.Compare(a.Currency, b.Currency))
	})
	for _, a := range aired {
		p := pinNumbers{Pin: a.Pin, Product: a.Product, Title: a.Title, From: api.At(a.From), Seen: seen.Seen[a.Pin], Opened: seen.Opened[a.Pin], Earned: byPin[a.Pin].list()}
		if !a.To.IsZero() {
			p.To = api.At(a.To)
		}
		delete(byPin, a.Pin)
		out.Pins = append(out.Pins, p)
	}
	// What no card of the show sold: from the shelf, or under a card of before it.
	shelf := sums{}
	for _, x := range sales {
		if _, left := byPin[x.Pin]; left && x.Taken() {
			shelf.add(x)
		}
	}
	if len(shelf) > 0 || seen.Opened[""] > 0 {
		out.Pins = append(out.Pins, pinNumbers{Opened: seen.Opened[""], Earned: shelf.list()})
	}
	return out
}

// showForAccountants finds a show for those who may see its numbers; to anybody
// else there is none.
func (s *souk) showForAccountants(r *http.Request) (show.Show, error) {
	sh, err := s.board.Find(r.Context(), r.PathValue("show"))
	if err != nil {
		return sh, err
	}
	if _, err := s.accounts.Require(r, sh.Channel, accountants...); err != nil {
		return sh, show.ErrNoShow.Because(err)
	}
	return sh, nil
}

// getNumbers handles GET /api/v1/shows/{show}/numbers.
func (s *souk) getNumbers(w http.ResponseWriter, r *http.Request) error {
	sh, err := s.showForAccountants(r)
	if err != nil {
		return err
	}
	out, err := s.numbers(r.Context(), sh)
	if err != nil {
		return err
	}
	out.Replay = s.showAnswer(sh).Replay != nil
	return api.Write(w, http.StatusOK, out)
}

var numbersHeader = []string{"minute", "viewers", "orders", "units", "gross_minor", "refunded_minor", "net_minor", "fee_minor", "currency"}

// getNumbersCSV handles GET /api/v1/shows/{show}/numbers.csv: a line for each
// minute, and for each currency in it.
func (s *souk) getNumbersCSV(w http.ResponseWriter, r *http.Request) error {
	sh, err := s.showForAccountants(r)
	if err != nil {
		return err
	}
	n, err := s.numbers(r.Context(), sh)
	if err != nil {
		return err
	}
	viewers := map[string]int{}
	for _, c := range n.Viewers {
		viewers[c.At.String()] = c.Viewers
	}
	var rows [][]string
	sold := map[string]bool{}
	i := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, m := range n.Minutes {
		at := m.At.String()
		sold[at] = true
		rows = append(rows, []string{at, strconv.Itoa(viewers[at]), i(m.Orders), i(m.Units), i(m.Gross), i(m.Refunded), i(m.Net), i(m.Fee), m.Currency})
	}
	for at, most := range viewers {
		if !sold[at] {
			rows = append(rows, []string{at, strconv.Itoa(most), "0", "0", "0", "0", "0", "0", ""})
		}
	}
	slices.SortFunc(rows, func(a, b []string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[8], b[8])) })
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", sh.Channel+"-"+sh.StartedAt.Std().UTC().Format("2006-01-02")+"-numbers.csv"))
	h.Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180, section 2
	_ = out.Write(numbersHeader)
	_ = out.WriteAll(rows) // the client may be gone; nothing to undo
	return nil
}
