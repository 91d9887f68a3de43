package mail

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"net/mail"
	"strings"
	text "text/template"

	gomail "github.com/wneessen/go-mail"

	"souk/shop"
)

//go:embed note.txt note.html
var noteFiles embed.FS

var (
	plainNote = text.Must(text.ParseFS(noteFiles, "note.txt"))
	richNote  = html.Must(html.ParseFS(noteFiles, "note.html"))
)

// Note is a mail of a few sentences with one link. Whoever sends it has written
// the words.
type Note struct {
	ID        string // a UUID; stays the same when it is sent again
	To        string
	From      string // a name, of whom it is from
	Lang, Dir string // of the words, as HTML says them
	Subject   string
	Lines     []string // sentences before the link
	Button    string   // what the link is called
	Link      string
	After     []string // sentences after it
	Sandbox   bool     // set here
}

// note writes n as a message. What cannot be addressed is [shop.ErrNoMail].
func note(n Note, from *mail.Address, sandbox bool) (*gomail.Msg, error) {
	to, err := address(n.To)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shop.ErrNoMail, err)
	}
	n.Sandbox = sandbox
	var asText, asHTML bytes.Buffer
	if err := errors.Join(plainNote.Execute(&asText, n), richNote.Execute(&asHTML, n)); err != nil {
		return nil, err
	}
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	g.FromMailAddress(&mail.Address{Name: line(n.From), Address: from.Address})
	g.ToMailAddress(to)
	if len(g.GetTo()) != 1 {
		return nil, fmt.Errorf("%w: not an address", shop.ErrNoMail)
	}
	subject := line(n.Subject)
	if sandbox {
		subject = "[sandbox] " + subject
	}
	g.Subject(subject)
	g.SetDate()
	_, host, _ := strings.Cut(from.Address, "@")
	g.SetMessageIDWithValue(n.ID + "@" + host)
	g.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	g.SetGenHeader("Content-Language", n.Lang)
	g.SetBodyString(gomail.TypeTextPlain, asText.String())
	g.AddAlternativeString(gomail.TypeTextHTML, asHTML.String())
	return g, nil
}

// Note sends a note; see Send.
func (s *SMTP) Note(ctx context.Context, n Note) error {
	msg, err := note(n, s.from, s.sandbox)
	if err != nil {
		return err
	}
	return s.deliver(ctx, msg)
}

// Note puts a note into the folder; see Send.
func (b *Box) Note(_ context.Context, n Note) error {
	msg, err := note(n, &mail.Address{Address: boxFrom}, true)
	if err != nil {
		return err
	}
	return b.put(n.ID, msg)
}
