package mail

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	html "html/template"
	"net/mail"
	"strings"
	text "text/template"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"souk/internal/api"
	"souk/shop"
)

//go:embed letter.txt letter.html
var files embed.FS

//go:embed texts.json
var catalogue []byte

var (
	plain = text.Must(text.ParseFS(files, "letter.txt"))
	rich  = html.Must(html.ParseFS(files, "letter.html"))
)

// texts is what mails say: by language, then by word.
var texts = func() map[string]map[string]string {
	var all map[string]map[string]string
	if err := json.Unmarshal(catalogue, &all); err != nil {
		panic(err) // a test reads it
	}
	return all
}()

const shortID = 8 // characters of an order's id that people read

// page is what the templates see.
type page struct {
	shop.Mail
	Lang, Dir string
	Intro     string
	Short     string
	Sandbox   bool
	Withdrawn *shop.WithdrawalDone // of a receipt: what was confirmed last
	Right     int64                // days of withdrawal that there are to tell about; 0: nothing to tell
}

// sum is a line of what an order comes to.
type sum struct{ Name, Money string }

// T is a text with its {names} filled in: name, value, name, value.
func (p page) T(word string, with ...any) string {
	said := texts[p.Lang][word]
	for i := 0; i+1 < len(with); i += 2 {
		said = strings.ReplaceAll(said, fmt.Sprint("{", with[i], "}"), fmt.Sprint(with[i+1]))
	}
	return said
}

// M is an amount as the reader writes it.
func (p page) M(m shop.Money) string { return m.In(p.Lang) }

// At is a time as every reader understands it.
func (p page) At(t api.Time) string { return t.Std().UTC().Format("2006-01-02 15:04:05") }

// Sums are the parts of the order's total that are not nothing.
func (p page) Sums() []sum {
	o := p.Order
	tax := "tax"
	if o.TaxIncluded {
		tax = "tax_included"
	}
	var all []sum
	for _, part := range []struct {
		word string
		of   shop.Money
	}{{"items", o.Items}, {"discount", shop.Money{Amount: -o.Discount.Amount, Currency: o.Discount.Currency}}, {"shipping", o.Shipping}, {tax, o.Tax}, {"tip", o.Tip}, {"total", o.Total}, {"refunded", o.Refunded}} {
		if part.of.Amount != 0 && (part.word != "items" || o.Items != o.Total) {
			all = append(all, sum{p.T(part.word), p.M(part.of)})
		}
	}
	return all
}

// pageOf is m in the language of its reader.
func pageOf(m shop.Mail, sandbox bool) (page, bool) {
	p := page{Mail: m, Lang: m.Order.Language, Dir: "ltr", Short: m.Order.ID[max(0, len(m.Order.ID)-shortID):], Sandbox: sandbox}
	if texts[p.Lang] == nil {
		p.Lang = "en"
	}
	if p.Lang == "ar" {
		p.Dir = "rtl"
	}
	p.Channel = line(p.Channel)
	p.Intro = p.T(m.Kind + ".intro")
	if w := m.Order.Withdrawal; m.Kind == "order.withdrawn" && w != nil {
		for _, one := range w.All {
			if one.State != "stated" && (p.Withdrawn == nil || one.ConfirmedAt.Std().After(p.Withdrawn.ConfirmedAt.Std())) {
				p.Withdrawn = &one
			}
		}
	}
	if w := m.Terms.Withdrawal; w.Offered && (m.Kind == "order.paid" || m.Kind == "order.shipped" || m.Kind == "order.delivered") {
		p.Right = w.Days
	}
	return p, p.Intro != ""
}

// letter writes m. Its Message-ID is made of m.ID, so that a mail which was sent
// twice after a crash can be told from two mails. What cannot be addressed is
// [shop.ErrNoMail].
func letter(m shop.Mail, from *mail.Address, sandbox bool) (*gomail.Msg, error) {
	p, ok := pageOf(m, sandbox)
	if !ok {
		return nil, fmt.Errorf("%w: nothing to say about %s", shop.ErrNoMail, m.Kind)
	}
	to, err := address(m.Order.Buyer.Email)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shop.ErrNoMail, err)
	}
	to.Name = line(m.Order.Buyer.Name)
	var asText, asHTML bytes.Buffer
	if err := errors.Join(plain.Execute(&asText, p), rich.Execute(&asHTML, p)); err != nil {
		return nil, err
	}
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	g.FromMailAddress(&mail.Address{Name: line(m.Channel), Address: from.Address})
	g.ToMailAddress(to)
	if len(g.GetTo()) != 1 {
		return nil, fmt.Errorf("%w: not an address", shop.ErrNoMail)
	}
	subject := p.T("subject", "what", p.T(m.Kind), "id", p.Short, "shop", p.Channel)
	if sandbox {
		subject = "[sandbox] " + subject
	}
	g.Subject(subject)
	g.SetDate()
	_, host, _ := strings.Cut(from.Address, "@")
	g.SetMessageIDWithValue(m.ID + "@" + host)
	g.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	g.SetBodyString(gomail.TypeTextPlain, asText.String())
	g.AddAlternativeString(gomail.TypeTextHTML, asHTML.String())
	return g, nil
}

// address parses an address without a name: what is anything more, a second
// recipient or a header, is refused. The error does not repeat it.
func address(s string) (*mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" || strings.ContainsFunc(s, unicode.IsControl) {
		return nil, errors.New("not a mail address")
	}
	return a, nil
}

// line makes one line of what somebody typed.
func line(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s))
}
