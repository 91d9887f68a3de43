package mail

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/internal/api"
	"souk/shop"
)

func paid(email, name string) shop.Mail {
	return shop.Mail{
		ID: "0193a2b1-5d6e-7f70-9bac-1d2e3f4a5b6c", Kind: "order.paid", Channel: "Tea House", Link: "https://shop.example/orders/o1?key=K",
		Order: shop.Order{
			ID: "order-12345678", Lines: []shop.Line{{Title: "A <cup>", Quantity: 2, Price: shop.Money{Amount: 900, Currency: "USD"}}},
			Sum: shop.Sum{Items: shop.Money{Amount: 1800, Currency: "USD"}, Total: shop.Money{Amount: 1800, Currency: "USD"}}, Refunded: shop.Money{Currency: "USD"}, Buyer: shop.OrderPerson{Name: name, Email: email, Address: json.RawMessage("{}")},
		},
	}
}

func written(t *testing.T, m shop.Mail, sandbox bool) (text string, parsed *mail.Message) {
	t.Helper()
	g, err := letter(m, &mail.Address{Address: "shop@shop.example"}, sandbox)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := g.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if parsed, err = mail.ReadMessage(strings.NewReader(b.String())); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(b.String(), "=\r\n", ""), "=3D", "="), parsed
}

func TestLetters(t *testing.T) {
	for kind, want := range map[string]string{"order.paid": "It is paid", "order.shipped": "on its way", "order.refunded": "Money is on its way back", "order.canceled": "Nothing was charged"} {
		m := paid("ana@example.com", "Ana")
		m.Kind = kind
		if kind == "order.shipped" {
			m.Order.Shipment = &shop.Shipment{Carrier: "Post", Tracking: "T1"}
		}
		if kind == "order.refunded" {
			m.Order.Refunded.Amount = 500
		}
		text, parsed := written(t, m, false)
		for _, part := range []string{want, "2 x A <cup>, $9.00 each", "A &lt;cup&gt;", "$18.00", m.Link, "multipart/alternative"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: no %q in %s", kind, part, text)
			}
		}
		for part, there := range map[string]bool{"Tracking: T1": kind == "order.shipped", "Paid back: $5.00": kind == "order.refunded", "SANDBOX": false} {
			if strings.Contains(text, part) != there {
				t.Errorf("%s: %q there is %v", kind, part, !there)
			}
		}
		if id := parsed.Header.Get("Message-ID"); id != "<"+m.ID+"@shop.example>" {
			t.Errorf("Message-ID %s", id)
		}
	}
	if text, parsed := written(t, paid("ana@example.com", "Ana"), true); !strings.Contains(text, "SANDBOX") || !strings.HasPrefix(parsed.Header.Get("Subject"), "[sandbox]") {
		t.Errorf("a sandbox does not say so: %s", text)
	}
}

// A letter has a line for each part of the sum that there is.
func TestParts(t *testing.T) {
	usd := func(n int64) shop.Money { return shop.Money{Amount: n, Currency: "USD"} }
	m := paid("ana@example.com", "Ana")
	m.Order.Discount, m.Order.Shipping, m.Order.Tax, m.Order.Total = usd(300), usd(450), usd(120), usd(2070)
	text, _ := written(t, m, false)
	for _, line := range []string{"Goods: $18.00", "Discount: -$3.00", "Delivery: $4.50", "Tax: $1.20", "Total: $20.70"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in %s", line, text)
		}
	}
	if strings.Contains(text, "Tip") {
		t.Errorf("a tip nobody gave: %s", text)
	}
	m.Order.TaxIncluded, m.Order.Total = true, usd(1950)
	text, _ = written(t, m, false)
	if !strings.Contains(text, "Tax, included: $1.20") || strings.Contains(text, "\n  Tax:") {
		t.Errorf("tax that is included: %s", text)
	}
}

// What people type cannot become a header, a recipient or a line of its own.
func TestNothingIsInjected(t *testing.T) {
	m := paid("ana@example.com", "Ana\r\nBcc: all@example.com\r\n\r\nBuy!")
	m.Channel = "Tea\r\nBcc: everybody@example.com"
	_, parsed := written(t, m, false)
	if parsed.Header.Get("Bcc") != "" || len(parsed.Header["To"]) != 1 {
		t.Errorf("headers %v", parsed.Header)
	}
	to, err := parsed.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != "ana@example.com" {
		t.Errorf("to %v %v", to, err)
	}
	for _, email := range []string{"", "ana", "ana@example.com, bea@example.com", "Ana <ana@example.com>", "ana@example.com\r\nBcc: b@example.com", "ana@example.com\n", "<ana@example.com>", "a b@example.com"} {
		if _, err := letter(paid(email, "Ana"), &mail.Address{Address: "shop@shop.example"}, false); !errors.Is(err, shop.ErrNoMail) {
			t.Errorf("%q: %v", email, err)
		}
	}
	unknown := paid("ana@example.com", "Ana")
	unknown.Kind = "order.lost"
	if _, err := letter(unknown, &mail.Address{Address: "shop@shop.example"}, false); !errors.Is(err, shop.ErrNoMail) {
		t.Errorf("a kind without words: %v", err)
	}
}

func TestNewSMTP(t *testing.T) {
	for _, good := range []string{"smtp://u:p@mail.example", "smtp://u:p@mail.example:587", "smtps://u:p@mail.example", "smtp://127.0.0.1:25"} {
		if _, err := NewSMTP(good, "shop@shop.example", false); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "mail.example", "http://u:hunter2@mail.example", "smtp://u:hunter2@:25", "smtp://u:hunter2@mail.example:0", "smtp://u:hunter2@mail.example:x", "smtp://u:hunter2@mail.example/x", "smtp://u:hunter2%zz@h"} {
		if _, err := NewSMTP(bad, "shop@shop.example", false); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := NewSMTP("smtp://mail.example", "Shop <shop@shop.example>", false); err == nil {
		t.Error("mails are from two things at once")
	}
}

// server is as much of a mail server as it takes: it accepts what refuse does
// not name.
type server struct {
	net.Listener
	mu   sync.Mutex // guards got
	got  []string
	says map[string]string // first word of a command -> answer
}

func newServer(t *testing.T, says map[string]string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l, says: says}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return s
}

func (s *server) talk(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 here\r\n")
	data := false
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		s.mu.Lock()
		s.got = append(s.got, line)
		s.mu.Unlock()
		word, _, _ := strings.Cut(line, " ")
		answer, special := s.says[word]
		switch {
		case data && line != ".":
			continue
		case data:
			data = false
			fmt.Fprint(c, "250 taken\r\n")
		case special:
			fmt.Fprint(c, answer+"\r\n")
		case word == "DATA":
			data = true
			fmt.Fprint(c, "354 go on\r\n")
		case word == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 fine\r\n")
		}
	}
}

func TestSendThroughAServer(t *testing.T) {
	for name, c := range map[string]struct {
		says  map[string]string
		fails bool
		never bool
	}{
		"taken":                 {nil, false, false},
		"no such person":        {map[string]string{"RCPT": "550 ana@example.com is unknown"}, true, true},
		"come back later":       {map[string]string{"RCPT": "451 greylisted"}, true, false},
		"the server has a cold": {map[string]string{"DATA": "421 not now"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.says)
			to, err := NewSMTP("smtp://"+s.Addr().String(), "shop@shop.example", false)
			if err != nil {
				t.Fatal(err)
			}
			err = to.Send(t.Context(), paid("ana@example.com", "Ana"))
			if (err != nil) != c.fails || errors.Is(err, shop.ErrNoMail) != c.never {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "ana@example.com") {
				t.Errorf("the error names the buyer: %v", err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			all := strings.Join(s.got, "\n")
			if !strings.Contains(all, "MAIL FROM:<shop@shop.example>") || !strings.Contains(all, "RCPT TO:<ana@example.com>") || !c.fails && !strings.Contains(all, "It is paid") {
				t.Errorf("the server heard %s", all)
			}
		})
	}
	gone := newServer(t, nil)
	gone.Close()
	to, _ := NewSMTP("smtp://"+gone.Addr().String(), "shop@shop.example", false)
	if err := to.Send(t.Context(), paid("ana@example.com", "Ana")); err == nil || errors.Is(err, shop.ErrNoMail) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestBox(t *testing.T) {
	b := &Box{Dir: t.TempDir() + "/mail"}
	show := func(path, from, host string) *httptest.ResponseRecorder {
		mux := http.NewServeMux()
		mux.Handle("GET /sandbox/mail", api.Handler(b.Page))
		mux.Handle("GET /sandbox/mail/{name}", api.Handler(b.Message))
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr, r.Host = from, host
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	const here, host = "127.0.0.1:9", "localhost:8080"
	if w := show("/sandbox/mail", here, host); w.Code != 200 || !strings.Contains(w.Body.String(), "None yet") {
		t.Errorf("empty: %d %s", w.Code, w.Body)
	}
	for i := range maxKept + 3 {
		m := paid("ana@example.com", "Ana")
		m.ID = fmt.Sprintf("0193a2b1-5d6e-7f70-9bac-%012d", i)
		if err := errors.Join(b.Send(t.Context(), m), b.Send(t.Context(), m)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(b.Dir)
	if err != nil || len(files) != maxKept || files[0].Name() != "0193a2b1-5d6e-7f70-9bac-000000000003.eml" {
		t.Errorf("%d files, first %s, %v", len(files), files[0].Name(), err)
	}
	list := show("/sandbox/mail", here, host)
	if list.Code != 200 || strings.Count(list.Body.String(), "/sandbox/mail/") != maxKept || !strings.Contains(list.Body.String(), "Your order 12345678, Tea House") {
		t.Errorf("list: %d %.500s", list.Code, list.Body)
	}
	one := "/sandbox/mail/" + files[0].Name()
	if w := show(one, "[::1]:9", "127.0.0.1:8080"); w.Code != 200 || !strings.Contains(w.Body.String(), "It is paid") {
		t.Errorf("one: %d", w.Code)
	}
	for _, c := range [][3]string{
		{one, "192.0.2.1:9", host}, {"/sandbox/mail", "192.0.2.1:9", host}, {"/sandbox/mail", here, "evil.example"}, {one, here, "evil.example"},
		{"/sandbox/mail/none.eml", here, host}, {"/sandbox/mail/..%2fdemo.json", here, host}, {"/sandbox/mail/0193a2b1-5d6e-7f70-9bac-999999999999.eml", here, host},
	} {
		if w := show(c[0], c[1], c[2]); w.Code != 404 {
			t.Errorf("%v: %d", c, w.Code)
		}
	}
	odd := paid("ana@example.com", "Ana")
	odd.ID = "../../x"
	if err := b.Send(t.Context(), odd); !errors.Is(err, shop.ErrNoMail) {
		t.Errorf("an id that leads elsewhere: %v", err)
	}
}

// Every language says everything, with the same names in it.
func TestLanguages(t *testing.T) {
	names := regexp.MustCompile(`\{[a-z_]+\}`)
	for lang, words := range texts {
		for word, said := range texts["en"] {
			is, want := names.FindAllString(words[word], -1), names.FindAllString(said, -1)
			slices.Sort(is)
			slices.Sort(want)
			if words[word] == "" || !slices.Equal(is, want) {
				t.Errorf("%s, %s: %q for %q", lang, word, words[word], said)
			}
		}
		if len(words) != len(texts["en"]) {
			t.Errorf("%s has %d texts, en %d", lang, len(words), len(texts["en"]))
		}
	}
}

// A receipt says from what somebody withdrew, when, and where to send it; who sells
// stands below it. From right to left where people read so.
func TestReceipt(t *testing.T) {
	m := paid("ana@example.com", "Ana")
	at, err := time.Parse(time.RFC3339, "2026-11-20T19:00:01Z")
	if err != nil {
		t.Fatal(err)
	}
	m.Kind, m.Order.Language = "order.withdrawn", "ar"
	m.Order.Seller = &shop.Seller{Name: "Tea House Ltd", Address: "1 High St\nLeeds", Email: "hello@tea.example", VAT: "GB1", TermsURL: "https://tea.example/terms"}
	m.Order.Withdrawal = &shop.Withdrawal{Days: 14, To: "Dock 4", All: []shop.WithdrawalDone{{Quantity: 1, State: "confirmed", Amount: shop.Money{Amount: 900, Currency: "USD"}, ConfirmedAt: api.At(at)}}}
	text, _ := written(t, m, true)
	g, err := letter(m, &mail.Address{Address: "shop@shop.example"}, true)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := g.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	rich, err := htmlOf(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`dir="rtl"`, "عدلت عن 1 × A &lt;cup&gt;", "2026-11-20 19:00:01", "Dock 4", "Tea House Ltd", "GB1", "https://tea.example/terms"} {
		if !strings.Contains(string(rich), part) {
			t.Errorf("no %q in %s", part, rich)
		}
	}
	if !strings.Contains(text, "Dock 4") || !strings.Contains(text, "2026-11-20 19:00:01") {
		t.Errorf("the plain one: %s", text)
	}
}
