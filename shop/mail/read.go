package mail

import (
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
)

const maxShown = 1 << 20 // bytes of a part that is shown

// showPage is one mail: who it is to, and how it looks, in a frame that may do
// nothing at all.
var showPage = template.Must(template.New("show").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Subject}}</title>
<body style="font-family:system-ui,sans-serif;max-width:60em;margin:auto;padding:1em">
<p style="background:#fd6;padding:.5em"><strong>SANDBOX</strong>: nobody was sent this.</p>
<p><a href="/sandbox/mail">All mails</a></p>
<h1 style="font-size:1.2em"><bdi>{{.Subject}}</bdi></h1>
<p><bdi>{{.To}}</bdi>, {{.Date}} · <a href="/sandbox/mail/{{.File}}">as it would have been sent</a></p>
<iframe sandbox title="The mail" src="/sandbox/mail/{{.File}}/body" style="inline-size:100%;block-size:70vh;border:1px solid #999"></iframe>
</body></html>
`))

// Show handles GET /sandbox/mail/{name}/show: one mail as its reader sees it.
func (b *Box) Show(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("name")
	if !here(r) || !name.MatchString(file) {
		return errNoMail
	}
	l, ok := b.look(file)
	if !ok {
		return errNoMail
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'")
	return showPage.Execute(w, l)
}

// Body handles GET /sandbox/mail/{name}/body: the mail's HTML. What it says was
// written by somebody: it may not run, load, or send anything.
func (b *Box) Body(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("name")
	if !here(r) || !name.MatchString(file) {
		return errNoMail
	}
	f, err := os.Open(filepath.Join(b.Dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoMail
	}
	if err != nil {
		return err
	}
	defer f.Close()
	body, err := htmlOf(f)
	if err != nil {
		return errNoMail.Because(err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'")
	_, _ = w.Write(body) // the reader may have left
	return nil
}

var errNoHTML = errors.New("the mail has no part in HTML")

// htmlOf finds the part of a mail that is HTML.
func htmlOf(from io.Reader) ([]byte, error) {
	m, err := mail.ReadMessage(from)
	if err != nil {
		return nil, err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil, errNoHTML
		}
		if err != nil {
			return nil, err
		}
		if kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); kind != "text/html" {
			continue
		}
		var body io.Reader = p
		switch strings.ToLower(p.Header.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			body = quotedprintable.NewReader(p)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, p)
		}
		return io.ReadAll(io.LimitReader(body, maxShown))
	}
}
