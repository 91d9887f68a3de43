package shop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"souk/internal/api"
	"souk/internal/db"
	"souk/internal/db/dbtest"
	"souk/shop"
	"souk/shop/sandbox"
	"souk/shop/stripe"
)

var schemas = []dbtest.Schema{{Package: "shop", Files: shop.Migrations()}, {Package: "sandbox", Files: sandbox.Migrations()}}

const hookSecret = "whsec_test"

// world is a shop on a real database, with the sandbox behind stripe-go, and
// people, rooms and a timeline made of maps.
type world struct {
	t     testing.TB
	db    *db.DB
	shop  *shop.Shop
	box   *sandbox.Sandbox
	pay   *stripe.Client
	who   *people
	rooms *rooms
	air   *timeline
	mux   *http.ServeMux

	remote string // where requests come from; "": this machine
}

// newWorld opens a shop over d. A second one over the same d is a restart: the
// database is all they share.
func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, db: d, who: newPeople(), rooms: &rooms{}, air: &timeline{}}
	w.box = sandbox.New(d, dbtest.Logger(t))
	w.box.HookSecret = hookSecret
	var err error
	w.pay, err = stripe.New(stripe.Config{SecretKey: sandbox.Key, WebhookSecret: hookSecret, Transport: w.box, Log: dbtest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	w.shop = shop.New(d, dbtest.Logger(t))
	w.shop.Who, w.shop.Rooms, w.shop.Timeline = w.who, w.rooms, w.air
	w.shop.Gateway, w.shop.Wallet, w.shop.Disputes = w.pay, w.pay, w.pay
	w.shop.Limits = stripe.Limits
	w.shop.TestDispute = w.box.Dispute
	w.shop.Show = func(string) string { return "show-1" }
	w.mux = routes(w.shop, w.box)
	return w
}

func routes(s *shop.Shop, box *sandbox.Sandbox) *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]api.Handler{
		"GET /api/v1/channels/{channel}/products":                   s.ListProducts,
		"POST /api/v1/channels/{channel}/products":                  s.AddProduct,
		"POST /api/v1/channels/{channel}/products/import":           s.ImportProducts,
		"GET /api/v1/channels/{channel}/products.csv":               s.ExportProducts,
		"PATCH /api/v1/products/{id}":                               s.EditProduct,
		"DELETE /api/v1/products/{id}":                              s.DropProduct,
		"POST /api/v1/channels/{channel}/images":                    s.AddImage,
		"GET /images/{name}":                                        s.Image,
		"GET /api/v1/channels/{channel}/lineup":                     s.GetLineup,
		"PUT /api/v1/channels/{channel}/lineup":                     s.SetLineup,
		"GET /api/v1/channels/{channel}/region":                     s.GetRegion,
		"GET /api/v1/channels/{channel}/shipping":                   s.GetShipping,
		"PUT /api/v1/channels/{channel}/shipping":                   s.SetShipping,
		"GET /api/v1/channels/{channel}/tax":                        s.GetTax,
		"PUT /api/v1/channels/{channel}/tax":                        s.SetTax,
		"GET /api/v1/channels/{channel}/currencies":                 s.GetCurrencies,
		"PUT /api/v1/channels/{channel}/currencies":                 s.SetCurrencies,
		"GET /api/v1/channels/{channel}/fee":                        s.GetFees,
		"PUT /api/v1/channels/{channel}/region":                     s.SetRegion,
		"PUT /api/v1/channels/{channel}/pin":                        s.Pin,
		"DELETE /api/v1/channels/{channel}/pin":                     s.Unpin,
		"GET /api/v1/me/payment-methods":                            s.ListMethods,
		"POST /api/v1/me/payment-methods":                           s.AddMethod,
		"POST /api/v1/me/payment-methods/sync":                      s.SyncMethods,
		"POST /api/v1/me/payment-methods/{id}/default":              s.ChooseMethod,
		"DELETE /api/v1/me/payment-methods/{id}":                    s.RemoveMethod,
		"GET /api/v1/me/orders":                                     s.MyOrders,
		"POST /api/v1/quotes":                                       s.PostQuote,
		"GET /api/v1/channels/{channel}/coupons":                    s.ListCoupons,
		"POST /api/v1/channels/{channel}/coupons":                   s.AddCoupon,
		"DELETE /api/v1/channels/{channel}/coupons/{id}":            s.DropCoupon,
		"GET /api/v1/channels/{channel}/offers":                     s.ListOffers,
		"POST /api/v1/channels/{channel}/offers":                    s.OfferTo,
		"DELETE /api/v1/channels/{channel}/offers/{id}":             s.WithdrawOffer,
		"GET /api/v1/me/holds":                                      s.MyHolds,
		"POST /api/v1/holds":                                        s.SetAside,
		"POST /api/v1/holds/{id}/more":                              s.MoreTime,
		"DELETE /api/v1/holds/{id}":                                 s.DropHold,
		"POST /api/v1/waitlist":                                     s.JoinLine,
		"DELETE /api/v1/waitlist/{id}":                              s.LeaveLine,
		"GET /api/v1/channels/{channel}/waitlist":                   s.ListLines,
		"GET /api/v1/channels/{channel}/selling":                    s.GetSelling,
		"PUT /api/v1/channels/{channel}/selling":                    s.SetSelling,
		"POST /api/v1/orders":                                       s.PlaceOrder,
		"GET /api/v1/orders/{id}":                                   s.GetOrder,
		"POST /api/v1/orders/{id}/cancel":                           s.CancelOrder,
		"POST /api/v1/orders/{id}/refund":                           s.RefundOrder,
		"POST /api/v1/orders/{id}/ship":                             s.ShipOrder,
		"GET /api/v1/channels/{channel}/orders":                     s.ListOrders,
		"GET /api/v1/channels/{channel}/orders.csv":                 s.ExportOrders,
		"POST /api/v1/sandbox/orders/{id}/dispute":                  s.TryDispute,
		"POST /hooks/stripe":                                        s.Hook,
		"GET /pay/return":                                           s.Back,
		"GET /api/v1/sandbox/methods":                               box.Methods,
		"GET /sandbox/challenge/{intent}":                           box.Challenge,
		"POST /sandbox/challenge/{intent}":                          box.AnswerChallenge,
		"POST /api/v1/orders/{id}/checkpoints":                      s.NoteCheckpoint,
		"POST /api/v1/orders/{id}/return":                           s.ReturnOrder,
		"POST /api/v1/orders/{id}/withdrawals":                      s.Withdraw,
		"POST /api/v1/orders/{id}/withdrawals/{withdrawal}/confirm": s.ConfirmWithdrawal,
		"POST /api/v1/channels/{channel}/orders/ship":               s.ShipOrders,
		"GET /api/v1/channels/{channel}/carriers":                   s.ListCarriers,
		"POST /api/v1/channels/{channel}/carriers":                  s.AddCarrier,
		"DELETE /api/v1/channels/{channel}/carriers/{id}":           s.DropCarrier,
		"POST /hooks/carrier/{id}":                                  s.CarrierHook,
		"GET /api/v1/channels/{channel}/ruling":                     s.GetRuling,
		"GET /api/v1/channels/{channel}/terms":                      s.GetTerms,
		"PUT /api/v1/channels/{channel}/terms":                      s.SetTerms,
	} {
		mux.Handle(pattern, h)
	}
	return mux
}

// run runs the shop until the returned stop, or the end of the test.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.shop.Run(ctx)
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-ended }) }
	w.t.Cleanup(stop)
	return stop
}

// answer is what a call returned.
type answer struct {
	status int
	text   string
	doc    map[string]any
	header http.Header
}

func (a answer) code() string { s, _ := a.doc["code"].(string); return s }

// at walks into the answer: at("order", "state"). A number is a float64.
func (a answer) at(path ...string) any {
	var v any = a.doc
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (a answer) str(path ...string) string { s, _ := a.at(path...).(string); return s }

// call sends a request as person; "" is nobody.
func (w *world) call(person, method, path string, body any, headers ...string) answer {
	w.t.Helper()
	var text string
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		text = string(raw)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(text))
	if r.RemoteAddr = "127.0.0.1:4000"; w.remote != "" {
		r.RemoteAddr = w.remote
	}
	if person != "" {
		r.Header.Set("Authorization", "Bearer "+person)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	out := httptest.NewRecorder()
	w.mux.ServeHTTP(out, r)
	a := answer{status: out.Code, text: out.Body.String(), header: out.Header()}
	_ = json.Unmarshal(out.Body.Bytes(), &a.doc) // pages and files are no JSON
	return a
}

// must is call, for what has to work.
func (w *world) must(want int, person, method, path string, body any, headers ...string) answer {
	w.t.Helper()
	a := w.call(person, method, path, body, headers...)
	if a.status != want {
		w.t.Fatalf("%s %s as %q: %d %s, want %d", method, path, person, a.status, a.text, want)
	}
	return a
}

type obj = map[string]any

func usd(amount int64) obj { return obj{"amount": amount, "currency": "USD"} }

func newKey() string { return uuid.Must(uuid.NewV7()).String() }

// product puts something on the shelf of tea.
func (w *world) product(sku string, price, stock int64) (id string) {
	w.t.Helper()
	return w.must(201, "olga", "POST", "/api/v1/channels/tea/products",
		obj{"sku": sku, "title": "Cup " + sku, "price": usd(price), "stock": stock}).str("id")
}

// buyer is a new person with an address and a payment method.
func (w *world) buyer(name, method string) string {
	w.t.Helper()
	w.who.add(name)
	if method != "" {
		w.must(200, name, "POST", "/api/v1/me/payment-methods", obj{"test": method})
	}
	return name
}

// tap orders as person with a key of its own unless one is given.
func (w *world) tap(person string, body obj, key ...string) answer {
	w.t.Helper()
	if len(key) == 0 {
		key = []string{newKey()}
	}
	if body["channel"] == nil {
		body["channel"] = "tea"
	}
	return w.call(person, "POST", "/api/v1/orders", body, "Idempotency-Key", key[0])
}

// stock returns available, held, sold.
func (w *world) stock(product string) [3]int64 {
	w.t.Helper()
	all, err := w.shop.Products(w.t.Context(), "tea")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range all {
		if p.ID == product {
			return [3]int64{p.Stock.Available, p.Stock.Held, p.Stock.Sold}
		}
	}
	w.t.Fatalf("no product %s", product)
	return [3]int64{}
}

// clean fails the test if any invariant of the books is broken.
func (w *world) clean() {
	w.t.Helper()
	found, err := w.shop.Fsck(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range found {
		w.t.Error("fsck: " + line)
	}
}

// count runs a query for one number.
func (w *world) count(query string, args ...any) (n int64) {
	w.t.Helper()
	if err := w.db.Read().QueryRowContext(w.t.Context(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// charged is how many charges of an order took money, by the provider's books.
func (w *world) charged(order string) int64 {
	w.t.Helper()
	return w.count("SELECT COUNT(*) FROM sandbox_object WHERE kind = 'charge' AND body LIKE '%\"status\":\"succeeded\"%' AND body LIKE $1", `%"order":"`+order+`"%`)
}

// eventually waits for a fact that another goroutine brings about.
func eventually(t testing.TB, what string, fact func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !fact() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// people answers Who: a bearer token is a person's id.
type people struct {
	mu    sync.Mutex // guards all
	all   map[string]shop.Person
	roles map[string]map[string][]string // channel, person
}

func newPeople() *people {
	p := &people{all: map[string]shop.Person{}, roles: map[string]map[string][]string{
		"tea":  {"olga": {"owner"}, "hana": {"host"}, "mert": {"merchant"}, "modi": {"moderator"}},
		"cups": {"rival": {"owner", "merchant"}},
	}}
	for _, name := range []string{"olga", "hana", "mert", "modi", "rival"} {
		p.add(name)
	}
	return p
}

func (p *people) add(name string) {
	p.set(shop.Person{ID: name, Name: name, Email: name + "@example.com",
		Address: &shop.Address{Name: name, Line1: "1 Road", City: "Town", Country: "PT"}})
}

func (p *people) set(person shop.Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[person.ID] = person
}

func (p *people) Person(r *http.Request) (shop.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	person, ok := p.all[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		return shop.Person{}, api.Fail(http.StatusUnauthorized, "sign_in_first", "Sign in first.")
	}
	return person, nil
}

func (p *people) Channel(_ context.Context, slug, person string) (shop.Channel, error) {
	roles, ok := p.roles[slug]
	if !ok {
		return shop.Channel{}, shop.ErrNoChannel
	}
	return shop.Channel{Slug: slug, Title: slug, Roles: roles[person]}, nil
}

// told is one event and to whom it went.
type told struct {
	how, channel, person string
	roles                []string
	shop.Event
}

type rooms struct {
	mu  sync.Mutex // guards all
	all []told
}

func (r *rooms) add(e told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

func (r *rooms) Tell(channel string, e shop.Event) {
	r.add(told{how: "tell", channel: channel, Event: e})
}

func (r *rooms) Refresh(channel string, e shop.Event) {
	r.add(told{how: "refresh", channel: channel, Event: e})
}

func (r *rooms) Whisper(channel, person string, roles []string, e shop.Event) {
	r.add(told{how: "whisper", channel: channel, person: person, roles: roles, Event: e})
}

func (r *rooms) Send(_ context.Context, channel, person string, e shop.Event, _ time.Time) error {
	r.add(told{how: "send", channel: channel, person: person, Event: e})
	return nil
}

// lastOf is the newest event of a type.
func (r *rooms) lastOf(kind string) (last told) {
	for _, e := range r.events() {
		if e.Type == kind {
			last = e
		}
	}
	return last
}

// of returns the data of the events of a type, as JSON, oldest first.
func (r *rooms) of(kind string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, e := range r.all {
		if e.Type == kind {
			b, err := json.Marshal(e.Data)
			if err != nil {
				panic(err)
			}
			all = append(all, string(b))
		}
	}
	return all
}

func (r *rooms) events() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

type timeline struct {
	mu    sync.Mutex // guards marks
	marks []shop.Mark
}

// mediaBehind is how far the picture is behind the clock in these tests.
const mediaBehind = 3 * time.Second

func (l *timeline) Now(string) time.Time { return time.Now().Add(-mediaBehind) }

func (l *timeline) Mark(_ string, m shop.Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks = append(l.marks, m)
}

func (l *timeline) all() []shop.Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.marks)
}

// each runs a test on both engines.
func each(t *testing.T, test func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(newWorld(t, d)) }, schemas...)
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func lastOf(all []string) string {
	if len(all) == 0 {
		return "(none)"
	}
	return all[len(all)-1]
}

func name(prefix string, i int) string { return fmt.Sprintf("%s-%d", prefix, i) }

// execute changes the database behind the shop's back.
func execute(w *world, query string) error {
	return w.db.Write(w.t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query)
		return err
	})
}
