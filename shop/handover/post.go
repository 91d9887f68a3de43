package handover

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Limits.
const (
	Timeout      = 15 * time.Second // of one delivery, from the name to the end of the answer
	dialTimeout  = 10 * time.Second
	maxAnswer    = 16 << 10 // bytes of an answer that are read; none are kept
	maxHeader    = 16 << 10 // bytes
	maxURL       = 500      // bytes
	maxIdle      = 2        // connections kept per receiver
	idleTimeout  = 30 * time.Second
	maxIdleInAll = 64
	agent        = "souk"
)

// Words for how a delivery failed without a status.
const (
	TimedOut    = "timeout"
	Forbidden   = "address_not_allowed" // it leads to a private network
	Untrusted   = "bad_certificate"
	Unreachable = "unreachable"
)

// Poster posts messages. The zero value is ready.
type Poster struct {
	// configuration
	Loopback bool // this machine and plain http to it are fine: a server to try things on

	// state
	once   sync.Once
	client *http.Client
}

// Message is what is posted. ID stays the same however often it is.
type Message struct {
	ID      string
	Body    []byte // JSON
	Secrets []string
}

// CheckURL tells whether messages can be posted to an address: https, or http
// to this machine where that is allowed; no user, no fragment.
func (p *Poster) CheckURL(address string) bool {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	here := u.Hostname() == "localhost" || literal && ip.Unmap().IsLoopback()
	switch {
	case here:
		return p.Loopback && (u.Scheme == "https" || u.Scheme == "http")
	case literal && !public(ip): // told at once, not at the first order
		return false
	}
	return u.Scheme == "https"
}

// Post sends m to an address once and returns the status of the answer, or 0
// and a word for why there was none. An error is a fault of ours: a secret that
// is none.
func (p *Poster) Post(ctx context.Context, address string, m Message) (status int, word string, err error) {
	p.once.Do(p.open)
	if !p.CheckURL(address) {
		return 0, Forbidden, nil
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	now := time.Now()
	signature, err := Sign(m.ID, now, m.Body, m.Secrets...)
	if err != nil {
		return 0, "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(m.Body))
	if err != nil {
		return 0, Forbidden, nil
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", agent)
	r.Header.Set("Webhook-Id", m.ID)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Webhook-Signature", signature)
	answer, err := p.client.Do(r)
	if err != nil {
		return 0, wordFor(err), nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // so that the connection can be used again
	_ = answer.Body.Close()
	return answer.StatusCode, "", nil
}

func (p *Poster) open() {
	p.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // no Proxy: it would connect in our place, past the guard
			DialContext: p.dialer().DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: Timeout,
			MaxResponseHeaderBytes: maxHeader, MaxIdleConnsPerHost: maxIdle, MaxIdleConns: maxIdleInAll, IdleConnTimeout: idleTimeout,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		},
	}
}

// Close lets go of idle connections.
func (p *Poster) Close() {
	p.once.Do(p.open)
	p.client.CloseIdleConnections()
}

// wordFor is what a merchant may know about a failure. The rest could tell them
// about a network that is not theirs.
func wordFor(err error) string {
	var late net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errAddress):
		return Forbidden
	case errors.As(err, &certificate):
		return Untrusted
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return TimedOut
	}
	return Unreachable
}
