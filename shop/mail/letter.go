package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"net/mail"
	"strings"
	text "text/template"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"souk/shop"
)

//go:embed letter.txt letter.html
var files embed.FS

var (
	plain = text.Must(text.ParseFS(files, "letter.txt"))
	rich  = html.Must(html.ParseFS(files, "letter.html"))
)

// says is the first words of each kind of mail: of its subject, and in it.
var says = map[string][2]string{
	"order.paid":     {"Your order", "Thank you for your order. It is paid, and the shop will send it soon."},
	"order.shipped":  {"On its way: your order", "Your order is on its way."},
	"order.refunded": {"Money back: your order", "Money is on its way back to you. Your bank may take a few days to show it."},
	"order.canceled": {"Called off: your order", "Your order was called off. Nothing was charged."},
}

const shortID = 8 // characters of an order's id that people read

// page is what the templates see.
type page struct {
	shop.Mail
	Intro   string
	Short   string
	Sandbox bool
}

// part is a line of the sum.
type part struct {
	Name   string
	Amount shop.Money
}

// Parts are the lines between the goods and the total: none where the goods are
// all there is, and only those that there are.
func (p page) Parts() []part {
	o, all := p.Order, []part{}
	if o.Total == o.Items && !o.TaxIncluded {
		return nil
	}
	o.Discount.Amount = -o.Discount.Amount
	for _, x := range []part{{"Goods", o.Items}, {"Discount", o.Discount}, {"Shipping", o.Shipping}, {"Tax", o.Tax}, {"Tip", o.Tip}} {
		if x.Amount.Amount != 0 && !(x.Name == "Tax" && o.TaxIncluded) {
			all = append(all, x)
		}
	}
	return all
}

// letter writes m. Its Message-ID is made of m.ID, so that a mail which was sent
// twice after a crash can be told from two mails. What cannot be addressed is
// [shop.ErrNoMail].
func letter(m shop.Mail, from *mail.Address, sandbox bool) (*gomail.Msg, error) {
	words, ok := says[m.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: nothing to say about %s", shop.ErrNoMail, m.Kind)
	}
	to, err := address(m.Order.Buyer.Email)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shop.ErrNoMail, err)
	}
	to.Name = line(m.Order.Buyer.Name)
	p := page{Mail: m, Intro: words[1], Short: m.Order.ID[max(0, len(m.Order.ID)-shortID):], Sandbox: sandbox}
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
	subject := fmt.Sprintf("%s %s, %s", words[0], p.Short, line(m.Channel))
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
