package account_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"souk/account"
	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
)

// from makes a guest with the given device cookie ("" for none) and returns the
// guest and the cookie they have then.
func from(t *testing.T, a *account.Accounts, cookie string) (account.Person, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: account.DeviceCookie, Value: cookie})
	}
	w := httptest.NewRecorder()
	api.Handler(a.Guest).ServeHTTP(w, r)
	token := ""
	for _, c := range w.Result().Cookies() {
		switch c.Name {
		case account.Cookie:
			token = c.Value
		case account.DeviceCookie:
			if cookie = c.Value; !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("cookie %v", c)
			}
		}
	}
	p, err := a.PersonByToken(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return p, cookie
}

func TestBrowsersAreRecognised(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, _, _ := setup(t, d)
		first, cookie := from(t, a, "")
		if first.Device == "" {
			t.Fatal("the guest has no device")
		}
		again := account.New(d, dbtest.Logger(t)) // the key outlives the process
		second, same := from(t, again, cookie)
		if second.ID == first.ID || second.Device != first.Device || same != cookie {
			t.Errorf("the same browser is %q, then %q", first.Device, second.Device)
		}
		for _, forged := range []string{first.Device, first.Device + ".", first.Device + ".0123456789abcdef", "x." + cookie[len(first.Device)+1:], "."} {
			if other, _ := from(t, a, forged); other.Device == first.Device || other.Device == "x" || other.Device == "" {
				t.Errorf("%q is believed: %q", forged, other.Device)
			}
		}
	}, schema)
}

func TestNetworks(t *testing.T) {
	a, _, _ := setup(t, dbtest.Open(t, schema))
	at := func(remote string) (string, bool) {
		hash, own, err := a.Network(&http.Request{RemoteAddr: remote})
		if err != nil {
			t.Fatal(err)
		}
		return hash, own
	}
	hash, own := at("203.0.113.7:1000")
	if hash == "" || own {
		t.Errorf("%q, own %v", hash, own)
	}
	for remote, same := range map[string]bool{
		"203.0.113.250:9": true, "203.0.114.7:1000": false, "[::ffff:203.0.113.9]:1": true, "[2001:db8::1]:1": false,
	} {
		if got, _ := at(remote); (got == hash) != same {
			t.Errorf("%s is %s, beside %s", remote, got, hash)
		}
	}
	six, _ := at("[2001:db8:0:1::1]:1")
	if other, _ := at("[2001:db8:0:1:ffff::2]:1"); other != six {
		t.Error("two addresses of one /64 differ")
	}
	if _, own := at("127.0.0.1:1"); !own {
		t.Error("loopback is not the server's own")
	}
	if hash, _ := at("nonsense"); hash != "" {
		t.Errorf("no address has the hash %q", hash)
	}
}
