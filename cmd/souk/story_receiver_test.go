package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// receiver is a merchant's program, written after the specification of Standard
// Webhooks and not after ours.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex // guards the rest
	messages []message
	statuses []int // the last one stays
}

type message struct{ id, stamp, signatures, body string }

func newReceiver(statuses ...int) *receiver {
	m := &receiver{statuses: statuses}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.messages = append(m.messages, message{r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature"), string(b)})
		w.WriteHeader(m.statuses[0])
		if len(m.statuses) > 1 {
			m.statuses = m.statuses[1:]
		}
	}))
	return m
}

// message returns the n-th message, from 1, once it is there.
func (m *receiver) message(n int) (message, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.messages) < n {
		return message{}, false
	}
	return m.messages[n-1], true
}

// wrong says what is wrong with a message; nothing: "".
func (g message) wrong(secret string) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "the secret is no base64"
	}
	unix, err := strconv.ParseInt(g.stamp, 10, 64)
	if err != nil || time.Since(time.Unix(unix, 0)).Abs() > 5*time.Minute {
		return "the timestamp is " + g.stamp
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", g.id, g.stamp, g.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !slices.Contains(strings.Fields(g.signatures), want) {
		return "the signature is none of this secret's"
	}
	return ""
}

func receiverCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: receiver STATUS…")
	}
	var statuses []int
	for _, a := range args {
		status, err := strconv.Atoi(a)
		ts.Check(err)
		statuses = append(statuses, status)
	}
	m := newReceiver(statuses...)
	of(ts).receiver = m
	ts.Defer(m.Close)
	ts.Setenv("RECEIVER", m.URL)
}

func receivedCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: received N SECRET REGEX")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	re, err := regexp.Compile(args[2])
	ts.Check(err)
	for deadline := time.Now().Add(storyPatience); time.Now().Before(deadline); {
		g, ok := of(ts).receiver.message(n)
		if !ok {
			<-time.After(50 * time.Millisecond)
			continue
		}
		if wrong := g.wrong(args[1]); wrong != "" {
			ts.Fatalf("message %d: %s", n, wrong)
		}
		if !re.MatchString(g.body) {
			ts.Fatalf("message %d is no %s: %s", n, args[2], g.body)
		}
		ts.Setenv("ID_"+args[0], g.id)
		return
	}
	ts.Fatalf("message %d never came", n)
}

// callHandOver makes the calls about endpoints.
func callHandOver(host caller) {
	const at = "/api/v1/channels/tea/endpoints"
	program := newReceiver(http.StatusOK)
	host.t.Cleanup(program.Close)
	host.call("422 bad_url", "POST", at, `{"url":"https://10.0.0.1/"}`)
	made := host.call("201", "POST", at, fmt.Sprintf(`{"url":%q}`, program.URL))
	host.call("200", "GET", at, "")
	one := at + "/" + made.text("endpoint.id")
	host.call("404 no_such_endpoint", "PATCH", at+"/none", `{}`)

	product := host.call("201", "POST", "/api/v1/channels/tea/products", `{"sku":"handed","title":"Handed over","price":{"amount":900,"currency":"USD"},"stock":3}`).text("id")
	buyer := host.buyer("Hedy", "pm_card_visa")
	order := buyer.call("200", "POST", "/api/v1/orders", fmt.Sprintf(`{"channel":"tea","product":%q}`, product), "Idempotency-Key", newKey()).text("order.id")
	log := host.until(one+"/deliveries", func(a answer) bool { return a.text("deliveries.0.state") == "delivered" })
	if log.text("deliveries.0.order") != order {
		host.t.Errorf("delivered: %s", log.raw)
	}
	replay := one + "/deliveries/" + log.text("deliveries.0.id") + "/replay"
	host.call("202", "POST", replay, "")
	host.call("404 no_such_delivery", "POST", one+"/deliveries/none/replay", "")
	host.call("200", "GET", one+"/deliveries?after="+log.text("deliveries.0.id"), "")
	if rotated := host.call("200", "PATCH", one, `{"rotate":true}`); rotated.text("secret") == "" || rotated.text("endpoint.old_secret_until") == "" {
		host.t.Error("rotated, and no secret")
	}
	host.call("200", "PATCH", one, `{"enabled":false}`)
	host.call("409 endpoint_disabled", "POST", replay, "")
	host.call("204", "DELETE", one, "")
	host.call("404 no_such_endpoint", "DELETE", one, "")
}

// The check of the stories can fail.
func TestReceiverCatches(t *testing.T) {
	secret := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))
	now := fmt.Sprint(time.Now().Unix())
	for _, bad := range []message{{"a", now, "v1,AAAA", "{}"}, {"a", "1", "v1,AAAA", "{}"}, {"a", "", "", ""}} {
		if bad.wrong(secret) == "" {
			t.Errorf("%+v passes", bad)
		}
	}
}
