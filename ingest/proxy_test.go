package ingest

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"souk/ingest/rtmptest"
)

const proxy2 = "\r\n\r\n\x00\r\nQUIT\n"

func TestReadProxyHeader(t *testing.T) {
	long := strings.Repeat("x", maxProxyLine)
	v6 := strings.Repeat("\x20\x01\x0d\xb8", 4)
	for what, tc := range map[string]struct{ in, want string }{
		"version 1, IPv4":            {"PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935\r\n", "192.0.2.1:50000"},
		"version 1, IPv6":            {"PROXY TCP6 2001:db8::1 2001:db8::2 50000 1935\r\n", "[2001:db8::1]:50000"},
		"version 1, nobody":          {"PROXY UNKNOWN\r\n", ""},
		"version 1, nobody in words": {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""},
		"version 1, no address":      {"PROXY TCP4 home away 1 2\r\n", "error"},
		"version 1, no port":         {"PROXY TCP4 192.0.2.1 192.0.2.2\r\n", "error"},
		"version 1, other network":   {"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "error"},
		"version 1, without end":     {"PROXY TCP4 " + long, "error"},
		"version 1, cut":             {"PROXY TCP4 192.0.2.1 192", "error"},
		"version 2, IPv4":            {proxy2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xc3\x50\x07\x8f", "192.0.2.1:50000"},
		"version 2, extended":        {proxy2 + "\x21\x11\x00\x10\xc0\x00\x02\x01\xc6\x33\x64\x01\xc3\x50\x07\x8f\x04\x00\x01x", "192.0.2.1:50000"},
		"version 2, IPv6":            {proxy2 + "\x21\x21\x00\x24" + v6 + v6 + "\xc3\x50\x07\x8f", "[2001:db8:2001:db8:2001:db8:2001:db8]:50000"},
		"version 2, local":           {proxy2 + "\x20\x00\x00\x00", ""},
		"version 2, Unix socket":     {proxy2 + "\x21\x31\x00\x02xx", ""},
		"version 2, short addresses": {proxy2 + "\x21\x11\x00\x04\xc0\x00\x02\x01", "error"},
		"version 2, too long":        {proxy2 + "\x21\x11\xff\xff", "error"},
		"version 2, cut":             {proxy2 + "\x21\x11\x00\x0c\xc0", "error"},
		"version 3":                  {proxy2 + "\x31\x11\x00\x00", "error"},
		"RTMP":                       {"\x03" + string(make([]byte, 100)), "error"},
		"nothing":                    {"", "error"},
	} {
		in := strings.NewReader(tc.in + "behind")
		if strings.HasSuffix(what, "cut") || what == "nothing" {
			in = strings.NewReader(tc.in)
		}
		from, err := readProxyHeader(in)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case from.IsValid():
			got = from.String()
		}
		if got != tc.want {
			t.Errorf("%s: %q, %v, want %q", what, got, err, tc.want)
		}
		if rest, _ := io.ReadAll(in); err == nil && string(rest) != "behind" {
			t.Errorf("%s: %q is left", what, rest)
		}
	}
}

// loopback is where the proxies of these tests are.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestPublishThroughAProxy(t *testing.T) {
	certificate, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true}
	for what, wrap := range map[string]func(net.Listener) net.Listener{
		"in the clear": func(ln net.Listener) net.Listener { return ln },
		"TLS":          func(ln net.Listener) net.Listener { return tls.NewListener(ln, settings) },
	} {
		t.Run(what, func(t *testing.T) {
			h := openOn(t, func(s *Server) { s.Proxies = loopback }, wrap)
			conn, err := net.Dial("tcp", h.address)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, "PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935\r\n")
			if what == "TLS" {
				conn = tls.Client(conn, settings)
			}
			rtmptest.On(t, conn).Publish("key-of-tea")
			if p, _ := h.Publisher("tea"); p.Remote != "192.0.2.1:50000" {
				t.Errorf("remote %q", p.Remote)
			}
		})
	}
}

// Who is behind a proxy decides about limits, not the proxy.
func TestProxiedAddressesAreToldApart(t *testing.T) {
	h := open(t, func(s *Server) { s.Proxies, s.MaxPerAddress = loopback, 1 })
	for _, tc := range []struct{ from, channel string }{{"192.0.2.1", "tea"}, {"192.0.2.2", "coffee"}} {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "PROXY TCP4 "+tc.from+" 198.51.100.1 50000 1935\r\n")
		rtmptest.On(t, conn).Publish("key-of-" + tc.channel)
	}
}

// Without a header nobody comes in where one is due, and nobody may bring one
// where it is not.
func TestProxyHeaderIsNeitherOptionalNorFree(t *testing.T) {
	for what, tc := range map[string]struct {
		proxies []netip.Prefix
		in      string
	}{
		"missing":  {loopback, string(rtmptest.Handshake())},
		"uncalled": {nil, "PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935\r\n" + string(rtmptest.Handshake())},
		"of another": {[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			"PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935\r\n" + string(rtmptest.Handshake())},
	} {
		h := open(t, func(s *Server) { s.Proxies = tc.proxies })
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, tc.in)
		conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := conn.Read(make([]byte, 1)); n > 0 {
			t.Errorf("%s: answered", what)
		} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s: still open", what)
		}
		conn.Close()
	}
}

// A proxy that says nothing does not keep the server from ending.
func TestServeEndsWithASilentProxy(t *testing.T) {
	h := open(t, func(s *Server) { s.Proxies = loopback })
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	eventually(t, "accepted", func() bool { return h.Stats().Accepted == 1 })
	h.stop()
	select {
	case err := <-h.served:
		h.served <- err
	case <-time.After(proxyTimeout / 2):
		t.Error("Serve waits for the proxy")
	}
}
