package handover

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The vector that the specification's own libraries test themselves with.
func TestSignPublishedVector(t *testing.T) {
	got, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}

func TestSignWithTwoSecrets(t *testing.T) {
	now, old, young := time.Unix(1700000000, 0), NewSecret(), NewSecret()
	both, err := Sign("id", now, []byte("{}"), young, old)
	if err != nil {
		t.Fatal(err)
	}
	for i, secret := range []string{young, old} {
		if one, _ := Sign("id", now, []byte("{}"), secret); strings.Fields(both)[i] != one {
			t.Errorf("signature %d of %q is not %q", i, both, one)
		}
	}
	for _, bad := range [][]string{nil, {""}, {"whsec_"}, {"whsec_%%"}, {old[6:]}, {young, "nonsense"}} {
		if got, err := Sign("id", now, nil, bad...); err == nil {
			t.Errorf("%d secrets that are none: signed %q", len(bad), got)
		}
	}
}

func TestPublic(t *testing.T) {
	for _, a := range []string{"8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"} {
		if !public(netip.MustParseAddr(a)) {
			t.Errorf("%s is refused", a)
		}
	}
	for _, a := range []string{
		"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0", "0.1.2.3", "100.64.0.1", "100.100.100.200",
		"192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1",
		"fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1",
	} {
		if public(netip.MustParseAddr(a)) {
			t.Errorf("%s is let through", a)
		}
	}
}

func TestCheckURL(t *testing.T) {
	live, sandbox := &Poster{}, &Poster{Loopback: true}
	for address, want := range map[string][2]bool{ // live, sandbox
		"https://shop.example/hooks":     {true, true},
		"https://shop.example:8443/h?a=": {true, true},
		"https://8.8.8.8/h":              {true, true},
		"http://shop.example/hooks":      {false, false},
		"http://127.0.0.1:9/h":           {false, true},
		"http://localhost:9/h":           {false, true},
		"http://[::1]:9/h":               {false, true},
		"https://127.0.0.1/h":            {false, true},
		"https://10.0.0.1/h":             {false, false},
		"https://169.254.169.254/latest": {false, false},
		"https://[::ffff:10.0.0.1]/h":    {false, false},
		"https://user:pw@shop.example/":  {false, false},
		"https://shop.example/#part":     {false, false},
		"https://shop.example:0/":        {false, false},
		"https://shop.example:99999/":    {false, false},
		"https:///h":                     {false, false},
		"https:shop.example":             {false, false},
		"ftp://shop.example/":            {false, false},
		"shop.example":                   {false, false},
		"":                               {false, false},
		"https://shop.example/" + strings.Repeat("a", maxURL): {false, false},
	} {
		if got := [2]bool{live.CheckURL(address), sandbox.CheckURL(address)}; got != want {
			t.Errorf("%.60s: live, sandbox %v, want %v", address, got, want)
		}
	}
}

func TestPost(t *testing.T) {
	type seen struct{ id, at, signature, kind, body string }
	var got seen
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = seen{r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature"), r.Header.Get("Content-Type"), string(b)}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, strings.Repeat("x", 1<<20)) // more than anybody wants to hear
	}))
	defer receiver.Close()
	p := &Poster{Loopback: true}
	defer p.Close()
	secret := NewSecret()
	status, word, err := p.Post(t.Context(), receiver.URL, Message{ID: "m1", Body: []byte(`{"a":1}`), Secrets: []string{secret}})
	if status != http.StatusAccepted || word != "" || err != nil {
		t.Fatalf("%d %s %v", status, word, err)
	}
	var unix int64
	if _, err := fmt.Sscan(got.at, &unix); err != nil || time.Since(time.Unix(unix, 0)).Abs() > time.Minute {
		t.Errorf("timestamp %q", got.at)
	}
	want, _ := Sign("m1", time.Unix(unix, 0), []byte(`{"a":1}`), secret)
	if got.id != "m1" || got.kind != "application/json" || got.body != `{"a":1}` || got.signature != want {
		t.Errorf("%+v, want signature %s", got, want)
	}
}

func TestPostFollowsNoRedirect(t *testing.T) {
	var visits atomic.Int32
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer inner.Close()
	outer := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect))
	defer outer.Close()
	p := &Poster{Loopback: true}
	defer p.Close()
	status, _, err := p.Post(t.Context(), outer.URL, Message{ID: "m", Secrets: []string{NewSecret()}})
	if status != http.StatusTemporaryRedirect || err != nil || visits.Load() != 0 {
		t.Errorf("%d %v, %d visits", status, err, visits.Load())
	}
}

// A name may lead anywhere, and elsewhere the next time: what counts is the
// address of the connection.
func TestDialerRefusesWhatANameLeadsTo(t *testing.T) {
	var visits atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer receiver.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(receiver.URL, "http://"), ":")
	p := &Poster{}
	p.once.Do(p.open)
	defer p.Close()
	resp, err := p.client.Get("http://localhost:" + port) // past CheckURL, as a name in the DNS would be
	if err == nil {
		resp.Body.Close()
	}
	if err == nil || wordFor(err) != Forbidden || visits.Load() != 0 {
		t.Errorf("%v, %d visits", err, visits.Load())
	}
}

func TestPostWords(t *testing.T) {
	p := &Poster{Loopback: true}
	defer p.Close()
	m := Message{ID: "m", Secrets: []string{NewSecret()}}
	dead := httptest.NewServer(nil)
	dead.Close()
	if status, word, err := p.Post(t.Context(), dead.URL, m); status != 0 || word != Unreachable || err != nil {
		t.Errorf("nobody there: %d %s %v", status, word, err)
	}
	strange := httptest.NewTLSServer(nil)
	defer strange.Close()
	strange.Config.ErrorLog = nil
	if status, word, err := p.Post(t.Context(), strange.URL, m); status != 0 || word != Untrusted || err != nil {
		t.Errorf("a certificate of nobody's: %d %s %v", status, word, err)
	}
	if status, word, err := p.Post(t.Context(), "https://10.0.0.1/", m); status != 0 || word != Forbidden || err != nil {
		t.Errorf("a private network: %d %s %v", status, word, err)
	}
	if _, _, err := p.Post(t.Context(), dead.URL, Message{ID: "m", Secrets: []string{"nothing"}}); err == nil || strings.Contains(err.Error(), "nothing") {
		t.Errorf("a secret that is none: %v", err)
	}
}

func TestPostGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Poster{Loopback: true}
		p.once.Do(p.open)
		p.client.Transport = silent{}
		start := time.Now()
		status, word, err := p.Post(t.Context(), "http://127.0.0.1:1/", Message{ID: "m", Secrets: []string{NewSecret()}})
		if status != 0 || word != TimedOut || err != nil || time.Since(start) != Timeout {
			t.Errorf("%d %s %v after %v", status, word, err, time.Since(start))
		}
	})
}

// silent takes a request and never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}
