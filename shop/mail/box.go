package mail

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	gomail "github.com/wneessen/go-mail"

	"souk/internal/api"
	"souk/shop"
)

const (
	maxKept = 200 // mails in a box; the oldest go
	boxFrom = "shop@souk.invalid"
)

// Box is a folder of mails that nobody was sent: what a shop without a mail
// server would have said. Its page is for people on this machine.
type Box struct {
	Dir string

	mu sync.Mutex // held while files come and go
}

// name of a mail's file: its id, which sorts by time.
var name = regexp.MustCompile(`^[0-9a-f-]{36}\.eml$`)

// Send puts a mail into the folder, whole or not at all; the same one again
// replaces it.
func (b *Box) Send(_ context.Context, m shop.Mail) error {
	msg, err := letter(m, &mail.Address{Address: boxFrom}, true)
	if err != nil {
		return err
	}
	return b.put(m.ID, msg)
}

// put writes a message under its id.
func (b *Box) put(id string, msg *gomail.Msg) error {
	file := id + ".eml"
	if !name.MatchString(file) {
		return fmt.Errorf("%w: its id cannot be a file's name", shop.ErrNoMail)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(b.Dir, "new-*")
	if err != nil {
		return err
	}
	_, err = msg.WriteTo(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(b.Dir, file))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	all, err := b.names()
	for ; err == nil && len(all) > maxKept; all = all[1:] {
		err = os.Remove(filepath.Join(b.Dir, all[0]))
	}
	return err
}

// names lists the mails, oldest first.
func (b *Box) names() ([]string, error) {
	entries, err := os.ReadDir(b.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []string
	for _, e := range entries {
		if name.MatchString(e.Name()) {
			all = append(all, e.Name())
		}
	}
	return all, err
}

var errNoMail = api.Fail(http.StatusNotFound, "no_such_mail", "There is no such mail.")

// Page handles GET /sandbox/mail: what is in the box, newest first. Mails are
// somebody's: only a person on this machine sees them.
func (b *Box) Page(w http.ResponseWriter, r *http.Request) error {
	if !here(r) {
		return errNoMail
	}
	all, err := b.names()
	if err != nil {
		return err
	}
	slices.Reverse(all)
	list := make([]listed, 0, len(all))
	for _, n := range all {
		if l, ok := b.look(n); ok {
			list = append(list, l)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	return boxPage.Execute(w, list)
}

// Message handles GET /sandbox/mail/{name}: one mail as it would have been sent.
func (b *Box) Message(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("name")
	if !here(r) || !name.MatchString(file) {
		return errNoMail
	}
	body, err := os.ReadFile(filepath.Join(b.Dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoMail
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // the reader may have left
	return nil
}

// here tells whether a request comes from this machine and was meant for it: a
// page of somebody else's whose name leads here has that name in Host.
func here(r *http.Request) bool {
	local := func(host string) bool {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
	}
	return local(r.RemoteAddr) && local(r.Host)
}

// listed is a line of the page.
type listed struct{ File, Date, To, Subject string }

func (b *Box) look(file string) (l listed, ok bool) {
	f, err := os.Open(filepath.Join(b.Dir, file))
	if err != nil {
		return l, false
	}
	defer f.Close()
	m, err := mail.ReadMessage(f)
	if err != nil {
		return l, false
	}
	return listed{file, m.Header.Get("Date"), decoded(m.Header.Get("To")), decoded(m.Header.Get("Subject"))}, true
}

// decoded is a header as people read it (RFC 2047).
func decoded(s string) string {
	if plain, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
		return plain
	}
	return s
}

var boxPage = template.Must(template.New("box").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mails of the sandbox</title>
<body style="font-family:system-ui,sans-serif;max-width:60em;margin:auto;padding:1em">
<p style="background:#fd6;padding:.5em"><strong>SANDBOX</strong>: nobody was sent these.</p>
<h1>Mails</h1>
{{range .}}<p><a href="/sandbox/mail/{{.File}}/show"><bdi>{{.Subject}}</bdi></a><br><small><bdi>{{.To}}</bdi>, {{.Date}}</small></p>
{{else}}<p>None yet.</p>
{{end}}</body></html>
`))
