package chat

import (
	"net/http"
	"net/netip"
	"sync"
	"testing"
)

func TestSocketsPerAddress(t *testing.T) {
	h := &Hub{PerAddress: 3}
	at := func(remote string) netip.Prefix { return clientAddress(&http.Request{RemoteAddr: remote}) }
	a := at("203.0.113.7:1")
	for i := range 3 {
		if !h.enter(a) {
			t.Fatalf("number %d is refused", i+1)
		}
	}
	if h.enter(at("203.0.113.7:9")) || h.enter(at("[::ffff:203.0.113.7]:9")) {
		t.Error("the fourth of one address comes in")
	}
	for _, other := range []string{"203.0.113.8:1", "[2001:db8::1]:1", "127.0.0.1:1", "[::1]:1", "pipe"} {
		if !h.enter(at(other)) {
			t.Errorf("%s is refused", other)
		}
	}
	if at("[2001:db8::1]:1") != at("[2001:db8::ffff]:2") {
		t.Error("two addresses of one /64 differ")
	}
	var wg sync.WaitGroup
	for range 100 { // a load generator on the server's own machine
		wg.Go(func() {
			if h.enter(at("127.0.0.2:1")) {
				h.exit(at("127.0.0.2:1"))
			} else {
				t.Error("the server's own machine is limited")
			}
		})
	}
	wg.Wait()
	h.exit(a)
	if !h.enter(a) {
		t.Error("a seat that was left stays taken")
	}
	for range 3 {
		h.exit(a)
	}
	if n := len(h.from); n != 2 {
		t.Errorf("%d addresses are remembered, want the two that are still there", n)
	}
}
