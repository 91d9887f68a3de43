package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"souk/shop"
)

const (
	smtpTimeout = 15 * time.Second // of a step of the conversation
	submission  = 587              // RFC 6409, with STARTTLS
	submissions = 465              // RFC 8314, TLS from the first byte
)

// SMTP sends mails through a mail server, each over a connection of its own.
type SMTP struct {
	from    *mail.Address
	sandbox bool
	host    string
	options []gomail.Option
}

// errServer never says what the address was: there is a password in it.
var errServer = errors.New("the mail server must be smtp://user:password@host:587, or smtps:// for TLS from the first byte")

// NewSMTP takes the address of a server, and the one that mails are from. TLS is
// a must, but for a server on this machine.
func NewSMTP(server, from string, sandbox bool) (*SMTP, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errServer
	}
	sender, err := address(from)
	if err != nil {
		return nil, fmt.Errorf("mails are from %q: %w", from, err)
	}
	port := submission
	if u.Scheme == "smtps" {
		port = submissions
	}
	if text := u.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return nil, errServer
		}
		port = int(n)
	}
	s := &SMTP{from: sender, sandbox: sandbox, host: u.Hostname()}
	s.options = []gomail.Option{gomail.WithPort(port), gomail.WithTimeout(smtpTimeout)}
	ip, _ := netip.ParseAddr(s.host)
	switch {
	case u.Scheme == "smtps":
		s.options = append(s.options, gomail.WithSSL())
	case s.host == "localhost" || ip.Unmap().IsLoopback():
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if password, ok := u.User.Password(); ok {
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	return s, nil
}

// Send sends a mail. [shop.ErrNoMail]: the server will not have it, and not
// later either.
func (s *SMTP) Send(ctx context.Context, m shop.Mail) error {
	msg, err := letter(m, s.from, s.sandbox)
	if err != nil {
		return err
	}
	return s.deliver(ctx, msg)
}

func (s *SMTP) deliver(ctx context.Context, msg *gomail.Msg) error {
	c, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return err
	}
	err = c.DialAndSendWithContext(ctx, msg)
	var refused *gomail.SendError
	if errors.As(err, &refused) && refused.Reason == gomail.ErrSMTPRcptTo && refused.ErrorCode() >= 500 {
		return fmt.Errorf("%w: the server answered %d", shop.ErrNoMail, refused.ErrorCode()) // not its text: that repeats the address
	}
	if errors.As(err, &refused) {
		return fmt.Errorf("mail server: %v (%d)", refused.Reason, refused.ErrorCode())
	}
	return err
}
