package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"souk/internal/db"
)

// Key is the secret key that the sandbox accepts; any test key would do.
const Key = "sk_test_sandbox"

// Limits.
const (
	apiVersion   = "2023-10-16"
	maxBody      = 64 << 10 // bytes of one request
	maxList      = 100      // objects in one list
	maxIdemKey   = 255      // characters
	maxExpand    = 4        // levels deep, as at Stripe
	maxEndpoints = 16       // receivers of events

	maxEventTypes = 20
	deliverEvery  = time.Second
	deliverLimit  = 64               // events sent in one round
	deliverWait   = 10 * time.Second // for one receiver
	maxTries      = 14               // of one event, over about nine hours
	keepIdem      = 48 * time.Hour   // Stripe: at least 24
	keepEvents    = 30 * 24 * time.Hour
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the goose files of this package's tables.
func Migrations() fs.FS { return db.Folder(migrations, "migrations") }

// NewSecret makes a signing secret for events.
func NewSecret() string { return "whsec_" + token() }

// Sandbox answers as api.stripe.com does. Its methods are safe from any
// goroutine, but not from inside a transaction on DB.
type Sandbox struct {
	// configuration
	DB         *db.DB
	Log        *slog.Logger
	HookURL    func() string // where events are POSTed; nil or "": nowhere yet
	HookSecret string        // signs them
	Home       func() string // scheme and host of the bank's pages; nil: those of the shop's return address
	Client     *http.Client  // posts them; nil: http.DefaultClient
	Chaos      Chaos         // what goes wrong; zero: nothing

	// state
	mux   *http.ServeMux
	crowd db.Together[*request] // SQLite: one transaction for all who call at once
	calls []string

	// channels
	wake chan struct{}
}

// New returns a Sandbox over d. Fill in HookURL and HookSecret for events to
// be sent.
func New(d *db.DB, log *slog.Logger) *Sandbox {
	s := &Sandbox{DB: d, Log: log, mux: http.NewServeMux(), wake: make(chan struct{}, 1)}
	s.crowd.DB, s.crowd.Do = d, s.doAll
	for pattern, serve := range map[string]endpoint{
		"POST /v1/customers":                      createCustomer,
		"GET /v1/customers/{id}":                  retrieve("customer"),
		"GET /v1/customers/{id}/payment_methods":  listMethods,
		"GET /v1/payment_methods":                 listMethods,
		"GET /v1/payment_methods/{id}":            retrieve("payment_method"),
		"POST /v1/payment_methods/{id}":           updateMethod,
		"POST /v1/payment_methods/{id}/attach":    attachMethod,
		"POST /v1/payment_methods/{id}/detach":    detachMethod,
		"POST /v1/setup_intents":                  createSetup,
		"GET /v1/setup_intents":                   listOf("setup_intent", "customer", "payment_method"),
		"GET /v1/setup_intents/{id}":              retrieve("setup_intent", "client_secret"),
		"POST /v1/setup_intents/{id}/confirm":     confirmSetup,
		"POST /v1/setup_intents/{id}/cancel":      cancelSetup,
		"POST /v1/payment_intents":                createIntent,
		"GET /v1/payment_intents":                 listOf("payment_intent", "customer"),
		"GET /v1/payment_intents/{id}":            retrieve("payment_intent", "client_secret"),
		"POST /v1/payment_intents/{id}/confirm":   confirmIntent,
		"POST /v1/payment_intents/{id}/cancel":    cancelIntent,
		"POST /v1/payment_intents/{id}/capture":   captureIntent,
		"GET /v1/charges":                         listOf("charge", "customer", "payment_intent"),
		"GET /v1/charges/{id}":                    retrieve("charge"),
		"POST /v1/refunds":                        createRefund,
		"GET /v1/refunds":                         listRefunds,
		"GET /v1/refunds/{id}":                    retrieve("refund"),
		"GET /v1/disputes":                        listOf("dispute", "charge", "payment_intent"),
		"GET /v1/disputes/{id}":                   retrieve("dispute"),
		"POST /v1/disputes/{id}":                  updateDispute,
		"POST /v1/disputes/{id}/close":            closeDispute,
		"GET /v1/radar/early_fraud_warnings":      listOf("radar.early_fraud_warning", "charge", "payment_intent"),
		"GET /v1/radar/early_fraud_warnings/{id}": retrieve("radar.early_fraud_warning"),
		"GET /v1/balance_transactions":            listBalance,
		"GET /v1/balance_transactions/{id}":       retrieveBalance,
		"POST /v1/webhook_endpoints":              createEndpoint,
		"GET /v1/webhook_endpoints":               listOf("webhook_endpoint"),
		"GET /v1/webhook_endpoints/{id}":          retrieve("webhook_endpoint"),
		"POST /v1/webhook_endpoints/{id}":         updateEndpoint,
		"DELETE /v1/webhook_endpoints/{id}":       deleteEndpoint,
		"GET /v1/events":                          listEvents,
		"GET /v1/events/{id}":                     retrieveEvent,
	} {
		s.calls = append(s.calls, pattern)
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, serve) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, http.StatusNotFound, &failure{Type: invalid, Message: fmt.Sprintf("Unrecognized request URL (%s: %s).", r.Method, r.URL.Path)})
	})
	return s
}

// Calls lists what of the API is answered: "GET /v1/charges/{id}".
func (s *Sandbox) Calls() []string { return slices.Sorted(slices.Values(s.calls)) }

// endpoint handles one request inside one transaction.
type endpoint func(c *call) (any, error)

// call is one request.
type call struct {
	context.Context
	tx     *db.Tx
	path   string
	id     string // from the path
	params url.Values
	key    string // idempotency key
	home   string // where this sandbox serves its pages; empty: where the shop is
	events bool   // some were emitted
}

// RoundTrip implements http.RoundTripper. The error is non-nil only when the
// request could not be read or its context ended before it began: like a
// network, then, it does not say whether anything happened. [Chaos] makes more
// of such errors.
func (s *Sandbox) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	out := &recorder{header: http.Header{}, status: http.StatusOK}
	s.mux.ServeHTTP(out, in)
	if !s.Chaos.spoil(out) {
		return nil, errCut
	}
	return &http.Response{
		Status: http.StatusText(out.status), StatusCode: out.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.header, Body: io.NopCloser(&out.body), ContentLength: int64(out.body.Len()), Request: r,
	}, nil
}

// recorder is the answer on its way back.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }

// serve runs one endpoint with everything every endpoint has: a test key,
// parameters, idempotency and one commit.
func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request, run endpoint) {
	w.Header().Set("Request-Id", "req_"+token()[:14])
	w.Header().Set("Stripe-Version", apiVersion)
	params, err := parameters(r)
	if err != nil {
		write(w, http.StatusBadRequest, &failure{Type: invalid, Message: "Invalid form."})
		return
	}
	if no := mayCall(r, params); no != nil {
		write(w, http.StatusUnauthorized, no)
		return
	}
	key := ""
	if r.Method == http.MethodPost {
		key = r.Header.Get("Idempotency-Key")
	}
	if len(key) > maxIdemKey {
		write(w, http.StatusBadRequest, &failure{Type: invalid, Message: "Idempotency keys are at most 255 characters long."})
		return
	}
	home := ""
	if s.Home != nil {
		home = s.Home()
	}
	q := &request{r: r, run: run, params: params, key: key, home: home}
	for err = errRace; errors.Is(err, errRace); {
		err = s.write(q)
	}
	var no *failure
	switch {
	case errors.As(err, &no):
		write(w, no.status(), no)
		return
	case err != nil:
		s.Log.Error("sandbox", "path", r.URL.Path, "err", err)
		write(w, http.StatusInternalServerError, &failure{Type: "api_error", Message: "An unknown error occurred."})
		return
	}
	if q.events {
		s.nudge()
	}
	if key != "" {
		w.Header().Set("Idempotency-Key", key)
	}
	if q.replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(q.status)
	_, _ = w.Write(q.body)
}

// request is a call on its way into a transaction, and what came of it.
type request struct {
	r         *http.Request
	run       endpoint
	params    url.Values
	key, home string

	status           int
	body             []byte
	replayed, events bool
	no               error // refused before it changed anything
}

// write has a request done, and returns why not. SQLite has one writer anyhow,
// so that a crowd shares its transaction; PostgreSQL does many at once.
func (s *Sandbox) write(q *request) error {
	if s.DB.Postgres() {
		return s.DB.Write(q.r.Context(), q.do)
	}
	if err := s.crowd.Write(q.r.Context(), q); err != nil {
		return err
	}
	return q.no
}

func (s *Sandbox) doAll(ctx context.Context, tx *db.Tx, all []*request) error {
	for _, q := range all {
		before := tx.Writes()
		q.no = q.do(ctx, tx)
		var no *failure
		if q.no != nil && (tx.Writes() > before || !errors.As(q.no, &no)) {
			return q.no
		}
	}
	return nil
}

// do is one try. Each is a call of its own: what the former read with may still
// be looking at its context.
func (q *request) do(ctx context.Context, tx *db.Tx) (err error) {
	c := &call{Context: ctx, tx: tx, path: q.r.URL.Path, id: q.r.PathValue("id"), params: q.params, key: q.key, home: q.home}
	q.status, q.body, q.replayed, err = c.once(q.r, q.run)
	q.events = c.events
	return err
}

// errRace: another request with the same idempotency key was faster.
var errRace = errors.New("the idempotency key is being used")

// once runs the endpoint unless its idempotency key has an answer already. A
// returned failure undoes everything; a decline is an answer and is kept.
func (c *call) once(r *http.Request, run endpoint) (status int, body []byte, replayed bool, err error) {
	hash := ""
	if c.key != "" {
		sum := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "?" + c.params.Encode()))
		hash = hex.EncodeToString(sum[:])
		var stored, text string
		switch err := c.tx.QueryRow(c, "SELECT request, status, body FROM sandbox_idem WHERE idem_key = $1", c.key).Scan(&stored, &status, &text); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return 0, nil, false, err
		case stored != hash:
			return 0, nil, false, &failure{Type: "idempotency_error", Message: "Keys for idempotent requests can only be used with the same parameters they were first used with."}
		default:
			return status, []byte(text), true, nil
		}
	}
	status = http.StatusOK
	answer, err := run(c)
	var no *failure
	if errors.As(err, &no) && no.kept {
		status, answer, err = no.status(), no.document(), nil
	}
	if err == nil && status == http.StatusOK {
		answer, err = c.expanded(answer)
	}
	if err != nil {
		return 0, nil, false, err
	}
	if body, err = json.Marshal(answer); err != nil || c.key == "" {
		return status, body, false, err
	}
	// Of two at once one waits here, and finds that it was done already.
	n, err := c.tx.Changed(c, "INSERT INTO sandbox_idem (idem_key, request, status, body, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (idem_key) DO NOTHING",
		c.key, hash, status, string(body), c.tx.Millis())
	if err == nil && n == 0 {
		err = errRace
	}
	return status, body, false, err
}

// mayCall checks the key. A secret one of test mode may do everything; a
// publishable one, as Stripe's own form in a browser has it, only what the
// client secret of one intent opens.
func mayCall(r *http.Request, params url.Values) *failure {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if strings.HasPrefix(key, "sk_test_") || strings.HasPrefix(key, "rk_test_") {
		return nil
	}
	if !strings.HasPrefix(key, "pk_test_") {
		return &failure{Type: invalid, Message: "Invalid API Key provided. The sandbox takes test keys only."}
	}
	secret := params.Get("client_secret")
	of, _, _ := strings.Cut(secret, "_secret_")
	parts := strings.Split(r.URL.Path, "/") // "", v1, setup_intents, seti_…, confirm
	if len(parts) < 4 || secret == "" || parts[3] != of || len(parts) > 4 && parts[4] != "confirm" {
		return &failure{Type: invalid, Code: "secret_key_required", Message: "This API call cannot be made with a publishable API key. Please use a secret API key."}
	}
	return nil
}

func parameters(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		return r.URL.Query(), nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(body))
}

func write(w http.ResponseWriter, status int, no *failure) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(no.document())
}

// token is unguessable text.
func token() string { return rand.Text() }
